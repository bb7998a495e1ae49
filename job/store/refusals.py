"""What a storage answers when it refuses, in words: what is wrong, what to do, and whether waiting helps.

obstore gives the answer of the server, or the system's error, as text with a debug dump behind it. S3's own code is in
it, and each code has a remedy of its own.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from importlib.util import find_spec

from job.errors import NoSpaceLeft, StorageError, StorageRefused, masked, one_line

_CODE = re.compile(r"<Code>\s*([\w.]+)\s*</Code>")
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
_REGION = re.compile(r"<Region>\s*([\w-]+)\s*</Region>")
_STATUS = re.compile(r"status code: (\d{3})([\w ]*)")
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_URL = re.compile(r"performing \w+ (\w+://[^/\s]+)")
_PERMISSION = {
    "read": "s3:GetObject",
    "look up": "s3:GetObject",
    "write": "s3:PutObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}
CREDENTIALS = (
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE), or the role of an instance or a task"
)

_NO_SUCH_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "AuthorizationFailure", "Forbidden"})
_OTHER_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
_QUOTA = frozenset({"QuotaExceeded", "XMinioAdminBucketQuotaExceeded"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_UNKNOWN_KEY = frozenset({"InvalidAccessKeyId", "InvalidToken", "UnrecognizedClientException", "NotSignedUp"})
_FULL = frozenset({"XMinioStorageFull", "InsufficientStorage"})

_REMEDIES = {
    **dict.fromkeys(
        _NO_SUCH_BUCKET,
        "Make the bucket, or correct LDP_STORAGE_URL (or AWS_ENDPOINT_URL, if it is on another server); that of a "
        "platform comes back with make destroy and make deploy. Then run the command again.",
    ),
    **dict.fromkeys(
        _OTHER_REGION,
        "The bucket is in another region: set AWS_REGION to its own (aws s3api get-bucket-location tells it).",
    ),
    **dict.fromkeys(_QUOTA, "Ask for more room there, or delete what is not needed; then run the command again."),
    **dict.fromkeys(
        _EXPIRED,
        "Get new credentials (aws sso login, or a new AWS_SESSION_TOKEN with its key), then run the command again.",
    ),
    **dict.fromkeys(
        _UNKNOWN_KEY,
        "Correct AWS_ACCESS_KEY_ID; a key that begins with ASIA needs its AWS_SESSION_TOKEN too. A server other than "
        "AWS is named by AWS_ENDPOINT_URL.",
    ),
    "SignatureDoesNotMatch": "Correct AWS_SECRET_ACCESS_KEY: it does not belong to the key, or was cut.",
    "RequestTimeTooSkewed": "Set this machine's clock (in a container: that of its host), then run the command again.",
    "InvalidBucketName": "Correct the bucket's name in LDP_STORAGE_URL.",
    "InvalidObjectState": "The object is archived: restore it, then run the command again.",
    "NotImplemented": "The server cannot do this; results need one that honours If-None-Match when it writes.",
    "MethodNotAllowed": "The server does not take this request: is AWS_ENDPOINT_URL that of an S3 server?",
}
_SYSTEM_REMEDIES = {
    errno.EROFS: "The file system is read-only: mount it for writing, or choose another place with LDP_STORAGE_URL.",
    errno.EACCES: "Give yourself the right to do this there, or choose another place with LDP_STORAGE_URL.",
    errno.EPERM: "The file system does not allow it (rights, an immutable file, or no hard links): choose another "
    "place with LDP_STORAGE_URL.",
    errno.EDQUOT: "Your quota there is used up: delete what is not needed, or choose another place with "
    "LDP_STORAGE_URL; then run the command again.",
    errno.ENOTDIR: "A file stands where a directory has to be: move it away, or correct LDP_STORAGE_URL.",
    errno.EEXIST: "A file stands where a directory has to be: move it away, or correct LDP_STORAGE_URL.",
    errno.EISDIR: "A directory stands where a file has to be: move it away, or correct LDP_STORAGE_URL.",
    errno.ENXIO: "A pipe, a socket or a device stands where a file has to be: move it away.",
    errno.ELOOP: "A link that leads nowhere stands where a file has to be: move it away, or bring back what it leads "
    "to.",
    errno.EMFILE: "This process may not open more files: allow it more (`ulimit -n 1024`), then run the command again.",
    errno.ENFILE: "The machine has too many open files: end what is not needed, then run the command again.",
    errno.ENAMETOOLONG: "Choose a place with a shorter path.",
}
_WAITING = "Check that the storage is reachable and that you may do this there, then run the command again."


@dataclass(frozen=True)
class _Answer:
    reason: str
    remedy: str = _WAITING
    kind: type[StorageError] = StorageError


def refusal(error: BaseException, verb: str, where: str, *, renews: bool = False) -> StorageError:
    """Return what to raise for an error of obstore or of the system.

    Parameters
    ----------
    error : BaseException
    verb : {'read', 'look up', 'write', 'list', 'delete'}
        What was asked.
    where : str
        Of what: a path or a URL.
    renews : bool
        Whether the credentials are fetched anew before they expire, so that waiting can help.

    Returns
    -------
    StorageError
        :class:`~job.errors.StorageRefused` where asking again changes nothing, :class:`~job.errors.NoSpaceLeft` where
        there is no room.
    """
    text = str(error)
    answer = (
        _panic(error)
        or _by_code(text, verb, renews=renews)
        or _by_system(error, text)
        or _credentials(text)
        or _connection(text)
        or _by_status(text, verb)
        or _Answer(_first_line(error))
    )
    doing = f"no room to {verb} {where}" if answer.kind is NoSpaceLeft else f"cannot {verb} {where}"
    return answer.kind(f"{doing}: {masked(one_line(answer.reason, 300))}", answer.remedy)


def opening_remedy(error: Exception, scheme: str) -> str:
    """Return what to do where a storage cannot even be opened."""
    number = getattr(error, "errno", None)
    if number in _SYSTEM_REMEDIES:
        return _SYSTEM_REMEDIES[number]
    if scheme in {"s3", "gs", "az"}:
        return f"Correct the variables that say how {scheme}:// is reached: see the message."
    return "Set LDP_STORAGE_URL to a directory or to a URL such as s3://bucket/prefix."


def is_panic(error: BaseException) -> bool:
    """Return whether a native library gave up: what it raises then is not even an Exception."""
    return type(error).__module__.startswith("pyo3")


def names_missing_bucket(error: BaseException) -> bool:
    """Return whether "not found" is said of the bucket, and not of an object in it."""
    return bool(_NO_SUCH_BUCKET & set(_CODE.findall(str(error))))


def hides_its_code(error: BaseException) -> bool:
    """Return whether a server refused without saying why: the answer to a HEAD has no body."""
    status = _STATUS.search(str(error))
    return status is not None and status[1].startswith("4") and not _CODE.search(str(error))


def _panic(error: BaseException) -> _Answer | None:
    if not is_panic(error):
        return None
    return _Answer(
        f"the storage library gave up: {_first_line(error)}",
        "Check the AWS_* variables: one of them is not what it should be.",
        StorageRefused,
    )


def _by_code(text: str, verb: str, *, renews: bool) -> _Answer | None:
    found = _CODE.search(text)
    if found is None:
        if "redirect without LOCATION" not in text:
            return None
        return _Answer("PermanentRedirect", _REMEDIES["PermanentRedirect"], StorageRefused)
    code = found[1]
    said = _MESSAGE.search(text)
    reason = f"{code}: {said[1].strip()}" if said and said[1].strip() else code
    if code in _FULL:
        return _Answer(reason, "Free some space, then run the command again.", NoSpaceLeft)
    if code in _DENIED:
        return _Answer(reason, _permission(verb), StorageRefused)
    if code not in _REMEDIES:
        return _Answer(reason)
    remedy = _REMEDIES[code]
    region = _REGION.search(text)
    if code in _OTHER_REGION and region:
        remedy = f"The bucket is in another region: set AWS_REGION={region[1]}."
    passing = renews and code in _EXPIRED | _UNKNOWN_KEY
    return _Answer(reason, remedy, StorageError if passing else StorageRefused)


def _permission(verb: str) -> str:
    return (
        f"These credentials may not {verb} there: ask for {_PERMISSION.get(verb, 'access')} on this bucket and prefix, "
        "or use others."
    )


def _by_system(error: BaseException, text: str) -> _Answer | None:
    found = _OS_ERROR.search(text)
    number = getattr(error, "errno", None) or (int(found[1]) if found else None)
    if number == errno.ENOSPC or "No space left" in text:
        return _Answer(_first_line(error), "Free some space, then run the command again.", NoSpaceLeft)
    if number is None or number not in _SYSTEM_REMEDIES:
        return None
    reason = getattr(error, "strerror", None) or _first_line(error)  # the path is named already
    return _Answer(reason, _SYSTEM_REMEDIES[number], StorageRefused)


def _credentials(text: str) -> _Answer | None:
    provider = re.search(r"External AWS credential provider: (.*)", text)
    if provider:
        return _Answer(
            f"no credentials: {provider[1]}",
            "Sign in again (aws sso login, aws configure), then run the command again.",
        )
    if "Generic GCS" in text and "169.254.169.254" in text:
        return _Answer(
            "no credentials were found", "Give them with GOOGLE_APPLICATION_CREDENTIALS, or the role of an instance."
        )
    asked = (os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or "http://169.254.170.2", "http://169.254.169.254")
    source = next((address for address in (*asked, "https://sts.") if f" {address}" in text.split("\n", 1)[0]), None)
    if source is None:
        return None
    return _Answer(
        f"no credentials were found, and {source.rstrip('.')} gave none ({_cause(text)})",
        f"Give credentials in one of the usual places: {CREDENTIALS}."
        + ("" if find_spec("botocore") else " Profiles and ~/.aws are read only where boto3 is installed."),
    )


def _connection(text: str) -> _Answer | None:
    if "HTTP error" not in text:
        return None
    url = _URL.search(text)
    host = url[1] if url else "the server"
    cause = _cause(text)
    if "InvalidContentType" in text:
        return _Answer(f"{host} does not speak TLS", "Write http:// in AWS_ENDPOINT_URL, or correct its port.")
    if "InvalidCertificate" in text:
        return _Answer(
            f"the certificate of {host} is not trusted ({cause})",
            "Name its issuer's certificate with SSL_CERT_FILE; check the clock, and the name in AWS_ENDPOINT_URL.",
        )
    if "dns error" in text:
        return _Answer(
            f"the name in {host} is not known ({cause})",
            "Check the network, the spelling of AWS_ENDPOINT_URL, and AWS_REGION; then run the command again.",
        )
    return _Answer(
        f"{host} cannot be reached ({cause})", "Check the network and AWS_ENDPOINT_URL, then run the command again."
    )


def _cause(text: str) -> str:
    """Return the innermost cause that the debug dump has."""
    for pattern in (
        r"InvalidCertificate\(\s*(\w+(?:\(\s*\w+\(\s*\w+)?)",
        r'error: "([^"]+)"',
        r'message: "([^"]+)"',
        r"status code: (\d{3}[\w ]*)",
        r"(TimedOut|timed out)",
    ):
        found = re.search(pattern, text)
        if found:
            return re.sub(r"\s+", "", found[1]) if "(" in found[1] else found[1].strip()
    return text.split("\n", 1)[0].rsplit(" - ", 1)[-1]


def _by_status(text: str, verb: str) -> _Answer | None:
    status = _STATUS.search(text)
    if status is None:
        return None
    reason = f"the server answered {status[1]}{status[2]}".strip()
    if status[1] in {"401", "403"}:
        return _Answer(reason, _permission(verb), StorageRefused)
    return _Answer(reason)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
