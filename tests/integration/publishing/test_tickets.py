"""Whatever moves a publication raises its ticket: who held an earlier one writes nothing any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.engine.renewals import Renewal
from pipeline.engine.visits import ClaimLostError
from pipeline.models import CalendarSlot, Content, Publication
from pipeline.services import calendar, publications
from pipeline.services.calendar import overdue
from tests.integration.publishing.conftest import LIMITS
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from pipeline.services.publications import Claim
    from tests.integration.publishing.conftest import Line, World

(SLOT,) = grid(1)
A_MINUTE, A_DAY = timedelta(minutes=1), timedelta(days=1)


def _claimed(world: World, publication: Publication, *, now: datetime) -> Claim:
    claim = world.claim(publication, now=now)
    assert claim is not None
    return claim


def _tried(world: World, publication: Publication) -> Claim:
    """What a publisher held that was put off."""
    claim = _claimed(world, publication, now=SLOT)
    with world.database.transaction() as session:
        publications.try_later(session, claim, "The site is away.", limits=LIMITS, pause=None, now=SLOT)
    return claim


def _finalise(world: World, claim: Claim, *, version: int = 1) -> bool:
    with world.database.transaction() as session:
        return publications.finalise(
            session, claim, remote_id="post-1", remote_url="/1", version=version, now=SLOT + A_DAY
        )


def _miss(world: World, publication: Publication) -> None:
    with world.database.transaction() as session:
        session.execute(update(CalendarSlot).values(pinned=True))
        overdue.put_back(session, publication.site_id, now=SLOT + A_DAY, grace=LIMITS.grace)


def _leave_to_people_at_the_claim(world: World, publication: Publication) -> None:
    world.auto_publish(enabled=False)
    assert world.claim(publication, now=SLOT + A_MINUTE) is None


@pytest.mark.parametrize(
    ("move", "becomes"),
    [
        (_miss, (ContentStatus.NEEDS_ATTENTION, PublicationStatus.MISSED)),
        (_leave_to_people_at_the_claim, (ContentStatus.READY, PublicationStatus.PLANNED)),
    ],
    ids=["missed", "left to people"],
)
def test_who_tried_it_before_it_was_moved_writes_nothing(
    world: World,
    move: Callable[[World, Publication], None],
    becomes: tuple[ContentStatus, PublicationStatus],
) -> None:
    (publication,) = world.schedule()
    stale = _tried(world, publication)

    move(world, publication)

    assert world.publication(publication.content_id).ticket > stale.ticket
    assert not _finalise(world, stale)
    assert world.statuses(publication.content_id) == becomes


def test_what_auto_publish_leaves_to_people_has_a_new_ticket(world: World) -> None:
    (publication,) = world.schedule()
    with world.database.transaction() as session:
        assert calendar.leave_to_people(session, world.site.id, now=SLOT + A_MINUTE) == 1

    assert world.content(publication.content_id).status is ContentStatus.READY
    assert world.publication(publication.content_id).ticket == publication.ticket + 1


def test_who_held_it_when_it_was_stopped_writes_nothing(world: World) -> None:
    (publication,) = world.schedule()
    with world.database.transaction() as session:
        shown = {"status": PublicationStatus.PUBLISHED, "remote_id": "post-1", "placed_version": 1}
        session.execute(update(Publication).values(**shown, due_at=NOW, attempts=LIMITS.most_attempts - 1))
        session.execute(update(Content).values(status=ContentStatus.PUBLISHED, version=2))
    slow = _claimed(world, publication, now=SLOT)
    assert world.claim(publication, now=slow.lease_until) is None  # It was the last try, and its holder seems dead.
    stopped = world.publication(publication.content_id)

    assert not _finalise(world, slow, version=2)

    row = world.publication(publication.content_id)
    assert stopped.ticket > slow.ticket
    assert (row.status, row.placed_version, row.due_at) == (PublicationStatus.PUBLISHED, 1, None)
    assert row.error == stopped.error
    assert "cut short" in str(row.error)


def test_a_claim_is_renewed_while_its_site_takes_its_time(line: Line) -> None:
    (publication,) = line.world.schedule()
    line.now = publication.slot_at or line.now
    claim = line.world.claim(publication, now=line.now)
    assert claim is not None
    renewal = Renewal(line.world.database, claim, LIMITS)

    for seconds in (5, 50, 100):
        line.now = claim.lease_until - LIMITS.lease + timedelta(seconds=seconds)
        renewal()

    row = line.world.publication(publication.content_id)
    assert row.lease_until == row.due_at == line.now + LIMITS.lease
    assert row.ticket == claim.ticket


def test_whoever_lost_its_claim_asks_its_site_nothing_more(line: Line) -> None:
    (publication,) = line.world.schedule()
    line.now = publication.slot_at or line.now
    claim = line.world.claim(publication, now=line.now)
    assert claim is not None
    line.now = claim.lease_until
    assert line.world.claim(publication, now=line.now) is not None

    with pytest.raises(ClaimLostError):
        Renewal(line.world.database, claim, LIMITS)()
