"""How fast fits are on a GPU, for plans: every figure in one place, with where it comes from.

Measured on one NVIDIA H100 80GB HBM3 (driver 580.159, CUDA 13, November 2026): 100 rounds on 24,000 and 240,000 rows of
40 features, the GPU with one thread of the host against one thread of the same host. No card that the platform starts
was at hand: what an H100 does with its memory they are taken to do slower by the ratio of the bandwidths. So these are
good to within a factor of two, and a measurement on the card itself is better (`make bench-gpu`).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from job.training.candidates import ModelName


@dataclass(frozen=True)
class Card:
    """A GPU of a family of machines.

    Attributes
    ----------
    name : str
    share : float
        Its memory bandwidth, as a share of the H100's 3,350 GB/s.
    """

    name: str
    share: float


@dataclass(frozen=True)
class Pace:
    """How fast an H100 fits a model.

    Attributes
    ----------
    round_s : float
        Seconds that a boosting round takes however few the rows are: starting kernels, and what the host does.
    times : float
        How many times as fast as one core it is in what grows with the rows.
    of_card : bool
        Whether that is the card's doing, so that another card has another figure.
    """

    round_s: float
    times: float
    of_card: bool

    def seconds(self, rounds: float, cpu_s: float, card: Card) -> float:
        """Return what a fit takes on a card that takes one core so many seconds."""
        return rounds * self.round_s + cpu_s / (self.times * (card.share if self.of_card else 1.0))


PACES: Final = MappingProxyType[ModelName, Pace]({
    # Bins apart 0.14 and 0.22 s; one core takes 0.89 and 4.87 s.
    "xgboost": Pace(0.0012, 50.0, of_card=True),
    # 0.94 and 1.74 s; one core takes 0.75 and 4.75 s. Rows are dealt out among leaves by the host, whatever the card.
    "lightgbm": Pace(0.008, 5.0, of_card=False),
})  # fmt: skip
CARDS: Final = MappingProxyType({
    "g4dn": Card("T4", 320 / 3350),
    "g5": Card("A10G", 600 / 3350),
    "g6": Card("L4", 300 / 3350),
})  # fmt: skip
SOURCE: Final = "GPU speeds reckoned from an H100's"
