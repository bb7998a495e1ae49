"""What the project builds, installed by itself, works: nothing that it needs is only in a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
SOURCES = ("job", "pyproject.toml", "README.md", "LICENSE")


def required(found: Distribution, seen: set[str]) -> Iterator[Distribution]:
    """Yield what a distribution requires without any extra, and what that requires in turn."""
    for line in found.requires or ():
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        needed = distribution(name)
        yield needed
        yield from required(needed, seen)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sources alone: a tree where something was built before could lend it old files."""
    place = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, place / name)
    uv("build", "--wheel", "--quiet", "--out-dir", str(place / "dist"), str(place))
    (built,) = (place / "dist").glob("ldp-*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it says that it requires, and nothing else that is installed here.

    The wheel is installed; of what it requires, without any extra, the files installed here are linked into the
    environment: so it takes no download, and what is not required, such as XGBoost, is not there.
    """
    place = tmp_path_factory.mktemp("fresh")
    venv.create(place, with_pip=False, symlinks=True)
    uv("pip", "install", "--quiet", "--no-deps", "--offline", "--python", str(place / "bin" / "python"), str(wheel))
    (packages,) = (place / "lib").glob("python*/site-packages")
    (metadata,) = packages.glob("ldp-*.dist-info")
    for needed in required(PathDistribution(metadata), set()):
        for top in {file.parts[0] for file in needed.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(needed.locate_file(top))))
    return place


def uv(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def ldp(fresh: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "LDP_LOG_FORMAT": "text"}
    return subprocess.run(
        [fresh / "bin" / "ldp", *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: Path, fresh: Path) -> None:
    (packages,) = (fresh / "lib").glob("python*/site-packages")
    installed = {path.relative_to(packages) for path in (packages / "job").rglob("*") if path.is_file()}
    ours = {path.relative_to(ROOT) for path in (ROOT / "job").rglob("*") if path.is_file()}
    assert {path for path in installed if "__pycache__" not in path.parts} == {
        path for path in ours if "__pycache__" not in path.parts
    }
    assert Path("job/py.typed") in installed
    assert Path("job/planning/specs/quick.toml") in installed


def test_the_environment_has_what_is_required_and_not_what_is_not(fresh: Path, tmp_path: Path) -> None:
    program = (
        "import importlib.util as u, job\n"
        "print(job.__file__, *(name for name in ('xgboost', 'boto3', 'pytest', 'lightgbm') if u.find_spec(name)))"
    )
    said = subprocess.run(
        [fresh / "bin" / "python", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.split()
    assert Path(said[0]).is_relative_to(fresh)
    assert said[1:] == ["lightgbm"]


def test_the_demo_runs_from_the_wheel_alone(fresh: Path, tmp_path: Path) -> None:
    done = ldp(fresh, tmp_path, "demo", "corporate_ccc", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "xgboost missing" in done.stderr
    assert "complete, 15 of 15 units" in done.stderr
    assert "corporate_ccc (15 of 15 units, synthetic sample data)" in done.stdout


def test_every_shipped_spec_is_found(fresh: Path, tmp_path: Path) -> None:
    program = "from job.planning.spec import read_spec; print(*(read_spec(name).name for name in "
    program += "('quick', 'default', 'thesis')))"
    said = subprocess.run(
        [fresh / "bin" / "python", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.split()
    assert said == ["quick", "default", "thesis"]


def test_a_profile_without_boto3_is_said_in_two_lines(fresh: Path, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "LDP_LOG_FORMAT": "text",
        "LDP_STORAGE_URL": "s3://bucket/prefix",
        "AWS_PROFILE": "loans",
    }
    done = subprocess.run(
        [fresh / "bin" / "ldp", "data", "list"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    what, remedy = done.stderr.splitlines()
    assert what == "error: AWS_PROFILE names 'loans', and profiles are not read here: botocore is not installed"
    assert "Install boto3" in remedy
