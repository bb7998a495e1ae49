"""The names of the datasets. Standard library only: the AWS platform imports this module too."""

from __future__ import annotations

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
    """

    id: str
    title: str
    source: str


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
    ),
    CatalogueEntry(
        "lending_club",
        "Lending Club accepted loans, 2007 to 2018 (up to 2.26 million loans)",
        "Kaggle wordsforthewise/lending-club (accepted loans), or Lending Club's own quarterly files",
    ),
)

DATASET_IDS: tuple[str, ...] = tuple(entry.id for entry in CATALOGUE)
