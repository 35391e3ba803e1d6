"""A deleted article comes back within 30 days, where its work goes on, and on no slot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.states import ContentStatus, ImagePromptStatus
from pipeline.models import AuditEvent, CalendarSlot, Content, Site
from pipeline.services import calendar, content_restores, reviews
from tests.support.api import Api
from tests.support.builders import make_content, make_image_prompt


def _path(content_id: int, action: str = "") -> str:
    return f"/api/v1/content/{content_id}{action}"


def _deleted(api: Api) -> list[int]:
    path = f"/api/v1/sites/{api.mine.site_id}/content"
    return [row["id"] for row in api.client.get(path, params={"deleted": True}).json()["items"]]


def _written(api: Api, status: ContentStatus, *prompts: ImagePromptStatus) -> int:
    with api.database.transaction() as session:
        row = make_content(session, site=session.get_one(Site, api.mine.site_id), status=status)
        for position, prompt in enumerate(prompts):
            make_image_prompt(session, content=row, status=prompt, position=position)
        return row.id


def test_a_deleted_article_comes_back_to_review_without_its_slot(api: Api) -> None:
    mine = api.mine.content_id
    before = api.client.get(_path(mine)).json()
    api.client.delete(_path(mine))
    gone, listed = api.client.get(_path(mine)).status_code, _deleted(api)

    restored: Any = api.client.post(_path(mine, "/restore"))

    assert (before["status"], gone, listed) == ("scheduled", 404, [mine])
    assert restored.status_code == 200
    after = restored.json()
    assert (after["status"], after["approved_at"], after["deleted_at"]) == ("review", None, None)
    assert (after["title"], after["version"]) == (before["title"], before["version"])
    assert after["publication"]["status"] == "withdrawn"
    assert _deleted(api) == []
    with api.database.transaction() as session:
        assert calendar.fill(session, api.mine.site_id, now=api.database.now(), limit=10) == 0
        assert session.scalars(select(CalendarSlot).where(CalendarSlot.content_id == mine)).all() == []
        assert "content.undeleted" in session.scalars(select(AuditEvent.action)).all()


@pytest.mark.parametrize(
    ("status", "prompts", "back"),
    [
        (ContentStatus.DRAFT, (), "draft"),
        (ContentStatus.IMAGES, (ImagePromptStatus.DONE, ImagePromptStatus.NEW), "images"),
        (ContentStatus.IMAGES, (ImagePromptStatus.DONE,), "review"),
        (ContentStatus.APPROVED, (), "review"),
        (ContentStatus.REJECTED, (), "rejected"),
    ],
)
def test_it_comes_back_where_its_work_goes_on(
    api: Api, status: ContentStatus, prompts: tuple[ImagePromptStatus, ...], back: str
) -> None:
    content_id = _written(api, status, *prompts)
    assert api.client.delete(_path(content_id)).status_code == 200

    assert api.client.post(_path(content_id, "/restore")).json()["status"] == back


def test_drafts_that_were_deleted_with_their_site_come_back_one_by_one(api: Api) -> None:
    site, content_id = f"/api/v1/sites/{api.mine.site_id}", _written(api, ContentStatus.DRAFT)
    api.client.delete(site, params={"drafts": "delete"})
    while_gone = api.client.post(_path(content_id, "/restore")).status_code
    api.client.post(f"{site}/restore")

    assert while_gone == 404
    assert api.client.post(_path(content_id, "/restore")).json()["status"] == "draft"


def test_what_is_not_deleted_or_too_long_ago_is_refused(api: Api) -> None:
    there = api.client.post(_path(api.mine.content_id, "/restore"))
    content_id = _written(api, ContentStatus.REVIEW)
    with api.database.transaction() as session:
        row = session.get_one(Content, content_id)
        reviews.delete(session, row, actor="ann", now=api.database.now() - content_restores.KEPT - timedelta(hours=1))

    too_late = api.client.post(_path(content_id, "/restore"))

    assert (there.status_code, too_late.status_code) == (409, 404)
    assert "not deleted" in there.json()["detail"]
    assert "igny8 content list SITE --deleted" in too_late.json()["detail"]
    assert _deleted(api) == []
