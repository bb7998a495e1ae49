"""The log is not the run: whatever becomes of standard output and standard error, work goes on and ends as it would."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from job.console import Console
from job.errors import OutputLost, ReaderGone
from job.store import Store
from job.streams import WAITING_BYTES, Log, Results
from tests.faults.conftest import ROOT, Ldp
from tests.specs import DIVERGING

LDP = f"{sys.executable} -c 'from job.cli import run; run()'"
RUN = "experiment run --spec tiny.toml --jobs 1"


def shell(line: str, where: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `ldp` is the command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LDP_SCRATCH_DIR": str(where), **more}
    return subprocess.run(
        ["bash", "-c", line.replace("ldp ", f"{LDP} ")],
        cwd=where,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        timeout=200,
    )


@pytest.mark.parametrize(
    "end",
    ["2>/dev/full", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>&1 | head -1; exit ${PIPESTATUS[0]}", "2> >(exec true)"],
)
def test_a_run_ends_as_it_would_whatever_becomes_of_its_log(
    end: str, make_ldp: Callable[..., Ldp], tmp_path: Path, expected: dict[str, str]
) -> None:
    ldp = make_ldp(str(tmp_path / "store"))
    ended = shell(f"ldp {RUN} {end}", ldp.directory, LDP_STORAGE_URL=ldp.url)
    assert ended.returncode == 0, ended.stderr
    assert ldp.digests() == expected
    assert all(one.suffix in {".json", ".parquet"} for one in Path(ldp.url, "executions").rglob("*") if one.is_file())


@pytest.mark.parametrize("end", ["2>/dev/full >/dev/full", "2>&- >&-", "2>&1 | true; exit ${PIPESTATUS[0]}"])
def test_units_that_fail_end_the_run_with_1_although_nothing_can_be_said(
    end: str, make_ldp: Callable[..., Ldp], tmp_path: Path
) -> None:
    ldp = make_ldp(str(tmp_path / "store"), spec=DIVERGING)
    ended = shell(f"ldp {RUN} {end}", ldp.directory, LDP_STORAGE_URL=ldp.url)
    assert ended.returncode == 1, ended.stderr
    assert list(Path(ldp.url, "executions").glob("*/failures/**/*.json"))


def test_nothing_that_is_printed_gets_into_data_where_descriptors_are_closed(tmp_path: Path) -> None:
    assert shell("ldp data sample taiwan_credit --rows 300 <&- >&- 2>&-", tmp_path).returncode == 0
    assert (
        shell("ldp data sample taiwan_credit --rows 300", tmp_path, LDP_STORAGE_URL=str(tmp_path / "b")).returncode == 0
    )
    name = "data/raw/taiwan_credit.csv"
    assert (tmp_path / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("command", ["data list", "data list --json", "--help", "experiment plan --json", "--version"])
def test_results_that_cannot_be_printed_are_an_error_and_a_reader_who_has_seen_enough_is_none(
    command: str, tmp_path: Path
) -> None:
    for setup in ("sample taiwan_credit --rows 300", "process taiwan_credit"):
        shell(f"ldp data {setup}", tmp_path)
    full = shell(f"ldp {command} > /dev/full", tmp_path)
    assert full.returncode == 1
    assert json.loads(full.stderr)["message"] == "standard output cannot be written: No space left on device"
    gone = shell(f"ldp {command} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (gone.returncode, gone.stderr) == (0, "")
    assert shell(f"ldp {command} >&-", tmp_path).returncode == 0


def test_a_broken_pipe_that_is_not_standard_output_is_no_quiet_end(tmp_path: Path) -> None:
    program = (
        "import job.cli.data, job.cli\n"
        "def broken(*_): raise BrokenPipeError('a worker')\n"
        "job.cli.data.print_json = broken\n"
        "import sys; sys.argv = ['ldp', 'data', 'list', '--json']\n"
        "job.cli.run()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=False)
    assert ended.returncode == 1


def test_a_reader_of_the_log_who_does_not_read_holds_up_neither_the_run_nor_its_end(
    make_ldp: Callable[..., Ldp], tmp_path: Path, expected: dict[str, str]
) -> None:
    ldp = make_ldp(str(tmp_path / "store"))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LDP_STORAGE_URL": ldp.url, "LDP_SCRATCH_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", "from job.cli import run; run()", *RUN.split()],
        cwd=ldp.directory,
        env=environment,
        stderr=writer,
    ) as process:
        assert process.wait(timeout=150) == 0
    os.close(reader)
    os.close(writer)
    assert ldp.digests() == expected


@pytest.fixture
def piped() -> Iterator[tuple[Log, int]]:
    """A log that is written to a pipe, and the descriptor to read it from."""
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w", encoding="utf-8")
    yield Log(stream), reader
    with contextlib.suppress(OSError):
        os.close(reader)
    stream.close()


def read_all(reader: int, until: bytes) -> str:
    found = b""
    while until not in found:
        found += os.read(reader, 1 << 16)
    return found.decode()


def test_what_waits_for_a_slow_reader_is_bounded_and_warnings_are_kept(piped: tuple[Log, int]) -> None:
    log, reader = piped
    console = Console(log, log_format="json")
    for i in range(3 * WAITING_BYTES // 100_000):
        console.info("progress", "x" * 100_000, number=i)
    for i in range(50):
        console.warning("look", f"warning {i}")
    heard: list[str] = []
    reading = threading.Thread(target=lambda: heard.append(read_all(reader, b"warning 49")))
    reading.start()
    reading.join(60)
    records = [json.loads(line) for line in heard[0].splitlines()]
    assert [one["message"] for one in records if one["event"] == "look"] == [f"warning {i}" for i in range(50)]
    numbers = [one["number"] for one in records if one["event"] == "progress"]
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < 3 * WAITING_BYTES // 100_000
    log.farewell()
    console.info("after", "the end")
    told = read_all(reader, b"the end")
    assert "lines of it were left out" in told
    assert told.index("left out") < told.index("the end")


def test_the_log_is_in_order_and_whole_where_somebody_reads(piped: tuple[Log, int]) -> None:
    log, reader = piped
    for i in range(2000):
        log.write(f"{i}\n")
    log.farewell()
    assert read_all(reader, b"1999\n").split() == [str(i) for i in range(2000)]


def test_a_log_whose_reader_went_away_says_nothing_more_and_does_not_wait(piped: tuple[Log, int]) -> None:
    log, reader = piped
    os.close(reader)
    for _ in range(1000):
        log.write("x" * 10_000)
    log.farewell()


def test_standard_output_tells_a_full_disk_from_a_reader_who_went_away() -> None:
    full = open("/dev/full", "w")  # noqa: PTH123, SIM115
    with pytest.raises(OutputLost) as lost:
        Results(full).write("x" * 100_000)
    assert not isinstance(lost.value, ReaderGone)
    with contextlib.suppress(OSError):
        full.close()
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    out = Results(stream)
    out.write("x")
    with pytest.raises(ReaderGone):
        out.flush()
    with contextlib.suppress(OSError):
        stream.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_cursor_comes_back_after_a_signal(number: int, make_ldp: Callable[..., Ldp], tmp_path: Path) -> None:
    from tests.specs import TINY

    ldp = make_ldp(str(tmp_path / "store"), spec=TINY.replace("[1, 2]", str(list(range(1, 31)))))
    master, terminal = pty.openpty()
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "LDP_STORAGE_URL": ldp.url, "LDP_SCRATCH_DIR": str(tmp_path),
        "TERM": "xterm", "TEST_FIT_LOG": str(ldp.directory / "fits"),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.driver", *RUN.split()], cwd=ldp.directory, env=environment,
        stdin=terminal, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    seen = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(master, 1 << 16):
                seen.extend(data)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    while len(ldp.fits()) < 2 or b"\x1b[?25l" not in seen:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    process.wait(timeout=60)
    reading.join(60)  # until the workers are gone too
    assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")


def test_a_store_is_written_as_ever_where_the_log_is_lost(tmp_path: Path) -> None:
    assert shell("ldp data sample taiwan_credit --rows 300 2>/dev/full", tmp_path).returncode == 0
    assert shell("ldp data process taiwan_credit 2>&-", tmp_path).returncode == 0
    assert Store.open(str(tmp_path)).info("data/processed/taiwan_credit_y.parquet")
