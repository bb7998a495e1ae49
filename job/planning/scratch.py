"""How much room prepared folds take in the scratch directory, and how much of it they may take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from job.data.processed import ProcessedInfo
from job.planning.costs import fold_rows
from job.planning.searches import Searches
from job.planning.shares import fold_share
from job.training.techniques import Sampler, chain, sampler_of
from job.training.unit import Unit

RESERVE = 1 << 30
"""Bytes that folds leave free, or a fifth of what there is where that is less: results may go to the same disk."""


def folds_bytes(searches: Searches, units: Iterable[Unit], infos: Mapping[str, ProcessedInfo]) -> int:
    """Estimate how many bytes all prepared folds of a run take at most; they go when no unit needs them any more."""
    wanted: dict[tuple[str, int, Sampler], Unit] = {}
    for unit in units:
        for sampler in chain(sampler_of(unit.technique)):
            wanted.setdefault((unit.dataset, unit.seed, sampler), unit)
    return sum(_bytes(searches, unit, sampler, infos[dataset]) for (dataset, _, sampler), unit in wanted.items())


def _bytes(searches: Searches, unit: Unit, sampler: Sampler, info: ProcessedInfo) -> int:
    """Return what the folds of one sampler take, the refit's with them: float32 features and int8 targets."""
    trained = fold_rows(searches, sampler, unit, info)
    refit = trained / fold_share(searches.spec, unit)
    # Each row is asked about once: those of the training part by a fold, those of the test part by the refit.
    rows = searches.spec.protocol.folds * trained + refit + info.rows
    return int(rows * (4 * (info.features + len(info.declared.steps.indicators)) + 1))


def room_for_folds(free: int) -> int:
    """Return how many bytes folds may take where so many are free."""
    return free - min(RESERVE, free // 5)
