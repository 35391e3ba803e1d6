"""Fixtures of the plan's checklist: the API on a database of each kind, with two accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.core.roles import Role
from pipeline.db.session import Database
from tests.support.api import Api, api_on


@pytest.fixture
def api(database: Database) -> Iterator[Api]:
    """The API on each backend."""
    with api_on(database) as found:
        yield found


@pytest.fixture
def admin(api: Api) -> dict[str, str]:
    """Who looks after the installation."""
    return api.key(Role.PLATFORM_ADMIN)
