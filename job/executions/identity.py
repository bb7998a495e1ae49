"""What the results of an execution depend on, but for the data: spec, device, versions, protocol, kernels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from job.arrays import DeviceKind
from job.errors import ExecutionMismatch
from job.executions.versions import versions
from job.planning.spec import Spec
from job.training.candidates import ModelName
from job.training.kernels import other_blas_kernels

# Raised, beyond every number below, whenever the protocol changes in a way that changes results.
PROTOCOL_VERSION = 1
# Where only one model's results changed, specs without it keep their ids. LightGBM, 2: columns that a candidate's
# min_child_samples is too large for are left out for that candidate, as LGBMClassifier leaves them out.
REVISED: dict[ModelName, int] = {"lightgbm": 2}


def protocol_of(spec: Spec) -> int:
    """Return the version of the protocol that a spec's results are made by today."""
    return max([PROTOCOL_VERSION, *(REVISED[model] for model in spec.models if model in REVISED)])


@dataclass(frozen=True)
class Identity:
    """Everything that the results of an execution depend on, but for the data.

    Attributes
    ----------
    spec : Spec
    device : {'cpu', 'gpu'}
    versions : dict
    protocol : int
        The version of the protocol, :func:`protocol_of` the spec for what is made today.
    kernels : str or None
        The BLAS kernels, where they are not the usual ones.
    """

    spec: Spec
    device: DeviceKind
    versions: dict[str, str]
    protocol: int
    kernels: str | None = None

    @classmethod
    def here(cls, spec: Spec, device: DeviceKind) -> Identity:
        """Return the identity that this installation would give an execution."""
        return cls(spec, device, versions(), protocol_of(spec), kernels=other_blas_kernels())

    def content(self) -> dict[str, Any]:
        """Return the identity as plain JSON values; what is as usual is left out, so that ids stay what they were."""
        return {
            "spec": self.spec.canonical(),
            "device": self.device,
            "versions": self.versions,
            "protocol": self.protocol,
            **({} if self.kernels is None else {"kernels": self.kernels}),
        }

    @property
    def hash8(self) -> str:
        """The first 8 hexadecimal digits of the SHA-256 of the content."""
        text = json.dumps(self.content(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def stem(self) -> str:
        """What the ids of all executions with this identity begin with."""
        return f"{self.spec.name}-{self.hash8}-"


def differences(standing: Identity, wanted: Identity) -> list[str]:
    """Return what differs between two identities, each in a few words."""
    ours, theirs = wanted.content(), standing.content()
    differing = []
    for key in dict.fromkeys([*ours, *theirs]):
        there, here = theirs.get(key, "as usual"), ours.get(key, "as usual")  # kernels stand there where they are not
        if there == here:
            continue
        if not isinstance(here, dict):
            differing.append(f"{key} {there} there, {here} here")
            continue
        for part in sorted(set(ours[key]) | set(theirs[key])):
            there, here = theirs[key].get(part), ours[key].get(part)
            if there != here:
                differing.append(f"{part} {there} there, {here} here" if key == "versions" else f"{key}.{part}")
    return differing


def check_identity(execution_id: str, standing: Identity, wanted: Identity) -> None:
    """Refuse, naming what differs, where an execution was made from something else than is wanted.

    Raises
    ------
    ExecutionMismatch
    """
    differing = differences(standing, wanted)
    if differing and execution_id.startswith(wanted.stem):
        raise ExecutionMismatch(
            f"the manifest of {execution_id} is not what it was made with, as the id says: {'; '.join(differing)}",
            "Bring the manifest back as it was, or start another execution with --skip-resume.",
        )
    if differing:
        raise ExecutionMismatch(
            f"the execution {execution_id} was made from something else: {'; '.join(differing)}",
            "Use what it was made from, or leave out --execution-id to start another one.",
        )
