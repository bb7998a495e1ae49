"""The emulator as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e_aws.emulator import Emulator, running


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An empty AWS account on loopback."""
    with running() as started:
        yield started
