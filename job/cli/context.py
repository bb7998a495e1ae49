"""What every command needs: settings, console, store; and the options that several commands share."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from job.arrays import Device
    from job.console import Console
    from job.settings import Settings
    from job.store import Store

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
LatestOfSpecOption = Annotated[str | None, typer.Option("--spec", metavar="NAME|FILE", help="The latest of this spec.")]
UseGpuOption = Annotated[bool, typer.Option("--use-gpu", help="Compute on a GPU; an error where there is none.")]
DatasetsOption = Annotated[
    list[str] | None, typer.Option("--only-dataset", metavar="DATASET", help="Only this dataset (repeatable).")
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        max=1024,
        help="Worker processes (default: LDP_N_JOBS, or all); on a GPU those that use it (1).",
    ),
]


@dataclass(frozen=True)
class Context:
    """Settings, console and store of one command."""

    settings: Settings
    console: Console
    store: Store


def open_console(settings: Settings) -> Console:
    """Return what a command speaks through, and have what libraries warn of said there too."""
    from job.console import Console
    from job.warned import hear_warnings

    console = Console(log_format=settings.log_format)
    hear_warnings(lambda text: console.warning("library_warning", text))
    return console


def open_context() -> Context:
    """Read the environment and open the store."""
    from job.settings import Settings
    from job.store import Store

    settings = Settings.from_environment()
    console = open_console(settings)
    store = Store.open(
        settings.storage_url, settings.scratch_dir, settings.storage_retries, settings.storage_idle_seconds
    )
    return Context(settings, console, store)


def begin(use_gpu: bool = False, *, fits: bool = True) -> tuple[Context, Device]:
    """Open the store, find the device, and say in one line what this process computes with; return both.

    Parameters
    ----------
    fits : bool
        Whether models will be fitted: then the libraries that fit on a GPU have to find it too.

    Raises
    ------
    DeviceUnavailable
        If a GPU is asked for, here or by the environment, and there is none that can be used.
    """
    from job.arrays import TWO_LIBRARIES, require_device
    from job.executions.versions import own_version, versions
    from job.planning.crew import crew_of
    from job.settings import available_processors

    context = open_context()
    device = require_device(use_gpu or context.settings.use_gpu, TWO_LIBRARIES if fits else ())
    libraries = versions()
    named = ", ".join(f"{name} {number}" for name, number in libraries.items())
    context.console.info(
        "environment",
        f"ldp {own_version()} on {device}; {named}; storage {context.store.url}",
        ldp=own_version(),
        python=platform.python_version(),
        machine=platform.machine(),
        device=device.kind,
        storage=context.store.url,
        workers=crew_of(device.kind, context.settings.n_jobs, available_processors()).workers,
        versions=libraries,
        **({} if device.gpu is None else {"gpu": device.gpu, "driver": device.driver}),
    )
    return context, device


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
