"""A submission: which jobs are to be sent to AWS Batch, with what commands, in which order. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from job.catalogue import is_own_name
from job.cloud.definitions import OWN, JobDefinition, definition_for
from job.cloud.names import JobName, tags
from job.errors import UsageError, did_you_mean, shown
from job.planning.deadline import MOST_SHARDS

USE_GPU = "--use-gpu"


@dataclass(frozen=True)
class JobRequest:
    """One job to submit.

    Attributes
    ----------
    name : JobName
    queue : str
    definition : JobDefinition
        Its revision is pinned: what is registered meanwhile does not change what runs.
    tags : mapping
    command : tuple of str
        The whole command; empty for the definition's own.
    shards : int
        1 for an ordinary job, else the size of the array.
    after : JobName or None
        The job of this submission that has to succeed first.
    attempts : int or None
        Where it is to be started more often than its definition says.
    suffix : str
        What its name has behind that, where it goes on with the work of another.
    """

    name: JobName
    queue: str
    definition: JobDefinition
    tags: Mapping[str, str]
    command: tuple[str, ...] = ()
    shards: int = 1
    after: JobName | None = None
    attempts: int | None = None
    suffix: str = ""

    @property
    def job_name(self) -> str:
        """Its name on AWS Batch, which no other job has."""
        return f"{self.name}-{self.suffix}" if self.suffix else str(self.name)

    def arguments(self, ids: Mapping[JobName, str]) -> dict[str, Any]:
        """Return the arguments of SubmitJob.

        Parameters
        ----------
        ids : mapping of JobName to str
            The ids of the jobs that were submitted before.
        """
        found: dict[str, Any] = {
            "jobName": self.job_name,
            "jobQueue": self.queue,
            "jobDefinition": self.definition.pinned,
            "tags": dict(self.tags),
            "propagateTags": True,
        }
        if self.command:
            found["containerOverrides"] = {"command": list(self.command)}
        if self.shards > 1:
            found["arrayProperties"] = {"size": self.shards}
        if self.after is not None:
            found["dependsOn"] = [{"jobId": ids[self.after]}]
        if self.attempts is not None:
            # It replaces the definition's strategy whole, and Batch retries what no rule matches.
            rules = [dict(rule) for rule in self.definition.retry_rules]
            found["retryStrategy"] = {"attempts": self.attempts, "evaluateOnExit": rules}
        return found


@dataclass(frozen=True)
class Asked:
    """What somebody wants to be submitted.

    Attributes
    ----------
    datasets : tuple of str
    spec : str
        As a job names it: a shipped spec, or ``sha256:…``.
    execution : str
    submission : str
    data, training : bool
        Which kinds of jobs.
    queue : {'any', 'spot', 'on-demand'}
    shards : dict of str to int
        By dataset; 1 where it is not named.
    attempts : dict of str to int
        By dataset; where training is to be started more often than its definition says.
    """

    datasets: tuple[str, ...]
    spec: str
    execution: str
    submission: str
    data: bool = True
    training: bool = True
    queue: str = "any"
    shards: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)


def requests(
    asked: Asked, definitions: Sequence[JobDefinition], queues: Mapping[str, str], platform: str
) -> list[JobRequest]:
    """Return the jobs of a submission in the order in which they are sent: each dataset's data job, then its training.

    Parameters
    ----------
    queues : mapping of str to str
        Names of the queues by kind.
    platform : str
        The stack, for the tag.

    Raises
    ------
    DatasetNotFound
        If the platform has no definition for a dataset.
    """
    queue = queues[asked.queue]
    found = []
    for dataset in asked.datasets:
        data = JobName(dataset, "data", asked.submission)
        if asked.data:
            definition = definition_for(definitions, dataset, "data")
            command = data_command(definition, dataset) if definition.dataset == OWN else ()
            found.append(JobRequest(data, queue, definition, tags(platform, data), command))
        if asked.training:
            name = JobName(dataset, "training", asked.submission)
            definition = definition_for(definitions, dataset, "training")
            found.append(
                JobRequest(
                    name,
                    queue,
                    definition,
                    tags(platform, name),
                    training_command(definition, dataset, asked.spec, asked.execution),
                    asked.shards.get(dataset, 1),
                    data if asked.data else None,
                    asked.attempts.get(dataset),
                )
            )
    return found


def data_command(definition: JobDefinition, dataset: str) -> tuple[str, ...]:
    """Return the whole command of a data job whose definition is for any dataset that a user declares."""
    flags = [USE_GPU] if USE_GPU in definition.command else []
    return ("data", "process", "--force", *flags, dataset)


def training_command(
    definition: JobDefinition, dataset: str, spec: str | None, execution: str, shard: str | None = None
) -> tuple[str, ...]:
    """Return the whole command of a training job: an override replaces the definition's, its ``--use-gpu`` too.

    Without a spec it is that of the execution's manifest, which has to be there.
    """
    flags = [USE_GPU] if USE_GPU in definition.command else []
    said = [] if spec is None else ["--spec", spec]
    command = ["experiment", "run", *flags, "--only-dataset", dataset, *said, "--execution-id", execution]
    return tuple(command if shard is None else [*command, "--shard", shard])


def parse_shards(text: str) -> int | None:
    """Return the number of shards that somebody asks for, or None for ``auto``.

    Raises
    ------
    UsageError

    >>> parse_shards("8")
    8
    """
    if text == "auto":
        return None
    if text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_SHARDS:
        return int(text)
    raise UsageError(f"{shown(text)} is no number of shards", f"Give one from 1 to {MOST_SHARDS:,}, or auto.")


def chosen_datasets(
    given: Sequence[str],
    everything: bool,
    of_spec: Sequence[str],
    of_platform: Sequence[str],
    *,
    own: bool = False,
) -> tuple[str, ...]:
    """Return the datasets of a submission: those that were named, or all that the spec and the platform both have.

    Parameters
    ----------
    given : sequence of str
    everything : bool
        Whether all are asked for.
    of_spec, of_platform : sequence of str
    own : bool
        Whether the platform has jobs for datasets that a user declares.

    Raises
    ------
    UsageError
        If neither or both are asked for, or the spec has no such dataset. A declared one needs no spec that lists it,
        where it is the only one: several share one execution, and that has one spec.
    """
    if bool(given) == everything:
        raise UsageError("no dataset is named" if not given else "datasets and --all", "Name datasets, or give --all.")
    if everything:
        found = tuple(name for name in of_spec if name in of_platform or (own and is_own_name(name)))
        if not found:
            raise UsageError(
                f"the platform has none of the spec's datasets: {', '.join(of_spec)}",
                "Add them to the stack's datasets (make apply CONTEXT=datasets=…), or give another --spec.",
            )
        return found
    unlisted = [name for name in dict.fromkeys(given) if name not in of_spec and own and is_own_name(name)]
    if unlisted and len(set(given)) > 1:
        raise UsageError(
            f"the spec does not list {', '.join(unlisted)}, and jobs of several datasets share one execution",
            f"Submit {unlisted[0]} by itself, or give a --spec that lists all of them.",
        )
    for name in given:
        if name not in of_spec and name not in unlisted:
            near = did_you_mean(name, of_spec)
            raise UsageError(
                f"the spec has no dataset {shown(name)}", f"{near[0].upper()}{near[1:]} Or give another --spec."
            )
    return tuple(dict.fromkeys(given))
