"""Every context value and how it is read: text of ``-c name=value`` and JSON of a config file alike."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from job.catalogue import DATASET_IDS, OWN_NAME_RULE, is_own_name
from job.machines import MACHINES, parse_machine
from stacks.errors import Problem, did_you_mean, nearest

ENVIRONMENTS = ("dev", "staging", "prod")
DEFAULT_REGION = "us-east-1"
GPU_FAMILIES = ("g4dn", "g5", "g6")
"""Types with one T4, A10G or L4; the first is the usual one."""
MAX_JOB_HOURS = 120
"""When an attempt is ended at the latest: five days."""

_DIRECTIONS = "north|south|east|west|central|northeast|northwest|southeast|southwest"
_REGION = re.compile(rf"(af|ap|ca|eu|il|me|mx|sa|us)-({_DIRECTIONS})-[1-9]")
_PROJECT = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_VPC = re.compile(r"vpc-[0-9a-f]{8,17}")
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_ZONE = re.compile(rf"(af|ap|ca|eu|il|me|mx|sa|us)-({_DIRECTIONS})-[1-9][a-z]")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_REPOSITORY = re.compile(r"[a-z][a-z0-9]*(?:[._/-][a-z0-9]+)*")


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
    known = [one.name for one in MACHINES.values() if bool(one.gpus) == gpu]

    def parse(name: str, value: Any) -> str:
        found = parse_machine(value) if isinstance(value, str) else None
        if found is not None and bool(found.gpus) == gpu:
            return str(value)
        if found is not None:
            has = "has a GPU that nothing would use" if found.gpus else "has no GPU"
            raise Problem(
                f"{name}: {value} {has}", f"Name it in {'gpuInstanceTypes' if found.gpus else 'cpuInstanceTypes'}."
            )
        match = nearest(value, known) if isinstance(value, str) else None
        families = ", ".join(sorted({one.split(".")[0] for one in known}))
        hint = f"Did you mean {match}?" if match else "Name a current x86-64 type."
        raise Problem(
            f"{name}: {_shown(value)} is not a type this platform knows",
            f"{hint} Known families: {families}; any other as type:vcpus:mib:gpus, such as m9z.xlarge:4:16384:0.",
        )

    return parse


def dataset_name(name: str, value: Any) -> str:
    """Read a dataset's name, which names of job definitions are made from."""
    text = value if isinstance(value, str) else ""
    if text not in DATASET_IDS and not is_own_name(text):
        raise Problem(
            f"{name}: {_shown(value)} is not a dataset's name such as taiwan_credit",
            f"Name datasets that ldp has, or declared ones: {OWN_NAME_RULE}.",
        )
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


DATASET_VALUES = ("jobVcpus", "jobMemoryMib", "shards")


def _per_dataset(name: str, value: Any) -> dict[str, dict[str, int]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, dict):
        raise Problem(
            f"{name}: not an object of datasets", 'Write {"lending_club": {"jobMemoryMib": 28672}} in the config file.'
        )
    found: dict[str, dict[str, int]] = {}
    for dataset, needs in value.items():
        where = f"{name}.{dataset}"
        dataset_name(name, dataset)
        if not isinstance(needs, dict) or not needs:
            raise Problem(f"{where}: not an object with values", f"Write some of {', '.join(DATASET_VALUES)}.")
        for key in needs:
            if key not in DATASET_VALUES:
                raise Problem(f"{where}.{key}: there is no such value", did_you_mean(key, DATASET_VALUES))
        parse = {**VALUES, "shards": _integer(1, 10_000, "a number of shards")}
        found[dataset] = {key: parse[key](f"{where}.{key}", needs[key]) for key in needs}
    return found


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
    "datasets": _names(dataset_name),
    "alertEmail": _text(_EMAIL, "an e-mail address", 254),
    "monthlyBudgetUsd": _integer(1, 1_000_000, "whole US dollars"),
    "imageTag": _text(_TAG, "an image tag such as cpu-0123abcd", 128),
    "jobAttempts": _integer(1, 10, "a number of attempts"),
    "maxJobHours": _integer(1, MAX_JOB_HOURS, "hours"),
    "azCount": _integer(1, 6, "a number of availability zones"),
    "cpuInstanceTypes": _names(_instance_type(gpu=False)),
    "gpuFamily": _choice(*GPU_FAMILIES),
    "gpuInstanceTypes": _names(_instance_type(gpu=True)),
    "vpcId": _text(_VPC, "a VPC's id such as vpc-0123456789abcdef0", 21),
    "subnetIds": _names(_text(_SUBNET, "a subnet's id such as subnet-0123456789abcdef0", 24)),
    "bucketName": _text(_BUCKET, "a bucket's name: lower-case letters, digits and hyphens", 63),
    "repositoryName": _text(_REPOSITORY, "a repository's name such as ldp/images", 256),
    "sessionManager": _flag,
    "perDataset": _per_dataset,
    "availabilityZones": _names(_text(_ZONE, "an availability zone such as us-east-1a", 20), distinct=False),
}
"""Every context value but ``config``, and how it is read."""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _suggest(value: Any, choices: tuple[str, ...]) -> str:
    return did_you_mean(value, choices) if isinstance(value, str) else f"Use one of: {', '.join(choices)}."
