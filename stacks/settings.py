"""PlatformSettings: every context value, typed and validated together, and the profile of the CPU or the GPU mode.

Values come from ``-c name=value`` (always text), from ``cdk.json``, and from the JSON file that ``-c config=FILE``
names; a value given with ``-c`` wins over the same one in the file. Whatever cannot be used is reported in one message.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from job.catalogue import DATASET_IDS
from job.machines import Machine, cheapest_first, parse_machine, siblings
from stacks.combinations import combinations
from stacks.errors import Problem, SettingsInvalid, did_you_mean
from stacks.parsers import DEFAULT_REGION, ENVIRONMENTS, GPU_FAMILIES, VALUES

GPU_VOLUME_MIB_PER_S = 400
"""Throughput of a GPU host's volume: at the 125 MiB/s of an ordinary one the image alone is written for 17 seconds. A
volume may have a quarter of its I/O operations a second, which are 3,000."""

UPDATE_MINUTES = 30
"""How long an update of an environment lets its running jobs go on before it ends them; they are then retried."""


@dataclass(frozen=True)
class ExistingVpc:
    """A network that is there already and that this platform only uses.

    Parameters
    ----------
    vpc_id : str
        The VPC.
    subnet_ids : tuple of str
        Subnets whose instances reach the internet: by a public IP, or through a NAT.
    availability_zones : tuple of str
        The zone of each subnet, in the same order.
    """

    vpc_id: str
    subnet_ids: tuple[str, ...]
    availability_zones: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """Everything that differs between the CPU and the GPU mode.

    Parameters
    ----------
    mode : {'cpu', 'gpu'}
        The mode; image tags start with it.
    machines : tuple of Machine
        What the On-Demand environment may launch, in this order: of those that can host a job it takes the first, so
        the cheapest stand first.
    spot_machines : tuple of Machine
        What the Spot environment may launch.
    root_volume_size_gb : int
        Size of each instance's only volume.
    root_volume_mib_per_s : int or None
        Its throughput; None is what every volume has.
    gpus_per_job : int
        GPUs that each job reserves.
    use_gpu : {'true', 'false'}
        The value of ``LDP_USE_GPU``.
    flags : tuple of str
        What is added to the commands of the jobs.
    """

    mode: str
    machines: tuple[Machine, ...]
    spot_machines: tuple[Machine, ...]
    root_volume_size_gb: int
    root_volume_mib_per_s: int | None
    gpus_per_job: int
    use_gpu: str
    flags: tuple[str, ...]

    def workers(self, vcpus: int) -> str:
        """Return ``LDP_N_JOBS`` of a job with so many vCPUs: all of them, or one where the GPU does the work."""
        return "1" if self.gpus_per_job else str(vcpus)


@dataclass(frozen=True)
class Needs:
    """What the training job of one dataset has that is not as for the others; None is as for the others.

    Parameters
    ----------
    job_vcpus, job_memory_mib : int or None
        What it reserves.
    shards : int
        Into how many jobs its work is to be divided.
    """

    job_vcpus: int | None = None
    job_memory_mib: int | None = None
    shards: int = 1


@dataclass(frozen=True)
class PlatformSettings:
    """What one deployment of the platform is to be. Made by :meth:`from_context`, which validates.

    Parameters
    ----------
    project_name : str
        Prefix of every name.
    environment : {'dev', 'staging', 'prod'}
        Several environments of a project live side by side; `prod` keeps its data when the stack is deleted.
    aws_region : str
        Where.
    use_gpu : bool
        GPU or CPU instances.
    spot_max_vcpus, on_demand_max_vcpus : int
        Limits of the two compute environments.
    job_vcpus, job_memory_mib, data_job_vcpus, data_job_memory_mib : int
        What a training job and a data job reserve.
    root_volume_size_gb : int or None
        Size of each instance's volume; None for 50 (CPU) or 100 (GPU).
    datasets : tuple of str
        Each has a data job and a training job.
    alert_email : str or None
        Who hears of failures.
    monthly_budget_usd : int or None
        Makes an AWS Budget.
    image_tag : str or None
        The image of the jobs; None for the one that the checkout builds.
    job_attempts : int
        How often a job is started at most.
    max_job_hours : int
        When an attempt is ended as hanging.
    az_count : int
        Availability zones of our own VPC.
    gpu_family : {'g4dn', 'g5', 'g6'}
        Whose types the GPU mode launches: T4, A10G or L4. One for all, since fits differ between models of GPUs.
    cpu_instance_types, gpu_instance_types : tuple of str
        What the environments may launch, by mode; no type of a GPU means the two smallest of `gpu_family`.
    existing_vpc : ExistingVpc or None
        Use this network; None to make one.
    per_dataset : dict of str to Needs
        Datasets whose training jobs are not as the others.
    bucket_name, repository_name : str or None
        Names of their own, in `prod` only; None for those that CloudFormation makes.
    session_manager : bool
        Whether people may open a session on the hosts.
    """

    project_name: str = "loan-default-prediction"
    environment: str = "dev"
    aws_region: str = DEFAULT_REGION
    use_gpu: bool = False
    spot_max_vcpus: int = 16
    on_demand_max_vcpus: int = 8
    job_vcpus: int = 4
    job_memory_mib: int = 14336
    data_job_vcpus: int = 2
    data_job_memory_mib: int = 8192
    root_volume_size_gb: int | None = None
    datasets: tuple[str, ...] = DATASET_IDS
    alert_email: str | None = None
    monthly_budget_usd: int | None = None
    image_tag: str | None = None
    job_attempts: int = 3
    max_job_hours: int = 24
    az_count: int = 3
    cpu_instance_types: tuple[str, ...] = ("c5.xlarge", "c5.2xlarge", "m5.xlarge", "m5.2xlarge")
    gpu_family: str = GPU_FAMILIES[0]
    gpu_instance_types: tuple[str, ...] = ()
    existing_vpc: ExistingVpc | None = None
    per_dataset: Mapping[str, Needs] = field(default_factory=dict)
    bucket_name: str | None = None
    repository_name: str | None = None
    session_manager: bool = False

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> PlatformSettings:
        """Read and validate context values.

        Parameters
        ----------
        context : mapping
            All context of the app. The CDK's own keys (``@aws-cdk/…``, ``aws:cdk:…``) are not ours to judge.

        Raises
        ------
        SettingsInvalid
            Naming everything that cannot be used.
        """
        problems: list[Problem] = []
        raw = given_values(context, problems)
        parsed: dict[str, Any] = {}
        for name, value in raw.items():
            if name not in VALUES:
                problems.append(Problem(f"{name}: there is no such context value", did_you_mean(name, sorted(VALUES))))
                continue
            try:
                parsed[name] = VALUES[name](name, value)
            except Problem as problem:
                problems.append(problem)
        problems += combinations(parsed, set(raw))
        if problems:
            count = "a context value" if len(problems) == 1 else f"{len(problems)} context values"
            raise SettingsInvalid(f"{count} cannot be used", problems)
        return _assemble(parsed)

    @property
    def removable(self) -> bool:
        """Whether deleting the stack deletes data and images with it."""
        return self.environment != "prod"

    @property
    def stack_name(self) -> str:
        """The name of the CloudFormation stack."""
        return f"{self.project_name}-{self.environment}"

    @property
    def name_prefix(self) -> str:
        """What the names of job definitions and of the log group start with.

        The default environment goes without its name, so that the names are those of the published platform.
        """
        return self.project_name if self.environment == ENVIRONMENTS[0] else self.stack_name

    @property
    def profile(self) -> Profile:
        """What the mode decides."""
        smallest = (f"{self.gpu_family}.xlarge", f"{self.gpu_family}.2xlarge")
        types = (self.gpu_instance_types or smallest) if self.use_gpu else self.cpu_instance_types
        named = [found for one in types if (found := parse_machine(one)) is not None]
        # Spot has the widest choice; types that somebody named are meant, and so no others.
        usual = self.cpu_instance_types == PlatformSettings.cpu_instance_types and not self.use_gpu
        on_demand, spot = tuple(cheapest_first(named)), tuple(siblings(named) if usual else named)
        if self.use_gpu:
            size = self.root_volume_size_gb or 100
            return Profile("gpu", on_demand, spot, size, GPU_VOLUME_MIB_PER_S, 1, "true", ("--use-gpu",))
        return Profile("cpu", on_demand, spot, self.root_volume_size_gb or 50, None, 0, "false", ())


def given_values(context: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Return the values that context gives, those of a config file among them, as they are; faults go to `problems`."""
    given = {name: value for name, value in context.items() if not _is_of_the_cdk(name)}
    return {**_config_file(given.pop("config", None), problems), **given}


