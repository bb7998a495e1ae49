"""What results must not change: the reference content of the shipped specs on the real data.

``quick.json`` and ``thesis.json`` hold, for an execution, its id and for each unit the SHA-256 of its *equal content*:
row, target, score, decision, candidates, fold scores, best index, threshold, and the metrics except ``ks``.
``quick.toml`` is ``quick`` as it was shipped first, on the published datasets. Recorded with NumPy's kernels for newer
processors switched off, so that every x86-64 processor with AVX2 gives these numbers.

    LDP_STORAGE_URL=… python -m tests.real_data.unchanged EXECUTION            # compare, whatever has been run
    LDP_STORAGE_URL=… python -m tests.real_data.unchanged EXECUTION --record   # write it down anew
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from job.executions.bindings import bound
from job.executions.executions import Execution
from job.executions.results import StoredResult, decode
from job.store import Store

FOLDER = Path(__file__).parent
CONTENT = ("candidates", "fold_scores", "best_index", "threshold")
# NumPy's exp, log, log1p and pow give other last bits with AVX-512.
KERNELS = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}


def content_digest(result: StoredResult) -> str:
    """Return the SHA-256 over what a result must always come to."""
    kept: dict[str, Any] = {name: result.record[name] for name in CONTENT}
    if result.record["status"] != "done":  # records of version 1 have no candidates of such units
        kept["candidates"] = []
    kept["metrics"] = {name: value for name, value in result.record["metrics"].items() if name != "ks"}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode())
    for column, dtype in ((result.row, "<i4"), (result.target, "i1"), (result.score, "<f8"), (result.decision, "i1")):
        digest.update(np.ascontiguousarray(column, dtype).tobytes())
    return digest.hexdigest()


def content_of(store: Store, execution: Execution) -> dict[str, str]:
    """Return the digests of the results that stand, by unit."""
    found = {}
    for unit in execution.spec.units():
        data = store.get(execution.result_key(unit))
        if data is not None:
            found[str(unit)] = content_digest(decode(data))
    return found


def recorded(spec: str) -> dict[str, Any]:
    """Return what was written down for a spec: `execution`, `fingerprints` and `units`."""
    found: dict[str, Any] = json.loads((FOLDER / f"{spec}.json").read_text("utf-8"))
    return found


def record(store: Store, execution: Execution) -> Path:
    """Write down an execution's content and return the file."""
    units = content_of(store, execution)
    datasets = dict.fromkeys(unit.split("/")[0] for unit in units)
    bindings = {name: bound(store, execution, name) for name in datasets}
    prints = {name: binding["fingerprint"] for name, binding in bindings.items() if binding is not None}
    path = FOLDER / f"{execution.spec.name}.json"
    whole = {"execution": execution.id, "fingerprints": prints, "units": units}
    path.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    return path


def differing(found: dict[str, str], expected: dict[str, str]) -> Iterable[str]:
    """Return the units of `found` whose content is not what was written down."""
    return [unit for unit, digest in found.items() if expected.get(unit) != digest]
