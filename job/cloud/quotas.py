"""How many vCPUs an account may have at once, of each kind of instance."""

from __future__ import annotations

from dataclasses import dataclass

from job.cloud.queues import SPOT
from job.cloud.session import Aws, refusals
from job.errors import AwsRefused

_CODES = {
    ("spot", False): ("L-34B43A08", "All Standard Spot Instance Requests"),
    ("on-demand", False): ("L-1216C47A", "Running On-Demand Standard instances"),
    ("spot", True): ("L-3819A6DF", "All G and VT Spot Instance Requests"),
    ("on-demand", True): ("L-DB2E81BA", "Running On-Demand G and VT instances"),
}


@dataclass(frozen=True)
class Quota:
    """A quota of EC2.

    Attributes
    ----------
    code, name : str
    vcpus : float
        How many at once.
    applied : bool
        Whether it is this account's; else the value that accounts begin with.
    """

    code: str
    name: str
    vcpus: float
    applied: bool

    @property
    def remedy(self) -> str:
        """How more are asked for."""
        return (
            f"Ask for more: aws service-quotas request-service-quota-increase --service-code ec2 --quota-code "
            f"{self.code} --desired-value 32 (hours to days)."
        )


def find_quota(aws: Aws, life_cycle: str, *, gpu: bool) -> Quota | None:
    """Return the account's quota, else the value that accounts begin with; None where neither may be asked.

    Parameters
    ----------
    life_cycle : {'spot', 'on-demand'}
    gpu : bool
        Of G instances instead of the standard ones.
    """
    code, name = _CODES["spot" if life_cycle == SPOT else "on-demand", gpu]
    client = aws.client_briefly("service-quotas")
    for operation, applied in ((client.get_service_quota, True), (client.get_aws_default_service_quota, False)):
        try:
            with refusals():
                answer = operation(ServiceCode="ec2", QuotaCode=code)
            return Quota(code, name, float(answer["Quota"]["Value"]), applied)
        except AwsRefused:
            continue
    return None
