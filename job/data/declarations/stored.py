"""The declarations of a store: which datasets of a user's own there are, and what is declared of each."""

from __future__ import annotations

from collections.abc import Iterable

from job import bounds
from job.catalogue import DATASET_IDS, is_own_name
from job.data.declarations.declaration import Declaration
from job.data.declarations.reading import read_declaration
from job.errors import DatasetNotFound, DeclarationInvalid, ObjectTooLarge, did_you_mean, shown
from job.store import RAW_PREFIX, Store, declaration_key


def declared_names(store: Store) -> tuple[str, ...]:
    """Return the names of the datasets that are declared in a store, sorted."""
    found = (one.key.removeprefix(RAW_PREFIX) for one in store.objects(RAW_PREFIX))
    names = (key.removesuffix(".toml") for key in found if key.endswith(".toml"))
    return tuple(sorted(name for name in names if is_own_name(name)))


def dataset_names(store: Store) -> tuple[str, ...]:
    """Return the names of the datasets that ldp has, and of those that are declared in a store."""
    return (*DATASET_IDS, *declared_names(store))


def find_declaration(store: Store, name: str) -> Declaration | None:
    """Return what is declared of a dataset, or None where nothing is.

    Raises
    ------
    DeclarationInvalid
        Naming everything that is wrong with it.
    """
    if not is_own_name(name):
        return None
    key = declaration_key(name)
    try:
        data = store.get(key, bounds.DECLARATION_BYTES)
    except ObjectTooLarge as error:
        raise DeclarationInvalid(error.what, "Put a shorter declaration there.") from None
    return None if data is None else read_declaration(data, name, store.where(key))


def require_declaration(store: Store, name: str) -> Declaration:
    """Return what is declared of a dataset.

    Raises
    ------
    DatasetNotFound
        Where nothing is, with the nearest name there is.
    DeclarationInvalid
    """
    found = find_declaration(store, name)
    if found is None:
        raise not_there(store, name)
    return found


def check_known(store: Store, names: Iterable[str]) -> None:
    """Refuse a name that is neither of a dataset that ldp has nor of one that is declared in a store.

    Raises
    ------
    DatasetNotFound
    """
    for name in names:
        if name not in DATASET_IDS and not (is_own_name(name) and store.info(declaration_key(name)) is not None):
            raise not_there(store, name)


def not_there(store: Store, name: str) -> DatasetNotFound:
    """Return what to say of a name that no dataset has."""
    known = did_you_mean(name, dataset_names(store))
    own = f" To declare one of your own: `ldp data init FILE.csv --name {name}`." if is_own_name(name) else ""
    return DatasetNotFound(f"there is no dataset {shown(name)}", f"{known}{own}")
