"""The ``ldp`` command: parses arguments, calls one function, prints. No logic, and no heavy import on the way.

Signals are watched before anything else is imported: importing takes a while, and the first process of a container
does not even die of a signal that it does not handle.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
import traceback
from typing import NoReturn

from job.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    Interrupted,
    LdpError,
    NoMoreProcesses,
    OutOfTime,
    OutputLost,
    ReaderGone,
    SettingInvalid,
    SystemRefused,
)
from job.signals import Stop, Stopped, watch_signals
from job.streams import open_streams
from job.terminal import degrade, harmless, show_cursor


def run() -> NoReturn:
    """Run the command line and end the process without taking the interpreter apart.

    The storage library has threads of its own. One that lets go of a Python object while the interpreter is being
    taken apart aborts the process (SIGABRT), and a run that had done everything would count as failed. By then all is
    written.
    """
    log = open_streams()
    with watch_signals(_last_words) as stop:
        try:
            code = _run(stop)
        except LdpError as error:  # only with --debug
            sys.stderr.write(harmless(traceback.format_exc(), keep="\n"))
            code = error.exit_code
        except BaseException:  # noqa: BLE001 - only with --debug
            sys.stderr.write(harmless(traceback.format_exc(), keep="\n"))
            code = EXIT_FAILED
        log.farewell()
        os._exit(code)


def main() -> None:
    """Run the command line; raises SystemExit with its exit code, where that is not 0."""
    for stream in (sys.stdout, sys.stderr):
        degrade(stream)
    with watch_signals() as stop:
        code = _run(stop)
    if code != EXIT_DONE:
        sys.exit(code)


def _run(stop: Stop) -> int:
    """Run the command line and return its exit code, which is that of a signal whatever became of its exception."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["ldp"]:  # a container whose entry point is `ldp` is given the whole command by some
        del arguments[0]
    debug = "--debug" in arguments
    code = EXIT_DONE
    failure: LdpError | None = None
    try:
        code = _call([argument for argument in arguments if argument != "--debug"], stop)
        sys.stdout.flush()
    except ReaderGone:  # it has seen enough
        pass
    except Stopped:
        failure = stop.interrupted
    except BaseException as error:
        if debug:
            raise
        failure = error if isinstance(error, LdpError) else _unforeseen(error)
    if stop() and not isinstance(failure, Interrupted | OutOfTime):
        failure = stop.interrupted
    if failure is None:
        return code
    with contextlib.suppress(OutputLost, OSError):  # what was printed before comes first
        sys.stdout.flush()
    _tell(failure)
    return failure.exit_code


def _call(arguments: list[str], stop: Stop) -> int:
    if sys.flags.optimize > 1:
        raise SettingInvalid(
            "Python leaves out docstrings (-OO, or PYTHONOPTIMIZE=2), and LightGBM fails without them",
            "Unset PYTHONOPTIMIZE, or set it to 1.",
        )
    _start_quickly()
    from job.cli.commands import app

    try:
        app(args=arguments, prog_name="ldp", obj=stop)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_DONE if end.code is None else EXIT_FAILED
    return EXIT_DONE


def _start_quickly() -> None:
    """Spare every command a tenth of its start.

    Importing makes tens of thousands of objects that stay, and Python looks through them again after each 700; Pydantic
    reads what all installed packages say of themselves, for plugins that there are none of.
    """
    gc.set_threshold(20_000)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _last_words(stop: Stop) -> None:
    """Say what a process says that has no time left."""
    show_cursor()
    _tell(stop.interrupted)


_SHORT_OF = {
    errno.EMFILE: "Allow this process more open files (`ulimit -n 1024`), then run the command again.",
    errno.ENFILE: "The machine has too many open files: end what is not needed, then run the command again.",
    errno.ENOMEM: "Free some memory, or allow more; with fewer workers (--jobs) a run needs less.",
    errno.ENOSPC: "Free some space in the scratch directory (LDP_SCRATCH_DIR), then run the command again.",
    errno.EDQUOT: "Free some space in the scratch directory (LDP_SCRATCH_DIR), then run the command again.",
    errno.EROFS: "Choose a scratch directory that can be written with LDP_SCRATCH_DIR.",
    errno.EIO: "The disk or the mount does not work: see what the system's log says, then run the command again.",
}


def _unforeseen(error: BaseException) -> LdpError:
    if isinstance(error, MemoryError):
        return SystemRefused("there is not enough memory", _SHORT_OF[errno.ENOMEM])
    if isinstance(error, BlockingIOError) or "can't start new thread" in str(error):
        return NoMoreProcesses(error)
    if isinstance(error, OSError) and error.errno in _SHORT_OF:
        where = f": {error.filename}" if error.filename else ""
        return SystemRefused(f"the system refused: {error.strerror}{where}", _SHORT_OF[error.errno])
    remedy = "This is a fault of ldp. Run the command again with --debug and report what it prints."
    if isinstance(error, Exception):
        return LdpError(f"unforeseen {type(error).__name__}: {error}", remedy)
    # A native library's panic is no Exception.
    return LdpError(f"a native library gave up: {type(error).__name__}: {error}", remedy)


def _tell(error: LdpError) -> None:
    """Say what is wrong and what to do: in two lines to people, in one record where the log is JSON."""
    from job.console import Console

    # The environment itself may be what is wrong, so it is not read as settings here.
    setting = os.environ.get("LDP_LOG_FORMAT")
    console = Console(log_format="text" if setting == "text" else "json" if setting == "json" else "auto")
    if not console.json:
        print(f"error: {error.what}\n  {error.remedy}", file=sys.stderr)  # noqa: T201
        return
    # Being stopped is no error: nobody needs to be woken.
    say = console.warning if isinstance(error, Interrupted) else console.error
    say("stopped" if isinstance(error, Interrupted) else "command_failed", error.what, remedy=error.remedy)
