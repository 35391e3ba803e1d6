"""A site that hangs holds no more workers than may be at one site: others go on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import update

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.engine import publisher
from pipeline.models import Content, Publication
from pipeline.services import publications
from tests.integration.publishing.conftest import LIMITS
from tests.support.builders import make_content, make_site
from tests.support.publishing import NOW
from tests.support.sites import FakeSite

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.publishing.conftest import World


def _wanted(world: World, count: int) -> list[Publication]:
    return [world.publish_now(content, now=world.database.now()) for content in world.approve(count)]


def _carry_out(world: World, publication: Publication, site: FakeSite) -> None:
    publisher.publish(world.database, publication.id, open_target=lambda _: site, sleep=lambda _: None)


def test_a_site_that_hangs_leaves_threads_to_the_others(world: World, home: Path) -> None:
    hanging, other = FakeSite(), FakeSite()
    at_the_site, let_go = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        at_the_site.release()
        assert let_go.wait(60)

    hanging.before("publish", hang)
    wanted = _wanted(world, 5)
    with world.database.transaction() as session:
        content = make_content(session, site=make_site(session), status=ContentStatus.APPROVED)
    elsewhere = world.publish_now(content, now=world.database.now())
    for publication in (*wanted, elsewhere):
        world.send(publication)

    with ThreadPoolExecutor(3) as pool:
        stuck = [pool.submit(_carry_out, world, publication, hanging) for publication in wanted[:2]]
        assert all(at_the_site.acquire(timeout=60) for _ in stuck)
        for publication in wanted[2:]:
            pool.submit(_carry_out, world, publication, hanging).result(60)
        pool.submit(_carry_out, world, elsewhere, other).result(60)
        let_go.set()

    assert len(other.posts) == 1
    assert len(hanging.posts) == LIMITS.most_at_once
    waiting = [world.publication(publication.content_id) for publication in wanted[2:]]
    assert [(row.status, row.sends, row.attempts, row.error) for row in waiting] == [
        (PublicationStatus.PLANNED, 0, 0, None)
    ] * 3
    assert min(row.due_at or NOW for row in waiting) > NOW


def test_another_may_begin_when_a_lease_ends(world: World) -> None:
    wanted = _wanted(world, 3)
    now = world.database.now()
    claims = [world.claim(publication, now=now) for publication in wanted]
    assert [claim is not None for claim in claims] == [True, True, False]
    assert world.publication(wanted[2].content_id).due_at == now + LIMITS.crowded_wait

    assert world.claim(wanted[2], now=now + LIMITS.lease) is not None


def test_claims_of_one_site_at_the_same_moment_are_no_more_than_may_be_under_way(world: World) -> None:
    wanted = _wanted(world, 8)
    now = world.database.now() + timedelta(seconds=1)
    with world.database.transaction() as session:
        session.execute(update(Publication).values(sends=1))

    def claim(publication: Publication) -> object:
        with world.database.transaction() as session:
            return publications.claim(session, publication.id, limits=LIMITS, now=now)

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(claim, wanted))

    assert sum(found is not None for found in claims) == LIMITS.most_at_once


def test_copies_of_one_message_at_the_same_moment_place_it_once(world: World, home: Path) -> None:
    (publication,), site = _wanted(world, 1), FakeSite()
    world.send(publication)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _carry_out(world, publication, site), range(16)))

    assert site.asked == ["publish", "read_back"]
    with world.database.reading() as session:
        assert session.get_one(Content, publication.content_id).status is ContentStatus.PUBLISHED
