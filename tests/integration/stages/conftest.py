"""Fixtures of the stages' tests: a site, and another one of another account that nothing may leak to."""

from __future__ import annotations

import pytest

from pipeline.db.session import Database
from pipeline.models import Site
from tests.support.builders import make_site


@pytest.fixture
def site(database: Database) -> Site:
    with database.transaction() as session:
        return make_site(session)


@pytest.fixture
def other_site(database: Database, site: Site) -> Site:
    with database.transaction() as session:
        return make_site(session)
