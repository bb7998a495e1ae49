"""What ``ldp analyze`` says of differences, selections and single units, at a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from job.cli.tables import TIED, print_line, print_table

if TYPE_CHECKING:
    from job.analysis.differences import Difference
    from job.analysis.selection import Selection


def print_differences(found: Sequence[Difference]) -> None:
    """Print pairs by dataset and metric, a table for each first of them, and why some were not tested."""
    for dataset, metric, origin in dict.fromkeys((one.dataset, one.metric, one.origin) for one in found):
        own = [one for one in found if (one.dataset, one.metric, one.origin) == (dataset, metric, origin)]
        print_line(f"{dataset}, {metric}{'' if origin is None else f', origin {origin}'}: {len(own)} pairs")
        for first in dict.fromkeys(one.first for one in own):
            rows = [one for one in own if one.first == first and one.distinguishable is not None]
            if rows:
                body = [
                    [one.second, _signed(one.difference), _span(one.low, one.high), _number(one.p_holm),
                     _number(one.within), "" if one.distinguishable else TIED]
                    for one in rows
                ]  # fmt: skip
                print_table("", [(f"{first} less", False), *_DIFFERENCE], body)
        for why in dict.fromkeys(one.untested for one in own if one.untested):
            print_line(f"not tested: {sum(one.untested == why for one in own)} pairs: {why}")
        _print_legend(own)


_DIFFERENCE = (("difference", True), ("95 %", True), ("p, Holm", True), ("within", True), ("", False))


def _print_legend(own: Sequence[Difference]) -> None:
    if any(one.distinguishable is False for one in own):
        print_line(f"{TIED} not distinguishable")
    if any(one.p is not None for one in own):
        print_line("p: corrected resampled t-test, Holm over all pairs of the dataset; the 95 % are of each pair alone")
    region = own[0].region
    if region is not None and any(one.within is not None for one in own):
        print_line(f"within: how probable it is that the true difference is within ±{region:g}, of no interest")
    if any(one.origin is not None and one.low is not None for one in own):
        print_line("95 %: test months drawn again; that other training rows give another model is not in it")
    print_line("")


def print_pairs(records: Sequence[dict[str, Any]]) -> None:
    """Print pairs on one test set: by how much the AUC differs, and how many decisions one alone has right."""
    for dataset, first in dict.fromkeys((one["dataset"], one["first"]) for one in records):
        own = [one for one in records if (one["dataset"], one["first"]) == (dataset, first)]
        body = [
            [one["second"], _signed(one["auc_difference"]), _number(one["auc_p_holm"]),
             *(f"{one[f'{within}_first']}:{one[f'{within}_second']} ({one[f'{within}_p_holm']:.3f})" for within in
               ("defaulters", "others"))]
            for one in own
        ]  # fmt: skip
        columns = [(f"{first} less", False), ("AUC", True), ("p", True), ("defaulters", True), ("others", True)]
        print_table(f"{dataset}, seed {own[0]['seed']}", columns, body)
    print_line(
        "p: DeLong's, by Holm; defaulters, others: decisions that the first, the second alone has right (McNemar)"
    )
    print_line("one test part: that other training rows give another model is not in it")


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+z.3f}"


def print_selections(found: Sequence[Selection]) -> None:
    """Print what the folds chose beside the best of the test, a table for each dataset."""
    columns = [("seed", True), ("chosen by the folds", False), ("test", True), ("best of the test", False),
               ("test", True), ("optimism", True)]  # fmt: skip
    for dataset in dict.fromkeys(one.dataset for one in found):
        own = [one for one in found if one.dataset == dataset]
        body = [
            [one.seed, one.chosen, _number(one.test_score), one.best, _number(one.best_score), _number(one.optimism)]
            for one in own
        ]
        print_table(f"{dataset}: {own[0].metric} of units searched by {own[0].scoring}", columns, body)
        for why in dict.fromkeys(one.unreliable for one in own if one.unreliable):
            print_line(f"no conclusion: {why}")
        left_out = dict.fromkeys(name for one in own for name in one.left_out)
        if left_out:
            print_line(f"left out, searched by ROC AUC: {', '.join(left_out)}")
        print_line("")
    if not found:
        print_line("no units with fold scores")
        return
    print_line("optimism: by how much the best test score flatters (chosen in the bag, scored out of it)")


def print_figures(records: Sequence[dict[str, Any]]) -> None:
    """Print the figures of units that fit a line, by dataset and seed; ``--json`` has all of them."""
    for dataset, seed in dict.fromkeys((one["dataset"], one["seed"]) for one in records):
        own = [one for one in records if (one["dataset"], one["seed"]) == (dataset, seed)]
        body = [_figures(one) for one in own if one["why"] is None]
        if body:
            print_table(f"{dataset}, {own[0]['split']}, {seed}", _FIGURES, body)
            _print_money([one for one in own if one["why"] is None])
        for one in own:
            if one["why"] is not None:
                print_line(f"{one['model']} × {one['technique']}: {one['why']}")
        print_line("")
    print_line("corrected, O/E, slope: with the prior corrected, where the record tells how the odds were shifted")
    print_line("AUC: over other test rows of the kind; that other training rows give another model is not in it")
    _print_money_words(records)


def _print_money(own: Sequence[dict[str, Any]]) -> None:
    """Print the expected maximum profit and, where costs are declared, what decisions cost by them."""
    body = []
    for one in own:
        money = one["money"]
        priced = money["declared"] or {}
        costs = [_money(priced.get(name)) for name in ("own", "by_threshold", "trivial")]
        body.append([one["model"], one["technique"], *costs, _money(money["emp"]), _number(money["emp_refused"])])
    columns = [("model", False), ("technique", False), ("cost, own", True), ("at threshold", True), ("trivial", True),
               ("EMP", True), ("refused", True)]  # fmt: skip
    declared = any(one["money"]["declared"] for one in own)
    if declared:
        print_table("", columns, body)
    else:
        print_table("", [*columns[:2], *columns[5:]], [[*row[:2], *row[5:]] for row in body])


def _print_money_words(records: Sequence[dict[str, Any]]) -> None:
    """Say once for each dataset what its money is of."""
    done = [one for one in records if one["why"] is None]
    for dataset in dict.fromkeys(one["dataset"] for one in done):
        own = [one["money"] for one in done if one["dataset"] == dataset]
        for heading in dict.fromkeys(one["emp_heading"] for one in own):
            print_line(f"EMP, refused: {dataset}, for each applicant over granting all, and the share refused for it")
            print_line(f"      by {heading}")
        for per in dict.fromkeys(one["declared"]["per"] for one in own if one["declared"]):
            print_line(f"cost: {dataset}, for each applicant, {per}: by the unit's own decisions, at the")
            print_line("      threshold that costs least, and of granting all or refusing all")
        for why in dict.fromkeys(one["declared"]["why"] for one in own if one["declared"] and one["declared"]["why"]):
            print_line(f"cost: {dataset}: {why}")
        without = max((one["declared"]["rows_without"] for one in own if one["declared"]), default=0)
        if without:
            print_line(f"cost: {dataset}: up to {without:,} test rows of a unit lack their costs and are left out")


def _money(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"


_FIGURES = (("model", False), ("technique", False), ("AUC, 95 %", True), ("Brier", True), ("corrected", True),
            ("O/E", True), ("slope", True))  # fmt: skip


def _figures(one: dict[str, Any]) -> list[str | None]:
    intervals = one["intervals"]
    auc = (intervals.get("delong") or intervals.get("bootstrap") or {}).get("roc_auc", {})
    put_back = one.get("calibration_corrected")
    told = put_back or one["calibration"]
    ratio, line = told["observed_expected"], told["recalibration"]
    return [
        one["model"], one["technique"], _span(auc.get("low"), auc.get("high")), _number(one["calibration"]["brier"]),
        _number(put_back and put_back["brier"]), None if ratio is None else f"{ratio['ratio']:.3g}",
        None if line is None or line["slope"] is None else f"{line['slope']:.3g}",
    ]  # fmt: skip


def print_stability(records: Sequence[dict[str, Any]]) -> None:
    """Print what raised the alarm, and how much was looked at."""
    raised = [one for one in records if one["alarm"]]
    columns = [("origin", True), ("what", False), ("month", False), ("index", True), ("threshold", True)]
    body = [
        [one["seed"], one["name"] if one["model"] is None else f"{one['model']} × {one['technique']}", one["month"],
         _number(one["index"]), _number(one["threshold"])]
        for one in raised
    ]  # fmt: skip
    if body:
        print_table("moved further than chance and 0.1", columns, body)
    print_line(f"{len(raised)} of {len(records)} comparisons raise the alarm")


def print_fairness(records: Sequence[dict[str, Any]]) -> None:
    """Print each unit's groups beside the largest one."""
    columns = [("group", False), ("rows", True), ("approval ratio", True), ("TPR gap", True), ("FPR gap", True)]
    if not records:
        print_line("no unit is done, or there is one group only")
        return
    for unit in dict.fromkeys((one["model"], one["technique"], one["seed"]) for one in records):
        own = [one for one in records if (one["model"], one["technique"], one["seed"]) == unit]
        body = [
            [one["group"], one["rows"],
             *(_gap(one[name]) for name in ("approval_ratio", "sensitivity_gap", "false_alarm_gap"))]
            for one in own
        ]  # fmt: skip
        title = f"{own[0]['dataset']} by {own[0]['column']}: {unit[0]} × {unit[1]}, {unit[2]}"
        print_table(f"{title}, against the largest group {own[0]['reference']}", columns, body)


def _gap(gap: dict[str, float | None]) -> str | None:
    value, span = _number(gap["value"]), _span(gap["low"], gap["high"])
    return value if span is None else f"{value} ({span})"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:z.3f}"


def _span(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:z.3f} to {high:z.3f}"
