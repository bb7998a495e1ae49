"""The libraries of pages and plots, which only the extra `report` brings."""

from __future__ import annotations

from importlib.util import find_spec

from job.errors import LibraryMissing

_NEEDED = {"babel": "Babel", "jinja2": "Jinja2", "matplotlib": "Matplotlib"}


def require_report() -> None:
    """Look whether the libraries of pages and plots are installed, before anything is read.

    Raises
    ------
    LibraryMissing
        Naming those that are not.
    """
    missing = [name for module, name in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise LibraryMissing(
            f"pages and plots need what is not installed: {', '.join(missing)}", "pip install 'ldp[report]'"
        )
