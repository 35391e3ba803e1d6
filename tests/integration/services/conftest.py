"""Fixtures of the services' tests: an installation with one site."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.db.session import Database
from pipeline.models import Site
from pipeline.services import accounts, sites

NOW = datetime(2026, 6, 3, 10, 30, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """A Wednesday, 12:30 in Berlin."""
    return NOW


@pytest.fixture
def site(database: Database, now: datetime) -> Site:
    """A site of the default account, in Berlin."""
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)
        return sites.add_site(session, account_id=account.id, name="Desks", timezone="Europe/Berlin", now=now)
