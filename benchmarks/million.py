"""One seed of the `default` spec's models and techniques on 1.4 million Lending Club loans, by a sample of its fits.

    python -m benchmarks.million --out FOLDER                 # prepares, measures, prints; goes on where it was ended
    python -m benchmarks.million --out FOLDER --share 0.05

The whole of it takes more than a day of CPU time, so a systematic sample is really made: fits are drawn with a chance
that is proportional to what :mod:`job.planning.costs` expects of them, in the order of model, sampler and expectation.
Then the mean of measured over expected, times the sum of what is expected, is an unbiased estimate of the whole
(Hansen & Hurwitz 1943); its standard error is taken from the differences of neighbours in that order. What is drawn
once and again counts as often. Resampling is measured for each sampler, on one fold. Refits are fits on 1.25 times the
rows and take part by their expectation, and so do bins.

Loans are synthetic (`ldp data sample lending_club`), no row repeated, split by row. Fits are made in one process with
one thread, each sampler's on a fold of its own, since folds differ in nothing but chance. Every fit is noted as soon as
it is made.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.costs import KEPT
from job.data.processed import ProcessedData
from job.planning.cores import threads_of
from job.planning.costs import fold_rows, item_costs
from job.planning.fit_costs import fit_cost, resampling_cost
from job.planning.items import items_of
from job.planning.searches import Searches
from job.planning.spec import read_spec
from job.training.candidates import Candidate, ModelName, families, without_weight
from job.training.kernels import MOST_THREADS, numeric_environment
from job.training.techniques import Sampler, sampler_of

DATASET, ROWS, SEED = "lending_club", 1_400_000, 1
ME = (sys.executable, "-m", "benchmarks.million")
ALONE = 0.05  # of a forest's seconds, one thread's work: asking its trees takes 0.002, the rest is to be safe
SAMPLERS: tuple[Sampler, ...] = ("none", "random_under_sampling", "smote", "smote_tomek")


@dataclass(frozen=True)
class Fit:
    """One fit of a fold: the candidates that it serves, and the CPU seconds that are expected."""

    model: ModelName
    sampler: Sampler
    family: tuple[Candidate, ...]
    expected: float

    @property
    def name(self) -> str:
        return f"{self.model} {self.sampler} {json.dumps(self.family, sort_keys=True)}"


@dataclass(frozen=True)
class Shape:
    rows: int
    features: int
    default_rate: float


def shape_of(data: ProcessedData) -> Shape:
    return Shape(*data.X.shape, default_rate=float(data.target.mean()))


def population(shape: Shape) -> tuple[float, list[Fit], dict[Sampler, float]]:
    """Return the CPU seconds of one seed as planned, the fits of one fold, and what is expected of its resampling."""
    spec = replace(read_spec("default"), datasets=(DATASET,), seeds=(SEED,), splits={})
    searches, items = Searches(spec), list(items_of(list(spec.units())))
    planned = sum(cost.cpu_seconds for cost in item_costs(searches, items, {DATASET: shape}).values())
    fits = []
    for item in items:
        for search in searches.of(item):
            rows = fold_rows(searches, search.sampler, item[0], shape)
            points = {
                json.dumps(plain, sort_keys=True): plain
                for found in search.points.values()
                for plain in (without_weight(search.model, point) for point in found)
            }
            for family, planned_family in zip(families(search.model, points.values()), search.families, strict=True):
                expected = fit_cost(search.model, planned_family.fitted, search.sampler, rows, shape.features)
                fits.append(Fit(search.model, search.sampler, family, expected))
    unit = items[0][0]
    resampling = {s: resampling_cost(s, fold_rows(searches, s, unit, shape), shape.features) for s in SAMPLERS}
    return planned, sorted(fits, key=lambda fit: (fit.model, fit.sampler, fit.expected)), resampling


def draw(fits: Sequence[Fit], expected: float) -> list[int]:
    """Return indices, each with a chance proportional to its expectation, of fits that take about so many seconds."""
    total = sum(fit.expected for fit in fits)
    mean = sum(fit.expected**2 for fit in fits) / total  # of one that is drawn
    count = max(2, round(expected / mean))
    step, at, drawn, reached = total / count, random.Random(SEED).random(), [], 0.0
    for i, fit in enumerate(fits):
        reached += fit.expected / step
        while at < reached:
            drawn.append(i)
            at += 1
    return drawn


def measure(place: Path, sampler: Sampler, names: Sequence[str]) -> None:
    """In a process of its own: prepare a sampler's fold and make those of its fits that are not noted yet."""
    from job.data.processed import load_processed
    from job.store import Store
    from job.training.fitting import Trainer
    from job.training.models import load_libraries
    from job.training.preparation import prepare
    from job.training.resampling import resample
    from job.training.splits import split

    data = load_processed(Store.open(str(place)), DATASET)
    _, fits, _ = population(shape_of(data))
    fold = split(data.target, seed=SEED, folds=5, test_share=0.3).folds[SAMPLERS.index(sampler)]
    started = time.process_time()
    made = prepare(data.X, data.target, fold, sampler="none" if sampler == "smote_tomek" else sampler, seed=SEED)
    if sampler == "smote_tomek":  # what SMOTE takes is measured with SMOTE
        X, y = resample("smote", made.X_train, made.y_train, SEED)
        started = time.process_time()
        X, y = resample("smote_tomek", X, y, SEED)
        made = replace(made, X_train=X, y_train=y)
    _note(place, f"resampling {sampler}", time.process_time() - started, made.X_train.shape)
    for fit in fits:
        if fit.sampler == sampler and fit.name in names:
            load_libraries(fit.model)
            started = time.process_time()
            trainer = Trainer(fit.model, made, sampler=sampler, seed=SEED)
            for _ in trainer.fit(fit.family):
                pass
            # Bins are shared by the fits of a fold, and counted by their expectation.
            _note(place, fit.name, time.process_time() - started - trainer.bins.cpu_seconds, made.X_train.shape)


