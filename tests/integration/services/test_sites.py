from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import func, select

from pipeline.core.errors import InvalidValueError, NotFoundError
from pipeline.core.matrix import SiteSettings
from pipeline.db.session import Database
from pipeline.models import Account, Site, SiteAutomationSettings
from pipeline.services import settings, sites


def test_a_site_is_made_with_its_settings(database: Database, site: Site) -> None:
    with database.reading() as session:
        assert settings.load(session, site) == SiteSettings()
        assert settings.row_of(session, site).next_run_at is None


def test_a_site_is_found_by_its_name_and_by_its_id(database: Database, site: Site) -> None:
    with database.reading() as session:
        assert sites.find_site(session, site.account_id, "Desks").id == site.id
        assert sites.find_site(session, site.account_id, str(site.id)).id == site.id


def test_a_name_of_digits_wins_over_an_id(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        other = sites.add_site(session, account_id=site.account_id, name=str(site.id), timezone="UTC", now=now)

    with database.reading() as session:
        assert sites.find_site(session, site.account_id, str(site.id)).id == other.id


def test_the_site_of_another_account_is_not_there(database: Database, site: Site) -> None:
    with database.transaction() as session:
        stranger = Account(name="stranger")
        session.add(stranger)
        session.flush()

        with pytest.raises(NotFoundError):
            sites.get_site(session, account_id=stranger.id, site_id=site.id)
        with pytest.raises(NotFoundError, match="none yet: add one with"):
            sites.find_site(session, stranger.id, "Desks")


def test_an_unknown_site_is_told_with_the_known_ones(database: Database, site: Site) -> None:
    with database.reading() as session, pytest.raises(NotFoundError, match=r"no site 'Chairs'\. Sites here: Desks\."):
        sites.find_site(session, site.account_id, "Chairs")


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        (("Chairs", "Berlin"), ["timezone"]),
        (("Desks", "UTC"), ["name"]),
        ((" \u200b ", "UTC"), ["name"]),
        (("x" * 101, "Mars/Base"), ["name", "timezone"]),
    ],
)
def test_a_wrong_site_is_refused_with_every_fault(
    database: Database, site: Site, now: datetime, values: tuple[str, str], fields: list[str]
) -> None:
    name, timezone = values

    with pytest.raises(InvalidValueError) as refused, database.transaction() as session:
        sites.add_site(session, account_id=site.account_id, name=name, timezone=timezone, now=now)

    assert [fault.field for fault in refused.value.faults] == fields
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Site)) == 1
        assert session.scalar(select(func.count()).select_from(SiteAutomationSettings)) == 1
