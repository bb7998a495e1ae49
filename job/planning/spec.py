"""A spec says what units to run and how: datasets, models with their grids, techniques, seeds and the protocol.

It is a TOML file. Three are shipped (``quick``, ``default``, ``thesis``); a user's own is read from its path::

    description = "Trees on Taiwan"
    datasets = ["taiwan_credit"]
    techniques = ["baseline", "smote"]
    seeds = [1, 2, 3]
    folds = 5                        # default 5
    test_share = 0.3                 # default 0.3
    scoring = "balanced_accuracy"    # default; picks the winner of each grid

    [splits]                         # optional; see job.planning.splitting
    taiwan_credit = "row"

    [models.random_forest]
    techniques = ["baseline"]        # optional: instead of the spec's

    [models.random_forest.grid]
    n_estimators = 200               # one value, or a list to search
    max_depth = [10, 20, "none"]     # "none" is Python's None

What a grid may hold is in :mod:`job.planning.grids`.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from job.bounds import SPEC_BYTES
from job.catalogue import DATASET_IDS, is_own_name
from job.checker import NAME, Checker, has_large_number, is_int, is_list
from job.errors import SpecInvalid, SpecNotFound, did_you_mean, shown
from job.metrics import SCORINGS
from job.planning.grids import ALLOWED, MAX_CANDIDATES, MAX_FITS, MAX_SEARCHED, read_grid
from job.planning.splitting import read_splits
from job.training.blocks import ByRow, ByTime, Split
from job.training.candidates import MODELS, Grid, ModelName, Value, count_candidates, grid_of
from job.training.techniques import TECHNIQUES, Technique, sampler_of
from job.training.unit import Protocol, Unit

MAX_UNITS = 1_000_000
_KEYS = ("name", "description", "datasets", "techniques", "seeds", "folds", "test_share", "scoring", "splits", "models")


@dataclass(frozen=True)
class ModelSpec:
    """A model's part of a spec."""

    techniques: tuple[Technique, ...]
    grid: Grid


@dataclass(frozen=True)
class Spec:
    """What to run. Made by :func:`read_spec`, which checks it."""

    name: str
    description: str
    datasets: tuple[str, ...]
    models: Mapping[ModelName, ModelSpec]
    seeds: tuple[int, ...]
    protocol: Protocol
    splits: Mapping[str, Split] = field(default_factory=dict)

    def split(self, dataset: str) -> Split:
        """Return how a dataset's rows are split."""
        return self.splits.get(dataset, ByRow())

    def repetitions(self, dataset: str) -> tuple[int, ...]:
        """Return the numbers of a dataset's repetitions: the seeds; by time, the origins from the earliest."""
        split = self.split(dataset)
        return tuple(range(1, split.origins + 1)) if isinstance(split, ByTime) else self.seeds

    def units(self) -> Iterator[Unit]:
        """Yield every unit; those that share prepared folds (dataset, seed, sampler) stand beside each other."""
        for dataset in self.datasets:
            for seed in self.repetitions(dataset):
                combinations = [(m, t) for m, part in self.models.items() for t in part.techniques]
                for model, technique in sorted(combinations, key=lambda mt: (sampler_of(mt[1]), *mt)):
                    yield Unit(dataset, model, technique, seed)

    def grid(self, unit: Unit) -> Grid:
        """Return what a unit searches."""
        return grid_of(unit.model, unit.technique, self.models[unit.model].grid)

    def fits(self, unit: Unit) -> int:
        """Return how many fits a unit is: every candidate on every fold, and the refit."""
        return count_candidates(self.grid(unit)) * self.protocol.folds + 1

    def canonical(self) -> dict[str, Any]:
        """Return what the results depend on, as plain JSON values. The description is not part of it.

        Nor is what is split by row, so that ids stay what they were.
        """
        splits = {name: self.split(name).as_json() for name in self.datasets}
        splits = {name: split for name, split in splits.items() if split != ByRow().as_json()}
        return {
            **({"splits": splits} if splits else {}),
            "name": self.name,
            "datasets": list(self.datasets),
            "seeds": list(self.seeds),
            "folds": self.protocol.folds,
            "test_share": self.protocol.test_share,
            "scoring": self.protocol.scoring,
            "models": {
                name: {
                    "techniques": list(part.techniques),
                    "grid": {key: [_plain(value) for value in part.grid[key]] for key in sorted(part.grid)},
                }
                for name, part in sorted(self.models.items())
            },
        }


