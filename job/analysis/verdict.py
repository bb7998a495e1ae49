"""What an execution says of a dataset in three sentences, and what it does not allow to say.

The sentences follow from the tables: which combination leads and which are not distinguishable from it, what its
technique adds to its own model, what its decisions come to. Nothing that was not tested is said to differ, and nothing
that was tested and not told apart is said to be the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from job.analysis.differences import BASELINE, Difference, name_of
from job.analysis.ranking import LEAST_POSITIVES, LOWER_IS_BETTER
from job.analysis.resampled import LEAST_REPETITIONS
from job.analysis.rows import SummaryRow
from job.analysis.summary import DatasetState, Summary
from job.analysis.wording import Name, Param, Sentence, Share
from job.catalogue import entry_of

NAMED = 4  # combinations that a sentence names one by one
FEW_GROUPS = 20
FEW_DATASETS = 10
SURE = 0.95
Kind = Literal["winner", "tie", "untested", "unranked", "nothing"]


@dataclass(frozen=True)
class Verdict:
    """What may be concluded of one dataset at the metric that its rows are sorted by.

    Attributes
    ----------
    kind : {'winner', 'tie', 'untested', 'unranked', 'nothing'}
    sentences : tuple of Sentence
        Three, or one where nothing can be concluded.
    cannot_say : tuple of Sentence
        What it does not allow to say, the gravest first.
    """

    kind: Kind
    sentences: tuple[Sentence, ...]
    cannot_say: tuple[Sentence, ...]


def verdict(summary: Summary, dataset: str, differences: Sequence[Difference]) -> Verdict:
    """Conclude from a summary and the differences of its combinations.

    Parameters
    ----------
    dataset : str
        One of the summary's.
    differences : sequence of Difference
        All pairs, as :func:`job.analysis.study.all_differences` gives them; other datasets and metrics are passed over.
    """
    state = next(one for one in summary.datasets if one.dataset == dataset)
    rows = [row for row in summary.rows if row.dataset == dataset and row.seeds]
    own = [one for one in differences if (one.dataset, one.metric) == (dataset, summary.sort)]
    ranked = [row for row in rows if row.standing.rank is not None]
    limits = tuple(_limits(summary, state, rows, ranked, own))
    if not rows:
        return Verdict("nothing", (Sentence("There is no result yet."),), limits)
    if not ranked:
        return Verdict("unranked", (_unranked(rows),), limits)
    kind, first = _lead(ranked, summary.sort, state, own)
    return Verdict(kind, (first, _technique(ranked, summary.sort, own), _decisions(ranked[0])), limits)


def combination(row: SummaryRow) -> Sentence:
    """Return how readers know a combination."""
    return Sentence("{model} × {technique}", {"model": Name(row.model), "technique": Name(row.technique)})


def _unranked(rows: Sequence[SummaryRow]) -> Sentence:
    fewest = min((one.positives for row in rows for one in row.evidence.values()), default=0)
    if fewest < LEAST_POSITIVES:
        return Sentence(
            "Nothing is ranked: a test part has {n} defaulter, and at least {least} are needed.",
            {"n": fewest, "least": LEAST_POSITIVES},
            "Nothing is ranked: a test part has {n} defaulters, and at least {least} are needed.",
            fewest,
        )
    return Sentence("Nothing is ranked: the metric is undefined for every combination.")


def _lead(
    ranked: Sequence[SummaryRow], metric: str, state: DatasetState, own: Sequence[Difference]
) -> tuple[Kind, Sentence]:
    best, others = ranked[0], ranked[1:]
    params: dict[str, Param] = {
        "best": combination(best),
        "metric": Name(metric),
        "value": best.mean[metric] or 0.0,
        "n": len(others),
    }
    if not others:
        return "untested", Sentence("{metric}: {best} has {value}, and there is no other to hold it against.", params)
    if state.repetition == "origin":
        return _lead_by_time(best, others, params, own)
    if best.standing.tied is None:
        return "untested", Sentence(
            "{metric}: {best} has the best mean, {value}; whether the other differs from it was not tested.",
            params,
            "{metric}: {best} has the best mean, {value}; whether the {n} others differ from it was not tested.",
            len(others),
        )
    tied = [row for row in others if row.standing.tied]
    return "tie" if tied else "winner", _tied(tied, len(others), params)


def _tied(tied: Sequence[SummaryRow], others: int, params: Mapping[str, Param]) -> Sentence:
    """Say which of the others are not distinguishable from the best."""
    if not tied:
        return Sentence(
            "{metric}: {best} is the best with {value}, and distinguishable from the other.",
            params,
            "{metric}: {best} is the best with {value}, and distinguishable from all {n} others.",
            others,
        )
    if len(tied) <= NAMED:
        return Sentence(
            "{metric}: {best} has the best mean, {value}, but is not distinguishable from {named}.",
            {**params, "named": tuple(combination(row) for row in tied)},
        )
    if len(tied) == others:
        return Sentence(
            "{metric}: {best} has the best mean, {value}, and none of the {n} others is distinguishable from it.",
            params,
        )
    return Sentence(
        "{metric}: {best} has the best mean, {value}; {tied} of the {n} others are not distinguishable from it.",
        {**params, "tied": len(tied)},
    )


def _lead_by_time(
    best: SummaryRow, others: Sequence[SummaryRow], params: Mapping[str, Param], own: Sequence[Difference]
) -> tuple[Kind, Sentence]:
    """Count the combinations that the best is ahead of on the test months of every origin."""
    name = name_of(best)
    tested = [one.seen_from(name) for one in own if name in (one.first, one.second) and one.distinguishable is not None]
    if not tested:
        return "untested", Sentence(
            "{metric}: {best} has the best mean over the origins, {value}; whether the {n} others differ from it was "
            "not tested.",
            params,
        )
    sign = -1 if own[0].metric in LOWER_IS_BETTER else 1
    met = {name_of(row): [one for one in tested if one.second == name_of(row)] for row in others}
    ahead = [some and all(one.distinguishable and sign * _value(one) > 0 for one in some) for some in met.values()]
    apart = sum(map(bool, ahead))
    return "winner" if apart == len(others) else "tie", Sentence(
        "{metric}: {best} has the best mean over the origins, {value}; on the test months of every origin it is "
        "distinguishably ahead of {apart} of the {n} others.",
        {**params, "apart": apart},
    )


def _technique(ranked: Sequence[SummaryRow], metric: str, own: Sequence[Difference]) -> Sentence:
    """Say what the best row's technique adds to its own model."""
    best, sign = ranked[0], -1 if metric in LOWER_IS_BETTER else 1
    of_model = {row.technique: row for row in ranked if row.model == best.model}
    params: dict[str, Param] = {"model": Name(best.model), "technique": Name(best.technique)}
    if best.technique == BASELINE:
        if len(of_model) == 1:
            return Sentence("No technique against class imbalance is ranked beside the baseline of {model}.", params)
        return Sentence("By the means no technique against class imbalance raises {model} above its baseline.", params)
    if BASELINE not in of_model:
        return Sentence("What {technique} adds to {model} is unknown: its baseline is not ranked beside it.", params)
    base = of_model[BASELINE]
    params["gain"] = sign * ((best.mean[metric] or 0.0) - (base.mean[metric] or 0.0))
    found = [one.seen_from(name_of(best)) for one in own if {one.first, one.second} == {name_of(best), name_of(base)}]
    one = found[0] if len(found) == 1 else None  # several origins have one each
    if one is None or one.distinguishable is None or one.low is None or one.high is None:
        return Sentence("Over the baseline of {model} {technique} gains {gain}, which was not tested.", params)
    params["low"], params["high"] = sorted((sign * one.low, sign * one.high))
    if one.distinguishable:
        return Sentence(
            "Over the baseline of {model} {technique} gains {gain} (95%: {low} to {high}), which is distinguishable.",
            params,
        )
    return Sentence(
        "Over the baseline of {model} {technique} gains {gain} (95%: {low} to {high}), which is not distinguishable "
        "after adjusting for all pairs.",
        params,
    )


