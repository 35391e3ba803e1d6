"""Fixtures of the fault tests: the processes under fault on each backend, and how many faults a test injects."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness.backends import BACKENDS
from tests.faults.harness.campaign import Campaign, running_campaign

SEED_VARIABLE = "IGNY8_TEST_FAULT_SEED"
#: Faults a kind, by backend.
TIMES = {"embedded": 4, "redis": 12, "rabbitmq": 6}


@pytest.fixture(scope="session")
def seed() -> str:
    """What all instants of faults follow from."""
    return os.environ.get(SEED_VARIABLE, "1")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose path is short: a socket lies below it."""
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name:
        yield Path(name)


#: The embedded backend in `make test`, the others with `--all`.
EVERYWHERE = [BACKENDS[0], *(pytest.param(name, marks=pytest.mark.extended) for name in BACKENDS[1:])]


def only(*names: str) -> pytest.MarkDecorator:
    """For tests of `campaign` that make no sense, or would say nothing new, on the other backends."""
    chosen = [one for one in EVERYWHERE if (one if isinstance(one, str) else one.values[0]) in names]
    return pytest.mark.parametrize("campaign", chosen, indirect=True)


@pytest.fixture(scope="module", params=EVERYWHERE)
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The processes under fault, after one undisturbed run of each variant."""
    with (
        tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name,
        running_campaign(Path(name), on=request.param, variants=("delays", "one lane", "three lanes")) as campaign,
    ):
        yield campaign


@pytest.fixture
def times(campaign: Campaign) -> int:
    """How often a kind of fault strikes."""
    return TIMES[campaign.processes.backend.name]
