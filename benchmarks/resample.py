"""SMOTE-Tomek and its Tomek links: ours against imbalanced-learn, on the same rows, with one thread.

    python -m benchmarks resample --data taiwan_credit.csv     # 30 thousand rows of the real file, and synthetic ones
    python -m benchmarks resample --rows 160000 --rounds 3     # one of the synthetic sizes

Rows are those that a refit resamples, scaled: of the real Taiwan file, and of samples of Lending Club as large as asked
for, no row of which is repeated. Sizes are those after SMOTE. Of a million rows and more imbalanced-learn would take an
hour: there scikit-learn is asked for the neighbours of some rows among all, and its seconds are extrapolated to all
rows, since its brute force takes as long for each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from benchmarks.measure import Case, Claim, Side, circumstances, compare, publish, ratio, spread, timed
from job.training.kernels import numeric_environment

SIZES = (160_000, 1_200_000)
WHOLE = 500_000  # rows up to which imbalanced-learn is asked for all neighbours
ASKED = 8192  # rows beyond
QUICK_S, REPEATS = 5.0, 5  # what takes less is the mean of so many
LEAST = {30_000: 15.0, 160_000: 20.0, 1_200_000: 40.0}
MOST_MEMORY = 6.0
SEED = 1
PACKAGES = ("numpy", "scikit-learn", "imbalanced-learn")
ME = (sys.executable, "-m", "benchmarks.resample")


def prepare(place: Path, rows: int, raw: Path | None) -> None:
    """In a process of its own: what a refit resamples, and what SMOTE makes of it."""
    import shutil

    import numpy as np
    from imblearn.over_sampling import SMOTE

    from job.console import Console
    from job.data.datasets.samples import write_sample
    from job.data.processed import load_processed
    from job.data.processing import process
    from job.store import Store
    from job.training.preparation import prepare as prepared
    from job.training.splits import Fold, split

    store, dataset = Store.open(str(place)), "lending_club" if raw is None else "taiwan_credit"
    if raw is None:  # a third of the loans are not finished, and SMOTE adds nearly as many as there are
        write_sample(store, dataset, rows=int(rows * 1.02), seed=SEED)
    else:
        (place / "data" / "raw").mkdir(parents=True)
        shutil.copy(raw, place / "data" / "raw" / f"{dataset}.csv")
    process(store, dataset, Console.silent())
    data = load_processed(store, dataset)
    fold = split(data.target, seed=SEED, folds=5, test_share=0.3).refit
    if raw is None:  # all rows, so that fewer have to be made
        fold = Fold("all", np.arange(len(data.target)), np.arange(1))
    made = prepared(data.X, data.target, fold, sampler="none", seed=SEED)
    X, y = SMOTE(k_neighbors=3, random_state=SEED).fit_resample(made.X_train, made.y_train)
    for name, array in {"X": made.X_train, "y": made.y_train, "X_smote": X, "y_smote": y}.items():
        np.save(place / f"{name}.npy", array)


def side(name: str, place: Path) -> None:
    """In a process of its own: resample, and tell the seconds, the memory on top of the rows, and a digest."""
    import hashlib

    import numpy as np

    from benchmarks.memory import anonymous_bytes

    technique, whose = name.split(":")
    suffix = "_smote" if technique == "tomek" else ""
    X, y = (np.load(place / f"{part}{suffix}.npy") for part in ("X", "y"))
    rows = np.load(place / "X_smote.npy", mmap_mode="r").nbytes
    run = {"ours": _ours, "theirs": _theirs, "asked": _asked}[whose]
    run(technique, X[:6000].copy(), y[:6000].copy())  # loads the libraries
    answer: dict[str, Any] = {}
    before = peak = anonymous_bytes()
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.005):
            peak = max(peak, anonymous_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with timed(answer):
        found = run(technique, X, y)
    ended.set()
    watcher.join()
    if answer["cpu_s"] < QUICK_S:  # as a worker does it, fold after fold, and nobody watching
        with timed(answer):
            for _ in range(REPEATS):
                run(technique, X, y)
        answer |= {figure: answer[figure] / REPEATS for figure in ("cpu_s", "wall_s")}
    answer["memory"] = (peak - before) / rows
    answer["share"] = 1.0 if whose != "asked" else ASKED / len(X)
    answer["digest"] = "" if found is None else hashlib.sha256(found[0].tobytes() + found[1].tobytes()).hexdigest()
    answer["kept"] = 0 if found is None else len(found[0])
    print(json.dumps(answer))


def _ours(technique: str, X: Any, y: Any) -> Any:
    if technique == "smote_tomek":
        X, y = _resample("smote", X, y)
    return _resample("smote_tomek", X, y)


def _theirs(technique: str, X: Any, y: Any) -> Any:
    from imblearn.combine import SMOTETomek
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import TomekLinks

    tomek = TomekLinks(sampling_strategy="all")
    if technique == "tomek":
        return tomek.fit_resample(X, y)
    smote = SMOTE(k_neighbors=3, random_state=SEED)
    return SMOTETomek(smote=smote, tomek=tomek, random_state=SEED).fit_resample(X, y)


def _asked(technique: str, X: Any, y: Any) -> Any:
    from sklearn.neighbors import NearestNeighbors

    del technique, y
    NearestNeighbors(n_neighbors=2, algorithm="brute").fit(X).kneighbors(X[:ASKED])


def law(place: Path) -> None:
    """Print what SMOTE and Tomek take at several sizes: the figures of job/planning/costs.py."""
    import numpy as np

    X, y = np.load(place / "X.npy"), np.load(place / "y.npy")
    for features, steps in ((X.shape[1], (10, 3, 1)), (15, (30, 10))):
        some = np.ascontiguousarray(X[:, :features])
        for step in steps:
            rows, target = some[::step], y[::step]
            answers: list[dict[str, Any]] = [{}, {}]
            with timed(answers[0]):
                rows, target = _resample("smote", rows, target)
            with timed(answers[1]):
                _resample("smote_tomek", rows, target)
            print(f"{features} features, {len(rows):,} rows:", *(f"{answer['cpu_s']:.2f}" for answer in answers))


def _resample(sampler: Any, X: Any, y: Any) -> Any:
    from job.training.resampling import resample

    return resample(sampler, X, y, SEED)


def case(place: Path, title: str, size: int, rounds: int) -> Case:
    environment = numeric_environment()

    def a_side(name: str, words: str) -> Side:
        return Side(name, (*ME, "--side", name, str(place)), words, environment)

    whole = size <= WHOLE
    sides = [a_side("tomek:ours", "Tomek links of SMOTE's rows"), a_side("smote_tomek:ours", "SMOTE, and then those")]
    if whole:
        sides.append(a_side("tomek:theirs", "`TomekLinks`"))
        sides.append(a_side("smote_tomek:theirs", "`SMOTETomek`"))
    else:
        sides.append(a_side("tomek:asked", f"scikit-learn's neighbours of {ASKED:,} rows among all"))
    runs = compare(sides, rounds)
    claims, checks = [], []
    least = LEAST.get(size)
    if whole:
        for technique in ("tomek", "smote_tomek"):
            saved = ratio(runs, f"{technique}:theirs", f"{technique}:ours")
            claims.append(Claim(f"CPU of {technique}, imbalanced-learn / ours", saved, at_least=least))
            same = {run.answer["digest"] for whose in ("ours", "theirs") for run in runs[f"{technique}:{whose}"]}
            assert len(same) == 1, f"{technique} differs"
            checks.append(f"{technique}: equal bytes, {runs[f'{technique}:ours'][0].answer['kept']:,} rows")
    else:
        pairs = list(zip(runs["tomek:asked"], runs["tomek:ours"], strict=True))
        whole_s = spread(asked.cpu_s / asked.answer["share"] for asked, _ in pairs)
        claims.append(Claim("CPU of imbalanced-learn's Tomek links, extrapolated", whole_s, "s"))
        saved = spread(asked.cpu_s / asked.answer["share"] / ours.cpu_s for asked, ours in pairs)
        claims.append(Claim("CPU of tomek, imbalanced-learn (extrapolated) / ours", saved, at_least=least))
    for technique in ("tomek", "smote_tomek"):
        more = spread(run.answer["memory"] for run in runs[f"{technique}:ours"])
        # Of few rows a block's products are most of it.
        most = MOST_MEMORY if size >= 100_000 else None
        claims.append(Claim(f"memory of {technique} on top of its rows / float32 rows after SMOTE", more, at_most=most))
    return Case(title, tuple(sides), runs, tuple(claims), tuple(checks))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks resample")
    parser.add_argument("--data", type=Path, metavar="FILE", help="the raw Taiwan file")
    parser.add_argument("--rows", type=int, nargs="*", default=list(SIZES), help="synthetic sizes, about, after SMOTE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--law", action="store_true", help="only print our seconds at 30, 100 and 300 thousand rows")
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--fit", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side(options.side[0], Path(options.side[1]))
        return 0
    if options.fit:
        law(options.fit)
        return 0
    if options.prepare:
        prepare(Path(options.prepare[0]), int(options.prepare[1]), options.data)
        return 0
    if options.law:
        with tempfile.TemporaryDirectory() as place:
            environment = {**os.environ, **numeric_environment(), "LDP_STORAGE_URL": place}
            subprocess.run([*ME, "--prepare", place, "300000"], check=True, env=environment)
            subprocess.run([*ME, "--fit", place], check=True, env=environment)
        return 0
    given = "" if options.data is None else f" --data {options.data.name}"
    given += "" if options.rows == list(SIZES) else f" --rows {' '.join(map(str, options.rows))}"
    about = circumstances(f"python -m benchmarks resample{given} --rounds {options.rounds}", PACKAGES)
    cases = []
    for size, raw in [*([] if options.data is None else [(30_000, options.data)]), *((n, None) for n in options.rows)]:
        title = "the real Taiwan file's refit" if raw else f"about {size:,} synthetic rows of 42 features"
        print(title, file=sys.stderr)
        with tempfile.TemporaryDirectory() as place:
            more = () if raw is None else ("--data", str(raw))
            environment = {**os.environ, "LDP_STORAGE_URL": place}
            subprocess.run([*ME, "--prepare", place, str(size), *more], check=True, env=environment)
            cases.append(case(Path(place), title, size, options.rounds))
    return publish("resample", about, cases)


if __name__ == "__main__":
    sys.exit(main())
