"""A terminal that closes: the run saves and ends with 129, unless `nohup` says that it goes on."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import ROOT, Ldp
from tests.specs import TINY

RUN = ("experiment", "run", "--spec", "tiny.toml", "--jobs", "1")
LONG = TINY.replace("[1, 2]", str(list(range(1, 31))))


def wait_for_fits(ldp: Ldp, process: subprocess.Popen[str], count: int = 2) -> None:
    while len(ldp.fits()) < count:
        assert process.poll() is None
        time.sleep(0.01)


def test_sighup_is_an_orderly_stop_and_no_fit_is_lost(make_ldp: Callable[..., Ldp], tmp_path: Path) -> None:
    ldp = make_ldp(str(tmp_path / "store"), spec=LONG)
    process = ldp.start(*RUN)
    wait_for_fits(ldp, process)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)  # the shell's and the system's: no impatience
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 129, said
    assert "stopped by SIGHUP" in said
    assert ldp.run(*RUN)[0] == 0
    assert len(ldp.fits()) == len(set(ldp.fits())), "a finished fit was lost"


def test_a_terminal_that_closes_is_an_orderly_stop_although_nothing_can_be_said(
    make_ldp: Callable[..., Ldp], tmp_path: Path
) -> None:
    ldp = make_ldp(str(tmp_path / "store"), spec=LONG)
    master, terminal = pty.openpty()
    environment = {
        **os.environ,
        "LDP_STORAGE_URL": ldp.url,
        "LDP_SCRATCH_DIR": str(ldp.directory / "scratch"),
        "TEST_FIT_LOG": str(ldp.directory / "fits"),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _WITH_A_TERMINAL, *RUN],
        env=environment,
        cwd=ldp.directory,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        text=True,
    )
    os.close(terminal)
    os.set_blocking(master, False)
    while len(ldp.fits()) < 2:
        assert process.poll() is None
        try:
            os.read(master, 1 << 16)
        except BlockingIOError:
            time.sleep(0.01)
    os.close(master)
    assert process.wait(timeout=60) == 129
    assert ldp.run(*RUN)[0] == 0
    assert len(ldp.fits()) == len(set(ldp.fits())), "a finished fit was lost"


_WITH_A_TERMINAL = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal that the session ends with
runpy.run_module("tests.faults.driver", run_name="__main__", alter_sys=True)
"""


def test_under_nohup_a_run_goes_on(make_ldp: Callable[..., Ldp], tmp_path: Path, expected: dict[str, str]) -> None:
    ldp = make_ldp(str(tmp_path / "store"))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; what is ignored is inherited
    try:
        process = ldp.start(*RUN)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for_fits(ldp, process)
    process.send_signal(signal.SIGHUP)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert ldp.digests() == expected


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_outside_a_run_ends_the_command_in_two_lines(number: int, code: int, tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from job.cli import main\n"
        "import job.cli.data\n"
        f"job.cli.data.print_json = lambda _: os.kill(os.getpid(), {int(number)})\n"
        "sys.argv = ['ldp', 'data', 'list', '--json']\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LDP_LOG_FORMAT": "text"}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == code, ended.stderr
    assert f"stopped by {signal.Signals(number).name}" in ended.stderr
    assert "Traceback" not in ended.stderr
