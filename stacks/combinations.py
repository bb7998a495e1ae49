"""What is wrong with context values although each alone is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from job.catalogue import DATASET_IDS
from stacks.errors import Problem, did_you_mean
from stacks.parsers import DEFAULT_REGION, ENVIRONMENTS


def combinations(parsed: Mapping[str, Any], given: set[str]) -> list[Problem]:
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
        region = parsed.get("awsRegion", DEFAULT_REGION if "awsRegion" not in given else None)
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
    problems += _gpu_families(parsed)
    kept = [name for name in ("bucketName", "repositoryName") if name in given]
    if kept and parsed.get("environment", ENVIRONMENTS[0]) != "prod":
        problems.append(
            Problem(
                f"{', '.join(kept)}: only prod has names of its own: what is deleted with its stack needs none",
                f"Leave {' and '.join(kept)} out, or add environment=prod.",
            )
        )
    foreign_needs = sorted(set(parsed.get("perDataset", {})) - set(parsed.get("datasets", DATASET_IDS)))
    if foreign_needs and ("datasets" in parsed or "datasets" not in given):
        known = parsed.get("datasets", DATASET_IDS)
        problems.append(
            Problem(
                f"perDataset: {', '.join(foreign_needs)} is not among the datasets",
                did_you_mean(foreign_needs[0], list(known)),
            )
        )
    return problems


def _gpu_families(parsed: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with the types of GPUs: fits differ between models, and a retry may land on any host."""
    families = sorted({name.split(".")[0] for name in parsed.get("gpuInstanceTypes", ())})
    if len(families) > 1:
        return [
            Problem(
                f"gpuInstanceTypes: {', '.join(families)} have different GPUs, and fits differ between them",
                f"Name types of one family, such as {families[0]}; another environment may have another.",
            )
        ]
    if families and parsed.get("gpuFamily", families[0]) != families[0]:
        return [
            Problem(
                f"gpuFamily: {parsed['gpuFamily']}, and gpuInstanceTypes names types of {families[0]}",
                "Give one of the two.",
            )
        ]
    return []
