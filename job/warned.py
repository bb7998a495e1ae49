"""What libraries warn of, as something to say in the log: raw lines among JSON records break whoever reads them."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from pathlib import PurePath
from typing import Final, TextIO

MOST: Final = 20
"""How many different warnings of one process are told; a library that warns of every row tells nothing new."""
LONGEST: Final = 500
"""How many characters of a warning are told."""
_NOT_SHOWN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""What Python does not show unless it is asked to, nor does this, whatever became of its filters."""
_FALSE = "`sklearn.utils.parallel.delayed` should be used with"
"""scikit-learn sets the process's warning filters in every thread that grows a tree (no thread's own before Python
3.14). Threads that cross leave them empty; a thread that finds them empty then takes its caller for a wrong one."""


def hear_warnings(say: Callable[[str], None]) -> None:
    """Have this process's warnings said from now on, each once, by `say`, and by any thread."""
    lock = threading.Lock()
    told: set[str] = set()

    def show(  # the signature is that of `warnings.showwarning`
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        if issubclass(category, _NOT_SHOWN) or str(message).startswith(_FALSE):
            return
        text = f"{category.__name__}: {str(message)[:LONGEST]} ({PurePath(filename).name}, line {lineno})"
        with lock:
            if text in told or len(told) == MOST:
                return
            told.add(text)
        say(text)

    # Not a handler of `logging`: that would hear of what libraries log, too, of which much is no news.
    warnings.showwarning = show