def _decisions(best: SummaryRow) -> Sentence:
    """Say what the best row's decisions come to."""
    sensitivity, precision, specificity = (best.mean[one] for one in ("sensitivity", "precision", "specificity"))
    if sensitivity is None or precision is None or specificity is None:
        return Sentence("What its decisions come to is undefined.")
    return Sentence(
        "Its decisions find {found} of the defaulters and refuse {refused} of the good borrowers; of all that "
        "it refuses {hits} are defaulters.",
        {"found": Share(sensitivity), "refused": Share(1 - specificity), "hits": Share(precision)},
    )


def _value(one: Difference) -> float:
    return one.difference or 0.0


def _limits(
    summary: Summary,
    state: DatasetState,
    rows: Sequence[SummaryRow],
    ranked: Sequence[SummaryRow],
    own: Sequence[Difference],
) -> Iterator[Sentence]:
    if state.synthetic:
        yield Sentence("The data are a synthetic sample: nothing here is about real borrowers.")
    if state.partial:
        yield Sentence(
            "{present} of {total} units have a result: which combination leads may change with the others.",
            {"present": state.present, "total": state.total},
        )
    if not rows:
        return
    yield from _of_split(state, rows)
    yield from _of_repetitions(state, rows)
    if any(row.standing.tied for row in ranked[1:]):
        yield Sentence(
            "Not distinguishable does not mean the same: with {seeds} splits only large differences show.",
            {"seeds": len(ranked[0].seeds)},
        )
        yield from _of_interest(ranked, own)
    if len(ranked) > 1:
        yield Sentence(
            "The best of {n} was chosen by the test rows that it is judged on, so its value flatters; what the folds "
            "would have chosen is the honest figure.",
            {"n": len(ranked)},
        )
    datasets = sum(one.present > 0 for one in summary.datasets)
    if datasets > 1:
        yield Sentence(
            "Each of the {n} datasets is judged by itself; over fewer than {least} nothing is tested.",
            {"n": datasets, "least": FEW_DATASETS},
        )
    else:
        yield Sentence("It is one dataset: other borrowers, lenders and years may give another order.")


