"""The ``ldp`` command: parses arguments, calls one function, prints. No logic, and no heavy import on the way."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, NoReturn

import typer

from job.cli.analyze import app as analyze_app
from job.cli.cloud import app as cloud_app
from job.cli.data import app as data_app
from job.cli.demo import demo
from job.cli.experiment import app as experiment_app
from job.errors import EXIT_DONE, EXIT_FAILED, Interrupted, LdpError, NoMoreProcesses
from job.running.signals import heeded, leave_lost_terminal
from job.terminal import degrade

app = typer.Typer(
    help="Loan-default experiments: which model and which technique against class imbalance detects defaulters best?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")
app.add_typer(experiment_app, name="experiment")
app.add_typer(analyze_app, name="analyze")
app.add_typer(cloud_app, name="cloud")
app.command()(demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"ldp {version('ldp')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (anywhere on the command line).")] = False,
) -> None:
    """Loan-default experiments: which model and which technique against class imbalance detects defaulters best?"""


def run() -> NoReturn:
    """Run the command line and end the process without taking the interpreter apart.

    The storage library has threads of its own. One that lets go of a Python object while the interpreter is being
    taken apart aborts the process (SIGABRT), and a run that had done everything would count as failed. By then all is
    written.
    """
    code: int | str | None = EXIT_DONE
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - only with --debug
        traceback.print_exc()
        code = EXIT_FAILED
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else EXIT_DONE if code is None else EXIT_FAILED)


def main() -> None:
    """Run the command line; raises SystemExit with its exit code, where that is not 0."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["ldp"]:  # a container whose entry point is `ldp` is given the whole command by some
        del arguments[0]
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        degrade(stream)
    for number in heeded():
        signal.signal(number, _interrupt)
    try:
        app(args=[argument for argument in arguments if argument != "--debug"], prog_name="ldp")
    except LdpError as error:
        if debug:
            raise
        _tell(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_DONE)
    except BaseException as error:
        if debug or isinstance(error, SystemExit | KeyboardInterrupt):
            raise
        _tell(_unforeseen(error))
        sys.exit(EXIT_FAILED)


def _unforeseen(error: BaseException) -> LdpError:
    remedy = "This is a fault of ldp. Run the command again with --debug and report what it prints."
    if isinstance(error, BlockingIOError) or "can't start new thread" in str(error):
        return NoMoreProcesses(error)
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


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGHUP:  # of a terminal that goes away, the shell and the system each send one
        signal.signal(number, signal.SIG_IGN)
        leave_lost_terminal()
    raise Interrupted(
        f"stopped by {signal.Signals(number).name}", "Nothing is half-written; run the command again.", 128 + number
    )
