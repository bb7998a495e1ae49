"""Content tags: the same for the same content, another for another; and what counts as committed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from stacks.errors import OperationRefused
from stacks.images import ROOT, content_tag, inputs, main, require_committed
from tests.stacks.synthesis import MAKE_VARIABLES

MODES = ("cpu", "gpu")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what goes into the images, and of what does not."""
    for name in {*inputs("cpu"), *inputs("gpu"), "README.md", "stacks/images.py"}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def tags(root: Path) -> list[str]:
    return [content_tag(mode, root) for mode in MODES]


def test_a_tag_says_the_mode_and_is_the_same_for_the_same_content_anywhere(checkout: Path) -> None:
    assert tags(checkout) == tags(ROOT)
    assert all(re.fullmatch(rf"{mode}-[0-9a-f]{{12}}", content_tag(mode)) for mode in MODES)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("job/metrics.py", "cpu gpu"),
        ("job/planning/specs/default.toml", "cpu gpu"),
        ("job/new.py", "cpu gpu"),
        ("pyproject.toml", "cpu gpu"),
        (".dockerignore", "cpu gpu"),
        ("Dockerfile.cpu", "cpu"),
        ("requirements.txt", "cpu"),
        ("Dockerfile.gpu", "gpu"),
        ("requirements-gpu.txt", "gpu"),
        ("README.md", ""),
        ("CONTRIBUTING.md", ""),
        ("CHANGELOG.md", ""),
        (".pre-commit-config.yaml", ""),
        (".github/workflows/ci.yml", ""),
        ("docs/architecture.md", ""),
        ("stacks/images.py", ""),
        ("job/__pycache__/metrics.cpython-312.pyc", ""),
    ],
)
def test_what_goes_into_an_image_changes_its_tag_and_nothing_else_does(name: str, changed: str, checkout: Path) -> None:
    before = tags(checkout)
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    with (checkout / name).open("a") as file:
        file.write("# another line\n")
    after = tags(checkout)
    assert [mode for mode, one, other in zip(MODES, before, after, strict=True) if one != other] == changed.split()


def test_a_file_that_is_moved_or_made_executable_changes_the_tag(checkout: Path) -> None:
    before = tags(checkout)
    (checkout / "job" / "metrics.py").rename(checkout / "job" / "measures.py")
    moved = tags(checkout)
    (checkout / "job" / "measures.py").chmod(0o755)
    assert len({*before, *moved, *tags(checkout)}) == 6


def git(checkout: Path, *arguments: str) -> None:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=checkout, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("name", "refused"),
    [("job/metrics.py", True), ("job/new.py", True), ("requirements.txt", True), ("README.md", False)],
)
def test_an_image_is_a_commits_if_everything_that_goes_into_it_is(name: str, refused: bool, checkout: Path) -> None:
    with pytest.raises(OperationRefused, match="git does not say"):
        require_committed("cpu", checkout)
    git(checkout, "init")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--message", "all")
    require_committed("cpu", checkout)
    with (checkout / name).open("a") as file:
        file.write("# another line\n")
    if refused:
        with pytest.raises(OperationRefused, match=f"the first is {name}(.|\n)*Commit first, or add DIRTY=true"):
            require_committed("cpu", checkout)
    else:
        require_committed("cpu", checkout)


def test_what_git_ignores_and_the_image_holds_is_noticed(checkout: Path) -> None:
    (checkout / ".gitignore").write_text("__pycache__/\n*.local.*\nscratch/\n")
    git(checkout, "init")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--message", "all")
    for bytecode in ("job/__pycache__/metrics.cpython-312.pyc", "notes.local.txt"):
        (checkout / bytecode).parent.mkdir(exist_ok=True)
        (checkout / bytecode).write_text("not part of the image")
    require_committed("cpu", checkout)
    for hidden in ("job/own.local.py", "job/scratch/own.py"):
        (checkout / hidden).parent.mkdir(exist_ok=True)
        (checkout / hidden).write_text("")
        with pytest.raises(OperationRefused, match=f"the first is {hidden}"):
            require_committed("cpu", checkout)
        (checkout / hidden).unlink()


def test_a_file_that_was_deleted_and_is_still_committed_is_noticed(checkout: Path) -> None:
    git(checkout, "init")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--message", "all")
    (checkout / "job" / "metrics.py").unlink()
    with pytest.raises(OperationRefused, match=r"the first is job/metrics\.py"):
        require_committed("cpu", checkout)


def test_make_deploy_changes_nothing_before_it_knows_that_all_is_committed_unless_told(checkout: Path) -> None:
    for file in ("Makefile", "cdk.json"):
        shutil.copy(ROOT / file, checkout)
    shutil.copytree(
        ROOT / "stacks", checkout / "stacks", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    git(checkout, "init")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--message", "all")
    (checkout / "job" / "new.py").touch()
    kept = {n: value for n, value in os.environ.items() if n not in MAKE_VARIABLES and not n.startswith("AWS_")}
    # The environment of this checkout serves the copy too.
    installed = ("-o", f"{ROOT}/.venv/.infra", "-o", "node_modules/.installed", f"VENV={ROOT}/.venv")
    command = ["make", "--no-print-directory", *installed, "deploy", "YES=true"]
    said = {}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        environment = {**kept, **keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_CONFIG_FILE": "/none"}
        for told in ("", "DIRTY=true"):
            run = [*command, *told.split()]
            done = subprocess.run(run, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode
            said[told] = done.stdout + done.stderr
    finally:
        server.stop()
    assert "1 files differ from the commit, the first is job/new.py" in said[""]
    assert "make[1]" not in said[""]
    assert "make[1]" in said["DIRTY=true"], (
        "then it goes on to make the stack, for which the copy has not what it needs"
    )


def test_the_command_prints_the_tag_of_the_mode_that_the_context_chooses(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, mode in (([], "cpu"), (["-c", "useGpu=true"], "gpu"), (["-c", "config=config/gpu.json"], "gpu")):
        assert main(arguments) == 0
        assert capsys.readouterr().out == f"{content_tag(mode)}\n"
    assert main(["-c", "useGpu=yes"]) == 1
    assert "neither true nor false" in capsys.readouterr().err


def test_the_version_that_the_images_are_labelled_with_is_the_packages() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    for mode in MODES:
        assert re.findall(r"^ARG VERSION=(.+)$", (ROOT / f"Dockerfile.{mode}").read_text(), re.MULTILINE) == [version]


def test_the_module_needs_the_standard_library_only() -> None:
    code = (
        "import sys, stacks.images; names = {name.split('.')[0] for name in sys.modules};"
        "print(*sorted(names - sys.stdlib_module_names - {'__main__'}))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["job", "stacks"]
