"""Fixtures of the API's tests: the API on a database of each kind, with two accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.db.session import Database
from tests.support.api import Api, api_on


@pytest.fixture
def api(database: Database) -> Iterator[Api]:
    """The API on each backend."""
    with api_on(database) as found:
        yield found


@pytest.fixture
def sqlite_api(sqlite_database: Database) -> Iterator[Api]:
    """The API on SQLite, for tests that need no second backend."""
    with api_on(sqlite_database) as found:
        yield found
