"""What a run will do, before anyone waits for it: units, fits, what is left out and why, CPU hours and memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from job.catalogue import entry_of
from job.data.processed import ProcessedInfo, describe_processed
from job.errors import ProcessedDataNotFound, UsageError, did_you_mean, shown
from job.planning.costs import ItemCost, distinct_fits, item_costs
from job.planning.items import Item, items_of
from job.planning.known import check_current
from job.planning.libraries import require_libraries
from job.planning.memory import MIB, run_bytes
from job.planning.scratch import folds_bytes
from job.planning.searches import Searches
from job.planning.spec import Spec
from job.store import Store, raw_keys
from job.training.blocks import Split
from job.training.unit import Unit


@dataclass(frozen=True)
class Plan:
    """What would run.

    Attributes
    ----------
    units : tuple of Unit
        Those whose dataset is processed, in the order of :meth:`Spec.units`.
    left_out : dict
        Datasets of the spec that are not run, with the reason.
    fits : int
        Models that a naive grid search would fit for them.
    distinct_fits : int
        Models that have to be fitted, at most, once what is equal or part of another is fitted once.
    cpu_hours : float
        About; see :mod:`job.planning.costs`.
    memory_mib : float
        About, with `workers` processes.
    searches : Searches
        What the work items search.
    infos : dict of dataset to ProcessedInfo
        The processed data of the datasets that are run.
    costs : dict of Item to ItemCost
        The work items, in the order of their first units, and what each is expected to cost.
    """

    units: tuple[Unit, ...]
    left_out: dict[str, str]
    fits: int
    distinct_fits: int
    cpu_hours: float
    memory_mib: float
    workers: int
    searches: Searches
    infos: dict[str, ProcessedInfo]
    costs: dict[Item, ItemCost]

    @property
    def scratch_mib(self) -> float:
        """How much prepared folds take up in the scratch directory at most, about."""
        return folds_bytes(self.searches, self.units, self.infos) / MIB

    @property
    def splits(self) -> dict[str, Split]:
        """How each dataset that is run is split."""
        return {name: self.searches.spec.split(name) for name in self.infos}

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        return {
            "units": len(self.units),
            "fits": self.fits,
            "distinct_fits": self.distinct_fits,
            "left_out": self.left_out,
            "cpu_hours": self.cpu_hours,
            "memory_mib": self.memory_mib,
            "scratch_mib": self.scratch_mib,
            "workers": self.workers,
            "splits": {name: split.as_json() for name, split in self.splits.items()},
        }


def choose_datasets(spec: Spec, only: tuple[str, ...]) -> tuple[str, ...]:
    """Return the spec's datasets, or those of them that the user named.

    Raises
    ------
    UsageError
        Where one is not in the spec.
    """
    for name in only:
        if name not in spec.datasets:
            entry = entry_of(name)
            if entry is not None and entry.spec != spec.name:
                ours = ", ".join(spec.datasets)
                remedy = f"Ask for a spec that has it, such as --spec {entry.spec}, or for one of {ours}."
            else:
                remedy = did_you_mean(name, spec.datasets)
            raise UsageError(f"the spec {spec.name} has no dataset {shown(name)}", remedy)
    return tuple(name for name in spec.datasets if not only or name in only)


def plan(store: Store, spec: Spec, *, only: tuple[str, ...] = (), workers: int = 1) -> Plan:
    """Plan a run.

    Parameters
    ----------
    only : tuple of str
        Datasets that the user named. They must be processed; without it, datasets that are not are left out.
    workers : int
        Processes that share the work.

    Raises
    ------
    ProcessedDataNotFound
        Where a dataset that the user named, or every dataset of the spec, is not processed.
    DatasetNotFound, ProcessedDataInvalid
        Where one was processed by a declaration that is gone, or another by now.
    LibraryMissing
        Where a library that the units need is not installed.
    """
    wanted = choose_datasets(spec, only)
    found = {name: describe_processed(store, name) for name in wanted}
    ready = {name: info for name, info in found.items() if info is not None}
    for name, info in ready.items():
        check_current(store, name, info.declaration)
    missing = [name for name in wanted if name not in ready]
    if missing and (only or not ready):
        raise ProcessedDataNotFound(
            f"no processed data for {', '.join(missing)} in {store.url}",
            f"Put the raw file at {raw_keys(missing[0])[0]}, then run `ldp data process {missing[0]}`.",
        )
    left_out = {name: f"no processed data (ldp data process {name})" for name in missing}
    left_out |= {name: "not asked for" for name in spec.datasets if name not in wanted}
    return plan_of(spec, ready, workers=workers, left_out=left_out)


def plan_of(
    spec: Spec, infos: Mapping[str, ProcessedInfo], *, workers: int = 1, left_out: Mapping[str, str] | None = None
) -> Plan:
    """Plan a run on datasets of which is known how large they are.

    Parameters
    ----------
    infos : mapping of dataset to ProcessedInfo
        Those that are run.
    left_out : mapping, optional
        Those that are not, with the reason.

    Raises
    ------
    LibraryMissing
        Where a library that the units need is not installed.
    """
    ready = dict(infos)
    units = tuple(unit for unit in spec.units() if unit.dataset in ready)
    require_libraries(units)
    searches = Searches(spec)
    costs = item_costs(searches, items_of(units), ready)
    return Plan(
        units,
        dict(left_out or {}),
        sum(spec.fits(unit) for unit in units),
        sum(distinct_fits(searches, item) + len(item) for item in costs),
        sum(cost.cpu_seconds for cost in costs.values()) / 3600,
        run_bytes(searches, units, ready, workers) / MIB,
        workers,
        searches,
        ready,
        costs,
    )
