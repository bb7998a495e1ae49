"""Running, stopping and resuming: finished work is kept, and the results are the same however it went."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from job.arrays import CPU
from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.errors import ExecutionMismatch, ProcessedDataInvalid, ProcessedDataNotFound, UsageError
from job.executions import checkpoints
from job.executions.bindings import bound
from job.executions.executions import Execution, load_execution, present_results
from job.executions.status import status
from job.executions.verify import verify
from job.planning import shards
from job.planning.shards import Shard
from job.planning.spec import Spec, parse_spec
from job.running.processes import Options
from job.running.runner import RunReport, run_experiment
from job.store import Store, failures_prefix, features_key, results_prefix
from job.training.search import Fit
from job.training.unit import UnitResult
from tests.specs import DIVERGING, TINY

BATCH_BEYOND_ROWS = """
datasets = ["taiwan_credit"]
techniques = ["baseline", "random_under_sampling"]
seeds = [1]
folds = 2
[models.mlp.grid]
batch_size = [450]
max_iter = [2]
"""


def run(store: Store, spec: Spec, scratch: Path, **options: object) -> RunReport:
    """Run a spec; `options` are those of Options, and those of run_experiment."""
    names = {field.name for field in dataclasses.fields(Options)} & set(options)
    how = Options(**{"workers": 2, "scratch_dir": scratch, **{name: options.pop(name) for name in names}})  # type: ignore[arg-type]
    chosen = {"device": CPU, "console": Console.silent(), **options}
    return run_experiment(store, spec, options=how, **chosen)  # type: ignore[arg-type]


def digests(store: Store, execution: Execution) -> dict[str, str]:
    found = verify(store, execution, execution.spec.units())
    assert not found.damaged
    return {str(unit): result.digest for unit, result in found.results.items()}


@pytest.fixture(scope="session")
def uninterrupted(processed_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of the tiny spec, run at one go by one worker."""
    import shutil

    root = Path(shutil.copytree(processed_sample, tmp_path_factory.mktemp("whole") / "root"))
    store = Store.open(str(root))
    report = run(store, parse_spec(TINY, "tiny", "tiny.toml"), root, workers=1)
    return digests(store, report.execution)


