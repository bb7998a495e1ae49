"""The emulator as a fixture, and the platform on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e_aws.account import Account, Ldp, deployed, runner
from tests.e2e_aws.emulator import Emulator, running
from tests.specs import TINY


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An empty AWS account on loopback."""
    with running() as started:
        yield started


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """An account with a platform, whose jobs run as processes."""
    (tmp_path / "jobs").mkdir()
    with deployed(tmp_path / "jobs") as found:
        yield found


@pytest.fixture
def calls() -> set[str]:
    """Which operations `ldp` has asked of AWS."""
    return set()


@pytest.fixture
def ldp(
    account: Account,
    calls: set[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Ldp:
    """Run `ldp` in an empty directory but for a small spec."""
    for name, value in account.emulator.environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "laptop").mkdir()
    monkeypatch.chdir(tmp_path / "laptop")
    Path("tiny.toml").write_text(TINY)
    return runner(monkeypatch, capsys, calls)
