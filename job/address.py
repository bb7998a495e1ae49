"""What an address of storage is: a URL of a scheme we know, or a path. Nothing in between is guessed.

A spoilt URL is a legal name of a directory. Taken for one, it would collect results that nobody finds again, and in a
container that ends they are lost. So whatever looks like a URL and is none is refused with what is wrong and, where it
can be said, the right form. A path that begins with ``/``, ``./`` or ``../`` is a path whatever follows, unless it has
``://`` in it; and a ``file://`` URL can name any path at all.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from job.errors import SettingInvalid, masked, shown

OBJECT_STORES = {
    "s3": re.compile(r"(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "gs": re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
    "az": re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
}
"""The schemes of object stores, and what a bucket's name may be there."""

_SAME_AS = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "azure": "az", "mem": "memory"}
_KNOWN = (*OBJECT_STORES, "file", "memory")
_NAMES = "|".join(sorted({*_KNOWN, *_SAME_AS, "https?", "abfss?", "adl", "ftps?", "sftp", "hdfs", "wasbs?"}))
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_PLAINLY_A_PATH = re.compile(r"\.{0,2}/|\.{1,2}$|~/|~$")
_LOOKS_LIKE_A_URL = re.compile(
    rf"\W*(?:{_NAMES})\s*[:;.,]*\s*[/\\]\s*[/\\]|\W*(?:{_NAMES})\s*[:;]|[\w.+@-]{{2,}}\s*:\s*[/\\]|arn:aws"
    r"|(?:[\w-]+\.)*amazonaws\.com(?![\w.-])",
    re.IGNORECASE,
)
_QUOTES = "\"'`´‘’“”„«»"
_AMAZON_HOST = re.compile(
    r"(?:(?P<before>[a-z0-9.-]+)\.)?s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com(?:\.cn)?/*(?P<path>.*)"
)
_NOT_IN_A_PREFIX = re.compile(r'[\\{}^%`"<>|#?*$\x00-\x1f\x7f]')


@dataclass(frozen=True)
class Address:
    """Where storage is.

    Attributes
    ----------
    scheme : {'file', 'memory', 's3', 'gs', 'az'}
    path : pathlib.Path or None
        The absolute path of a directory, where `scheme` is ``file``.
    bucket, prefix : str
        Of an object store; the prefix has no slash at its ends.
    """

    scheme: str
    path: Path | None = None
    bucket: str = ""
    prefix: str = ""

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def parse_address(text: str, variable: str = "LDP_STORAGE_URL") -> Address:
    """Return what `text` names.

    Parameters
    ----------
    text : str
        A path (``~`` is the home directory), or a URL: ``s3://bucket/prefix``, ``gs://``, ``az://``,
        ``file:///directory`` (percent-decoded) or ``memory://``.
    variable : str
        What the message names as the thing to correct.

    Raises
    ------
    SettingInvalid
        Saying what is wrong with it. Credentials in it are not shown.
    """
    inner = _without_blank_ends(text)
    if not inner:
        raise _refusal(text, variable, "it is blank", f"Unset {variable}, or name a directory in it.")
    if inner != text:
        raise _refused(text, variable, "it has a blank or an invisible character at an end", inner)
    url = _URL.fullmatch(text)
    if url and url[1] in _KNOWN:
        return _url_address(text, variable, url[1], url[2])
    if "://" in text:
        raise _unknown_scheme(text, variable)
    if not _PLAINLY_A_PATH.match(text):
        _refuse_spoilt(text, variable)
    return Address("file", _absolute(text, text, variable))


def parse_directory(text: str, variable: str) -> Path:
    """Return the local directory that `text` names, by the same rules.

    Raises
    ------
    SettingInvalid
        Where it names none.
    """
    address = parse_address(text, variable)
    if address.path is None:
        raise _refusal(text, variable, "it is no local directory", f"Set {variable} to a local directory.")
    return address.path


def _without_blank_ends(text: str) -> str:
    blank = [unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc", "Cf"} for character in text]
    if all(blank):
        return ""
    return text[blank.index(False) : len(text) - blank[::-1].index(False)]


def _url_address(text: str, variable: str, scheme: str, rest: str) -> Address:
    authority, _, path = rest.partition("/")
    if "@" in authority or (":" in authority and "@" in rest):
        raise _refusal(
            text,
            variable,
            "it has credentials in it",
            "Leave them out of the address: credentials come from the usual AWS_* variables or a role.",
        )
    if rest[-1:] in _QUOTES and rest:
        raise _refused(text, variable, "it ends in a quotation mark", text.rstrip(_QUOTES))
    if scheme == "memory":
        if rest.strip("/"):
            raise _refused(text, variable, "memory has no host and no path", "memory://")
        return Address("memory")
    if scheme == "file":
        return _file_address(text, variable, authority, path)
    if not OBJECT_STORES[scheme].fullmatch(authority):
        raise _refusal(
            text,
            variable,
            f"{shown(authority)} is no bucket's name" if authority else "it names no bucket",
            f"Write {scheme}://bucket/prefix; a bucket's name has 3 to 63 small letters, digits, dots and hyphens.",
        )
    bad = _NOT_IN_A_PREFIX.search(path)
    if bad:
        raise _refusal(
            text,
            variable,
            f"{shown(bad[0])} may not stand in a prefix",
            f"Write {scheme}://bucket/prefix as it is, not encoded and without variables or a query.",
        )
    segments = path.removesuffix("/").split("/") if path else []
    right = [part.strip() for part in segments if part.strip() not in {"", ".", ".."}]
    if right != segments:
        raise _refused(
            text,
            variable,
            "its prefix has a part that is empty, relative or blank at an end",
            str(Address(scheme, None, authority, "/".join(right))),
        )
    return Address(scheme, None, authority, "/".join(segments))


def _file_address(text: str, variable: str, host: str, path: str) -> Address:
    if host not in {"", "localhost"}:
        raise _refused(
            text,
            variable,
            f"{shown(host)} stands where a host does, and only files of this machine can be read",
            f"file:///{host}/{path}",
        )
    bad = re.search(r"[?#]", path)
    if bad:
        right = path.replace("?", "%3F").replace("#", "%23")
        raise _refused(text, variable, f"'{bad[0]}' would end the path", f"file:///{right}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        raise _refused(
            text, variable, "a percent sign stands alone", "file:///" + re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path)
        )
    if not path.strip("/"):
        if path:
            return Address("file", Path("/"))
        raise _refusal(text, variable, "it names no directory", f"Write file:///directory or a path in {variable}.")
    decoded = os.fsdecode(unquote_to_bytes(path))
    if re.match(r"[A-Za-z][:|]([/\\]|$)", decoded):
        raise _windows(text, variable)
    return Address("file", _absolute("/" + decoded, text, variable, home=False))


