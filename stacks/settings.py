"""PlatformSettings: every context value, typed and validated together, and the profile of the CPU or the GPU mode.

Values come from ``-c name=value`` (always text), from ``cdk.json``, and from the JSON file that ``-c config=FILE``
names; a value given with ``-c`` wins over the same one in the file. Whatever cannot be used is reported in one message.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from job.catalogue import DATASET_IDS
from stacks.errors import Problem, SettingsInvalid, did_you_mean, nearest
from stacks.instances import SHAPES

ENVIRONMENTS = ("dev", "staging", "prod")
MAX_JOB_HOURS = 120
"""The longest that AWS Batch lets a running job delay an update of its environment: 7,200 minutes."""

_DIRECTIONS = "north|south|east|west|central|northeast|northwest|southeast|southwest"
_REGION = re.compile(rf"(af|ap|ca|eu|il|me|mx|sa|us)-({_DIRECTIONS})-[1-9]")
_PROJECT = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_DATASET = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_VPC = re.compile(r"vpc-[0-9a-f]{8,17}")
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_ZONE = re.compile(rf"(af|ap|ca|eu|il|me|mx|sa|us)-({_DIRECTIONS})-[1-9][a-z]")


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
    instance_types : tuple of str
        What the environments may launch.
    root_volume_size_gb : int
        Size of each instance's only volume.
    gpus_per_job : int
        GPUs that each job reserves.
    use_gpu : {'true', 'false'}
        The value of ``LDP_USE_GPU``.
    flags : tuple of str
        What is added to the commands of the jobs.
    """

    mode: str
    instance_types: tuple[str, ...]
    root_volume_size_gb: int
    gpus_per_job: int
    use_gpu: str
    flags: tuple[str, ...]

    def workers(self, vcpus: int) -> str:
        """Return ``LDP_N_JOBS`` of a job with so many vCPUs: all of them, or one where the GPU does the work."""
        return "1" if self.gpus_per_job else str(vcpus)


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
    cpu_instance_types, gpu_instance_types : tuple of str
        What the environments may launch, by mode.
    existing_vpc : ExistingVpc or None
        Use this network; None to make one.
    """

    project_name: str = "loan-default-prediction"
    environment: str = "dev"
    aws_region: str = "us-east-1"
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
    gpu_instance_types: tuple[str, ...] = ("g4dn.xlarge", "g4dn.2xlarge")
    existing_vpc: ExistingVpc | None = None

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
        given = {name: value for name, value in context.items() if not _is_of_the_cdk(name)}
        raw = {**_config_file(given.pop("config", None), problems), **given}
        parsed: dict[str, Any] = {}
        for name, value in raw.items():
            if name not in VALUES:
                problems.append(Problem(f"{name}: there is no such context value", did_you_mean(name, sorted(VALUES))))
                continue
            try:
                parsed[name] = VALUES[name](name, value)
            except Problem as problem:
                problems.append(problem)
        problems += _combinations(parsed, set(raw))
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
        if self.use_gpu:
            return Profile("gpu", self.gpu_instance_types, self.root_volume_size_gb or 100, 1, "true", ("--use-gpu",))
        return Profile("cpu", self.cpu_instance_types, self.root_volume_size_gb or 50, 0, "false", ())


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


Parser = Callable[[str, Any], Any]


def _text(pattern: re.Pattern[str], meant: str, longest: int = 255) -> Parser:
    def parse(name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or not pattern.fullmatch(value):
            raise Problem(f"{name}: {_shown(value)} is not {meant}", f"Write {meant}, at most {longest} characters.")
        return value

    return parse


def _choice(*choices: str) -> Parser:
    def parse(name: str, value: Any) -> str:
        if value not in choices:
            raise Problem(f"{name}: {_shown(value)} is not one of {', '.join(choices)}", _suggest(value, choices))
        return str(value)

    return parse


def _flag(name: str, value: Any) -> bool:
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise Problem(f"{name}: {_shown(value)} is neither true nor false", f"Write -c {name}=true or -c {name}=false.")


def _integer(least: int, most: int, unit: str) -> Parser:
    def parse(name: str, value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,8}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Problem(f"{name}: {_shown(value)} is not a whole number", f"Write {unit}, from {least} to {most}.")
        if not least <= value <= most:
            raise Problem(f"{name}: {value} is out of range", f"Write {unit}, from {least} to {most}.")
        return value

    return parse


def _names(item: Parser, *, distinct: bool = True) -> Parser:
    """Parse a list: of JSON, or separated by commas; `distinct` refuses what is there twice."""

    def parse(name: str, value: Any) -> tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not items or items == [""]:
            raise Problem(f"{name}: {_shown(value)} is not a list of names", f"Write -c {name}=one,two or a JSON list.")
        parsed = tuple(item(name, part.strip() if isinstance(part, str) else part) for part in items)
        repeated = sorted({part for part in parsed if parsed.count(part) > 1})
        if distinct and repeated:
            raise Problem(f"{name}: {', '.join(repeated)} is there more than once", "Name each one once.")
        return parsed

    return parse


def _instance_type(gpu: bool) -> Parser:
    def parse(name: str, value: Any) -> str:
        known = [shape.name for shape in SHAPES.values() if bool(shape.gpus) == gpu]
        if value in known:
            return str(value)
        if value in SHAPES:
            has = "has a GPU that nothing would use" if SHAPES[value].gpus else "has no GPU"
            other = "gpuInstanceTypes" if SHAPES[value].gpus else "cpuInstanceTypes"
            raise Problem(f"{name}: {value} {has}", f"Name it in {other}.")
        match = nearest(value, known) if isinstance(value, str) else None
        families = ", ".join(sorted({shape.split(".")[0] for shape in known}))
        hint = f"Did you mean {match}?" if match else "Name a current x86-64 type."
        raise Problem(
            f"{name}: {_shown(value)} is not a type this platform knows", f"{hint} Known families: {families}."
        )

    return parse


def _dataset(name: str, value: Any) -> str:
    text: str = _text(_DATASET, "a dataset's name such as taiwan_credit", 60)(name, value)
    taken = [word for word in ("data", *ENVIRONMENTS) if text.startswith(f"{word}_")]
    if taken:
        raise Problem(
            f"{name}: {text} starts with {taken[0]}_, which the names of other job definitions start with",
            f"Call the dataset something like {text.removeprefix(f'{taken[0]}_')}.",
        )
    return text


def _project(name: str, value: Any) -> str:
    text: str = _text(_PROJECT, "lower-case words joined by hyphens", 40)(name, value)
    taken = [word for word in ("data", *ENVIRONMENTS) if text.endswith(f"-{word}") or text == word]
    if taken:
        raise Problem(
            f"{name}: {text} ends in {taken[0]}, which would make its names those of another project's {taken[0]} part",
            "Choose a name that does not end in data, dev, staging or prod; the environment is a value of its own.",
        )
    return text


VALUES: dict[str, Parser] = {
    "projectName": _project,
    "environment": _choice(*ENVIRONMENTS),
    "awsRegion": _text(_REGION, "a region of AWS's commercial partition such as eu-west-1", 20),
    "useGpu": _flag,
    "spotMaxVcpus": _integer(1, 10_000, "a number of vCPUs"),
    "onDemandMaxVcpus": _integer(1, 10_000, "a number of vCPUs"),
    "jobVcpus": _integer(1, 192, "a number of vCPUs"),
    "jobMemoryMib": _integer(512, 3_145_728, "memory in MiB"),
    "dataJobVcpus": _integer(1, 192, "a number of vCPUs"),
    "dataJobMemoryMib": _integer(512, 3_145_728, "memory in MiB"),
    "rootVolumeSizeGb": _integer(30, 16_384, "a volume's size in GB (the machine images need 30)"),
    "datasets": _names(_dataset),
    "alertEmail": _text(_EMAIL, "an e-mail address", 254),
    "monthlyBudgetUsd": _integer(1, 1_000_000, "whole US dollars"),
    "imageTag": _text(_TAG, "an image tag such as cpu-0123abcd", 128),
    "jobAttempts": _integer(1, 10, "a number of attempts"),
    "maxJobHours": _integer(1, MAX_JOB_HOURS, "hours"),
    "azCount": _integer(1, 6, "a number of availability zones"),
    "cpuInstanceTypes": _names(_instance_type(gpu=False)),
    "gpuInstanceTypes": _names(_instance_type(gpu=True)),
    "vpcId": _text(_VPC, "a VPC's id such as vpc-0123456789abcdef0", 21),
    "subnetIds": _names(_text(_SUBNET, "a subnet's id such as subnet-0123456789abcdef0", 24)),
    "availabilityZones": _names(_text(_ZONE, "an availability zone such as us-east-1a", 20), distinct=False),
}
"""Every context value but ``config``, and how it is read."""


def _combinations(parsed: Mapping[str, Any], given: set[str]) -> list[Problem]:
    """Return what is wrong although each value alone is right.

    Parameters
    ----------
    parsed : mapping
        The values that could be read.
    given : set of str
        The names of all that were given, read or not: what was given wrongly is not also reported as missing.
    """
    problems = []
    network = ("vpcId", "subnetIds", "availabilityZones")
    missing = [name for name in network if name not in given]
    if missing and len(missing) < len(network):
        problems.append(
            Problem(
                f"{', '.join(name for name in network if name in given)}: given without {', '.join(missing)}",
                "An existing network needs vpcId, subnetIds and availabilityZones; leave all out to get a new one.",
            )
        )
    if "vpcId" in given and "azCount" in given:
        problems.append(
            Problem(
                "azCount: an existing VPC has its own zones", "Leave azCount out, or leave vpcId out to get a new VPC."
            )
        )
    if "subnetIds" in parsed and "availabilityZones" in parsed:
        subnets, zones = parsed["subnetIds"], parsed["availabilityZones"]
        if len(subnets) != len(zones):
            problems.append(
                Problem(
                    f"availabilityZones: {len(zones)} zones for {len(subnets)} subnets",
                    "Write the zone of each subnet, in the order of subnetIds.",
                )
            )
        region = parsed.get("awsRegion", PlatformSettings.aws_region if "awsRegion" not in given else None)
        foreign = sorted({zone for zone in zones if region and zone[:-1] != region})
        if foreign:
            problems.append(
                Problem(
                    f"availabilityZones: {', '.join(foreign)} is not in {region}",
                    "Write zones of awsRegion, or name the region of these with awsRegion.",
                )
            )
    if "imageTag" in parsed and ("useGpu" in parsed or "useGpu" not in given):
        mode, other = ("gpu", "cpu") if parsed.get("useGpu", False) else ("cpu", "gpu")
        tag = parsed["imageTag"]
        if not tag.startswith(f"{mode}-"):
            wrong = f"is an image of the {other.upper()} mode" if tag.startswith(f"{other}-") else "is of no mode"
            problems.append(
                Problem(
                    f"imageTag: {tag} {wrong}, and useGpu is {'true' if mode == 'gpu' else 'false'}",
                    f"Name an image whose tag starts with {mode}-, or switch useGpu.",
                )
            )
    return problems


def _assemble(parsed: Mapping[str, Any]) -> PlatformSettings:
    values = {re.sub("([A-Z])", r"_\1", name).lower(): value for name, value in parsed.items()}
    vpc = {name: values.pop(name) for name in ("vpc_id", "subnet_ids", "availability_zones") if name in values}
    return dataclasses.replace(PlatformSettings(), **values, existing_vpc=ExistingVpc(**vpc) if vpc else None)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _suggest(value: Any, choices: tuple[str, ...]) -> str:
    return did_you_mean(value, choices) if isinstance(value, str) else f"Use one of: {', '.join(choices)}."