def test_a_run_finishes_every_unit_and_the_next_one_has_nothing_to_do(
    store: Store, tiny: Spec, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    first = run(store, tiny, tmp_path)
    assert (first.finished, first.present, first.wanted, first.failures) == (12, 12, 12, {})
    before = {info.key: info.modified for info in store.objects(results_prefix(first.execution.id))}
    second = run(store, tiny, tmp_path)
    assert (second.execution.id, second.finished, second.present) == (first.execution.id, 0, 12)
    assert before == {info.key: info.modified for info in store.objects(results_prefix(first.execution.id))}
    assert digests(store, first.execution) == uninterrupted


def test_nothing_is_left_in_the_scratch_directory(store: Store, tiny: Spec, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    run(store, tiny, scratch)
    assert list(scratch.iterdir()) == []


def test_results_in_s3_are_the_same_as_on_disk(
    store: Store, s3_url: str, tiny: Spec, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    remote = Store.open(s3_url, scratch_dir=tmp_path)
    for info in store.objects("data/processed/"):
        remote.put(info.key, store.get(info.key) or b"")
    report = run(remote, tiny, tmp_path)
    assert digests(remote, report.execution) == uninterrupted


def test_where_memory_leaves_cores_idle_fits_get_threads_and_the_results_are_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TINY[: TINY.index("[models")] + "[models.random_forest.grid]\nn_estimators = [5, 20]\nmax_depth = [3, 9]\n"
    forests = parse_spec(text, "forests", "forests.toml")
    plain = run(store, forests, tmp_path, workers=1)
    monkeypatch.setattr("job.running.processes.available_bytes", lambda: 280 << 20)
    console = Console(sys.stderr, "json")
    threaded = run(store, forests, tmp_path, workers=3, skip_resume=True, console=console)
    assert '"workers": 1, "asked": 3' in capsys.readouterr().err
    assert plain.execution.id != threaded.execution.id
    assert digests(store, plain.execution) == digests(store, threaded.execution)


def test_only_what_is_missing_is_run_again(store: Store, tiny: Spec, tmp_path: Path) -> None:
    first = run(store, tiny, tmp_path)
    lost = sorted(present_results(store, first.execution))[3:5]
    for unit in lost:
        store.delete(first.execution.result_key(unit))
    assert run(store, tiny, tmp_path).finished == 2


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign"])
def test_a_damaged_result_is_found_and_computed_again(
    damage: str, store: Store, tiny: Spec, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    execution = run(store, tiny, tmp_path).execution
    key = execution.result_key(min(present_results(store, execution)))
    whole = store.get(key) or b""
    middle = len(whole) // 2
    broken = {
        "cut": whole[:middle],
        "flip": whole[:60] + bytes([whole[60] ^ 255]) + whole[61:],  # in the first column's page
        "empty": b"",
        "foreign": b"not parquet",
    }
    store.put(key, broken[damage])
    report = run(store, tiny, tmp_path)
    assert report.execution.id == execution.id
    assert report.finished == 1
    assert digests(store, execution) == uninterrupted


def test_a_whole_result_of_another_grid_under_the_right_name_fails_its_unit_by_name_and_is_kept(
    store: Store, tiny: Spec, tmp_path: Path
) -> None:
    other = run(store, parse_spec(TINY.replace("[5, 10]", "[5, 11]"), "tiny", "tiny.toml"), tmp_path).execution
    execution = run(store, tiny, tmp_path).execution
    unit = next(unit for unit in execution.spec.units() if unit.model == "lightgbm")
    foreign = store.get(other.result_key(unit)) or b""
    store.put(execution.result_key(unit), foreign)
    report = run(store, tiny, tmp_path)
    assert (report.execution.id, report.finished, report.present) == (execution.id, 0, 11)
    assert list(report.failures) == [unit]
    assert "a whole result of another grid" in report.failures[unit]
    assert store.get(execution.result_key(unit)) == foreign


def test_a_result_that_is_gone_when_it_is_read_back_is_computed_again(
    store: Store, tiny: Spec, tmp_path: Path, uninterrupted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []
    real = Store.put_if_absent

    def loses_the_first(self: Store, key: str, data: bytes, most: int) -> bytes:
        if "/results/" in key and not lost:
            lost.append(key)
            return data  # as a proxy that answers every PUT with 200
        return real(self, key, data, most)

    monkeypatch.setattr(Store, "put_if_absent", loses_the_first)
    report = run(store, tiny, tmp_path)
    assert (report.present, report.wanted, report.failures, len(lost)) == (12, 12, {}, 1)
    assert report.finished == 13, "one of them twice"
    assert digests(store, report.execution) == uninterrupted


def test_a_run_whose_results_never_arrive_is_not_called_complete(
    store: Store, tiny: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.put_if_absent
    swallow = lambda self, key, data, most: data if "/results/" in key else real(self, key, data, most)  # noqa: E731
    monkeypatch.setattr(Store, "put_if_absent", swallow)
    report = run(store, tiny, tmp_path)
    assert (report.present, len(report.failures)) == (0, 12)
    assert all("is not there, although it was written" in what for what in report.failures.values())


def test_a_result_that_cannot_be_encoded_fails_its_unit_alone(
    store: Store, tiny: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from job.running import flight

    victim = next(iter(tiny.units()))
    real = flight.encode

    def refuses(result: UnitResult, *rest: object) -> bytes:
        if result.unit == victim:
            raise ValueError("Out of range float values are not JSON compliant")
        return real(result, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(flight, "encode", refuses)
    report = run(store, tiny, tmp_path)
    assert (list(report.failures), report.present) == ([victim], 11)
    assert "its result cannot be stored: ValueError" in report.failures[victim]


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_checkpoint_is_named_and_its_fits_are_made_again(
    damage: bytes | None,
    store: Store,
    tiny: Spec,
    tmp_path: Path,
    uninterrupted: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    execution = run(store, tiny, tmp_path).execution
    binding = bound(store, execution, "taiwan_credit")
    assert binding is not None
    unit = min(present_results(store, execution))
    store.delete(execution.result_key(unit))
    good = checkpoints.encode(unit, binding["fingerprint"], {(0, 0): Fit(0.9, 1.0)})
    key = checkpoints.checkpoint_key(execution, unit, "earlier")
    store.put(key, good.replace(b"0.9", b"0.8") if damage is None else damage)
    report = run(store, tiny, tmp_path, console=Console(sys.stderr, "json"))
    assert (report.finished, report.fits) == (1, 4)
    said = capsys.readouterr().err
    assert "checkpoint_damaged" in said
    assert key in said
    assert digests(store, execution) == uninterrupted
    assert store.get(key) is None


def command(root: Path, *arguments: str) -> list[str]:
    code = "import sys; from job.cli import run; sys.argv[0] = 'ldp'; run()"
    return [sys.executable, "-c", code, *arguments]


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "LDP_STORAGE_URL": str(root), "LDP_SCRATCH_DIR": str(root / "scratch")}


@pytest.mark.parametrize(("workers", "how"), [(1, signal.SIGKILL), (2, signal.SIGKILL), (2, signal.SIGTERM)])
def test_a_run_that_is_stopped_after_a_few_units_resumes_with_the_same_results(
    workers: int, how: signal.Signals, root: Path, store: Store, uninterrupted: dict[str, str]
) -> None:
    (root / "tiny.toml").write_text(TINY)
    arguments = command(root, "experiment", "run", "--spec", str(root / "tiny.toml"), "--jobs", str(workers))
    with subprocess.Popen(arguments, env=environment(root), stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while len(list((root / "executions").rglob("*.parquet"))) < 3:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(how)
        said = process.stderr.read() if process.stderr else ""
        code = process.wait(30)
    (execution_id,) = [path.name for path in (root / "executions").iterdir()]
    execution = load_execution(store, execution_id)
    kept = {execution.result_key(unit): unit for unit in present_results(store, execution)}
    assert 3 <= len(kept) < 12
    times = {info.key: info.modified for info in store.objects(results_prefix(execution_id)) if info.key in kept}
    if how == signal.SIGTERM:
        assert code == 143
        assert "Run the same command again to resume." in said
    again = subprocess.run(arguments, env=environment(root), capture_output=True, text=True, check=True)
    records = [json.loads(line) for line in again.stderr.splitlines()]
    finished = {record["unit"] for record in records if record["event"] == "unit_finished"}
    assert len(finished) == 12 - len(kept)
    assert not finished & {str(unit) for unit in kept.values()}
    after = {info.key: info.modified for info in store.objects(results_prefix(execution_id)) if info.key in kept}
    assert after == times
    assert digests(store, execution) == uninterrupted
    assert list((root / "scratch").iterdir()) == []  # what the killed run left is gone too


def test_other_data_start_another_execution_and_say_so(
    store: Store, tiny: Spec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(store, tiny, tmp_path)
    write_sample(store, "taiwan_credit", rows=501, seed=2, force=True)
    process(store, "taiwan_credit", Console.silent())
    second = run(store, tiny, tmp_path, console=Console(sys.stderr, "json"))
    assert second.execution.id == first.execution.id[:-1] + "2"
    assert second.finished == 12
    assert "have changed since" in capsys.readouterr().err
    assert run(store, tiny, tmp_path).execution.id == second.execution.id


def test_an_execution_named_by_id_is_refused_with_other_data(store: Store, tiny: Spec, tmp_path: Path) -> None:
    run(store, tiny, tmp_path, execution_id="fixed")
    write_sample(store, "taiwan_credit", rows=501, seed=2, force=True)
    process(store, "taiwan_credit", Console.silent())
    with pytest.raises(ExecutionMismatch, match="made from other data: taiwan_credit"):
        run(store, tiny, tmp_path, execution_id="fixed")


def test_an_execution_named_by_id_is_refused_with_another_spec(store: Store, tiny: Spec, tmp_path: Path) -> None:
    run(store, tiny, tmp_path, execution_id="fixed")
    other = parse_spec(TINY.replace("[1, 2]", "[1]"), "tiny", "x")
    with pytest.raises(ExecutionMismatch, match=r"spec\.seeds"):
        run(store, other, tmp_path, execution_id="fixed")


def test_skip_resume_starts_another_execution(store: Store, tiny: Spec, tmp_path: Path) -> None:
    first = run(store, tiny, tmp_path)
    second = run(store, tiny, tmp_path, skip_resume=True)
    assert second.execution.id != first.execution.id
    assert second.finished == 12
    assert digests(store, second.execution) == digests(store, first.execution)


def test_a_unit_that_raises_is_recorded_and_tried_again(store: Store, tmp_path: Path) -> None:
    spec = parse_spec(DIVERGING, "diverging", "x")
    report = run(store, spec, tmp_path)
    assert len(report.failures) == 6
    assert report.finished == report.present == 6
    (record, *_) = [json.loads(store.get(i.key) or b"") for i in store.objects(failures_prefix(report.execution.id))]
    assert "non-finite parameter weights" in record["error"]
    assert "Traceback" in record["traceback"]
    found = status(store, report.execution)
    assert (found.done, found.failed, found.left, found.complete) == (6, 6, 0, False)
    again = run(store, spec, tmp_path)
    assert again.execution.id == report.execution.id
    assert (again.finished, len(again.failures)) == (0, 6)


def test_what_a_library_warns_of_in_a_worker_is_a_record_and_no_line_beside_the_records(
    store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = parse_spec(BATCH_BEYOND_ROWS, "batch", "batch.toml")
    report = run(store, spec, tmp_path, console=Console(sys.stderr, "json"))
    assert report.finished == 2
    records = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (warned,) = (record for record in records if record["event"] == "library_warning")
    assert warned["level"] == "warning"
    assert "`batch_size`" in warned["message"]


def test_a_failure_is_forgotten_when_the_unit_succeeds(store: Store, tiny: Spec, tmp_path: Path) -> None:
    execution = run(store, tiny, tmp_path).execution
    unit = min(present_results(store, execution))
    store.delete(execution.result_key(unit))
    store.put(f"{failures_prefix(execution.id)}{unit}.json", b'{"error": "no memory"}')
    assert status(store, execution).failures == ((str(unit), "no memory"),)
    run(store, tiny, tmp_path)
    assert status(store, execution).failures == ()
    assert status(store, execution).complete


def test_a_dataset_that_was_asked_for_must_be_processed(store: Store, tmp_path: Path) -> None:
    spec = parse_spec(TINY.replace('["taiwan_credit"]', '["taiwan_credit", "lending_club"]'), "tiny", "x")
    with pytest.raises(ProcessedDataNotFound, match="ldp data process lending_club"):
        run(store, spec, tmp_path, only=("lending_club",))
    with pytest.raises(UsageError, match="has no dataset 'corporate"):
        run(store, spec, tmp_path, only=("corporate_credit_rating",))
    report = run(store, spec, tmp_path)
    assert (report.present, report.wanted) == (12, 12)
    assert "lending_club" in report.left_out
    assert not status(store, report.execution).complete


def test_damaged_processed_data_are_refused_with_the_remedy(store: Store, tiny: Spec, tmp_path: Path) -> None:
    key = features_key("taiwan_credit")
    whole = store.get(key) or b""
    middle = len(whole) // 2
    store.put(key, whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    with pytest.raises(ProcessedDataInvalid, match="ldp data process"):
        run(store, tiny, tmp_path)


def test_shards_that_divide_every_item_by_its_folds_give_the_results_of_one_run(
    store: Store, tiny: Spec, tmp_path: Path, uninterrupted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "LEAST_DIVIDED_S", 0.0)
    monkeypatch.setattr(shards, "CORES", 1000)
    first = run(store, tiny, tmp_path, shard=Shard(1, 2))
    assert first.waiting, "some of its folds are the other shard's"
    assert first.present + first.waiting == first.wanted
    second = run(store, tiny, tmp_path, shard=Shard(2, 2))
    assert (second.waiting, second.failures) == (0, {})
    again = run(store, tiny, tmp_path, shard=Shard(1, 2))
    assert (again.finished, again.waiting, again.fits) == (0, 0, 0)
    assert digests(store, second.execution) == uninterrupted


def test_a_shard_goes_on_with_a_divided_item_whose_other_folds_an_earlier_run_has_searched(
    store: Store, tiny: Spec, tmp_path: Path, uninterrupted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "LEAST_DIVIDED_S", 0.0)
    monkeypatch.setattr(shards, "CORES", 1000)
    run(store, tiny, tmp_path, shard=Shard(1, 2))
    whole = run(store, tiny, tmp_path)
    assert whole.present == whole.wanted == len(uninterrupted)
    assert 0 < whole.fits < sum(tiny.fits(unit) for unit in tiny.units())
    assert digests(store, whole.execution) == uninterrupted
