"""The door to AWS: clients with bounded patience, and AWS's refusals in the words of this house."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from job.cloud.permissions import remedy_of_denied
from job.errors import AwsRefused, CloudNotInstalled, SettingInvalid, UsageError, shown

# An answer without a body, such as to S3's HEAD, has its status alone.
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}
_THROTTLED = {
    "EC2ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_UNKNOWN_HERE = {"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"}
"""Said too of credentials that are good, by a region that their account has not enabled."""
_UNKNOWN_CREDENTIALS = _UNKNOWN_HERE | {
    "400",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_CREDENTIALS = "Give credentials in the usual places (aws configure, aws sso login, AWS_PROFILE, an instance's role)."


class Aws:
    """Clients of one region, made when they are asked for.

    Parameters
    ----------
    region : str or None
        None for that of the environment: ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or the profile's.

    Raises
    ------
    CloudNotInstalled
        If boto3 is missing.
    UsageError
        If no region is given anywhere, for there is none that could be guessed, or what is given is none.
    SettingInvalid
        If the profile that ``AWS_PROFILE`` names does not exist, or the configuration cannot be read.
    """

    def __init__(self, region: str | None = None) -> None:
        try:
            import boto3
        except ModuleNotFoundError as error:
            raise CloudNotInstalled(
                f"ldp cloud needs {error.name}, which is not installed",
                "Run make setup setup-infra in a checkout, or pip install boto3; images of the jobs go without it.",
            ) from None
        from botocore.exceptions import BotoCoreError

        # Containers and AWS's other SDKs say AWS_REGION; boto3 itself reads AWS_DEFAULT_REGION only.
        wanted = region or os.environ.get("AWS_REGION") or None
        try:
            self._session = boto3.session.Session(region_name=wanted)
        except BotoCoreError as error:
            raise SettingInvalid(
                f"AWS: {error}", "Correct AWS_PROFILE or the files that aws configure writes."
            ) from None
        if self._session.region_name is None:
            raise UsageError("no AWS region is given", "Add --region, or set AWS_REGION.")
        if not _REGION.fullmatch(self._session.region_name):
            raise UsageError(
                f"{shown(self._session.region_name)} is no AWS region",
                "Give one such as us-east-1 (--region, AWS_REGION).",
            )
        self.region: str = self._session.region_name
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service, such as ``batch``; what AWS throttles is asked again, ever more slowly.

        Raises
        ------
        SettingInvalid
            If ``AWS_ENDPOINT_URL`` is no address.
        AwsRefused
            If no client can be made.
        """
        return self._client(service, {"mode": "adaptive", "max_attempts": 6})

    def client_briefly(self, service: str, region: str | None = None) -> Any:
        """Return a client that soon gives up: for what can be gone without.

        Parameters
        ----------
        region : str, optional
            Another than that of all others: of a service that is in some regions only.

        Raises
        ------
        SettingInvalid, AwsRefused
            As :meth:`client`.
        """
        return self._client(service, {"mode": "standard", "total_max_attempts": 2}, region)

    def client_once(self, service: str) -> Any:
        """Return a client that sends each request once: for what must not be done twice.

        Raises
        ------
        SettingInvalid, AwsRefused
            As :meth:`client`.
        """
        return self._client(service, {"mode": "standard", "total_max_attempts": 1})

    def _client(self, service: str, retries: dict[str, Any], region: str | None = None) -> Any:
        from botocore.config import Config

        key = f"{service} {region} {retries}"
        if key not in self._clients:
            config = Config(connect_timeout=10, read_timeout=60, retries=retries)
            try:
                with refusals():
                    self._clients[key] = self._session.client(service, region_name=region, config=config)
            except ValueError as error:
                raise SettingInvalid(f"AWS: {error}", "Correct AWS_ENDPOINT_URL, or unset it.") from None
        return self._clients[key]


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what boto3 raises in the block into an :class:`~job.errors.AwsRefused` that says what to do.

    Raises
    ------
    AwsRefused
    """
    from botocore import exceptions as aws

    try:
        yield
    except aws.ClientError as error:
        code, operation = error.response.get("Error", {}).get("Code", ""), error.operation_name
        said = error.response.get("Error", {}).get("Message") or code or str(error)
        if code in _UNKNOWN_CREDENTIALS:
            elsewhere = ", or their account has not enabled this region" if code in _UNKNOWN_HERE else ""
            remedy = f"The credentials are expired or wrong{elsewhere}. {_CREDENTIALS}"
        elif code in _DENIED:
            remedy = remedy_of_denied(operation)
        elif code in _THROTTLED:
            remedy = "AWS has been asked too often, by anybody of this account: wait a minute, then try again."
        elif code == "NoSuchBucket":
            said = f"{said} ({error.response['Error'].get('BucketName', 'its name is not told')})"
            remedy = (
                "The bucket is gone, and applying the stack does not make it anew: make destroy, then make deploy, and "
                "upload what was in it again."
            )
        else:
            remedy = "Check account, region and names; if it is AWS that fails, try again."
        raise AwsRefused(f"AWS refused {operation}: {said}", remedy) from error
    except (aws.ConnectionError, aws.HTTPClientError) as error:
        raise AwsRefused(f"AWS cannot be reached: {error}", "Check the network and the region's name.") from error
    except aws.BotoCoreError as error:
        raise AwsRefused(f"AWS: {error}", f"Check the region. {_CREDENTIALS}") from error
