"""What lies where the raw file should be and is none: said at once, and never waited for."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from job.cli.commands import app
from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process, process_present
from job.errors import LdpError, RawFileInvalid
from job.store import Store, raw_keys
from tests.job.data.rawfiles import sample_bytes, zipped

LENDING = "lending_club"


def at(root: Path, key: int = 0) -> Path:
    path = root / raw_keys(LENDING)[key]
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)  # an address may only be so long
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "accepted_2007_to_2018Q4.csv").write_bytes(sample_bytes(LENDING))


STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a named pipe": (os.mkfifo, "is a named pipe, not a file"),
    "a socket": (a_socket, "is a socket, not a file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a device, not a file"),
    "a link to nothing": (lambda path: path.symlink_to("/nowhere/at_all.csv"), "is a link to /nowhere/at_all.csv"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be looked at"),
    "an empty folder": (Path.mkdir, "is an empty folder, not a file"),
    "a folder": (a_folder, "is a folder, not a file; inside it is accepted_2007_to_2018Q4.csv"),
}


@pytest.mark.parametrize("key", [0, 1])
@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_no_file_is_refused_at_once(strange: str, key: int, tmp_path: Path) -> None:
    make, words = STRANGE[strange]
    make(at(tmp_path, key))
    store = Store.open(str(tmp_path))
    for attempt in (
        lambda: process(store, LENDING, Console.silent()),
        lambda: process_present(store, Console.silent()),
        lambda: write_sample(store, LENDING, rows=300, seed=1, force=True),
    ):
        with pytest.raises(RawFileInvalid) as caught:
            attempt()
        assert words in caught.value.what
        assert raw_keys(LENDING)[key] in caught.value.what


@pytest.mark.parametrize("inside", ["accepted 2007.csv", "accepted.csv.gz"])
def test_the_remedy_for_a_folder_makes_it_a_file(inside: str, tmp_path: Path) -> None:
    at(tmp_path).mkdir()
    data = sample_bytes(LENDING)
    (at(tmp_path) / inside).write_bytes(zipped(data) if inside.endswith(".gz") else data)
    store = Store.open(str(tmp_path))
    with pytest.raises(RawFileInvalid) as caught:
        process(store, LENDING, Console.silent())
    subprocess.run(caught.value.remedy.removeprefix("Run: "), shell=True, check=True)
    assert process(store, LENDING, Console.silent()).info.rows


def test_a_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_bytes(sample_bytes(LENDING))
    at(tmp_path).symlink_to(elsewhere)
    assert process(Store.open(str(tmp_path)), LENDING, Console.silent()).info.rows


def test_the_list_of_datasets_does_not_wait_for_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(at(tmp_path))
    monkeypatch.setenv("LDP_STORAGE_URL", str(tmp_path))
    with pytest.raises(LdpError, match="is a named pipe"):
        app(["data", "list"], standalone_mode=False)
