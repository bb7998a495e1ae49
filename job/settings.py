"""Settings: the ``LDP_*`` environment, typed and read once."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from job.address import parse_directory
from job.control_groups import processor_quota
from job.errors import SettingInvalid, did_you_mean, masked, shown

STACK_NAME = r"^[A-Za-z][A-Za-z0-9-]{0,127}$"
"""What CloudFormation allows as the name of a stack."""


PREFIX = "LDP_"
NO_SETTINGS = frozenset({"LDP_TEST_DATA"})
"""Variables with our prefix that others read: the tests on real data."""
# What Kubernetes and linked containers set in every process beside a service that is called `ldp`.
_SERVICE = re.compile(r"LDP_(SERVICE_(HOST|PORT)(_|$)|PORT(_\d|$)|NAME$|ENV_)")


def _temporary_directory() -> Path:
    """Return the system's temporary directory; where none can be written, whoever needs one says so."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Path("/tmp")  # noqa: S108


class Settings(BaseModel):
    """What the environment says; an empty variable is as good as none.

    Attributes
    ----------
    storage_url : str
        Where data, executions and reports lie: a directory, or a URL such as ``s3://bucket/prefix``.
    n_jobs : int or None
        Worker processes; None for one for each processor this process may use. On a GPU those that use it; None for one
        (:func:`job.planning.crew.crew_of`).
    use_gpu : bool
        Whether to compute on a GPU; without one that works that is an error.
    scratch_dir : pathlib.Path
        A local directory for what workers share (feature matrices, resampled folds). Emptied when a run ends.
    scratch_mib : int or None
        How many MiB of it prepared folds may take up; those that find no room are made again by whoever needs them.
        None for what they need, as far as it is free.
    checkpoint_seconds : float
        How often the finished fits of a unit in flight are saved, at most.
    storage_idle_seconds : float
        After how many seconds of silence a request to an object store counts as failed.
    storage_retries : int
        How often a request to an object store is sent again before it counts as failed.
    storage_give_up_seconds : float
        For how long the storage may stay away before a run ends.
    max_seconds : float or None
        After how many seconds ``ldp experiment run`` stops in good order, to be resumed; None for as long as it takes.
    shard : str or None
        ``I/N``: which part of the units to run.
    log_format : {'auto', 'text', 'json'}
        ``auto`` is text at a terminal and JSON lines elsewhere.
    platform : str
        The CloudFormation stack that ``ldp cloud`` is about.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    storage_url: str = Field(default=".", min_length=1, max_length=2000)
    n_jobs: int | None = Field(default=None, ge=1, le=1024)
    use_gpu: bool = False
    scratch_dir: Path = Field(default_factory=_temporary_directory)
    scratch_mib: int | None = Field(default=None, ge=0, le=1 << 24)
    checkpoint_seconds: float = Field(default=30.0, ge=0, le=3600)
    storage_retries: int = Field(default=10, ge=0, le=100)
    storage_idle_seconds: float = Field(default=30.0, gt=0, le=3600)
    storage_give_up_seconds: float = Field(default=600.0, ge=0, le=86_400)
    max_seconds: float | None = Field(default=None, gt=0, le=10_000_000)
    shard: str | None = None
    log_format: Literal["auto", "text", "json"] = "auto"
    platform: str = Field(default="loan-default-prediction-dev", pattern=STACK_NAME)

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the environment.

        Raises
        ------
        SettingInvalid
            Naming each variable that cannot be used, or that is no setting.
        """
        unknown = unknown_variables(os.environ)
        if unknown:
            raise SettingInvalid(
                f"no such setting: {', '.join(unknown)}",
                " ".join(f"{name}: {did_you_mean(name, VARIABLES)}" for name in unknown) + " Correct or unset it.",
            )
        try:
            settings = cls.model_validate(_values(os.environ))
        except ValidationError as error:
            problems = "; ".join(
                f"LDP_{'_'.join(map(str, item['loc'])).upper()}={shown(masked(str(item['input'])))}: "
                f"{item['msg'].lower()}"
                for item in error.errors()
            )
            raise SettingInvalid(
                f"the environment cannot be used: {problems}", "Correct or unset the variables."
            ) from None
        scratch_dir = parse_directory(str(settings.scratch_dir), "LDP_SCRATCH_DIR")
        return settings.model_copy(update={"scratch_dir": scratch_dir})

    def workers(self, jobs: int | None = None) -> int:
        """Return the number of worker processes: `jobs` if given, else ``LDP_N_JOBS``, else the processors at hand."""
        return jobs or self.n_jobs or available_processors()


VARIABLES = tuple(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)
"""The variables that are settings."""


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """Return, sorted, the variables that have our prefix and are none of ours: mostly misspelt ones."""
    known = NO_SETTINGS | set(VARIABLES)
    ours = {name for name in environment if name.upper().startswith(PREFIX)}
    return sorted(name for name in ours if name.upper() not in known and not _SERVICE.match(name))


def _values(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the variables with our prefix say, by the settings' names; those that are empty say nothing."""
    ours = {name.lower(): value for name, value in environment.items() if name.upper().startswith(PREFIX) and value}
    return {name.removeprefix(PREFIX.lower()): value for name, value in ours.items()}


def available_processors(root: Path = Path("/")) -> int:
    """Return how many processors this process may use: those it may run on, and no more than its container's quota.

    Parameters
    ----------
    root : pathlib.Path
        Where ``proc`` and ``sys`` are.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, processor_quota(root) or processors)
