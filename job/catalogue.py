"""The names of the datasets. Standard library only: the AWS platform imports this module too."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueEntry:
    """What can be said of a dataset without reading any data.

    Parameters
    ----------
    id : str
        The dataset's name in commands, keys and job names.
    title : str
        A line for people.
    source : str
        Where the raw file can be had.
    raw : str or None
        The dataset whose raw file it is made of, where that is another's.
    splits : tuple of str
        What its rows may be split by, the safest first, which is the default: ``row``, ``group``, ``time``.
    group : str
        What a group of rows is, for people.
    note : str or None
        What has to be said wherever it is compared.
    spec : str
        The spec that ships with the platform and has this dataset: what its training job runs unless told otherwise.
    """

    id: str
    title: str
    source: str
    raw: str | None = None
    splits: tuple[str, ...] = ("row",)
    group: str = "group"
    note: str | None = None
    spec: str = "default"


CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "taiwan_credit",
        "Default of credit card clients, Taiwan 2005 (30,000 clients)",
        "UCI Machine Learning Repository, data set 350; Kaggle uciml/default-of-credit-card-clients-dataset",
    ),
    CatalogueEntry(
        "corporate_credit_rating",
        "Corporate credit ratings with financial ratios (2,029 ratings)",
        "Kaggle agewerc/corporate-credit-rating",
        splits=("group", "row"),
        group="company",
        note="illustrative only: the published target, D, C or CC, has 8 ratings of 7 companies",
        spec="thesis",
    ),
    CatalogueEntry(
        "lending_club",
        "Lending Club accepted loans, 2007 to 2018 (up to 2.26 million loans)",
        "Kaggle wordsforthewise/lending-club (accepted loans), or Lending Club's own quarterly files",
        spec="thesis",
    ),
    CatalogueEntry(
        "corporate_ccc",
        "Corporate credit ratings: CCC or worse against better",
        "Kaggle agewerc/corporate-credit-rating",
        raw="corporate_credit_rating",
        splits=("group", "row"),
        group="company",
    ),
    CatalogueEntry(
        "lending_club_matured",
        "Lending Club loans that were due by March 2019, with what does not give the lender's rate away",
        "Kaggle wordsforthewise/lending-club (accepted loans), or Lending Club's own quarterly files",
        raw="lending_club",
        splits=("time", "row"),
    ),
)

DATASET_IDS: tuple[str, ...] = tuple(entry.id for entry in CATALOGUE)
RESERVED = ("own", "data")
"""What no declared dataset is called: the platform's job definitions for them are."""
OWN_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,59}")  # jobs are named after it, and AWS Batch has no `_` in front
OWN_NAME_RULE = "1 to 60 of a-z, 0-9 and _, the first no _, and not a dataset that ldp has, own or data"
_ENTRIES = {entry.id: entry for entry in CATALOGUE}


def entry_of(dataset: str) -> CatalogueEntry | None:
    """Return what can be said of a dataset, or None where it is not of this catalogue."""
    return _ENTRIES.get(dataset)


def is_own_name(name: str) -> bool:
    """Return whether a dataset of a user's own may have a name: as :data:`OWN_NAME_RULE` says.

    >>> is_own_name("german"), is_own_name("taiwan_credit"), is_own_name("own"), is_own_name("German")
    (True, False, False, False)
    """
    return bool(OWN_NAME.fullmatch(name)) and name not in _ENTRIES and name not in RESERVED


def raw_name(dataset: str) -> str:
    """Return the name under which a dataset's raw file lies: its own, or that of the dataset it shares it with."""
    entry = entry_of(dataset)
    return dataset if entry is None or entry.raw is None else entry.raw


def shipped_spec(dataset: str) -> str:
    """Return the name of the spec that a dataset's training job runs: the recommended one, unless it is not in that."""
    entry = entry_of(dataset)
    return "default" if entry is None else entry.spec


def split_names(dataset: str) -> tuple[str, ...]:
    """Return what a dataset's rows may be split by, the safest first."""
    entry = entry_of(dataset)
    return ("row",) if entry is None else entry.splits
