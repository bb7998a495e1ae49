"""Worker processes: every task has an outcome, also where its worker dies."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from job.errors import NoMoreProcesses
from job.running.serving import Work
from job.running.workers import Note, Outcome, WorkerPool
from job.training.kernels import gpu_environment, numeric_environment


def plain() -> Work:
    def work(task: object, note: Callable[[object], None], threads: Callable[[], int]) -> object:
        if task == "notes":
            for i in range(3):
                note(i)
        if task == "raise":
            raise ValueError("on purpose")
        if task == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "exit":
            os._exit(7)
        if task == "sleep":
            time.sleep(60)
        if task == "environment":
            return {name: os.environ.get(name) for name in numeric_environment()}
        return (task, os.getpid())

    return work


def broken() -> Work:
    raise RuntimeError("no set-up")


def outcomes_of(
    pool: WorkerPool, tasks: Iterable[object], stopped: Callable[[], bool] = lambda: False
) -> list[Outcome]:
    return [event for event in pool.run(tasks, stopped) if isinstance(event, Outcome)]


def test_notes_of_a_task_come_in_order_before_its_outcome() -> None:
    with WorkerPool(1, plain, ()) as pool:
        events = [event for event in pool.run(["notes"]) if event is not None]
    assert [event.value for event in events[:3]] == [0, 1, 2]
    assert all(isinstance(event, Note) for event in events[:3])
    assert isinstance(events[3], Outcome)


def test_every_task_comes_back_once() -> None:
    with WorkerPool(2, plain, ()) as pool:
        outcomes = outcomes_of(pool, range(20))
    assert sorted(outcome.task for outcome in outcomes) == list(range(20))
    assert all(outcome.value[0] == outcome.task for outcome in outcomes)
    assert len({outcome.value[1] for outcome in outcomes}) == 2


def test_a_task_that_raises_is_told_with_its_traceback_and_the_others_go_on() -> None:
    with WorkerPool(1, plain, ()) as pool:
        outcomes = {outcome.task: outcome for outcome in outcomes_of(pool, [1, "raise", 2])}
    assert outcomes["raise"].error == "ValueError: on purpose"
    assert "in work" in (outcomes["raise"].traceback or "")
    assert outcomes[2].error is None


@pytest.mark.parametrize(("task", "words"), [("kill", "memory ran out"), ("exit", "exit code 7")])
def test_a_worker_that_dies_is_named_and_replaced(task: str, words: str) -> None:
    with WorkerPool(1, plain, ()) as pool:
        outcomes = {outcome.task: outcome for outcome in outcomes_of(pool, [1, task, 2])}
    assert outcomes[task].killed
    assert words in (outcomes[task].error or "")
    assert outcomes[2].value[1] != outcomes[1].value[1]


def test_a_setup_that_fails_is_an_outcome_too() -> None:
    with WorkerPool(1, broken, ()) as pool:
        (outcome,) = outcomes_of(pool, [1])
    assert outcome.error == "RuntimeError: no set-up"


def test_stopping_ends_workers_in_the_middle_of_a_task() -> None:
    start = time.monotonic()
    with WorkerPool(2, plain, ()) as pool:
        outcomes = outcomes_of(pool, ["sleep", "sleep"], lambda: time.monotonic() - start > 1.0)
        processes = [worker.process for worker in pool._workers]
    assert outcomes == []
    assert all(not process.is_alive() for process in processes)


def test_workers_compute_with_one_thread_and_one_set_of_kernels() -> None:
    before = dict(os.environ)
    with WorkerPool(1, plain, ()) as pool:
        (outcome,) = outcomes_of(pool, ["environment"])
    assert outcome.value == numeric_environment()
    assert dict(os.environ) == before
    assert set(outcome.value.values()) <= {"1", "Haswell", "X86_V4 AVX512_ICL AVX512_SPR"}


def naming(kind: str) -> Work:
    def work(task: object, note: Callable[[object], None], threads: Callable[[], int]) -> object:
        if task == "GPU kill":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2)
        return kind, os.getpid(), time.monotonic(), {name: os.environ.get(name) for name in gpu_environment()}

    return work


def is_of_gpu(task: object) -> bool:
    return str(task).startswith("GPU")


def on_a_gpu(count: int, owners: int) -> WorkerPool:
    return WorkerPool(count, naming, ("cpu",), cores=count, owners=owners, owner_args=("gpu",), needs_owner=is_of_gpu)


def test_work_for_the_gpu_goes_to_its_owner_alone_and_the_other_workers_work_beside_it() -> None:
    with on_a_gpu(3, 1) as pool:
        found = {outcome.task: outcome.value for outcome in outcomes_of(pool, [*range(6), "GPU 1", "GPU 2", "GPU 3"])}
    owners = {found[task][1] for task in found if is_of_gpu(task)}
    assert len(found) == 9
    assert len(owners) == 1
    assert all(found[task][0] == "gpu" for task in found if is_of_gpu(task))
    assert {found[task][0] for task in range(2)} == {"cpu"}
    for kind, pid, _, _ in found.values():
        assert (kind == "gpu") == (pid in owners)
    last_of_gpu = max(found[task][2] for task in found if is_of_gpu(task))
    assert any(found[task][0] == "cpu" and found[task][2] < last_of_gpu for task in range(6))


def test_the_owner_does_other_work_only_when_none_for_the_gpu_is_left() -> None:
    """Also where it is the only worker there is."""
    with on_a_gpu(1, 1) as pool:
        found = {outcome.task: outcome.value for outcome in outcomes_of(pool, [1, "GPU 1", 2, "GPU 2"])}
    assert {value[0] for value in found.values()} == {"gpu"}
    assert max(found[task][2] for task in ("GPU 1", "GPU 2")) < min(found[task][2] for task in (1, 2))


def test_more_owners_share_the_work_for_the_gpu() -> None:
    with on_a_gpu(2, 2) as pool:
        outcomes = outcomes_of(pool, [f"GPU {i}" for i in range(6)])
    assert len({outcome.value[1] for outcome in outcomes}) == 2


def test_an_owner_that_dies_is_replaced_by_one() -> None:
    with on_a_gpu(2, 1) as pool:
        found = {outcome.task: outcome for outcome in outcomes_of(pool, ["GPU kill", "GPU 2", 1])}
    assert found["GPU kill"].killed
    assert found["GPU 2"].value[0] == "gpu"


def test_alone_one_owner_does_everything_one_after_the_other() -> None:
    with on_a_gpu(4, 2) as pool:
        events = list(pool.run([1, "GPU 1", "GPU 2", 2], alone=True))
        outcomes = [event for event in events if isinstance(event, Outcome)]
    assert len({outcome.value[1] for outcome in outcomes}) == 1
    assert {outcome.value[0] for outcome in outcomes} == {"gpu"}


def test_only_who_uses_the_gpu_is_told_to_keep_its_products_exact() -> None:
    with on_a_gpu(2, 1) as pool:
        found = {outcome.task: outcome.value for outcome in outcomes_of(pool, ["GPU 1", "GPU 2", 1, 2])}
    assert found["GPU 1"][3] == {"NVIDIA_TF32_OVERRIDE": "0", "CUPY_TF32": "0"}
    assert found[1][3] == {name: os.environ.get(name) for name in gpu_environment()}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        "from tests.job.running.test_workers import plain\n"
        "from job.running.workers import WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    with WorkerPool(1, plain, ()) as pool:\n"
        "        for outcome in pool.run([1, 'sleep']):\n"
        "            if outcome:\n"
        "                print(outcome.value[1], flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 20
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(worker)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def allow_processes(monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    original, started = SpawnProcess.start, itertools.count(1)

    def start(self: SpawnProcess) -> None:
        if next(started) > allowed:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        original(self)

    monkeypatch.setattr(SpawnProcess, "start", start)


def test_where_the_system_allows_no_more_processes_those_that_there_are_do_all_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow_processes(monkeypatch, 1)
    short: list[int] = []
    with WorkerPool(3, plain, (), short.append) as pool:
        outcomes = outcomes_of(pool, range(5))
    assert sorted(outcome.task for outcome in outcomes) == list(range(5))
    assert not any(outcome.error for outcome in outcomes)
    assert short == [1]


def test_where_the_system_allows_no_process_at_all_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_processes(monkeypatch, 0)
    with WorkerPool(3, plain, ()) as pool, pytest.raises(NoMoreProcesses, match="ulimit -u"):
        outcomes_of(pool, range(5))


def counting() -> Work:
    """Work that waits until it may use as many threads as it is told to wait for, if any, and says what it saw."""

    def work(task: tuple[str, int], _: Callable[[object], None], threads: Callable[[], int]) -> tuple[int, int]:
        first, deadline = threads(), time.monotonic() + 300
        while task[1] and threads() != task[1] and time.monotonic() < deadline:
            time.sleep(0.01)
        return first, threads()

    return work


def test_the_last_task_gets_the_cores_that_the_others_have_left() -> None:
    tasks = [("short", 0), ("short too", 0), ("long", 3)]
    with WorkerPool(3, counting, (), cores=3, most_threads=lambda _: 8) as pool:
        outcomes = {outcome.task[0]: outcome.value for outcome in outcomes_of(pool, tasks)}
    assert outcomes["long"][1] == 3


def test_where_memory_allows_fewer_workers_than_cores_each_task_has_threads_from_its_beginning() -> None:
    with WorkerPool(1, counting, (), cores=4, most_threads=lambda task: task[1]) as pool:
        outcomes = {outcome.task: outcome.value for outcome in outcomes_of(pool, [("a", 4), ("b", 2), ("c", 1)])}
    assert outcomes == {("a", 4): (4, 4), ("b", 2): (2, 2), ("c", 1): (1, 1)}


def test_a_task_that_is_tried_again_alone_may_use_every_core() -> None:
    with WorkerPool(2, counting, (), cores=2, most_threads=lambda _: 8) as pool:
        (outcome,) = [event for event in pool.run([("big", 2)], alone=True) if isinstance(event, Outcome)]
    assert outcome.value == (2, 2)


def test_where_the_system_allows_no_more_processes_tasks_get_no_threads_either(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_processes(monkeypatch, 1)
    with WorkerPool(3, counting, (), cores=3, most_threads=lambda _: 8) as pool:
        outcomes = outcomes_of(pool, [("a", 1), ("b", 1)])
    assert [outcome.value for outcome in outcomes] == [(1, 1), (1, 1)]


def hold() -> Work:
    def work(task: tuple[int, float], note: Callable[[object], None], _: Callable[[], int]) -> None:
        note("begins")
        time.sleep(task[1])
        note("ends")

    return work


def test_tasks_run_side_by_side_as_far_as_the_memory_goes_and_small_ones_fill_the_room() -> None:
    tasks = [(100, 1.0), (90, 0.1), (15, 0.2), (15, 0.2)]
    with WorkerPool(3, hold, (), memory=lambda task: task[0], room=120) as pool:
        events = [event for event in pool.run(tasks) if isinstance(event, Note)]
    running: list[int] = []
    order = []
    for event in events:
        if event.value == "begins":
            running.append(event.task[0])
            order.append(event.task[0])
        else:
            running.remove(event.task[0])
        assert sum(running) <= 120
    assert sorted(order) == [15, 15, 90, 100]
    assert order.index(90) > order.index(15), "one small task went before the one that had to wait"
