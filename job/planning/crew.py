"""How many worker processes a run has, and how many of them use the GPU: a rule of its own, without side effects."""

from __future__ import annotations

from dataclasses import dataclass

from job.arrays import DeviceKind


@dataclass(frozen=True)
class Crew:
    """The worker processes of a run.

    Attributes
    ----------
    gpu : int
        How many fit XGBoost and LightGBM on the GPU. They do other work when there is none of that left.
    cpu : int
        How many do all other work, beside them.
    """

    cpu: int
    gpu: int = 0

    @property
    def workers(self) -> int:
        """All of them."""
        return self.cpu + self.gpu


def crew_of(kind: DeviceKind, asked: int | None, processors: int) -> Crew:
    """Return the workers of a run.

    Parameters
    ----------
    kind : {'cpu', 'gpu'}
    asked : int or None
        What ``--jobs`` or ``LDP_N_JOBS`` says. On the CPU it counts all workers, one for each processor without it. On
        a GPU it counts those that use the GPU, one without it; the processors that they leave have a worker each.
    processors : int
        How many this process may use.

    Examples
    --------
    >>> crew_of("gpu", 1, 4)
    Crew(cpu=3, gpu=1)
    """
    if kind == "cpu":
        return Crew(asked or processors)
    gpu = asked or 1
    return Crew(max(processors - gpu, 0), gpu)