def shipped_specs() -> list[str]:
    """Return the names of the specs that come with the package."""
    folder = resources.files("job.planning") / "specs"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read_spec(name_or_path: str) -> Spec:
    """Read a shipped spec by its name, or a spec file by its path, with or without its ``.toml``.

    Raises
    ------
    SpecNotFound
        Where it is neither.
    SpecInvalid
        Naming every key and value that cannot be used.
    """
    return parse_spec(*spec_source(name_or_path))


def spec_source(name_or_path: str) -> tuple[str, str, str]:
    """Return a spec's text, the name that it has where its text says none, and what messages call it.

    Raises
    ------
    SpecNotFound
    SpecInvalid
        Where its file cannot be read.
    """
    shipped = shipped_specs()
    if name_or_path in shipped:
        text = (resources.files("job.planning") / "specs" / f"{name_or_path}.toml").read_text("utf-8")
        return text, name_or_path, name_or_path
    path = _spec_file(name_or_path)
    if path is None:
        raise SpecNotFound(
            f"there is no spec {shown(name_or_path)}", f"{did_you_mean(name_or_path, shipped)} Or give a .toml file."
        )
    try:
        return _text_of(path), path.stem, str(path)
    except FileNotFoundError:
        raise SpecNotFound(f"there is no spec file {path}", "Check the path; shipped: " + ", ".join(shipped)) from None
    except (OSError, ValueError) as error:
        raise SpecInvalid(f"the spec {path} cannot be read: {error}", "Give a TOML file in UTF-8.") from error


def _text_of(path: Path) -> str:
    """Return a spec file's text; a pipe or a device is none, since reading it may never end.

    Raises
    ------
    OSError, ValueError
        Saying why there is none.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no file")
    if found.st_size > SPEC_BYTES:
        raise ValueError(f"it has more than {SPEC_BYTES:,} bytes")
    return path.read_text("utf-8-sig")  # some editors begin a file with a mark


def spec_name(name_or_path: str) -> str:
    """Return the name of a spec that is given as :func:`read_spec` takes it; its file may be gone, or be spoilt."""
    path = None if name_or_path in shipped_specs() else _spec_file(name_or_path)
    if path is None:
        return name_or_path
    try:
        return str(tomllib.loads(_text_of(path)).get("name", path.stem))
    except (OSError, ValueError, RecursionError):
        return path.stem


def _spec_file(name_or_path: str) -> Path | None:
    path = Path(name_or_path)
    try:
        if path.suffix == ".toml" or path.is_file():
            return path
        beside = Path(f"{name_or_path}.toml")
        return beside if beside.is_file() else None
    except (OSError, ValueError):  # too long for a path, or behind a closed door
        return None


def parse_spec(text: str, name: str, where: str) -> Spec:
    """Parse and check a spec's text; `name` is used where the text names none, `where` in messages."""
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise SpecInvalid(f"the spec {where} is nested too deeply", "Correct the file.") from None
    except ValueError as error:  # a number of thousands of digits is TOML and no number to Python
        raise SpecInvalid(f"the spec {where} is not TOML: {error}", "Correct the file.") from None
    if has_large_number(raw):
        raise SpecInvalid(f"the spec {where} has a whole number of more than 64 bits", "Correct the file.")
    return spec_from_mapping({"name": name, **raw}, where, datasets=DATASET_IDS)


