"""A site is deleted while others are at its calendar, start its runs, publish: whoever comes later finds no site."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.core.calendar import WallTime
from pipeline.core.errors import ConflictError, NotFoundError
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import Content, Publication, Run, Site
from pipeline.services import accounts, calendar, publications, runs, site_deletion, sites
from pipeline.services.publications import Limits
from pipeline.services.site_deletion import Drafts
from tests.support.builders import make_keywords
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from tests.integration.calendar.conftest import World

_LIMITS = Limits(lease=timedelta(minutes=1), retries=(timedelta(minutes=1),), spacing=timedelta(minutes=15))
BESIDE = WallTime(date(2026, 11, 5), "11:17")


def _at_once(*actions: Callable[[], object]) -> list[object]:
    """What each came to, a refusal included. Any other fault fails the test."""
    barrier = Barrier(len(actions))

    def act(action: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return action()
        except (ConflictError, NotFoundError) as refused:
            return refused

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def _delete(world: World) -> object:
    with world.database.transaction() as session:
        site = session.get_one(Site, world.site.id)
        return site_deletion.delete(session, site, drafts=Drafts.KEEP, actor="ada", now=NOW)


def _fill(world: World) -> int:
    with world.database.transaction() as session:
        return calendar.fill(session, world.site.id, now=NOW, limit=20)


def _claim(world: World, content_id: int) -> object:
    with world.database.transaction() as session:
        publication = select(Publication.id).where(Publication.content_id == content_id)
        return publications.claim(session, session.scalars(publication).one(), limits=_LIMITS, now=NOW)


@pytest.mark.parametrize("turn", range(3))
def test_nothing_stands_on_the_calendar_of_a_site_that_was_deleted_meanwhile(world: World, turn: int) -> None:
    contents = world.scheduled(8)
    waiting = world.approve(4)

    deleted, *_ = _at_once(
        lambda: _delete(world),
        lambda: _fill(world),
        lambda: world.act(calendar.move, contents[0].id, to=grid(30)[20 + turn]),
        lambda: world.act(calendar.schedule, waiting[0].id, to=BESIDE),
        lambda: world.act(calendar.pin, contents[1].id, to=None),
        lambda: world.save(time_slots=["12:00"]),
    )

    assert isinstance(deleted, site_deletion.Deletion), deleted
    assert (world.held(), world.free()) == ({}, [])
    with world.database.reading() as session:
        statuses = set(session.scalars(select(Content.status).where(Content.site_id == world.site.id)))
        due = session.scalars(select(Publication.id).where(Publication.due_at.is_not(None))).all()
    assert (statuses, due) == ({ContentStatus.APPROVED}, [])


def test_a_publisher_is_first_or_finds_nothing(world: World) -> None:
    (content,) = world.scheduled(1)
    with world.database.transaction() as session:
        publication = session.scalars(select(Publication).where(Publication.content_id == content.id)).one()
        publication.slot_at = publication.due_at = NOW
        publication.sends = 1

    deleted, claimed = _at_once(lambda: _delete(world), lambda: _claim(world, content.id))

    assert isinstance(deleted, ConflictError) == (claimed is not None)


def test_no_article_is_published_at_once_on_a_site_that_was_deleted_meanwhile(world: World) -> None:
    (content,) = world.scheduled(1)

    deleted, planned = _at_once(
        lambda: _delete(world),
        lambda: world.act(
            lambda session, row, *, now, **_: publications.publish_now(session, row, now=now), content.id
        ),
    )

    assert isinstance(deleted, site_deletion.Deletion)
    assert world.publication(content.id).due_at is None
    assert isinstance(planned, NotFoundError) or world.content(content.id).status is ContentStatus.APPROVED


@pytest.mark.parametrize("turn", range(3))
def test_no_run_of_a_deleted_site_lives(database: Database, turn: int) -> None:
    now = database.now()
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)
        site = sites.add_site(session, account_id=account.id, name=f"Desks {turn}", timezone="UTC", now=now)
        make_keywords(session, site=site, texts=["desk"])

    def start() -> object:
        with database.transaction() as session:
            return runs.start(session, site=session.get_one(Site, site.id), now=now)

    def delete() -> object:
        with database.transaction() as session:
            row = session.get_one(Site, site.id)
            return site_deletion.delete(session, row, drafts=None, actor="ada", now=now)

    deleted, _ = _at_once(delete, start)

    with database.reading() as session:
        live = runs.live_run_id(session, site.id)
        count = len(session.scalars(select(Run.id)).all())
        is_there = session.get_one(Site, site.id).deleted_at is None
    assert (live is not None) == isinstance(deleted, ConflictError) == is_there
    assert count <= 1
