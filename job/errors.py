"""Every error that a user can cause: what is wrong and where in one line, what to do about it in another.

The command line prints the two lines and ends with the error's exit code; nothing else in the house catches an
:class:`LdpError` in order to go on. Each subclass also inherits the builtin that fits, so that a program that uses
the packages as a library can catch what it knows.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_SIGINT = 130
EXIT_SIGTERM = 143


class LdpError(Exception):
    """A foreseeable failure.

    Parameters
    ----------
    what : str
        One line: what is wrong, and where (file, row, column, key).
    remedy : str
        One line: what the user does about it.
    """

    exit_code = EXIT_FAILED
    longest = 600
    """Characters of a line; what is longer is cut."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what = one_line(without_credentials(what), self.longest)
        self.remedy = one_line(without_credentials(remedy))

    def __str__(self) -> str:
        return f"{self.what} — {self.remedy}"


class SettingInvalid(LdpError, ValueError):
    """A variable of the environment, ``LDP_*`` or one of AWS's, that cannot be used."""

    exit_code = EXIT_USAGE


class UsageError(LdpError, ValueError):
    """Options that do not go together."""

    exit_code = EXIT_USAGE


class DatasetNotFound(LdpError, KeyError):
    """A dataset's name that is not in the catalogue."""

    exit_code = EXIT_USAGE


class RawFileNotFound(LdpError, FileNotFoundError):
    """There is no raw file for a dataset."""


class RawFileInvalid(LdpError, ValueError):
    """A raw file that cannot be read without guessing."""


class DeclarationInvalid(LdpError, ValueError):
    """A declaration of a dataset with unknown keys or values that cannot be used."""

    longest = 4000  # it names all that is wrong at once


class AlreadyThere(LdpError, FileExistsError):
    """Something that would be overwritten."""


class ProcessedDataNotFound(LdpError, FileNotFoundError):
    """There are no processed data for a dataset."""


class ProcessedDataInvalid(LdpError, ValueError):
    """Processed data that are damaged, or an X and a y that do not belong together."""


class SpecNotFound(LdpError, FileNotFoundError):
    """A spec that is neither shipped nor a file."""

    exit_code = EXIT_USAGE


class SpecInvalid(LdpError, ValueError):
    """A spec with unknown keys or values that cannot be used."""

    exit_code = EXIT_USAGE
    longest = 4000  # it names all that is wrong at once


class LibraryMissing(LdpError, ImportError):
    """A model or a technique whose library is not installed."""


class ExecutionNotFound(LdpError, KeyError):
    """An execution's id under which nothing is stored."""


class ExecutionMismatch(LdpError, ValueError):
    """An execution that was made from another spec, other data, other versions or another device."""


class ManifestDamaged(ExecutionMismatch):
    """A manifest that is empty or cut: it says nothing, and may be made again."""


class BindingDamaged(ExecutionMismatch):
    """A binding that is empty or cut: it says nothing, and may be made again."""


class ResultInvalid(LdpError, ValueError):
    """A stored result that is damaged or is not a result at all."""


class ResultMismatch(LdpError, ValueError):
    """A whole result that stands where that of something else belongs. It is never replaced."""


class DeviceUnavailable(LdpError, RuntimeError):
    """A GPU was asked for and there is none that can be used."""


class DeviceNotUsed(LdpError, RuntimeError):
    """A fit that was to be made on a GPU and was made elsewhere: its unit fails."""


class GpuMemoryShort(LdpError, RuntimeError):
    """A GPU whose memory ran out in the middle of a unit."""


class StorageError(LdpError, OSError):
    """The storage refused a request, or could not be reached."""


class SystemRefused(LdpError, OSError):
    """The operating system had no more of something: memory, open files, processes, room."""


class StorageRefused(StorageError):
    """The storage refused, and would refuse again: nothing gets better by waiting."""


class NoSpaceLeft(StorageError):
    """The storage is full."""


class ObjectTooLarge(LdpError, ValueError):
    """A stored object that is larger than anything of its kind can be. It is not read."""


