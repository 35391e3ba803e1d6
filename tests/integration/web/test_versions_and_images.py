"""An article's versions are kept, read and restored; it is deleted; its images are read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from pipeline.core.states import ContentStatus, ImagePromptStatus, PublicationStatus
from pipeline.models import AuditEvent, Content, Image, Publication
from tests.support.api import PICTURE, Api
from tests.support.builders import make_image_prompt

_TEXTS = ("title", "slug", "meta_title", "meta_description", "excerpt", "body_html", "tags")


def _path(api: Api, end: str = "") -> str:
    return f"/api/v1/content/{api.mine.content_id}{end}"


def _edit(api: Api, **changes: Any) -> None:
    assert api.client.patch(_path(api), json=changes).status_code == 200


def test_what_an_article_said_is_listed_and_read(api: Api) -> None:
    _edit(api, title="Second title", body_html="<p>Second text.</p>")
    _edit(api, title="Third title")

    first = api.client.get(_path(api, "/versions"), params={"limit": 2}).json()
    rest = api.client.get(_path(api, "/versions"), params={"before": first["next"]}).json()

    listed = first["items"] + rest["items"]
    assert [(row["version"], row["title"]) for row in listed] == [
        (3, "Third title"), (2, "Second title"), (1, "How to stand"),
    ]  # fmt: skip
    assert [row["replaced_at"] is None for row in listed] == [True, False, False]
    assert rest["next"] is None
    read = [api.client.get(_path(api, f"/versions/{number}")).json() for number in (1, 2, 3)]
    assert ["Start small" in version["body_html"] for version in read] == [True, False, False]
    assert read[2]["title"] == "Third title"
    assert api.client.get(_path(api, "/versions/4")).status_code == 404


def test_a_restored_version_is_a_new_one_that_equals_the_old(api: Api) -> None:
    before = api.client.get(_path(api)).json()
    with api.database.transaction() as session:
        publication = session.scalars(select(Publication).where(Publication.content_id == api.mine.content_id)).one()
        publication.status, publication.due_at, publication.placed_version = PublicationStatus.PUBLISHED, None, 2
    _edit(api, title="Second title", body_html="<p>Second text.</p>", tags=["other"], slug="second", excerpt="New.")

    restored = api.client.post(_path(api, "/versions/1/restore"))
    again = api.client.post(_path(api, "/versions/1/restore"))

    after = restored.json()
    assert {name: after[name] for name in (*_TEXTS, "word_count")} == {
        name: before[name] for name in (*_TEXTS, "word_count")
    }
    assert (after["version"], restored.headers["etag"]) == (3, '"3"')
    assert after["publication"]["due_at"] is not None
    assert again.json()["version"] == 3
    with api.database.reading() as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
        assert session.get_one(Content, api.mine.content_id).normalised_title == "how to stand"
    assert actions == ["content.edited", "content.restored"]


def test_a_version_is_not_restored_over_what_somebody_else_wrote(sqlite_api: Api) -> None:
    read = sqlite_api.client.get(_path(sqlite_api)).headers["etag"]
    _edit(sqlite_api, title="Second title")

    answer = sqlite_api.client.post(_path(sqlite_api, "/versions/1/restore"), headers={"If-Match": read})

    assert (answer.status_code, answer.json()["etag"]) == (412, '"2"')


def test_a_deleted_article_leaves_calendar_and_lists(api: Api) -> None:
    answer = api.client.delete(_path(api))

    assert answer.json() == {"content_id": api.mine.content_id, "status": "rejected", "leaves_site": False}
    assert {api.client.get(_path(api, end)).status_code for end in ("", "/versions", "/images")} == {404}
    assert api.client.get(f"/api/v1/images/{api.mine.image_id}").status_code == 404
    assert api.client.get(f"/api/v1/sites/{api.mine.site_id}/content").json()["items"] == []
    with api.database.reading() as session:
        assert session.get_one(Content, api.mine.content_id).status is ContentStatus.REJECTED


def test_images_are_listed_and_their_bytes_are_read_once(api: Api) -> None:
    with api.database.transaction() as session:
        article = session.get_one(Content, api.mine.content_id)
        make_image_prompt(session, content=article, position=1, place="What to buy", status=ImagePromptStatus.FAILED)

    listed = api.client.get(_path(api, "/images")).json()["items"]
    read = api.client.get(f"/api/v1/images/{listed[0]['image_id']}")
    spared = api.client.get(f"/api/v1/images/{api.mine.image_id}", headers={"If-None-Match": read.headers["etag"]})

    assert [(row["place"], row["status"], row["image_id"]) for row in listed] == [
        ("featured", "done", api.mine.image_id), ("What to buy", "failed", None),
    ]  # fmt: skip
    assert read.content == PICTURE
    assert (read.headers["content-type"], read.headers["content-length"]) == ("image/png", str(len(PICTURE)))
    assert (spared.status_code, spared.content) == (304, b"")


def test_an_image_whose_bytes_are_gone_is_not_there(sqlite_api: Api) -> None:
    with sqlite_api.database.transaction() as session:
        session.get_one(Image, sqlite_api.mine.image_id).sha256 = "f" * 64

    answer = sqlite_api.client.get(f"/api/v1/images/{sqlite_api.mine.image_id}")

    assert answer.status_code == 404
    assert "not on this machine" in answer.json()["detail"]


def test_an_image_in_review_is_sent_back_once(api: Api) -> None:
    path = _path(api, "/images/0/regenerate")
    scheduled = api.client.post(path)
    with api.database.transaction() as session:
        session.get_one(Content, api.mine.content_id).status = ContentStatus.REVIEW

    refused = api.client.post(path, json={"prompt": " "})
    sent_back = api.client.post(path, json={"prompt": "A desk  by night"})
    again = api.client.post(path)

    assert (scheduled.status_code, refused.status_code, again.status_code) == (409, 422, 409)
    assert sent_back.status_code == 202
    found = sent_back.json()
    assert (found["status"], found["prompt"], found["image_id"]) == ("new", "A desk by night", api.mine.image_id)
    assert api.client.post(_path(api, "/images/7/regenerate")).status_code == 404
