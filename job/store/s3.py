"""How S3 is reached: endpoint, region and credentials, from AWS's variables and shared files as boto3 has them.

obstore knows the variables and the roles of instances and tasks, and reads no profiles: where there are any, botocore
does, if it is installed. Values that obstore's native code would stumble over are refused here, by name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from job.errors import SettingInvalid, did_you_mean, masked, one_line, shown
from job.store.refusals import CREDENTIALS

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")  # the first that is set counts
_OTHER_ENDPOINTS = frozenset({"AWS_METADATA_ENDPOINT", "AWS_STS_ENDPOINT"})
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
_OTHER_SOURCES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
_CHECKED = (*_KEYS, "AWS_SESSION_TOKEN", *_ENDPOINTS, *_REGIONS, *_PROFILES, *_OTHER_SOURCES, *_FILES)
_ENDPOINT = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(?:/[^\s?#@]*)?")
_REGION = re.compile(r"[\w-]+", re.ASCII)
# botocore renews credentials ten minutes before they end; what it hands out is good for so long.
_GOOD_FOR = timedelta(minutes=10)


@dataclass(frozen=True)
class Access:
    """How S3 is reached.

    Attributes
    ----------
    config : dict
        For obstore: ``endpoint`` and ``region``, where they are given.
    provider : callable or None
        Gives credentials where obstore cannot find them by itself.
    renews : bool
        Whether the credentials are fetched anew before they expire.
    """

    config: dict[str, str]
    provider: Callable[[], dict[str, Any]] | None
    renews: bool

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments for obstore."""
        given = {} if self.provider is None else {"credential_provider": self.provider}
        return {"config": self.config, **given}

    @property
    def plain_http(self) -> bool:
        """Whether the endpoint is reached without TLS."""
        return self.config.get("endpoint", "").startswith("http://")


def find_access(region: str | None = None) -> Access:
    """Return how the environment says that S3 is reached.

    Parameters
    ----------
    region : str, optional
        Where somebody has said another than the environment.

    Raises
    ------
    SettingInvalid
        Naming the variable or the profile that cannot be used. Keys and tokens are not shown.
    """
    environment = _environment()
    for name in _CHECKED:
        _check(name, environment.get(name, ""))
    for name in _OTHER_ENDPOINTS & environment.keys():
        _checked_endpoint(name, environment[name])
    has_keys = _has_keys(environment)
    profile = _Profile.read(environment, needed=not has_keys)
    endpoint = next((environment[name] for name in _ENDPOINTS if name in environment), None)
    endpoint_from = next((name for name in _ENDPOINTS if name in environment), "the profile's endpoint_url")
    endpoint = endpoint or profile.endpoint
    region = region or next((environment[name] for name in _REGIONS if name in environment), profile.region)
    config = {}
    if endpoint:
        config["endpoint"] = _checked_endpoint(endpoint_from, endpoint)
    if region:
        config["region"] = _checked_region(region)
    if has_keys or environment.get("AWS_SKIP_SIGNATURE", "").lower() in {"true", "1"}:
        return Access(config, None, renews=False)
    if profile.credentials is not None:
        return Access(config, _provider(profile.credentials), renews=hasattr(profile.credentials, "refresh_needed"))
    if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true" and not _other_source(environment):
        raise SettingInvalid("there are no AWS credentials", f"Give them in one of the usual places: {CREDENTIALS}.")
    return Access(config, None, renews=True)


def _environment() -> dict[str, str]:
    """Return AWS's variables. Empty ones are removed: to boto3 they mean unset, obstore takes them at their word."""
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def _check(name: str, value: str) -> None:
    wrong = None
    if value != value.strip():
        wrong = "a blank or a line end at an end"
    elif not value.isprintable():
        wrong = "characters that cannot be printed"
    elif value[:1] in {'"', "'"}:
        wrong = "quotation marks (an --env-file keeps them)"
    if wrong:
        raise SettingInvalid(f"{name} has {wrong}", f"Correct {name}.")


def _has_keys(environment: Mapping[str, str]) -> bool:
    missing = [name for name in _KEYS if name not in environment]
    if len(missing) == 1:
        there = next(name for name in _KEYS if name not in missing)
        raise SettingInvalid(f"{there} is set and {missing[0]} is not", f"Set both, or unset {there}.")
    return not missing


def _other_source(environment: Mapping[str, str]) -> bool:
    return any(name in environment for name in _OTHER_SOURCES)


def _checked_endpoint(name: str, value: str) -> str:
    found = _ENDPOINT.fullmatch(value)
    if found and int(found[1] or 0) < 65536:
        return value
    wrong = f"{name}={shown(masked(value), 200)} is no address of a server"
    if "@" in value:
        raise SettingInvalid(wrong, f"Leave user and password out of it: credentials come from {CREDENTIALS}.")
    if "://" not in value:
        raise SettingInvalid(f"{wrong}: it has no scheme", f"Write http://{value} or https://{value}.")
    raise SettingInvalid(wrong, f"Write {name} as http://host:port or https://host.")


def _checked_region(value: str) -> str:
    if not _REGION.fullmatch(value):
        raise SettingInvalid(f"{shown(value)} is no AWS region", "Set AWS_REGION to one such as us-east-1.")
    return value


@dataclass(frozen=True)
class _Profile:
    """What the shared configuration files say."""

    endpoint: str | None = None
    region: str | None = None
    credentials: Any = None

    @classmethod
    def read(cls, environment: Mapping[str, str], *, needed: bool) -> _Profile:
        """Read the profile that is named, or the default one; `needed` says whether credentials are looked for."""
        named = next((environment[name] for name in _PROFILES if name in environment), None)
        if not named and not any(_is_file(environment.get(name, usual)) for name, usual in _FILES.items()):
            return cls()
        if find_spec("botocore") is None:
            if named and needed and not _other_source(environment):
                raise SettingInvalid(
                    f"AWS_PROFILE names {shown(named)}, and profiles are not read here: botocore is not installed",
                    "Install boto3, or give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; unset AWS_PROFILE for a role.",
                )
            return cls()
        return cls._by_botocore(named, needed=needed)

    @classmethod
    def _by_botocore(cls, named: str | None, *, needed: bool) -> _Profile:
        from botocore import exceptions as aws
        from botocore.configprovider import ConfiguredEndpointProvider
        from botocore.session import Session

        session = Session()
        try:
            scoped = session.get_scoped_config()
            endpoint = ConfiguredEndpointProvider(session.full_config, scoped, "s3").provide()
            credentials = session.get_credentials() if needed else None
        except aws.ProfileNotFound:
            raise SettingInvalid(
                f"there is no AWS profile {shown(named)}",
                f"Correct AWS_PROFILE: {did_you_mean(str(named), session.available_profiles or ['(none)'])}",
            ) from None
        except (aws.BotoCoreError, ValueError) as error:
            raise SettingInvalid(
                f"AWS's shared configuration cannot be used: {one_line(str(error), 300)}",
                "Correct AWS_PROFILE or the files that aws configure writes.",
            ) from None
        return cls(endpoint, scoped.get("region"), credentials)


def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, RuntimeError):  # in a container the user may have no home directory
        return False


def _provider(credentials: Any) -> Callable[[], dict[str, Any]]:
    def provide() -> dict[str, Any]:
        until = datetime.now(UTC) + _GOOD_FOR
        frozen = credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": until,
        }

    return provide
