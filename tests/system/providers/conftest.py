"""Fixtures of the stand-ins: each server is started once a session and worker, and forgets everything before a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.providers import servers
from tests.system.providers.servers import Aimock, Mountebank
from tests.system.providers.whole_runs import StandIns


@pytest.fixture(scope="session")
def _aimock() -> Iterator[Aimock]:
    with servers.aimock() as running:
        yield running


@pytest.fixture
def aimock(_aimock: Aimock) -> Aimock:
    """aimock with an empty journal and nothing to answer."""
    _aimock.forget()
    return _aimock


@pytest.fixture(scope="session")
def mountebank() -> Iterator[Mountebank]:
    """mountebank; a test makes the server it needs."""
    with servers.mountebank() as running:
        yield running


@pytest.fixture(scope="session")
def servers_of_both(_aimock: Aimock, mountebank: Mountebank) -> StandIns:
    """Both, for a whole run."""
    return StandIns(_aimock, mountebank)
