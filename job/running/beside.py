"""What workers find of a repetition once, whatever its models are: the reference rows; the first to ask makes them."""

from __future__ import annotations

import errno
import fcntl
import json
from pathlib import Path
from typing import Any

from job.metrics import Array
from job.training.layout import Layout, divide
from job.training.references import references
from job.training.splits import Inapplicable
from job.training.unit import Protocol, Unit

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def reference_rows(
    scratch: Path, unit: Unit, layout: Layout, protocol: Protocol, X: Array, target: Array
) -> dict[str, Any] | None:
    """Return what the prior and the single best feature reach on a unit's repetition, as plain JSON values.

    None where its rows cannot be split.
    """
    place = scratch / "references" / f"{unit.dataset}_{unit.seed}.json"
    try:
        place.parent.mkdir(exist_ok=True)
        with place.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed, or its process dies
            if not place.exists():
                staged = place.with_suffix(".new")
                staged.write_text(json.dumps(_made(unit, layout, protocol, X, target)))
                staged.replace(place)
            found: dict[str, Any] | None = json.loads(place.read_text())
            return found
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        return _made(unit, layout, protocol, X, target)


def _made(unit: Unit, layout: Layout, protocol: Protocol, X: Array, target: Array) -> dict[str, Any] | None:
    try:
        division = divide(layout, target, seed=unit.seed, folds=protocol.folds, test_share=protocol.test_share)
    except Inapplicable:
        return None
    found = references(X, target, division.splits)
    names = layout.feature_names
    return {
        "prior": dict(found.prior),
        "single_feature": dict(found.single_feature),
        "feature": names[found.feature] if names else str(found.feature),
    }
