"""What is at stake with each applicant, by the costs that a dataset declares: decisions in its own money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from job.analysis.money import ProfitModel, expected_maximum_profit, profit_by_losses
from job.catalogue import is_own_name
from job.data.audit import load_audit
from job.data.conversion import to_array
from job.data.declarations.declaration import Costs
from job.data.declarations.stored import find_declaration
from job.metrics import Array
from job.store import Store


@dataclass(frozen=True)
class Declared:
    """What is declared of a dataset's costs.

    Attributes
    ----------
    costs : Costs
    columns : dict of str to float64 ndarray of shape (n,)
        Those that the costs name, for all rows of the processed data.
    """

    costs: Costs
    columns: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Stakes:
    """What decisions on n rows cost.

    Attributes
    ----------
    bad_granted, bad_refused, good_refused, good_granted : float64 ndarray of shape (n,)
        NaN where a column that they follow from has no value.
    per : str
        In what.
    """

    bad_granted: Array
    bad_refused: Array
    good_refused: Array
    good_granted: Array
    per: str


def declared_costs(store: Store, dataset: str, fingerprint: str | None) -> Declared | None:
    """Return what costs a dataset declares in a store; None where it declares none.

    They are no part of what results depend on: what stands there now counts, whatever stood there when they were made.

    Parameters
    ----------
    fingerprint : str or None
        Of the processed data that the results are of.

    Raises
    ------
    ProcessedDataNotFound, ProcessedDataInvalid
        Where columns that the costs name are not there, or are those of other data.
    DeclarationInvalid
    """
    declaration = find_declaration(store, dataset) if is_own_name(dataset) else None
    if declaration is None or declaration.costs is None:
        return None
    names = tuple(declaration.costs.columns)
    table = load_audit(store, dataset, fingerprint or "") if names else None
    return Declared(
        declaration.costs, {} if table is None else {name: to_array(table[name]).astype(np.float64) for name in names}
    )


def stakes(declared: Declared, rows: Array) -> Stakes | None:
    """Return what decisions on some rows cost; None where costs are declared in part only.

    A default that is granted loses its share of the exposure, and a good loan that is refused what it would have earned
    on it; without an exposure both are shares of the loan.

    Parameters
    ----------
    rows : int ndarray of shape (n,)
        Of the processed data.
    """
    costs, none = declared.costs, np.zeros(rows.size)
    if costs.matrix is not None:
        cells = costs.matrix
        return Stakes(
            none + cells.bad_granted, none + cells.bad_refused, none + cells.good_refused, none + cells.good_granted,
            "as the matrix has it",
        )  # fmt: skip
    if costs.lgd is None or costs.roi is None:
        return None
    exposure = np.ones(rows.size) if costs.ead is None else _values(declared, costs.ead, rows)
    per = "as a share of the loan" if costs.ead is None else "in the unit of the exposure"
    return Stakes(_values(declared, costs.lgd, rows) * exposure, none, costs.roi * exposure, none, per)


def _values(declared: Declared, given: float | str, rows: Array) -> Array:
    """Return what is declared of each row, NaN where a cell is empty or no cost."""
    if not isinstance(given, str):
        return np.full(rows.size, float(given))
    values, (low, high) = declared.columns[given][rows], declared.costs.columns[given]
    return np.where((values >= low) & (values <= high), values, np.nan)


def decisions_priced(target: Array, probability: Array, decision: Array, at_stake: Stakes) -> dict[str, Any]:
    """Return what decisions cost for each applicant, as plain JSON values.

    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, 973-978: refusing costs less from the probability
    (c_good_refused - c_good_granted) / (that + c_bad_granted - c_bad_refused) on, which differs between rows where
    losses do.

    Returns
    -------
    dict
        ``own`` by the unit's decisions, ``by_threshold`` by that probability, after the prior was corrected,
        ``trivial`` of granting all or refusing all; ``rows`` that it is of, ``rows_without`` whose costs are not
        known; ``why`` nothing can be said.
    """
    known = ~np.isnan(at_stake.bad_granted + at_stake.good_refused)
    found: dict[str, Any] = {"per": at_stake.per, "rows": int(known.sum()), "rows_without": int((~known).sum())}
    lost = (at_stake.bad_granted - at_stake.bad_refused)[known]
    earned = (at_stake.good_refused - at_stake.good_granted)[known]
    if not known.any():
        return found | {"why": "no row has its costs"}
    if (lost < 0).any() or (earned < 0).any():
        return found | {"why": "to refuse a good borrower, or to grant to a bad one, is declared to pay"}
    y, p, refused = target[known] == 1, probability[known], decision[known] == 1
    with np.errstate(invalid="ignore"):
        by_threshold = p >= earned / (earned + lost)  # of rows with nothing at stake, to grant

    def cost(refuse: Array) -> float:
        bad = np.where(refuse, at_stake.bad_refused[known], at_stake.bad_granted[known])
        good = np.where(refuse, at_stake.good_refused[known], at_stake.good_granted[known])
        return float(np.where(y, bad, good).mean())

    everybody = np.ones(y.size, bool)
    return found | {
        "own": cost(refused),
        "by_threshold": cost(by_threshold),
        "trivial": min(cost(everybody), cost(~everybody)),
        "why": None,
    }


def profit_of(declared: Declared | None, target: Array, score: Array, rows: Array) -> tuple[float, float, str]:
    """Return the expected maximum profit, the share refused for it, and whose figures it is by.

    By what is declared, and by Verbraken's defaults for what is not.

    Parameters
    ----------
    target, score : ndarray of shape (n,)
    rows : int ndarray of shape (n,)
        Of the processed data.
    """
    usual = ProfitModel()
    costs = Costs() if declared is None else declared.costs
    if costs.matrix is not None:
        lost = costs.matrix.bad_granted - costs.matrix.bad_refused
        earned = costs.matrix.good_refused - costs.matrix.good_granted
        if lost > 0 and earned > 0:
            return *profit_by_losses(target, score, np.array([lost]), earned), "the declared cost matrix, in its unit"
    earned = usual.return_on_investment if costs.roi is None else costs.roi
    whose = f"ROI {earned:g}, {'declared' if costs.roi is not None else 'of Verbraken'}"
    if declared is not None and costs.lgd is not None and earned > 0:
        losses = _values(declared, costs.lgd, rows)
        losses = losses[~np.isnan(losses)]
        if losses.size:
            said = f"LGD {costs.lgd:g}" if not isinstance(costs.lgd, str) else f"LGD of the column {costs.lgd}"
            return *profit_by_losses(target, score, losses, earned), f"{said}, declared, and {whose}"
    if costs.roi is not None and costs.roi > 0:
        model = ProfitModel(return_on_investment=costs.roi, heading=f"Verbraken's losses (p0 0.55, p1 0.10), {whose}")
        return *expected_maximum_profit(target, score, model), model.heading
    return *expected_maximum_profit(target, score, usual), usual.heading
