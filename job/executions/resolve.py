"""Which execution a run belongs to: resumed, started, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from job.arrays import DeviceKind
from job.console import Console
from job.data.declarations.stored import dataset_names
from job.data.processed import ProcessedInfo
from job.errors import DatasetNotFound, ExecutionMismatch, ExecutionNotFound, ManifestDamaged, shown
from job.executions.earlier import tell_of_earlier
from job.executions.executions import Execution, create_next, current_execution, load_execution
from job.executions.identity import Identity
from job.executions.recovery import bind_or_rebuild, create_or_rebuild
from job.planning.spec import Spec
from job.store import Store, declaration_key


def find_spec(store: Store, execution_id: str | None, default: Spec, *, on_batch: bool = False) -> Spec:
    """Return the spec of the execution named, where there is one, else `default`.

    Parameters
    ----------
    on_batch : bool
        Whether this is a job on AWS Batch: there nobody sees that another spec than the one meant begins, and so it is
        an error.

    Raises
    ------
    DatasetNotFound
        Where it is of a dataset that can be looked at here and not run.
    ExecutionNotFound, ManifestDamaged
        On AWS Batch, where the execution named says no spec.
    """
    if execution_id is None:
        return default
    try:
        spec = load_execution(store, execution_id).spec
    except (ExecutionNotFound, ManifestDamaged) as error:
        if on_batch:
            remedy = "Name its spec in the job's command (--spec): `ldp cloud submit` and `ldp cloud resume` do."
            raise type(error)(error.what, remedy) from None
        return default
    for name in spec.datasets:
        if name not in dataset_names(store):
            raise DatasetNotFound(
                f"the execution {execution_id} is of the dataset {shown(name)}, which is neither one that this ldp has "
                f"nor declared in {store.url}",
                f"Run it with the version that made it, or put {declaration_key(name)} back; known are: "
                f"{', '.join(dataset_names(store))}.",
            )
    return spec


def resolve(
    store: Store,
    spec: Spec,
    device: DeviceKind,
    datasets: Mapping[str, ProcessedInfo],
    *,
    execution_id: str | None,
    skip_resume: bool,
    console: Console,
) -> Execution:
    """Find or create the execution for a run, and bind it to the data.

    Without an id the current execution is resumed; where the data have changed since, the next one is started. With
    an id exactly that one is taken, created where it is new.

    Raises
    ------
    ExecutionMismatch
        Where an execution named by id was made from something else.
    """
    identity = Identity.here(spec, device)
    if execution_id is not None:
        execution, _ = create_or_rebuild(store, identity, execution_id, console)
        changed = _bind_all(store, execution, datasets, console)
        if changed:
            raise ExecutionMismatch(
                f"the execution {execution.id} was made from other data: {', '.join(changed)}",
                "Bring back the data it was made from, or leave out --execution-id to start another one.",
            )
        return execution
    if skip_resume:
        execution = create_next(store, identity)
        _bind_all(store, execution, datasets, console)
        return execution
    current = current_execution(store, identity)
    number = int(current.id.removeprefix(identity.stem)) if current else 1
    while True:
        # Workers that find the same thing at the same moment join the same execution.
        execution, created = create_or_rebuild(store, identity, f"{identity.stem}{number}", console)
        changed = _bind_all(store, execution, datasets, console)
        if not changed:
            if not created:
                console.detail("execution_resumed", f"resuming {execution.id}", execution=execution.id)
            elif current is None:
                tell_of_earlier(store, execution, console)
            return execution
        console.warning(
            "data_changed",
            f"the data of {', '.join(changed)} have changed since {execution.id}: starting another execution",
            execution=execution.id,
            datasets=changed,
        )
        number += 1


def _bind_all(store: Store, execution: Execution, datasets: Mapping[str, ProcessedInfo], console: Console) -> list[str]:
    """Bind every dataset and return those that the execution is bound to in another form already."""
    changed = []
    for name, info in datasets.items():
        facts: dict[str, Any] = {"rows": info.rows, "features": info.features, "synthetic": info.synthetic}
        if info.declaration is not None:
            facts["declaration"] = info.declaration
        if bind_or_rebuild(store, execution, name, info.fingerprint, facts, console) != info.fingerprint:
            changed.append(name)
    return changed
