"""What a result was made from, as its record says it, and whether that is what an execution asks for.

Records of version 2 say all of it. Those of version 1 lack the protocol's scoring, folds and test share, the counts of
the classes, and the candidates of inapplicable units; they are held against what they do say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from job.executions.identity import Identity
from job.training.blocks import ByRow
from job.training.candidates import Candidate
from job.training.unit import Unit

RECORD_VERSION = 2
_COMPARED = ("protocol", "versions", "device", "fingerprint", "scoring", "folds", "test_share", "kernels", "split")
# Trees do not depend on the BLAS kernels; a test holds that.
_MODELS_WITH_BLAS = frozenset({"logistic_regression", "mlp"})


def provenance(identity: Identity, unit: Unit, fingerprint: str) -> dict[str, Any]:
    """Return what a unit's result depends on, but for the unit and its candidates, as plain JSON values."""
    protocol = identity.spec.protocol
    made = {
        "record": RECORD_VERSION,
        "protocol": identity.protocol,
        "versions": identity.versions,
        "device": identity.device,
        "fingerprint": fingerprint,
        "scoring": protocol.scoring,
        "folds": protocol.folds,
        "test_share": protocol.test_share,
    }
    if identity.kernels is not None and unit.model in _MODELS_WITH_BLAS:
        made["kernels"] = identity.kernels
    split = identity.spec.split(unit.dataset)
    if not isinstance(split, ByRow):
        made["split"] = split.as_json()
    return made


def plain(points: Iterable[Candidate]) -> list[dict[str, Any]]:
    """Return candidates as JSON gives them back."""
    found: list[dict[str, Any]] = json.loads(json.dumps(list(points)))
    return found


def differing(
    record: Mapping[str, Any], expected: Mapping[str, Any], unit: Unit, candidates: list[dict[str, Any]]
) -> list[str]:
    """Return in what a record is of something else than an execution asks for; empty where it fits.

    Parameters
    ----------
    record : mapping
        The ``ldp`` JSON of a result.
    expected : mapping
        What :func:`provenance` says of the unit; more keys do not matter.
    candidates : list of dict
        What the execution's unit searches, as :func:`plain` gives them.
    """
    named = []
    if Unit(**record["unit"]) != unit:
        named.append("another unit")
    old = record.get("record", 1) == 1
    for key in _COMPARED:
        if old and key not in record:
            continue
        if record.get(key) != expected.get(key):
            named.append("other data" if key == "fingerprint" else f"another {key}")
    if not (old and record.get("status") != "done") and record.get("candidates") != candidates:
        named.append("another grid")
    scores = record.get("fold_scores")
    if old and scores and len(scores[0]) != expected.get("folds"):
        named.append("another folds")
    return named
