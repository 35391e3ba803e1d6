"""What was missed, or got stuck in publishing, is planned anew by a person; taken back, it is held back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from pipeline.core.calendar import WallTime
from pipeline.core.errors import ConflictError, InvalidValueError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication
from pipeline.services import calendar
from pipeline.services.calendar import overdue
from tests.support.publishing import NOW, grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.calendar.conftest import World

    #: What a person does, whereto, and where it stands then, pinned or not.
    Plan = tuple[Callable[..., Any], WallTime | None, tuple[datetime, bool]]

BESIDE = WallTime(date(2026, 11, 5), "11:17")
BESIDE_AT = datetime(2026, 11, 5, 10, 17, tzinfo=UTC)
#: Wednesday 19:30 in Berlin: two slots have passed.
LATER = NOW + timedelta(hours=9)


def _missed(world: World) -> int:
    """Content whose pinned slot, the first, passed while nothing could be published."""
    (content,) = world.scheduled(1)
    world.act(calendar.pin, content.id, to=None)
    with world.database.transaction() as session:
        decided = overdue.put_back(session, world.site.id, now=LATER, grace=timedelta(hours=2))
    assert decided.missed == [content.id]
    return content.id


def _stuck(world: World) -> int:
    """Content that its site has refused at the first slot."""
    (content,) = world.scheduled(1)
    with world.database.transaction() as session:
        stuck = {"status": PublicationStatus.NEEDS_ATTENTION, "due_at": None, "error": "refused", "attempts": 5}
        session.execute(update(Publication).values(stuck))
        session.get_one(Content, content.id).status = ContentStatus.NEEDS_ATTENTION
    return content.id


HOW = pytest.mark.parametrize("how", [_missed, _stuck])
PLANS = pytest.mark.parametrize(
    "plan",
    [
        (calendar.schedule, None, (grid(1, after=LATER)[0], False)),
        (calendar.schedule, BESIDE, (BESIDE_AT, True)),
        (calendar.pin, BESIDE, (BESIDE_AT, True)),
        (calendar.pin, WallTime(date(2026, 11, 5), "14:00"), (grid(2, after=LATER)[1], True)),
    ],
)


@HOW
@PLANS
def test_it_is_planned_anew(world: World, how: Callable[[World], int], plan: Plan) -> None:
    content_id = how(world)
    action, to, (at, is_pinned) = plan

    world.act(action, content_id, to=to, now=LATER)

    publication = world.publication(content_id)
    assert world.held() == {at: content_id}
    assert world.slot_of(content_id).pinned is is_pinned
    assert world.content(content_id).status is ContentStatus.SCHEDULED
    assert (publication.status, publication.slot_at, publication.due_at) == (PublicationStatus.PLANNED, at, at)
    assert (publication.attempts, publication.error) == (0, None)


@HOW
@PLANS
def test_taken_back_it_is_approved_and_held_back(world: World, how: Callable[[World], int], plan: Plan) -> None:
    content_id = how(world)
    action, to, _ = plan
    world.act(action, content_id, to=to, now=LATER)

    world.undo(now=LATER)
    with world.database.transaction() as session:
        filled = calendar.fill(session, world.site.id, now=LATER, limit=10)

    content, publication = world.content(content_id), world.publication(content_id)
    assert (content.status, content.held_back, filled) == (ContentStatus.APPROVED, True, 0)
    assert (publication.status, publication.due_at) == (PublicationStatus.WITHDRAWN, None)
    assert world.held() == {}


def test_what_needs_attention_for_its_text_is_not_scheduled(world: World) -> None:
    (content,) = world.approve(1)
    with world.database.transaction() as session:
        session.get_one(Content, content.id).status = ContentStatus.NEEDS_ATTENTION

    for action in (calendar.schedule, calendar.pin):
        with pytest.raises(ConflictError, match=r"needs attention\. Where publishing it is stuck"):
            world.act(action, content.id, to=BESIDE)


@HOW
def test_it_is_not_pinned_where_it_was(world: World, how: Callable[[World], int]) -> None:
    content_id = how(world)

    with pytest.raises(InvalidValueError, match="stands on no slot: give the time to pin it at"):
        world.act(calendar.pin, content_id, to=None, now=LATER)
