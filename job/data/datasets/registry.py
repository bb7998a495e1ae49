"""The datasets by name."""

from __future__ import annotations

from job.catalogue import CATALOGUE, DATASET_IDS
from job.data.datasets.corporate_credit_rating import CORPORATE_CCC, CORPORATE_CREDIT_RATING
from job.data.datasets.dataset import Dataset
from job.data.datasets.lending_club import LENDING_CLUB
from job.data.datasets.lending_club_matured import LENDING_CLUB_MATURED
from job.data.datasets.taiwan_credit import TAIWAN_CREDIT
from job.errors import DatasetNotFound, did_you_mean, shown

_DATASETS = {
    one.id: one for one in (TAIWAN_CREDIT, CORPORATE_CREDIT_RATING, LENDING_CLUB, CORPORATE_CCC, LENDING_CLUB_MATURED)
}


def dataset(name: str) -> Dataset:
    """Return a dataset's definition.

    Raises
    ------
    DatasetNotFound
        With the nearest name.
    """
    if name not in _DATASETS:
        raise DatasetNotFound(f"there is no dataset {shown(name)}", did_you_mean(name, DATASET_IDS))
    return _DATASETS[name]


def source_of(name: str) -> str:
    """Return where a dataset's raw file can be had."""
    return next(entry.source for entry in CATALOGUE if entry.id == name)
