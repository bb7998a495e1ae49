"""Corporate credit ratings with financial ratios: 2,029 ratings of 593 companies by five agencies, 2005 to 2016.

The same company appears in several rows, so a split by row leaks companies from train to test: Symbol is the group.

Two datasets are made of the file. `corporate_credit_rating` has the published study's target, D, C or CC: 8 ratings of
7 companies, which illustrate and rank nothing. `corporate_ccc` adds CCC: 72 ratings of 46 companies. Its ratios span
six orders of magnitude, so that their ends are drawn in to what the training rows have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from job.data.datasets.dataset import Dataset, Derived, Put, float32, one_hot
from job.data.declared import Declared, Steps
from job.data.raw.cells import categories, mapped, numbers
from job.data.raw.header import RawColumn
from job.data.raw.rawfile import RawTable

RATINGS = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C", "D")
DEFAULTS = frozenset({"D", "C", "CC"})
CCC_OR_WORSE = DEFAULTS | {"CCC"}
RATIOS = (
    "currentRatio", "quickRatio", "cashRatio", "daysOfSalesOutstanding", "netProfitMargin", "pretaxProfitMargin",
    "grossProfitMargin", "operatingProfitMargin", "returnOnAssets", "returnOnCapitalEmployed", "returnOnEquity",
    "assetTurnover", "fixedAssetTurnover", "debtEquityRatio", "debtRatio", "effectiveTaxRate",
    "freeCashFlowOperatingCashFlowRatio", "freeCashFlowPerShare", "cashPerShare", "companyEquityMultiplier",
    "ebitPerRevenue", "enterpriseValueMultiple", "operatingCashFlowPerShare", "operatingCashFlowSalesRatio",
    "payablesTurnover",
)  # fmt: skip
SECTORS = (
    "Basic Industries", "Capital Goods", "Consumer Durables", "Consumer Non-Durables", "Consumer Services", "Energy",
    "Finance", "Health Care", "Miscellaneous", "Public Utilities", "Technology", "Transportation",
)  # fmt: skip
HEADER = ("Rating", "Name", "Symbol", "Rating Agency Name", "Date", "Sector", *RATIOS)


def derive(raw: RawTable, put: Put, defaults: AbstractSet[str] = DEFAULTS) -> Derived:
    """Derive 36 features: the 25 ratios and the sector; and the target: whether the rating is one of `defaults`."""
    target = mapped(
        raw,
        "Rating",
        {rating: int(rating in defaults) for rating in RATINGS},
        "is not a rating from AAA to D",
        "Correct the cell or remove the row.",
    ).astype(np.int8)
    values = {name: numbers(raw, name) for name in RATIOS}
    sector = categories(raw, "Sector")
    encoded, unknown = one_hot("Sector", sector, SECTORS, put)
    features = {name: float32(put(values[name])) for name in RATIOS} | encoded
    interim = {
        "Rating": raw.texts("Rating").strings(),
        "Symbol": raw.texts("Symbol").strings(),
        "Sector": sector.texts(),
        **values,
        "target": target,
    }
    return Derived(
        interim, features, target, group=raw.texts("Symbol").strings(), unknown={"Sector": unknown} if unknown else {}
    )


def sample(rows: int, seed: int) -> Iterator[Mapping[str, Any]]:
    """Imitate the raw file: a company's strength drives its ratios and its rating; few are near default."""
    rng = np.random.default_rng(seed)
    companies = max(rows * 3 // 10, 1)
    company = rng.integers(0, companies, rows)
    strength = rng.normal(0, 1, companies)[company] + rng.normal(0, 0.3, rows)
    share = np.cumsum([0.0034, 0.044, 0.196, 0.331, 0.2415, 0.149, 0.0251, 0.006, 0.002])
    noisy = strength + rng.normal(0, 0.35, rows)
    rank = np.argsort(np.argsort(-noisy)) / rows
    order = np.searchsorted(share, rank, side="right")
    # However few rows there are, two of them are defaults and can be learnt from.
    order[np.argsort(noisy)[: max(2, rows // 250)]] = 7
    loc = np.linspace(0.4, 2.5, len(RATIOS))
    weight = np.clip(rng.normal(0, 0.25, len(RATIOS)), -0.4, 0.4)  # none of them tells defaults by itself
    columns: dict[str, Any] = {
        "Rating": [RATINGS[i] for i in order],
        "Name": [f"Company {i}" for i in company],
        "Symbol": [f"C{i:05d}" for i in company],
        "Rating Agency Name": rng.choice(["Agency A", "Agency B", "Agency C"], rows).tolist(),
        "Date": [f"{m}/{d}/{y}" for m, d, y in zip(
            rng.integers(1, 13, rows), rng.integers(1, 29, rows), rng.integers(2010, 2017, rows), strict=True)],
        "Sector": np.array(SECTORS)[rng.integers(0, len(SECTORS), companies)][company].tolist(),
    }  # fmt: skip
    for i, name in enumerate(RATIOS):
        heavy = rng.standard_t(4, rows) * 0.4
        columns[name] = np.round(loc[i] * (1 + weight[i] * strength + heavy), 9)
    yield columns


CORPORATE_CREDIT_RATING = Dataset(
    "corporate_credit_rating",
    HEADER,
    (
        *(RawColumn(name) for name in ("Rating", "Symbol", "Sector")),
        *(RawColumn(name, number=True) for name in RATIOS),
    ),
    derive,
    sample,
)

CORPORATE_CCC = replace(
    CORPORATE_CREDIT_RATING,
    id="corporate_ccc",
    derive=partial(derive, defaults=CCC_OR_WORSE),
    declared=Declared(Steps(winsor=0.01, winsorised=RATIOS)),
)
