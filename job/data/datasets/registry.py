"""The datasets by name: those that ldp has, and those that are declared in a store."""

from __future__ import annotations

from job.catalogue import CATALOGUE, raw_name
from job.data.datasets.corporate_credit_rating import CORPORATE_CCC, CORPORATE_CREDIT_RATING
from job.data.datasets.dataset import Dataset
from job.data.datasets.lending_club import LENDING_CLUB
from job.data.datasets.lending_club_matured import LENDING_CLUB_MATURED
from job.data.datasets.own import own_dataset
from job.data.datasets.taiwan_credit import TAIWAN_CREDIT
from job.data.declarations.stored import require_declaration
from job.store import Store

_DATASETS = {
    one.id: one for one in (TAIWAN_CREDIT, CORPORATE_CREDIT_RATING, LENDING_CLUB, CORPORATE_CCC, LENDING_CLUB_MATURED)
}


def dataset(store: Store, name: str) -> Dataset:
    """Return a dataset's definition: one that ldp has, or one that is declared in a store.

    Raises
    ------
    DatasetNotFound
        With the nearest name, and how one's own is declared.
    DeclarationInvalid
        Naming everything that is wrong with what is declared.
    """
    return _DATASETS[name] if name in _DATASETS else own_dataset(require_declaration(store, name))


def raw_of(definition: Dataset) -> str:
    """Return the name under which a dataset's raw file lies."""
    return raw_name(definition.id) if definition.raw is None else raw_name(definition.raw)


def source_of(definition: Dataset) -> str:
    """Return where a dataset's raw file can be had."""
    return next((entry.source for entry in CATALOGUE if entry.id == definition.id), definition.source)
