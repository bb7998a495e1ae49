"""Which data an execution is bound to: the fingerprint that all its results of a dataset have, and what is known of it.

The first to bind decides; everybody who starts at the same moment agrees.
"""

from __future__ import annotations

import json
from typing import Any

from job import bounds
from job.errors import BindingDamaged, ExecutionMismatch
from job.executions.executions import REBUILT, Execution, create_small, is_cut, read_small
from job.records import Malformed, read_object, text, whole
from job.store import Store, binding_key


def bind(store: Store, execution: Execution, dataset: str, fingerprint: str, facts: dict[str, Any]) -> str:
    """Bind an execution to a dataset's fingerprint where it is not bound yet, and return what it is bound to.

    Raises
    ------
    BindingDamaged
        Where what stands there is empty or cut.
    """
    key = binding_key(execution.id, dataset)
    standing = create_small(store, key, encode_binding(fingerprint, facts), bounds.BINDING_BYTES)
    return str(_binding(standing, store.where(key))["fingerprint"])


def encode_binding(fingerprint: str, facts: dict[str, Any]) -> bytes:
    """Return the bytes of a binding."""
    return (json.dumps({"fingerprint": fingerprint, **facts}, sort_keys=True, indent=1) + "\n").encode()


def bound(store: Store, execution: Execution, dataset: str) -> dict[str, Any] | None:
    """Return what an execution knows of a dataset (fingerprint, shape, whether it is synthetic), or None.

    Raises
    ------
    BindingDamaged
        Where what stands there is empty or cut.
    ExecutionMismatch
        Where it is whole and something else.
    """
    key = binding_key(execution.id, dataset)
    data = read_small(store, key, bounds.BINDING_BYTES)
    return None if data is None else _binding(data, store.where(key))


def _binding(data: bytes, where: str) -> dict[str, Any]:
    try:
        found = read_object(data)
        text(found, "fingerprint")
        for name, most in (("rows", bounds.ROWS), ("features", bounds.FEATURES)):
            whole(found, name, 0, most=most)
        if found.get("synthetic") not in (None, True, False):
            raise Malformed("its synthetic is neither true nor false")
        return found
    except ValueError as error:
        if is_cut(data):
            raise BindingDamaged(f"{where} cannot be read: it is empty or cut", REBUILT) from error
        raise ExecutionMismatch(
            f"{where} cannot be read: {error}", "Start another execution with --skip-resume."
        ) from error
