"""How an attempt of a job ended, in words: taken away, out of time, out of memory, failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from job.cloud.jobs import JobAttempt
from job.errors import EXIT_USAGE

Kind = Literal["done", "reclaimed", "interrupted", "timed out", "out of memory", "not started", "ended", "failed"]
LOST = frozenset({"reclaimed", "interrupted", "not started"})
"""What is nobody's fault and is retried; the rest is not."""


@dataclass(frozen=True)
class Ending:
    """How an attempt ended.

    Attributes
    ----------
    kind : str
    words : str
        For people.
    fix : str or None
        What to do about it; None where nothing is to be done.
    """

    kind: Kind
    words: str
    fix: str | None = None


def ending(attempt: JobAttempt, job_reason: str = "") -> Ending:
    """Return how an attempt ended.

    Parameters
    ----------
    job_reason : str
        What Batch says of the job as a whole: of one that was ended, only that tells.
    """
    reason, code = attempt.reason, attempt.exit_code
    both = f"{reason} {job_reason}"
    if reason.startswith("Host EC2"):
        return Ending("reclaimed", "its instance was taken away")
    if "CannotPullContainer" in reason:
        return Ending("not started", "its image could not be pulled", "See that the image is there: `ldp cloud image`.")
    if reason.startswith("Task failed to start"):
        return Ending("not started", f"its container did not start: {reason}")
    if "exceeded timeout" in both:
        return Ending("timed out", "it was ended at its time-out", "Raise maxJobHours, or divide it: --shards.")
    if "OutOfMemory" in reason:
        return Ending("out of memory", "its memory was not enough", "Raise jobMemoryMib (perDataset) and make apply.")
    return _by_code(code, reason, job_reason)


def _by_code(code: int | None, reason: str, job_reason: str) -> Ending:
    if code == 0:
        return Ending("done", "done")
    if code is None:
        return Ending("ended", f"it ended without an exit code: {reason or job_reason or 'Batch says nothing'}")
    if code in {143, 130, 129}:
        if job_reason and "Essential container" not in job_reason and not job_reason.startswith("Host EC2"):
            return Ending("ended", f"it was ended: {job_reason}")
        return Ending("interrupted", "it left in good order: a notice, or the end of its time")
    if code == 137:
        return Ending(
            "out of memory", "it was killed, probably for want of memory", "Raise jobMemoryMib and make apply."
        )
    used = " (the command or a variable cannot be used)" if code == EXIT_USAGE else ""
    return Ending("failed", f"it failed with exit code {code}{used}", "`ldp cloud logs` shows why.")
