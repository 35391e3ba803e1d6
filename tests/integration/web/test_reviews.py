"""What people decide about an article, and edits of it, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.states import ContentStatus
from pipeline.models import AuditEvent, Content, Site
from tests.support.api import Api
from tests.support.builders import make_content


def _in_review(api: Api) -> int:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        return make_content(session, site=site, title="Lamps", status=ContentStatus.REVIEW).id


def _path(api: Api, action: str = "", *, content_id: int | None = None) -> str:
    return f"/api/v1/content/{content_id or api.mine.content_id}{action}"


def _audited(api: Api) -> list[tuple[str, Any]]:
    with api.database.reading() as session:
        return [(event.action, event.details) for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))]


def test_an_article_in_review_is_approved_once(api: Api) -> None:
    article = _in_review(api)

    first = api.client.post(_path(api, "/approve", content_id=article), json={"note": "Good."})
    second = api.client.post(_path(api, "/approve", content_id=article))

    assert first.json() | {"publishes_at": None} == {
        "content_id": article, "status": "approved", "publishes_at": None, "publishes_by_itself": True,
    }  # fmt: skip
    assert first.json()["publishes_at"] is not None
    assert second.status_code == 409
    assert _audited(api) == [("content.approved", {"note": "Good."})]


def test_a_rejected_article_leaves_the_calendar(api: Api) -> None:
    answer = api.client.post(_path(api, "/reject"), json={"note": "Off topic."})

    shown = api.client.get(f"/api/v1/sites/{api.mine.site_id}/calendar").json()
    assert answer.json() == {"content_id": api.mine.content_id, "status": "rejected", "leaves_site": False}
    assert not any(slot["content_id"] for day in shown["days"] for slot in day["slots"])
    assert _audited(api) == [("content.rejected", {"note": "Off topic."})]


def test_what_is_on_no_site_cannot_be_withdrawn(api: Api) -> None:
    assert api.client.post(_path(api, "/withdraw")).status_code == 409


def test_an_edit_raises_the_version_and_its_mark(api: Api) -> None:
    read = api.client.get(_path(api))

    edited = api.client.patch(
        _path(api),
        json={"title": "How to sit", "body_html": "<h2>Sit</h2><p>Down.<script>x</script></p>"},
        headers={"If-Match": read.headers["etag"]},
    )
    again = api.client.get(_path(api))

    assert (read.headers["etag"], edited.headers["etag"]) == ('"1"', '"2"')
    assert (edited.json()["title"], edited.json()["version"]) == ("How to sit", 2)
    assert "script" not in edited.json()["body_html"]
    assert (again.json(), again.headers["etag"]) == (edited.json(), '"2"')
    ((action, details),) = _audited(api)
    assert (action, details["version"]) == ("content.edited", 2)


def test_an_edit_of_what_was_edited_meanwhile_is_refused(api: Api) -> None:
    mark = api.client.get(_path(api)).headers["etag"]
    api.client.patch(_path(api), json={"title": "How to sit"})

    answer = api.client.patch(_path(api), json={"title": "How to lie"}, headers={"If-Match": mark})

    assert answer.status_code == 412
    assert answer.json()["etag"] == answer.headers["etag"] == '"2"'
    assert api.client.get(_path(api)).json()["title"] == "How to sit"


def test_of_edits_at_once_with_one_mark_exactly_one_is_done(api: Api) -> None:
    mark = api.client.get(_path(api)).headers["etag"]

    def edit(number: int) -> int:
        sent = {"excerpt": f"Number {number}."}
        return int(api.client.patch(_path(api), json=sent, headers={"If-Match": mark}).status_code)

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(edit, range(12)))

    assert statuses == [200] + [412] * 11
    with api.database.reading() as session:
        assert session.get_one(Content, api.mine.content_id).version == 2


@pytest.mark.parametrize(("mark", "status"), [("*", 200), ('"9", "1"', 200), ('W/"1"', 412), ("1", 412)])
def test_marks_of_versions_are_compared_as_strong_ones(sqlite_api: Api, mark: str, status: int) -> None:
    answer = sqlite_api.client.patch(_path(sqlite_api), json={"tags": ["a"]}, headers={"If-Match": mark})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({"title": " ", "tags": ["x" * 61]}, {"title", "tags"}),
        ({"body_html": "<h2>Only</h2>", "slug": "!!!"}, {"body_html", "slug"}),
        ({"title": "a\x00b"}, {"title"}),
        ({"title": 7, "colour": "blue"}, {"title", "colour"}),
    ],
)
def test_an_edit_that_is_wrong_saves_nothing(sqlite_api: Api, sent: dict[str, Any], fields: set[str]) -> None:
    answer = sqlite_api.client.patch(_path(sqlite_api), json=sent)

    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["faults"]} == fields
    assert sqlite_api.client.get(_path(sqlite_api)).json()["version"] == 1


def test_a_note_that_cannot_be_kept_is_refused(sqlite_api: Api) -> None:
    answer = sqlite_api.client.post(_path(sqlite_api, "/reject"), json={"note": "a\x00b"})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["faults"]] == ["note"]