def context_of(pairs: Sequence[str]) -> dict[str, str]:
    """Return the context values of a command line: what follows each ``-c``."""
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _is_of_the_cdk(name: str) -> bool:
    return name.startswith("@") or ":" in name or name in {"tree", "aws-cdk", "availability-zones"}


def _config_file(path: Any, problems: list[Problem]) -> dict[str, Any]:
    """Return the values of the file that ``config`` names; what is wrong with the file goes to `problems`."""
    if path is None:
        return {}
    if not isinstance(path, str) or not path:
        problems.append(Problem(f"config: {path!r} is not the name of a file", "Write -c config=config/gpu.json."))
        return {}
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(Problem(f"config: cannot read {path}: {error.strerror}", "Name a JSON file that exists."))
        return {}
    except ValueError as error:
        problems.append(Problem(f"config: {path} is not JSON: {error}", "Correct the file; see config/gpu.json."))
        return {}
    if not isinstance(content, dict):
        problems.append(Problem(f"config: {path} holds no JSON object", 'Write {"useGpu": true, …} in it.'))
        return {}
    if "config" in content:
        problems.append(Problem(f"config: {path} names another config file", "Put all values in one file."))
        del content["config"]
    return content


def _assemble(parsed: Mapping[str, Any]) -> PlatformSettings:
    values = {_as_field(name): value for name, value in parsed.items()}
    vpc = {name: values.pop(name) for name in ("vpc_id", "subnet_ids", "availability_zones") if name in values}
    needs = {
        dataset: Needs(**{_as_field(name): value for name, value in given.items()})
        for dataset, given in values.pop("per_dataset", {}).items()
    }
    return dataclasses.replace(
        PlatformSettings(), **values, existing_vpc=ExistingVpc(**vpc) if vpc else None, per_dataset=needs
    )


def _as_field(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()
