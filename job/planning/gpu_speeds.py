"""How fast fits are on a GPU, for plans: every figure in one place, with where it comes from.

Measured on one NVIDIA H100 80GB HBM3 (driver 580.159, CUDA 13, November 2026) beside 16 cores, with 40 features, 100
rounds, at 30,000 and 300,000 rows. No card that the platform starts was at hand: their figures are the H100's, with
what grows with the rows made slower by the ratio of the cards' memory bandwidths. Good to within a factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from job.training.candidates import ModelName


@dataclass(frozen=True)
class Pace:
    """How fast an H100 fits a model.

    Attributes
    ----------
    round_s : float
        Seconds that a boosting round takes however few the rows are: starting kernels, and what the host does.
    times : float
        How many times as fast as one core it is in what grows with the rows.
    """

    round_s: float
    times: float


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


PACES: Final = MappingProxyType[ModelName, Pace]({
    # With the bins there 100 rounds of depth 6 take 0.13 and 0.18 s; one core takes 1.0 s at 30,000 rows.
    "xgboost": Pace(0.00125, 140.0),
    # 0.9 s at 30,000 rows, where one core takes 0.8 s; 1.1 s at 300,000, where 16 cores take that too.
    "lightgbm": Pace(0.008, 20.0),
})  # fmt: skip
CARDS: Final = MappingProxyType({
    "g4dn": Card("T4", 320 / 3350),
    "g5": Card("A10G", 600 / 3350),
    "g6": Card("L4", 300 / 3350),
})  # fmt: skip
BINNING_S: Final = 0.14
"""CPU seconds for a million numbers, once for each fold: bins are made on the host, by one thread, for both devices."""
SOURCE: Final = "GPU speeds reckoned from an H100's"
