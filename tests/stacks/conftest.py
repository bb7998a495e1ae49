"""Fixtures of the platform's tests."""

from __future__ import annotations

import os

import pytest

from tests.stacks.synthesis import Synthesized, synthesize

# The CDK's own validation takes seconds for every synthesis; test_validation.py turns it on again. It has to be set
# before aws_cdk starts its Node.js process.
os.environ.setdefault("CDK_VALIDATION", "false")


@pytest.fixture
def cpu() -> Synthesized:
    """The platform as it is by default."""
    return synthesize()


@pytest.fixture
def gpu() -> Synthesized:
    """The platform with -c useGpu=true: the text that the command line passes."""
    return synthesize(useGpu="true")


@pytest.fixture(params=["cpu", "gpu"])
def either(request: pytest.FixtureRequest) -> Synthesized:
    """The platform in each mode."""
    synthesized: Synthesized = request.getfixturevalue(request.param)
    return synthesized
