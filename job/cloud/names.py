"""Names of what a submission makes: jobs, tags, the execution. None of them says who submitted it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import date

KINDS = ("data", "training")
_SUBMISSION = r"[0-9a-f]{12}"
_JOB = re.compile(
    rf"(?P<dataset>[A-Za-z0-9_-]+)-(?P<kind>{'|'.join(KINDS)})-(?P<submission>{_SUBMISSION})(?:-[0-9a-z]+)*"
)
_EXECUTION = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]*-[0-9]{{8}}-(?P<submission>{_SUBMISSION})")


@dataclass(frozen=True)
class JobName:
    """What the name of a job says.

    Attributes
    ----------
    dataset : str
    kind : {'data', 'training'}
    submission : str
        12 hexadecimal digits.
    """

    dataset: str
    kind: str
    submission: str

    def __str__(self) -> str:
        return f"{self.dataset}-{self.kind}-{self.submission}"

    @classmethod
    def parse(cls, name: str) -> JobName | None:
        """Return what a name says, or None where it is no name of ours; what goes on with others' work has a suffix.

        >>> JobName.parse("taiwan_credit-data-0123456789ab").dataset
        'taiwan_credit'
        """
        match = _JOB.fullmatch(name)
        return None if match is None else cls(match["dataset"], match["kind"], match["submission"])


def new_submission() -> str:
    """Return the id of a new submission: 12 hexadecimal digits that nobody else draws."""
    return secrets.token_hex(6)


def execution_id(spec: str, day: date, submission: str) -> str:
    """Return the id of a submission's execution, the same for all its datasets.

    >>> execution_id("quick", date(2026, 11, 25), "0123456789ab")
    'quick-20261125-0123456789ab'
    """
    return f"{spec}-{day:%Y%m%d}-{submission}"


def submission_of(text: str) -> str | None:
    """Return the submission that an execution's id, a job's name or a submission's own id names; None for others."""
    if re.fullmatch(_SUBMISSION, text):
        return text
    match = _EXECUTION.fullmatch(text) or _JOB.fullmatch(text)
    return None if match is None else match["submission"]


def tags(platform: str, name: JobName) -> dict[str, str]:
    """Return the tags of a job: by ``Platform`` the operator's policy knows it."""
    return {"Platform": platform, "Submission": name.submission, "Dataset": name.dataset, "Kind": name.kind}
