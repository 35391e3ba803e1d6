"""What is found at a site: on a folder site with real pages, and on sites that fail as they are told."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.engine import publisher, site_checks
from pipeline.models import Content, Publication, Site, SiteTitle, SyncEvent
from pipeline.services import publications, site_health, sites
from pipeline.services.site_health import Health
from pipeline.sites.port import SiteRefusedError, SiteUnavailableError, Standing, StandingTitle
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW

if TYPE_CHECKING:
    from tests.integration.alerts.conftest import World

AN_HOUR = timedelta(hours=1)
#: What no site calls its pages, and no database keeps.
_NAMELESS = (StandingTitle("9" * 65, "Long"), StandingTitle("\ud800", "Half"), StandingTitle("\x00", "Nothing"))


class Killed(BaseException):
    """The process is no more."""


class FakeSite:
    """A site that fails as it is told, and remembers what it was asked."""

    def __init__(self, failure: BaseException | None = None, *, standing: Standing = Standing.HERE) -> None:
        self.failure = failure
        self.stands = standing
        self.asked: list[str] = []

    def check(self) -> list[str]:
        if self.failure is not None:
            raise self.failure
        return []

    def standing(self, remote_id: str, *, imprint: str | None) -> Standing:  # noqa: ARG002 - the shape of a target
        self.asked.append(remote_id)
        return self.stands


def _site(world: World, name: str = "Still Water") -> Site:
    with world.database.transaction() as session:
        return make_site(session, account=world.account, name=name)


def _published(world: World, site: Site, count: int = 1) -> list[Publication]:
    """Articles that are known to stand at the site, whatever it says."""
    with world.database.transaction() as session:
        contents = [make_content(session, site=site, status=ContentStatus.PUBLISHED) for _ in range(count)]
        session.add_all(
            Publication(
                account_id=site.account_id,
                site_id=site.id,
                content_id=content.id,
                status=PublicationStatus.PUBLISHED,
                remote_id=f"remote-{number}",
            )
            for number, content in enumerate(contents, 1)
        )
    return _publications(world)


def _publications(world: World) -> list[Publication]:
    with world.database.reading() as session:
        return list(session.scalars(select(Publication).order_by(Publication.id)))


def _look(world: World, site: Site, target: FakeSite, *, most: int = 50) -> Health | None:
    return site_checks.check(
        world.database,
        site.id,
        most=most,
        open_target=lambda _: target,  # type: ignore[arg-type,return-value]  # the part of a target that a check needs
        sleep=lambda _: None,
    )


def _row(world: World, site: Site) -> Site:
    with world.database.reading() as session:
        return session.get_one(Site, site.id)


def _events(world: World) -> list[str]:
    with world.database.reading() as session:
        return list(session.scalars(select(SyncEvent.kind).order_by(SyncEvent.id)))


@pytest.fixture
def pages(world: World) -> tuple[Site, list[Path]]:
    """A folder site with two published articles, and their pages."""
    site = _site(world)
    for _ in range(2):
        with world.database.transaction() as session:
            content = make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=NOW)
            publication = publications.publish_now(session, content, now=world.database.now())
            publication.sends = 1
        publisher.publish(world.database, publication.id)
    with world.database.reading() as session:
        slugs = session.scalars(select(Content.slug).order_by(Content.id)).all()
    (folder,) = (world.home / "sites").iterdir()
    return site, [folder / slug / "index.html" for slug in slugs]


def test_a_site_where_everything_stands_is_well(world: World, pages: tuple[Site, list[Path]]) -> None:
    site, _ = pages

    health = site_checks.check(world.database, site.id)

    assert health == Health("ok", None, 2, [])
    row = _row(world, site)
    assert (row.sync_status, row.sync_error, row.check_lease_until) == ("ok", None, None)
    assert row.last_sync_at is not None
    assert (_events(world), world.notifications()) == ([], [])


def test_a_page_that_somebody_edited_or_deleted_is_drift_and_is_left_alone(
    world: World, pages: tuple[Site, list[Path]]
) -> None:
    site, (first, second) = pages
    first.write_text(first.read_text() + "<!-- mine -->")
    second.unlink()

    health = site_checks.check(world.database, site.id)

    assert health is not None
    assert health.status == "drifted"
    assert [news.partition("” ")[2] for news in health.news] == [
        "was edited at the site. It is left as it is there.",
        "is not on the site any more. It is not put back by itself.",
    ]
    assert [row.drift for row in _publications(world)] == ["edited", "deleted"]
    assert "<!-- mine -->" in first.read_text()
    assert not second.exists()
    with world.database.reading() as session:
        listed = site_health.drifted(session, _row(world, site))
    assert [drift for _, _, drift in listed] == ["edited", "deleted"]


def test_what_somebody_hid_is_told_from_what_is_gone(world: World) -> None:
    site = _site(world)
    _published(world, site)
    stands = [Standing.UNPUBLISHED, Standing.DELETED, Standing.EDITED, Standing.HERE]

    found = [_look(world, site, FakeSite(standing=standing)) for standing in stands]

    news = [line.partition("” ")[2] for health in found if health is not None for line in health.news]
    assert news[0].startswith("is not published at the site any more: somebody made it a draft, private or locked")
    assert news[1].startswith("is not on the site any more")
    assert _events(world) == ["unpublished", "deleted", "edited", "back"]


def test_a_lasting_difference_is_one_event_and_its_end_another(world: World, pages: tuple[Site, list[Path]]) -> None:
    site, (first, _) = pages
    before = first.read_text()
    first.write_text("something else")
    for _ in range(3):
        site_checks.check(world.database, site.id)

    first.write_text(before)
    health = site_checks.check(world.database, site.id)

    assert health is not None
    assert (health.status, _events(world)) == ("ok", ["deleted", "back"])


def test_a_folder_that_is_gone_shows_as_articles_that_are_gone(world: World, pages: tuple[Site, list[Path]]) -> None:
    site, (first, _) = pages
    shutil.rmtree(first.parents[1])

    health = site_checks.check(world.database, site.id)

    assert health is not None
    assert (health.status, _events(world)) == ("drifted", ["deleted", "deleted"])


def test_a_folder_that_cannot_be_used_is_a_failing_site_and_its_account_is_told(
    world: World, pages: tuple[Site, list[Path]]
) -> None:
    site, (first, _) = pages
    folder = first.parents[1]
    shutil.rmtree(folder)
    folder.write_text("a file in its place")

    health = site_checks.check(world.database, site.id)

    assert health is not None
    assert health.status == "failing"
    assert "cannot be used" in str(health.error)
    (told,) = world.notifications()
    assert (told.kind.value, told.subject_kind, told.subject_id) == ("site_failing", "site", site.id)
    assert told.message.startswith("Still Water takes no articles: The site's folder")
    assert f"igny8 site test {site.id}" in told.message


def test_a_failing_site_is_told_once_and_again_after_it_was_well(world: World) -> None:
    site = _site(world)
    refused, away = FakeSite(SiteRefusedError("It says 401.")), FakeSite(SiteUnavailableError("It is away."))

    for target in (refused, refused, away, FakeSite(), FakeSite(), refused):
        _look(world, site, target)

    assert _events(world) == ["failing", "failing", "recovered", "failing"]
    assert [row.ended_at is None for row in world.notifications()] == [False, True]
    assert _row(world, site).sync_error == "It says 401."


def test_a_site_that_answers_nonsense_is_a_failing_one_and_can_be_looked_at_again(world: World) -> None:
    site = _site(world)

    health = _look(world, site, FakeSite(TypeError("argument of type 'int' is not iterable")))

    assert health is not None
    assert (health.status, "makes no sense" in (health.error or "")) == ("failing", True)
    assert _row(world, site).check_lease_until is None
    again = _look(world, site, FakeSite())
    assert again is not None
    assert again.status == "ok"


def test_a_failing_site_keeps_what_was_known_of_its_articles(world: World) -> None:
    site = _site(world)
    _published(world, site)
    _look(world, site, FakeSite(standing=Standing.EDITED))

    _look(world, site, FakeSite(SiteUnavailableError("It is away.")))

    assert [row.drift for row in _publications(world)] == ["edited"]
    assert _row(world, site).sync_status == "failing"


def test_a_failing_site_delays_no_other(world: World) -> None:
    failing, well = _site(world, "failing"), _site(world, "well")

    _look(world, failing, FakeSite(SiteUnavailableError("It is away.")))
    _look(world, well, FakeSite())

    assert (_row(world, failing).sync_status, _row(world, well).sync_status) == ("failing", "ok")


def test_a_look_goes_on_where_the_last_one_ended(world: World) -> None:
    site = _site(world)
    _published(world, site, 5)
    looks = [FakeSite() for _ in range(4)]

    for target in looks:
        _look(world, site, target, most=2)

    assert [target.asked for target in looks] == [
        ["remote-1", "remote-2"],
        ["remote-3", "remote-4"],
        ["remote-5"],
        ["remote-1", "remote-2"],
    ]


def test_one_look_at_a_time(world: World) -> None:
    site = _site(world)
    _published(world, site)
    inside, go_on = threading.Event(), threading.Event()

    class Slow(FakeSite):
        def check(self) -> list[str]:
            inside.set()
            go_on.wait()
            return []

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(_look, world, site, Slow(standing=Standing.DELETED))
        inside.wait()
        second = FakeSite()
        assert _look(world, site, second) is None
        go_on.set()
        assert first.result() is not None

    assert (second.asked, _events(world)) == ([], ["deleted"])


def test_a_look_that_was_killed_is_made_up_for_when_its_lease_has_ended(world: World) -> None:
    site = _site(world)
    _published(world, site)
    with pytest.raises(Killed):
        _look(world, site, FakeSite(Killed()))
    assert _look(world, site, FakeSite()) is None
    with world.database.transaction() as session:
        session.execute(update(Site).values(check_lease_until=world.database.now() - AN_HOUR))

    assert _look(world, site, FakeSite()) == Health("ok", None, 1, [])


def test_a_look_whose_place_was_taken_writes_nothing(world: World) -> None:
    site = _site(world)

    class Late(FakeSite):
        def check(self) -> list[str]:
            with world.database.transaction() as session:
                session.execute(update(Site).values(check_lease_until=world.database.now() + 2 * AN_HOUR))
            return super().check()

    assert _look(world, site, Late()) is None
    assert _look(world, site, Late(SiteUnavailableError("It is away."))) is None

    assert (_row(world, site).sync_status, world.notifications()) == ("never", [])


def test_what_is_published_anew_during_a_look_is_no_drift(world: World) -> None:
    site = _site(world)
    _published(world, site)

    class Republished(FakeSite):
        def check(self) -> list[str]:
            with world.database.transaction() as session:
                session.execute(update(Publication).values(ticket=Publication.ticket + 1))
            return []

    _look(world, site, Republished(standing=Standing.EDITED))

    assert ([row.drift for row in _publications(world)], _events(world)) == ([None], [])


def test_what_was_withdrawn_is_not_missed(world: World) -> None:
    site = _site(world)
    _published(world, site, 2)
    _look(world, site, FakeSite(standing=Standing.DELETED))
    with world.database.transaction() as session:
        session.execute(update(Publication).values(status=PublicationStatus.WITHDRAWN))
    target = FakeSite()

    health = _look(world, site, target)

    assert (target.asked, health) == ([], Health("ok", None, 0, []))


def test_a_site_that_is_not_there_is_not_looked_at(world: World) -> None:
    assert site_checks.check(world.database, 404) is None


def test_every_site_has_a_second_of_the_hour_of_its_own() -> None:
    seconds = [site_health.next_check(site_id, after=NOW) - NOW for site_id in range(1, 3_601)]

    assert len(set(seconds)) == 3_600
    assert timedelta(0) < min(seconds)
    assert max(seconds) <= AN_HOUR
    first = site_health.next_check(7, after=NOW)
    assert site_health.next_check(7, after=first) == first + AN_HOUR


def test_a_site_that_is_added_is_looked_at_within_the_hour(world: World) -> None:
    with world.database.transaction() as session:
        site = sites.add_site(session, account_id=world.account.id, name="New", timezone="UTC", now=NOW)

    assert site.next_check_at is not None
    assert NOW < site.next_check_at <= NOW + AN_HOUR


def test_titles_that_stand_on_a_site_are_known_and_follow_their_changes(world: World) -> None:
    site = _site(world)

    class Titled(FakeSite):
        titles = (*_NAMELESS, StandingTitle("1", "Oak desks"), StandingTitle("2", "Elm chairs"))
        needs_lookup = True

        def new_titles(self, *, portions: int) -> tuple[StandingTitle, ...]:
            assert portions > 0
            return self.titles

        def publish(self) -> None: ...
        def withdraw(self) -> None: ...
        def look_up(self) -> None: ...
        def read_back(self) -> None: ...

    target = Titled()
    _look(world, site, target)
    target.titles = (StandingTitle("2", "Elm tables"),)
    _look(world, site, target)

    with world.database.reading() as session:
        known = session.execute(select(SiteTitle.remote_id, SiteTitle.title).order_by(SiteTitle.remote_id)).all()
    assert [tuple(row) for row in known] == [("1", "Oak desks"), ("2", "Elm tables")]


def test_a_site_that_is_away_for_a_moment_is_no_failing_one(world: World) -> None:
    site = _site(world)

    class Blinking(FakeSite):
        def check(self) -> list[str]:
            if self.failure is None:
                return []
            error, self.failure = self.failure, None
            raise error

    health = _look(world, site, Blinking(SiteUnavailableError("Away.")))

    assert health is not None
    assert (health.status, _events(world), world.notifications()) == ("ok", [], [])
