"""The rows of a comparison: each combination of model and technique with its figures over the repetitions."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from job.analysis.evidence import Evidence
from job.analysis.notes import REFERENCE, gpus_of, origins_of, references_of, terms_of
from job.analysis.ranking import Standing
from job.executions.results import StoredResult
from job.metrics import METRIC_IDS
from job.training.unit import Unit


@dataclass(frozen=True)
class SummaryRow:
    """One combination of model and technique on one dataset.

    Attributes
    ----------
    dataset, model, technique : str
    seeds : tuple of int
        The seeds whose units are done.
    mean, std : dict of metric id to float or None
        Over the seeds at which the metric is defined. `std` has ddof = 1 and is None for fewer than two: the spread of
        single splits, no interval for the mean.
    undefined : dict of metric id to int
        At how many seeds a metric is undefined, where that is any.
    inapplicable : dict of int to str
        Seeds whose units are inapplicable, with the reason.
    origins : dict of int to dict
        By time, where seeds are the origins' numbers: the months of each.
    features : dict of int to str
        Of the reference row of the best single feature: which that was.
    gpus : dict of int to str
        The GPU model that made the fits, for the seeds whose fits a GPU made.
    values : dict of metric id to dict of int to float
        By seed, where the metric is defined.
    evidence : dict of int to Evidence
        What the test part of each seed has.
    standing : Standing
        Its rank among the rows of its dataset; reference rows have none.
    """

    dataset: str
    model: str
    technique: str
    seeds: tuple[int, ...]
    mean: dict[str, float | None]
    std: dict[str, float | None]
    undefined: dict[str, int]
    inapplicable: dict[int, str]
    origins: dict[int, dict[str, Any]] = field(default_factory=dict)
    features: dict[int, str] = field(default_factory=dict)
    gpus: dict[int, str] = field(default_factory=dict)
    values: dict[str, dict[int, float]] = field(default_factory=dict)
    evidence: dict[int, Evidence] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)

    @property
    def flags(self) -> tuple[str, ...]:
        """What the reader of the row has to be warned of."""
        wrong = sorted(seed for seed, gini in self.values.get("gini", {}).items() if gini < 0)
        return (f"Gini below 0 at {', '.join(map(str, wrong))}: ranks the wrong way round",) if wrong else ()

    def as_json(self) -> dict[str, Any]:
        """Return the row as plain JSON values: names, seeds, then ``{metric}_mean`` and ``{metric}_std``.

        ``test_rows``, ``test_positives`` and ``positive_groups`` are in the order of ``seeds``.
        """
        found: dict[str, Any] = {
            "dataset": self.dataset, "model": self.model, "technique": self.technique, "seeds": list(self.seeds),
        }  # fmt: skip
        for metric in METRIC_IDS:
            found[f"{metric}_mean"] = self.mean[metric]
            found[f"{metric}_std"] = self.std[metric]
        found |= {
            "undefined": self.undefined,
            "inapplicable": {str(seed): why for seed, why in self.inapplicable.items()},
        }
        if self.origins:
            found["origins"] = {str(number): months for number, months in self.origins.items()}
        if self.features:
            found["features"] = {str(seed): name for seed, name in self.features.items()}
        if self.gpus:
            found["gpus"] = {str(seed): name for seed, name in self.gpus.items()}
        tested = [self.evidence.get(seed) for seed in self.seeds]
        return found | {
            "test_rows": [None if one is None else one.rows for one in tested],
            "test_positives": [None if one is None else one.positives for one in tested],
            "positive_groups": [None if one is None else one.positive_blocks for one in tested],
            "rank": self.standing.rank,
            "unranked": self.standing.unranked,
            "not_distinguishable_from_best": self.standing.tied,
            "flags": list(self.flags),
        }


@dataclass(frozen=True)
class TermRow:
    """One combination on the test rows of one term.

    Attributes
    ----------
    term : int
        Months after which outcomes are due.
    rows : float
        Test rows, on average over the repetitions.
    mean : dict of metric id to float or None
    """

    dataset: str
    term: int
    model: str
    technique: str
    rows: float
    mean: dict[str, float | None]


def summary_rows(results: Iterable[StoredResult], evidence: Mapping[Unit, Evidence]) -> list[SummaryRow]:
    """Group results by dataset, model and technique.

    Parameters
    ----------
    evidence : mapping of Unit to Evidence
        Of every unit that is done.
    """
    groups: dict[tuple[str, str, str], list[StoredResult]] = defaultdict(list)
    for result in results:
        unit = result.unit
        groups[unit.dataset, unit.model, unit.technique].append(result)
    return [
        _row(*names, sorted(group, key=lambda one: one.unit.seed), evidence) for names, group in sorted(groups.items())
    ]


def _row(
    dataset: str, model: str, technique: str, results: list[StoredResult], evidence: Mapping[Unit, Evidence]
) -> SummaryRow:
    done = {result.unit.seed: result for result in results if result.record["status"] == "done"}
    tested = {seed: evidence[result.unit] for seed, result in done.items()}
    values = _values({seed: one.record["metrics"] | {"ks": tested[seed].ks} for seed, one in done.items()})
    return SummaryRow(
        dataset,
        model,
        technique,
        tuple(done),
        *_spread(values, len(done)),
        {r.unit.seed: str(r.record["reason"]) for r in results if r.record["status"] == "inapplicable"},
        origins_of(done.values()),
        gpus=gpus_of(done.values()),
        values=values,
        evidence=tested,
    )


def _values(found: Mapping[int, Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    """Return every metric by seed, where it is defined."""
    return {
        metric: {seed: value for seed, metrics in found.items() if (value := metrics.get(metric)) is not None}
        for metric in METRIC_IDS
    }


def _spread(
    values: Mapping[str, Mapping[int, float]], seeds: int
) -> tuple[dict[str, float | None], dict[str, float | None], dict[str, int]]:
    """Return mean and standard deviation of every metric, and at how many of the seeds one is undefined."""
    known = {metric: list(by_seed.values()) for metric, by_seed in values.items()}
    mean = {metric: statistics.fmean(some) if some else None for metric, some in known.items()}
    std = {metric: statistics.stdev(some) if len(some) > 1 else None for metric, some in known.items()}
    return mean, std, {metric: seeds - len(some) for metric, some in known.items() if len(some) < seeds}


def reference_rows(
    dataset: str, results: Iterable[StoredResult], evidence: Mapping[Unit, Evidence]
) -> list[SummaryRow]:
    """Return a dataset's reference rows: the prior, and the best single feature."""
    own = [result for result in results if result.unit.dataset == dataset]
    tested = {unit.seed: one for unit, one in evidence.items() if unit.dataset == dataset}
    rows = []
    for name, by_seed in references_of(own).items():
        seeds = tuple(sorted(by_seed))
        features = {seed: by_seed[seed]["feature"] for seed in seeds} if name == "single_feature" else {}
        values = _values({seed: by_seed[seed] for seed in seeds})
        spread = _spread(values, len(seeds))
        held = {seed: tested[seed] for seed in seeds if seed in tested}
        rows.append(
            SummaryRow(
                dataset, REFERENCE, name, seeds, *spread, {}, origins_of(own), features, values=values, evidence=held
            )
        )
    return rows


def term_rows(results: Iterable[StoredResult]) -> list[TermRow]:
    """Return every combination on the test rows of each term, in the order of their names."""
    found: dict[tuple[str, int, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for result in results:
        for term, metrics in terms_of(result).items():
            found[result.unit.dataset, term, result.unit.model, result.unit.technique].append(metrics)
    return [
        TermRow(
            *names,
            statistics.fmean(one.get("rows", 0) for one in group),
            _spread(_values(dict(enumerate(group))), len(group))[0],
        )
        for names, group in sorted(found.items())
    ]
