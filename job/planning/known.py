"""What a spec says of datasets of a user's own, held against what is declared of them in the store it is run from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from job.catalogue import DATASET_IDS, is_own_name
from job.data.declarations.declaration import Declaration
from job.data.declarations.stored import check_known, require_declaration
from job.errors import ProcessedDataInvalid, SpecInvalid
from job.planning.spec import Spec
from job.planning.splitting import tenths
from job.store import Store, declaration_key
from job.training.blocks import ByGroup, ByRow, ByTime, Split

_WAYS: Mapping[type[Split], str] = {ByRow: "row", ByGroup: "group", ByTime: "time"}


def settled(store: Store, spec: Spec, only: tuple[str, ...] = ()) -> Spec:
    """Return a spec as it is run from a store.

    Where the user names datasets of their own that the spec does not list, it is the spec of those instead. How a
    dataset of their own is split, where nothing is said, is the safest way that it is declared to have.

    Parameters
    ----------
    only : tuple of str
        The datasets that the user named.

    Raises
    ------
    DatasetNotFound
        Where one of them is neither one that ldp has nor declared in the store.
    DeclarationInvalid
    SpecInvalid
        Where a dataset cannot be split as the spec says.
    """
    more = {name for name in only if name not in spec.datasets and is_own_name(name)}
    check_known(store, sorted(more))
    if more:
        spec = replace(spec, datasets=tuple(name for name in only if name in spec.datasets or name in more))
    check_known(store, spec.datasets)
    own = {name: require_declaration(store, name) for name in spec.datasets if name not in DATASET_IDS}
    splits = {name: _split(spec, name, declaration) for name, declaration in own.items()}
    return replace(spec, splits={**spec.splits, **splits}) if splits else spec


def check_current(store: Store, name: str, digest: str | None) -> None:
    """Refuse processed data that were made by another declaration than the one that is there now.

    Parameters
    ----------
    digest : str or None
        Of the declaration they were made by; None for those of a dataset that ldp has.

    Raises
    ------
    DatasetNotFound
        Where the declaration is gone.
    ProcessedDataInvalid
    """
    if digest is not None and require_declaration(store, name).digest != digest:
        raise ProcessedDataInvalid(
            f"the processed data of {name} were made by another declaration than {store.where(declaration_key(name))}",
            f"Run `ldp data process {name}`.",
        )


def _split(spec: Spec, name: str, declaration: Declaration) -> Split:
    """Return how a dataset is split: as the spec says, where the dataset has what that needs."""
    said = spec.splits.get(name)
    if said is not None and _WAYS[type(said)] in declaration.splits:
        return said
    way = declaration.splits[0] if said is None else _WAYS[type(said)]
    problem = None
    if way not in declaration.splits:
        problem = f"splits.{name}: its declaration has no [{way}]; it can be split by {' or '.join(declaration.splits)}"
    elif way == "group" and not tenths(spec.protocol.test_share):
        problem = f"splits.{name}: by group, test_share must be in tenths such as 0.2 or 0.3"
    if problem is not None:
        raise SpecInvalid(f"the spec {spec.name} cannot be used: {problem}", "Correct it, or the declaration.")
    if way == "time":  # without a horizon nobody can say what was known at a cut
        return ByTime() if declaration.target.horizon is not None else ByTime(labels="hindsight")
    return ByGroup() if way == "group" else ByRow()
