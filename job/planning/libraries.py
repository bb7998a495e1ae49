"""Whether the libraries that units need are installed: asked before planning and running, never when reading.

Nothing is imported for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from job.errors import LibraryMissing
from job.training.candidates import ModelName
from job.training.techniques import sampler_of
from job.training.unit import Unit

_OF_MODELS: dict[ModelName, str] = {
    "logistic_regression": "sklearn",
    "random_forest": "sklearn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "mlp": "sklearn",
}
_OF_SAMPLERS = "imblearn"
_NAMES = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn"}


def require_libraries(units: Iterable[Unit]) -> None:
    """Refuse units whose libraries are not installed.

    Raises
    ------
    LibraryMissing
        Naming each library and what needs it.
    """
    needed: dict[str, str] = {}
    for unit in units:
        needed.setdefault(_OF_MODELS[unit.model], f"the model {unit.model}")
        if sampler_of(unit.technique) != "none":
            needed.setdefault(_OF_SAMPLERS, f"the technique {unit.technique}")
    missing = {module: what for module, what in needed.items() if find_spec(module) is None}
    if not missing:
        return
    named = ", ".join(f"{what} needs {_NAMES.get(module, module)}" for module, what in missing.items())
    # XGBoost has two wheels of one name: which one is up to the machine, so it comes with an extra.
    extra = "'ldp[cpu]'" if "xgboost" in missing else "ldp"
    gpu = " ('ldp[gpu]' on a machine with a GPU)" if "xgboost" in missing else ""
    raise LibraryMissing(
        f"{named}: not installed here",
        f"Install it with `pip install {extra}`{gpu}, or leave what needs it out of the spec.",
    )
