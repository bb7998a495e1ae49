"""The versions that results depend on; every command that computes names them, so nothing heavy is imported here."""

from __future__ import annotations

from importlib import metadata

_PACKAGES = {
    "numpy": ("numpy",),
    "scikit-learn": ("scikit-learn",),
    "imbalanced-learn": ("imbalanced-learn",),
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost", "xgboost-cpu"),
}


def versions() -> dict[str, str]:
    """Return the versions that results depend on, by the packages' common names."""
    found = {}
    for name, distributions in _PACKAGES.items():
        for distribution in distributions:
            try:
                found[name] = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                continue
        else:
            found[name] = "missing"
    return found


def own_version() -> str:
    """Return the version of this package; where its code is run without being installed, that it is not."""
    try:
        return metadata.version("ldp")
    except metadata.PackageNotFoundError:
        return "not installed"