class OutputLost(LdpError, RuntimeError):
    """Standard output cannot be written."""


class ReaderGone(OutputLost):
    """Who read standard output has gone away."""


class OutOfTime(LdpError, TimeoutError):
    """A run whose time was up before it had made anything that another can go on from."""


class NoMoreProcesses(LdpError, RuntimeError):
    """The system allows no more processes or threads."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"the system allows no more processes or threads: {error}",
            "Raise the limit (ulimit -u, or the container's limit of processes), or run with fewer workers (--jobs).",
        )


class TrackingRefused(LdpError, RuntimeError):
    """An MLflow tracking store that cannot be used."""


class CloudNotInstalled(LdpError, ImportError):
    """``ldp cloud`` without what it needs."""


class AwsRefused(LdpError, RuntimeError):
    """AWS refused a request, or could not be reached."""


class PlatformNotFound(LdpError, KeyError):
    """A stack that does not exist, or that is no platform of ours."""


class JobDefinitionNotFound(LdpError, KeyError):
    """A job definition of a platform that has no active revision."""


class ImageUnclear(LdpError, ValueError):
    """Job definitions that do not name one image of the platform's repository."""


class SubmissionRefused(LdpError, ValueError):
    """Jobs that could not run, or that cost more than somebody allows: nothing was submitted."""

    longest = 2000


class JobNotFound(LdpError, KeyError):
    """A job of which AWS Batch knows nothing, or nothing any more."""


class Interrupted(LdpError, RuntimeError):
    """The process was told to stop; everything finished is stored.

    Parameters
    ----------
    exit_code : int
        128 plus the signal's number: 129 for SIGHUP, 130 for SIGINT, 143 for SIGTERM.
    """

    def __init__(self, what: str, remedy: str, exit_code: int) -> None:
        super().__init__(what, remedy)
        self.exit_code = exit_code


def is_of_system(error: BaseException) -> bool:
    """Return whether an error tells of the machine or of a request, and not of the bytes that were read.

    Errors of the operating system have a number; those with which Arrow reports damage have none.
    """
    return isinstance(error, LdpError) or (isinstance(error, OSError) and error.errno is not None)


def one_line(text: str, limit: int = 600) -> str:
    """Return `text` on one line without control characters, cut at `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def shown(value: object, limit: int = 40) -> str:
    """Return a cell or a name quoted for a message: on one line, printable, at most `limit` characters."""
    try:
        text = str(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists inside lists without end
        text = f"a {type(value).__name__} too large to show"
    return "'" + one_line(text, limit) + "'"


_CREDENTIALS = re.compile(r"(?<=//)(?:[^/@]*@|[^/]*:.*@)|(?<![^\s=\"'])[^\s/:@]+:[^\s/@]*@", re.DOTALL)
_QUERY = re.compile(r"\?[^?\s]*=\S*")


def masked(text: str) -> str:
    """Return an address for a message: user, password and query of a URL are replaced by ``***``."""
    return _QUERY.sub("?***", _CREDENTIALS.sub("***@", text))


_URL_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]*:[^\s@]*@")
_SIGNATURES = re.compile(
    r"\b(X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|token)=[^&\s\"')]+", re.IGNORECASE
)


def without_credentials(text: str) -> str:
    """Return a message in which users with passwords, and the signatures of signed URLs, are replaced by ``***``.

    Messages quote what libraries say, and those quote the URL that they asked.
    """
    return _SIGNATURES.sub(r"\1=***", _URL_CREDENTIALS.sub("***@", text))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the nearest of `known` in any case, or the list where none is near.

    The name itself is never offered: who gave it knows it, and something else is wrong with it.
    """
    known = [one for one in known if one != name]
    if not known:
        return "there is no other."
    in_lower_case = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), in_lower_case, n=1, cutoff=0.5)
    return f"did you mean '{in_lower_case[near[0]]}'?" if near else f"known are: {', '.join(known)}."