def _absolute(path: str, text: str, variable: str, *, home: bool = True) -> Path:
    if "\0" in path:
        raise _refusal(text, variable, "a path has no NUL", f"Correct {variable}.")
    if not home or not path.startswith("~"):
        return Path(path).absolute()
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise _refusal(
            text,
            variable,
            "there is no such user, or no home directory is known",
            f"Write the whole path in {variable}.",
        ) from None


def _refuse_spoilt(text: str, variable: str) -> None:
    """Refuse what is no URL and looks more like a spoilt one than like a path."""
    if text[0] in _QUOTES or text[-1] in _QUOTES:
        raise _refused(
            text, variable, "it has quotation marks in it (an --env-file keeps them)", text.strip(_QUOTES + " ")
        )
    if re.match(r"[A-Za-z]:([/\\]|$)|\\\\", text):
        raise _windows(text, variable)
    if re.match(r"\$\{?\w|%\w+%", text):
        raise _refusal(text, variable, "a variable in it was not replaced", f"Write its value in {variable}.")
    for form in (text, unicodedata.normalize("NFKC", text), unquote(text)):
        if _LOOKS_LIKE_A_URL.match(form) or "://" in form:
            raise _refused(text, variable, "it looks like a URL and is none", _right_form(form))


def _unknown_scheme(text: str, variable: str) -> SettingInvalid:
    before, _, rest = text.partition("://")
    scheme = re.sub(r"\W", "", before).lower()
    scheme = _SAME_AS.get(scheme, scheme)
    inner = text.strip(_QUOTES + "<>()[]")
    if inner != text and _URL.match(inner):
        return _refused(text, variable, "it has quotation marks or brackets in it (an --env-file keeps them)", inner)
    if scheme in {"http", "https"}:
        rest = re.split(r"[?#]", rest)[0]
        amazon = _right_form(rest) if _AMAZON_HOST.fullmatch(rest) else None
        remedy = f"Write {amazon or 's3://bucket/prefix'} in {variable}."
        if not amazon:
            remedy += " The address of a server that speaks S3 goes into AWS_ENDPOINT_URL."
        return _refusal(text, variable, f"results cannot be stored under {scheme}://", remedy)
    if scheme in _KNOWN:
        return _refused(text, variable, f"its scheme is written {shown(before)}", f"{scheme}://{rest}")
    return _refusal(
        text,
        variable,
        f"{shown(before + '://')} is no scheme of a storage that ldp knows",
        f"Set {variable} to a directory or to a URL such as s3://bucket/prefix "
        f"(known are {', '.join(f'{name}://' for name in _KNOWN)}).",
    )


def _right_form(spoilt: str) -> str | None:
    """Return the URL that was meant, where that can be told."""
    host = _AMAZON_HOST.match(spoilt)
    if host:
        path = host["path"] if host["before"] is None else f"{host['before']}/{host['path']}"
        return f"s3://{path.rstrip('/')}" if path else None
    arn = re.match(r"arn:aws[\w-]*:s3:::(.+)", spoilt)
    if arn:
        return f"s3://{arn[1]}"
    found = re.match(rf"\W*({_NAMES})[\s:;.,]*[/\\\s]*(.*)", spoilt, re.IGNORECASE | re.DOTALL)
    scheme = _SAME_AS.get(found[1].lower(), found[1].lower()) if found else ""
    if not found or scheme not in _KNOWN:
        return None
    rest = found[2].replace("\\", "/").strip(_QUOTES + " ")
    return f"{scheme}://{'/' if scheme == 'file' else ''}{rest}"


def _windows(text: str, variable: str) -> SettingInvalid:
    return _refusal(
        text, variable, "it is a path of Windows", f"In WSL, drive C: is /mnt/c: write {variable}=/mnt/c/… there."
    )


def _refused(text: str, variable: str, wrong: str, right: str | None) -> SettingInvalid:
    if right is None or right == text:
        remedy = f"Set {variable} to a directory or to a URL such as s3://bucket/prefix."
    else:
        remedy = f"Write {masked(right)} in {variable}."
    if "://" not in text and text == _without_blank_ends(text):
        remedy += " A directory that is really named so is written with ./ before it."
    return _refusal(text, variable, wrong, remedy)


def _refusal(text: str, variable: str, wrong: str, remedy: str) -> SettingInvalid:
    return SettingInvalid(f"{variable}={shown(masked(text), 200)} cannot be used: {wrong}", remedy)