def _of_split(state: DatasetState, rows: Sequence[SummaryRow]) -> Iterator[Sentence]:
    entry = entry_of(state.dataset)
    if state.split == "by row" and entry is not None and len(entry.splits) > 1:
        yield Sentence("Rows were split one by one although some hang together: all values may flatter.")
    blocks = [one.positive_blocks for row in rows for one in row.evidence.values() if one.positive_blocks is not None]
    if blocks and state.repetition == "seed" and min(blocks) < FEW_GROUPS:
        yield Sentence(
            "The defaulters of a test part come from as few as {n} groups: a few of them decide.", {"n": min(blocks)}
        )


def _of_repetitions(state: DatasetState, rows: Sequence[SummaryRow]) -> Iterator[Sentence]:
    most = max((len(row.seeds) for row in rows), default=0)
    if state.repetition == "origin":
        yield Sentence("Origins are no repetitions: how another time would have turned out is not in any figure.")
    elif 0 < most < LEAST_REPETITIONS:
        yield Sentence(
            "With {n} seed nothing tells how much another split would have changed; at least {least} are needed.",
            {"n": most, "least": LEAST_REPETITIONS},
            "With {n} seeds nothing tells how much another split would have changed; at least {least} are needed.",
            most,
        )


def _of_interest(ranked: Sequence[SummaryRow], own: Sequence[Difference]) -> Iterator[Sentence]:
    """Say of how many that are not distinguishable it is even probable that the difference is of no interest."""
    best = name_of(ranked[0])
    tied = {name_of(row) for row in ranked[1:] if row.standing.tied}
    judged = [one for one in own if best in (one.first, one.second) and {one.first, one.second} & tied]
    likely = [one.within for one in judged if one.within is not None]
    if likely:
        yield Sentence(
            "Of the combinations that are not distinguishable from the best, {n}, so many are so near with a "
            "probability of 95% that the difference is of no practical interest: {sure}.",
            {"n": len(likely), "sure": sum(one >= SURE for one in likely)},
        )
