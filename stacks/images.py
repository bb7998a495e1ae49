"""Images: the content tag of each, and whether what goes into it is committed. Standard library only.

A tag is ``cpu-`` or ``gpu-`` and a hash of everything that the build reads: the Dockerfile, the pinned requirements,
the package. Building, pushing and the CDK all ask here, so they mean the same image, and the same content is built and
pushed once. ``python -m stacks.images [-c name=value …]`` prints the tag of the mode that the context values choose.
"""

from __future__ import annotations

import argparse
import hashlib
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stacks.errors import OperationRefused, PlatformError, Problem
from stacks.settings import PlatformSettings, context_of

ROOT = Path(__file__).parents[1]
IMAGES_KEPT = 5
"""How many images of each mode the repository keeps."""

_REQUIREMENTS = {"cpu": "requirements.txt", "gpu": "requirements-gpu.txt"}
_DIGITS = 12


def inputs(mode: str, root: Path = ROOT) -> tuple[str, ...]:
    """Return the files that the build of an image reads, relative to `root`, sorted.

    Of the package these are all files but bytecode, as ``.dockerignore`` has it.

    Parameters
    ----------
    mode : {'cpu', 'gpu'}
        Which image.
    root : pathlib.Path
        The checkout.
    """
    package = (
        path.relative_to(root).as_posix()
        for path in (root / "job").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    )
    return tuple(
        sorted((f"Dockerfile.{mode}", ".dockerignore", _REQUIREMENTS[mode], "pyproject.toml", "LICENSE", *package))
    )


def content_tag(mode: str, root: Path = ROOT) -> str:
    """Return the tag of the image that this checkout builds.

    Parameters
    ----------
    mode : {'cpu', 'gpu'}
        Which image.
    root : pathlib.Path
        The checkout.
    """
    whole = hashlib.sha256()
    for name in inputs(mode, root):
        path = root / name
        executable = bool(path.stat().st_mode & stat.S_IXUSR)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{content} {int(executable)} {name}\n".encode())
    return f"{mode}-{whole.hexdigest()[:_DIGITS]}"


def require_committed(mode: str, root: Path = ROOT) -> None:
    """Check that every input of an image is what the current commit has.

    Raises
    ------
    OperationRefused
        Naming what is not, or if `root` is no git checkout.
    """
    read = inputs(mode, root)
    command = ["git", "status", "--porcelain", "--untracked-files=all", "--ignored", "--", *read, "job"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - fixed
    except FileNotFoundError:
        done = subprocess.CompletedProcess(command, 127, "", "git is not installed")
    # What git ignores is in the image all the same, but for bytecode.
    changed = [line for line in done.stdout.splitlines() if not line.startswith("!!") or line[3:] in read]
    if not done.returncode and not changed:
        return
    what = (
        f"{len(changed)} files differ from the commit, the first is {changed[0][3:]}"
        if changed
        else f"git does not say: {done.stderr.strip()}"
    )
    raise OperationRefused(
        "the image is not that of a commit",
        [Problem(what, "Commit first, or add DIRTY=true: then nobody can look up later what the image was made from.")],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tag of the image that this checkout builds, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.images", description=main.__doc__)
    parser.add_argument("-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="as for cdk")
    parser.add_argument("--committed", action="store_true", help="refuse what is not committed")
    options = parser.parse_args(arguments)
    try:
        mode = PlatformSettings.from_context(context_of(options.context)).profile.mode
        if options.committed:
            require_committed(mode)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{content_tag(mode)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
