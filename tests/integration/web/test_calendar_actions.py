"""What people do to a calendar, over HTTP: told, audited, undone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.states import ContentStatus
from pipeline.models import AuditEvent, Content, Site
from pipeline.services import calendar
from tests.support.api import Api, some_monday
from tests.support.builders import make_content

#: A Monday; 09:00 is a slot there, 09:30 is none.
MONDAY = some_monday()


def _post(api: Api, action: str, body: Any = None, *, content_id: int | None = None) -> Any:
    return api.client.post(f"/api/v1/content/{content_id or api.mine.content_id}/{action}", json=body)


def _second(api: Api) -> int:
    """One more article that is scheduled."""
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        now = api.database.now()
        more = make_content(session, site=site, title="Lamps", status=ContentStatus.APPROVED, approved_at=now)
        calendar.fill(session, site.id, now=now, limit=10)
    return more.id


def _slot_at(api: Api, content_id: int) -> Any:
    return api.client.get(f"/api/v1/content/{content_id}").json()["publication"]["slot_at"]


def test_an_article_is_moved_and_brought_back(api: Api) -> None:
    before = _slot_at(api, api.mine.content_id)

    moved = _post(api, "move", {"to": f"{MONDAY} 09:30"}).json()
    undone = api.client.post(f"/api/v1/sites/{api.mine.site_id}/calendar/undo", json={"undo_id": moved["undo_id"]})

    assert moved["moves"] == [
        {
            "content_id": api.mine.content_id, "title": "How to stand", "was_at": before,
            "now_at": f"{MONDAY}T08:30:00Z", "pinned": True, "note": None,
        }
    ]  # fmt: skip
    assert (moved["site_id"], moved["timezone"]) == (api.mine.site_id, "Europe/Berlin")
    assert (undone.status_code, undone.json()["action"], undone.json()["moves"]) == (200, "moved", 1)
    assert _slot_at(api, api.mine.content_id) == before
    with api.database.reading() as session:
        events = session.execute(select(AuditEvent.action, AuditEvent.actor).order_by(AuditEvent.id)).all()
    assert [action for action, _ in events] == ["calendar.moved", "calendar.undone"]
    assert all(actor.startswith("key igny8_") for _, actor in events)


def test_an_article_is_pinned_and_unpinned(api: Api) -> None:
    pinned = _post(api, "pin")
    again = _post(api, "pin")
    unpinned = _post(api, "unpin")

    assert (pinned.json()["moves"][0]["pinned"], unpinned.json()["moves"][0]["pinned"]) == (True, False)
    assert [answer.status_code for answer in (pinned, again, unpinned)] == [200, 409, 200]


def test_two_articles_change_places(api: Api) -> None:
    other = _second(api)
    before = [_slot_at(api, number) for number in (api.mine.content_id, other)]

    answer = _post(api, "swap", {"other_id": other})

    assert answer.status_code == 200
    assert [_slot_at(api, number) for number in (other, api.mine.content_id)] == before


def test_an_article_leaves_the_calendar_and_comes_back(api: Api) -> None:
    left = _post(api, "unschedule").json()
    shown = api.client.get(f"/api/v1/sites/{api.mine.site_id}/calendar").json()
    came_back = _post(api, "schedule", {"to": f"{MONDAY} 09:00"}).json()

    assert left["moves"][0]["now_at"] is None
    assert [entry["reason"] for entry in shown["unscheduled"]] == ["held back"]
    assert came_back["moves"][0]["now_at"] == f"{MONDAY}T08:00:00Z"
    assert came_back["moves"][0]["pinned"] is False


def test_what_is_taken_names_its_holder(api: Api) -> None:
    other = _second(api)
    _post(api, "move", {"to": f"{MONDAY} 09:00"})

    answer = _post(api, "move", {"to": f"{MONDAY} 09:00"}, content_id=other)

    assert answer.status_code == 409
    assert "'How to stand'" in answer.json()["detail"]


@pytest.mark.parametrize("to", ["soon", "2100-02-30 09:00", "2100-01-04 24:00", "2100-01-04T09:00", 7, None])
def test_a_time_that_is_none_is_refused_by_its_name(sqlite_api: Api, to: Any) -> None:
    answer = _post(sqlite_api, "move", {"to": to})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["faults"]] == ["to"]


@pytest.mark.parametrize("to", ["0001-01-01 00:00", "2020-01-06 09:00", "9999-12-31 23:59"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"])
def test_a_time_at_an_end_of_the_calendar_is_refused_with_the_reason(sqlite_api: Api, to: str, zone: str) -> None:
    with sqlite_api.database.transaction() as session:
        session.get_one(Site, sqlite_api.mine.site_id).timezone = zone

    answer = _post(sqlite_api, "move", {"to": to})

    reason = "is too far ahead: articles are planned at most 5 years ahead" if to > MONDAY else "has passed at the site"
    assert (answer.status_code, f"{to} {reason}" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("action", ["move", "pin", "schedule"])
def test_nothing_is_put_more_than_five_years_ahead(api: Api, action: str) -> None:
    if action == "schedule":
        _post(api, "unschedule")

    answer = _post(api, action, {"to": "9999-12-31 23:59"})

    assert (answer.status_code, "Choose a date up to 20" in answer.json()["detail"]) == (422, True)


def test_without_an_action_there_is_nothing_to_undo(sqlite_api: Api) -> None:
    answer = sqlite_api.client.post(f"/api/v1/sites/{sqlite_api.mine.site_id}/calendar/undo")

    assert (answer.status_code, "nothing to undo" in answer.json()["detail"]) == (409, True)


def test_the_calendar_tells_the_next_slot_and_how_far_the_queue_reaches(api: Api) -> None:
    found = api.client.get(f"/api/v1/sites/{api.mine.site_id}/calendar").json()

    assert (found["forecast"]["queued"], found["forecast"]["slots_a_week"]) == (1, 15)
    assert found["next_slot_at"] > _slot_at(api, api.mine.content_id)


def test_the_calendar_is_a_file_too(api: Api) -> None:
    answer = api.client.get(f"/api/v1/sites/{api.mine.site_id}/calendar.ics")

    assert answer.headers["content-type"].startswith("text/calendar")
    with api.database.reading() as session:
        title = session.get_one(Content, api.mine.content_id).title
    assert answer.text.startswith("BEGIN:VCALENDAR")
    assert title in answer.text
