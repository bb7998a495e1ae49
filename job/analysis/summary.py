"""Which combination detects defaulters best: mean and standard deviation of every metric over the seeds."""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from job.analysis.notes import REFERENCE, gpu_notes, gpus_of, origins_of, references_of, split_notes, terms_of
from job.console import Console
from job.errors import UsageError, did_you_mean, shown
from job.executions.executions import Execution
from job.executions.recovery import read_binding
from job.executions.results import StoredResult
from job.executions.verify import verify
from job.metrics import METRIC_IDS
from job.store import Store
from job.training.blocks import ByTime

LOWER_IS_BETTER = frozenset({"brier", "log_loss"})


@dataclass(frozen=True)
class SummaryRow:
    """One combination of model and technique on one dataset.

    Attributes
    ----------
    dataset, model, technique : str
    seeds : tuple of int
        The seeds whose units are done.
    mean, std : dict of metric id to float or None
        Over the seeds at which the metric is defined. `std` has ddof = 1 and is None for fewer than two.
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

    def as_json(self) -> dict[str, Any]:
        """Return the row as plain JSON values: names, seeds, then ``{metric}_mean`` and ``{metric}_std``."""
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
        return found


@dataclass(frozen=True)
class DatasetState:
    """How much of a dataset is summarised, and what has to be said of its table; counts are units.

    `repetition` is what a unit's number is: a seed, or by time an origin.
    """

    dataset: str
    present: int
    total: int
    synthetic: bool
    notes: tuple[str, ...] = ()
    repetition: str = "seed"

    @property
    def partial(self) -> bool:
        """Whether results are missing."""
        return self.present < self.total


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


@dataclass(frozen=True)
class Summary:
    """The comparison of one execution.

    Attributes
    ----------
    execution : str
    sort : str
        The metric by which rows are sorted within their dataset, the best first.
    rows : tuple of SummaryRow
    datasets : tuple of DatasetState
    damaged : tuple of str
        Results that could not be used, one line each.
    references : tuple of SummaryRow
        What each dataset's rows are held against: the prior, and the best single feature.
    terms : tuple of TermRow
        The rows again for each term, where outcomes are due after different times.
    """

    execution: str
    sort: str
    rows: tuple[SummaryRow, ...]
    datasets: tuple[DatasetState, ...]
    damaged: tuple[str, ...]
    references: tuple[SummaryRow, ...] = ()
    terms: tuple[TermRow, ...] = ()


def summarise(
    store: Store, execution: Execution, *, sort: str = "balanced_accuracy", console: Console | None = None
) -> Summary:
    """Read, verify and compare the results of an execution; a binding that cannot be read is named to `console`.

    Raises
    ------
    UsageError
        Where `sort` is not a metric.
    StorageError
        Where the storage gives not a single result.
    """
    if sort not in METRIC_IDS:
        raise UsageError(f"there is no metric {shown(sort)}", did_you_mean(sort, METRIC_IDS))
    units = list(execution.spec.units())
    verified = verify(store, execution, units)
    if len(verified.unreadable) == len(units):
        raise next(iter(verified.unreadable.values()))
    states = []
    for dataset in execution.spec.datasets:
        binding = read_binding(store, execution, dataset, console)
        of_dataset = [result for unit, result in verified.results.items() if unit.dataset == dataset]
        states.append(
            DatasetState(
                dataset,
                sum(unit.dataset == dataset for unit in verified.results),
                sum(unit.dataset == dataset for unit in units),
                bool(binding and binding.get("synthetic")),
                (*split_notes(dataset, execution.spec.split(dataset), of_dataset), *gpu_notes(of_dataset)),
                "origin" if isinstance(execution.spec.split(dataset), ByTime) else "seed",
            )
        )
    rows = summary_rows(verified.results.values())
    order = {dataset: i for i, dataset in enumerate(execution.spec.datasets)}
    rows.sort(key=lambda row: (order[row.dataset], *_rank(row, sort)))
    return Summary(
        execution.id,
        sort,
        tuple(rows),
        tuple(states),
        (*verified.damaged.values(), *verified.foreign.values(), *(e.what for e in verified.unreadable.values())),
        tuple(row for dataset in order for row in reference_rows(dataset, verified.results.values())),
        tuple(sorted(term_rows(verified.results.values()), key=lambda row: (order[row.dataset], row.term))),
    )


def summary_rows(results: Iterable[StoredResult]) -> list[SummaryRow]:
    """Group results by dataset, model and technique."""
    groups: dict[tuple[str, str, str], list[StoredResult]] = defaultdict(list)
    for result in results:
        unit = result.unit
        groups[unit.dataset, unit.model, unit.technique].append(result)
    return [_row(*names, sorted(group, key=lambda one: one.unit.seed)) for names, group in sorted(groups.items())]


def _row(dataset: str, model: str, technique: str, results: list[StoredResult]) -> SummaryRow:
    done = [result for result in results if result.record["status"] == "done"]
    return SummaryRow(
        dataset,
        model,
        technique,
        tuple(result.unit.seed for result in done),
        *_spread([result.record["metrics"] for result in done]),
        {r.unit.seed: str(r.record["reason"]) for r in results if r.record["status"] == "inapplicable"},
        origins_of(done),
        gpus=gpus_of(done),
    )


def _spread(
    found: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, float | None], dict[str, float | None], dict[str, int]]:
    """Return mean and standard deviation of every metric, and how often one is undefined."""
    mean: dict[str, float | None] = {}
    std: dict[str, float | None] = {}
    undefined = {}
    for metric in METRIC_IDS:
        values = [value for metrics in found if (value := metrics.get(metric)) is not None]
        mean[metric] = statistics.fmean(values) if values else None
        std[metric] = statistics.stdev(values) if len(values) > 1 else None
        if len(values) < len(found):
            undefined[metric] = len(found) - len(values)
    return mean, std, undefined


def reference_rows(dataset: str, results: Iterable[StoredResult]) -> list[SummaryRow]:
    """Return a dataset's reference rows: the prior, and the best single feature."""
    own = [result for result in results if result.unit.dataset == dataset]
    rows = []
    for name, by_seed in references_of(own).items():
        seeds = tuple(sorted(by_seed))
        features = {seed: by_seed[seed]["feature"] for seed in seeds} if name == "single_feature" else {}
        spread = _spread([by_seed[seed] for seed in seeds])
        rows.append(SummaryRow(dataset, REFERENCE, name, seeds, *spread, {}, origins_of(own), features))
    return rows


def term_rows(results: Iterable[StoredResult]) -> list[TermRow]:
    """Return every combination on the test rows of each term, in the order of their names."""
    found: dict[tuple[str, int, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for result in results:
        for term, metrics in terms_of(result).items():
            found[result.unit.dataset, term, result.unit.model, result.unit.technique].append(metrics)
    return [
        TermRow(*names, statistics.fmean(one.get("rows", 0) for one in group), _spread(group)[0])
        for names, group in sorted(found.items())
    ]


def _rank(row: SummaryRow, sort: str) -> tuple[bool, float, str, str]:
    value = row.mean[sort]
    if value is None:
        return True, 0.0, row.model, row.technique
    return False, value if sort in LOWER_IS_BETTER else -value, row.model, row.technique


def to_csv(summary: Summary) -> bytes:
    """Return the rows as CSV: one line each, seeds separated by blanks, undefined values empty."""
    out = io.StringIO()
    names = ["dataset", "model", "technique", "seeds"]
    names += [f"{metric}_{part}" for metric in METRIC_IDS for part in ("mean", "std")]
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in (*summary.rows, *summary.references):
        writer.writerow(row.as_json() | {"seeds": " ".join(map(str, row.seeds))})
    return out.getvalue().encode()
