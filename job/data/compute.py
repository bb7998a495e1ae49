"""What pyarrow computes with, imported with the first function that is used.

Its import makes a Python function of each kernel, which takes as long as parsing some ten thousand rows; a file that is
plain throughout needs none of them.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    import pyarrow.compute

    return getattr(pyarrow.compute, name)
