"""One region: what the platform is told and what the tools around it believe must be the same."""

from __future__ import annotations

from collections.abc import Mapping

from stacks.errors import OperationRefused, Problem

VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def named_regions(environment: Mapping[str, str], profile: str | None) -> dict[str, str | None]:
    """Return what names a region, the one that counts most first, and the region or None."""
    return {name: environment.get(name) for name in VARIABLES} | {"the profile's region": profile}


def require_one_region(region: str, environment: Mapping[str, str], profile: str | None) -> None:
    """Check that nothing names another region than the platform's.

    The CDK, Docker's login and the AWS command line would each follow their own, and a platform would be looked for,
    or pushed to, where it is not.

    Parameters
    ----------
    region : str
        ``awsRegion``, as it is given or by default.
    environment : mapping
        The process's environment.
    profile : str or None
        The region of the profile in use, if it has one.

    Raises
    ------
    OperationRefused
        Naming both values.
    """
    other = [(name, value) for name, value in named_regions(environment, profile).items() if value and value != region]
    if other:
        name, value = other[0]
        raise OperationRefused(
            "two regions are named",
            [
                Problem(
                    f"awsRegion is {region}, and {name} is {value}",
                    f"Add CONTEXT=awsRegion={value} to make (-c awsRegion={value}), or change the other to {region}.",
                )
            ],
        )