def _note(place: Path, name: str, seconds: float, shape: tuple[int, ...]) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    line = {"name": name, "cpu_s": round(seconds, 2), "rows": shape[0], "peak_mib": peak, "load": os.getloadavg()[0]}
    with (place / "fits.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(f"{seconds:8.1f} s  {name}", flush=True)


def noted(place: Path) -> dict[str, dict[str, Any]]:
    file = place / "fits.jsonl"
    lines = file.read_text().splitlines() if file.is_file() else []
    return {line["name"]: line for line in map(json.loads, lines)}


def report(place: Path, shape: Shape, drawn: Sequence[int]) -> None:
    planned, fits, resampling = population(shape)
    done = noted(place)
    ratios = [done[fits[i].name]["cpu_s"] / fits[i].expected for i in drawn if fits[i].name in done]
    spent = sum(done[name]["cpu_s"] for name in {fits[i].name for i in drawn} & set(done))
    resampled = {s: done[f"resampling {s}"]["cpu_s"] for s in SAMPLERS[2:] if f"resampling {s}" in done}
    # Five folds and the refit, of 1.25 times the rows.
    times = 5 + 1.25**1.6
    made_again = times * sum(resampled.values())
    fitted = planned - times * sum(resampling[s] for s in resampled)
    mean = sum(ratios) / len(ratios)
    steps = [(a - b) ** 2 for a, b in itertools.pairwise(ratios)]
    error = (sum(steps) / (2 * max(len(steps), 1)) / len(ratios)) ** 0.5
    hour = 3600
    print(f"planned: {planned / hour:.1f} CPU hours for one seed, {shape.rows:,} rows of {shape.features} features")
    print(f"measured: {len(ratios)} of {len(drawn)} drawn fits, {spent / hour:.2f} CPU hours, "
          f"{(spent + sum(resampled.values())) / planned:.1%} of the plan")  # fmt: skip
    print(f"fits: {mean:.3f} of what is expected, standard error {error:.3f}")
    for sampler, seconds in resampled.items():
        print(f"resampling by {sampler}: {seconds:.0f} s a fold, expected {resampling[sampler]:.0f} s")
    whole = fitted * mean + made_again
    print(f"estimate: {whole / hour:.1f} ± {fitted * error / hour:.1f} CPU hours, "
          f"{made_again / hour:.2f} of them resampling")  # fmt: skip
    by_kind: dict[tuple[str, str], list[float]] = defaultdict(list)
    for i in drawn:
        if fits[i].name in done:
            by_kind[fits[i].model, fits[i].sampler].append(done[fits[i].name]["cpu_s"] / fits[i].expected)
    for (model, sampler), each in sorted(by_kind.items()):
        print(f"  {model:21}{sampler:22}{len(each):3} fits, measured / expected {sum(each) / len(each):.2f}")
    kinds = {kind: sum(each) / len(each) for kind, each in by_kind.items()}
    share, hours = busy_share(items_as_measured(shape, kinds, mean), 4)
    print(f"4 workers, by simulation: {hours:.1f} h, their cores busy for {share:.0%} of it")
    print(f"peak memory of a process that holds data and fold: {max(one['peak_mib'] for one in done.values())} MiB")


def items_as_measured(shape: Shape, ratios: Mapping[tuple[str, str], float], mean: float) -> list[tuple[float, int]]:
    """Return for each work item of a seed its CPU seconds, as its kind of fits was measured, and its most threads."""
    spec = replace(read_spec("default"), datasets=(DATASET,), seeds=(SEED,), splits={})
    items = list(items_of(list(spec.units())))
    found = []
    for item, cost in item_costs(Searches(spec), items, {DATASET: shape}).items():
        seconds = sum(
            unit.cpu_seconds * ratios.get((item[0].model, sampler_of(technique)), mean)
            for technique, unit in cost.units.items()
        )
        found.append((seconds, MOST_THREADS[item[0].model]))
    return sorted(found, reverse=True)


def busy_share(items: Sequence[tuple[float, int]], workers: int) -> tuple[float, float]:
    """Return the share of so many cores' time that work items fill, and their hours, as the runner deals out both.

    An item's threads share its trees; asking them is left to one, for about :data:`ALONE` of the time.
    """
    waiting, running, now, worked = list(items), [], 0.0, 0.0
    while waiting or running:
        while waiting and len(running) < workers:
            running.append(list(waiting.pop(0)))
        threads = threads_of(workers, [int(most) for _, most in running])
        speeds = [1 / (ALONE + (1 - ALONE) / count) for count in threads]
        step = min(left / speed for (left, _), speed in zip(running, speeds, strict=True))
        for one, speed in zip(running, speeds, strict=True):
            one[0] -= step * speed
            worked += step * speed
        now += step
        running = [one for one in running if one[0] > 1e-6]
    return worked / (workers * now), now / 3600


def prepared(place: Path) -> Shape:
    """Write and process the sample, unless it is there."""
    from job.console import Console
    from job.data.datasets.samples import write_sample
    from job.data.processed import load_processed
    from job.data.processing import process
    from job.store import Store

    store = Store.open(str(place))
    if not (place / "data" / "processed").is_dir():
        write_sample(store, DATASET, rows=int(ROWS / KEPT), seed=SEED)
        process(store, DATASET, Console.silent())
    return shape_of(load_processed(store, DATASET))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="where data and measurements are kept"
    )
    parser.add_argument("--share", type=float, default=0.055, help="of the whole CPU time that is really spent")
    parser.add_argument("--report", action="store_true", help="only print what there is")
    parser.add_argument("--sampler", choices=SAMPLERS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    place = asked.out
    place.mkdir(parents=True, exist_ok=True)
    shape = prepared(place)
    planned, fits, resampling = population(shape)
    drawn = draw(fits, asked.share * planned - sum(resampling.values()))
    names = {fits[i].name for i in drawn}
    if asked.sampler:
        measure(place, asked.sampler, sorted(names - set(noted(place))))
        return 0
    expected = sum(fit.expected for fit in fits if fit.name in names)
    print(f"{len(drawn)} drawings of {len(fits)} fits of a fold, {expected / 3600:.2f} CPU hours expected", flush=True)
    for sampler in () if asked.report else SAMPLERS:
        mine = {fit.name for fit in fits if fit.sampler == sampler} & names
        if mine - set(noted(place)):
            environment = {**os.environ, **numeric_environment()}
            subprocess.run([*ME, "--out", str(place), "--share", str(asked.share), "--sampler", sampler],
                           check=True, env=environment)  # fmt: skip
    if noted(place):
        report(place, shape, drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