def spec_from_mapping(raw: Mapping[str, Any], where: str, datasets: Sequence[str] | None = None) -> Spec:
    """Check a spec that is a mapping already, such as :meth:`Spec.canonical`'s.

    Parameters
    ----------
    where : str
        For messages.
    datasets : sequence of str, optional
        The names that are known, beside those that datasets of users' own may have; without it any is taken: an
        execution may be of a dataset that is no longer, or not yet, in this catalogue.
    """
    check = Checker()
    check.keys("", raw, _KEYS, required=("datasets", "seeds", "models"))
    name = raw.get("name")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        check.problem(f"name {shown(name)} is not 1 to 40 of a-z, 0-9, - and _")
    named = _datasets(check, raw.get("datasets", []), datasets)
    techniques = check.names("techniques", raw.get("techniques", list(TECHNIQUES)), TECHNIQUES)
    seeds = _seeds(check, raw.get("seeds", []))
    protocol = _protocol(check, raw)
    models: dict[ModelName, ModelSpec] = {}
    parts = raw.get("models", {})
    if not isinstance(parts, Mapping) or not parts:
        check.problem("models must be tables such as [models.random_forest.grid]")
    else:
        for model in check.names("models", list(parts), MODELS):
            models[model] = _model(check, model, parts[model], techniques)
    _done(check, where)
    splits = read_splits(check, raw.get("splits", {}), named, protocol.test_share, known=datasets is not None)
    _done(check, where)
    spec = Spec(str(name), str(raw.get("description", "")), named, models, seeds, protocol, splits)
    combinations = sum(len(part.techniques) for part in models.values())
    if combinations * sum(len(spec.repetitions(dataset)) for dataset in named) > MAX_UNITS:
        check.problem(f"more than {MAX_UNITS:,} units")
    _check_sizes(check, models, protocol.folds)
    _done(check, where)
    return spec


def _datasets(check: Checker, given: Any, known: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of datasets; of a name that may be a user's own dataset's, only the store says whether it is."""
    own = [name for name in given if isinstance(name, str) and is_own_name(name)] if is_list(given) else []
    return check.names("datasets", given, None if known is None else (*known, *own))


def _done(check: Checker, where: str) -> None:
    check.done(f"the spec {where}", SpecInvalid, "Correct it; `ldp experiment plan` checks.")


def _check_sizes(check: Checker, models: Mapping[ModelName, ModelSpec], folds: int) -> None:
    """Note grids with more candidates, or more fits, than a result can hold or a plan can enumerate."""
    searched = 0
    for model, part in models.items():
        counts = [count_candidates(grid_of(model, technique, part.grid)) for technique in part.techniques]
        most = max(counts, default=0)
        searched += sum(counts)
        if most > MAX_CANDIDATES:
            check.problem(f"the grid of {model} has more than {MAX_CANDIDATES:,} candidates")
        elif most * folds > MAX_FITS:
            check.problem(
                f"the grid of {model} has {most:,} candidates, which with {folds} folds are {most * folds:,} fits for "
                f"each unit; at most {MAX_FITS:,} can be kept"
            )
    if searched > MAX_SEARCHED and not check.problems:
        check.problem(
            f"all models and techniques together have {searched:,} candidates; at most {MAX_SEARCHED:,} can be planned"
        )


def _seeds(check: Checker, given: Any) -> tuple[int, ...]:
    if not is_list(given) or not given or not all(is_int(seed) and 0 <= seed < 2**31 for seed in given):
        check.problem(f"seeds must be a list of whole numbers from 0 to {2**31 - 1}")
        return ()
    if len(set(given)) < len(given):
        check.problem("seeds lists a number twice")
    return tuple(given)


def _protocol(check: Checker, raw: Mapping[str, Any]) -> Protocol:
    standard = Protocol()
    folds, share = raw.get("folds", standard.folds), raw.get("test_share", standard.test_share)
    scoring = raw.get("scoring", standard.scoring)
    if not (is_int(folds) and 2 <= folds <= 100):
        check.problem("folds must be a whole number from 2 to 100")
    if not (isinstance(share, float) and 0.01 <= share <= 0.99):
        check.problem("test_share must be a number from 0.01 to 0.99")
    if scoring not in SCORINGS:
        check.problem(f"scoring {shown(scoring)} is unknown: {did_you_mean(str(scoring), SCORINGS)}")
    return Protocol(folds, share, scoring)


def _model(check: Checker, model: ModelName, part: Any, techniques: tuple[Any, ...]) -> ModelSpec:
    where = f"models.{model}"
    if not isinstance(part, Mapping):
        check.problem(f"{where} must be a table")
        return ModelSpec((), {})
    check.keys(where, part, ("techniques", "grid"))
    own = check.names(f"{where}.techniques", part["techniques"], TECHNIQUES) if "techniques" in part else techniques
    grid = part.get("grid", {})
    if not isinstance(grid, Mapping):
        check.problem(f"{where}.grid must be a table")
        return ModelSpec(own, {})
    check.keys(f"{where}.grid", grid, tuple(ALLOWED[model]))
    values, problems = read_grid(model, grid)
    check.problems += problems
    return ModelSpec(own, values)


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value
