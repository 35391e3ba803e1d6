"""A site is edited, tested, deleted and restored over HTTP; what hangs below it goes and comes with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from pipeline.config import config
from pipeline.core.roles import Role
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.engine import site_checks
from pipeline.models import (
    AuditEvent,
    CalendarSlot,
    Content,
    Publication,
    Run,
    Site,
    SiteAutomationSettings,
    SyncEvent,
)
from pipeline.secrets import decrypted
from pipeline.services import calendar, schedules, settings
from scheduler.calendar import _sites_that_wait
from tests.support.api import Api
from tests.support.builders import make_content

SECRET = "open sesame 4711"  # noqa: S105 - planted, to be found nowhere


def _path(api: Api, end: str = "") -> str:
    return f"/api/v1/sites/{api.mine.site_id}{end}"


def _site(api: Api) -> Site:
    with api.database.reading() as session:
        return session.get_one(Site, api.mine.site_id)


def test_a_site_is_edited_whole_or_not_at_all(api: Api) -> None:
    refused = api.client.patch(
        _path(api), json={"name": "", "url": "ftp://oak", "target": "fax", "timezone": "Europe/Berln"}
    )
    before = api.client.get(_path(api)).json()
    edited = api.client.patch(_path(api), json={"name": " Oak &  Desk", "url": "https://oak.example"})

    assert refused.status_code == 422
    assert {fault["field"] for fault in refused.json()["faults"]} == {"name", "url", "target", "timezone"}
    nowhere = api.client.patch(_path(api), json={"url": "https://10.0.0.300"})
    assert [fault["field"] for fault in nowhere.json()["faults"]] == ["url"]
    assert before["name"] == "Desks"
    assert (edited.json()["name"], edited.json()["url"]) == ("Oak & Desk", "https://oak.example")
    assert api.client.patch(_path(api), json={"url": None}).json()["url"] is None
    assert api.client.patch(_path(api), json={"name": None}).status_code == 422


def test_credentials_go_in_and_never_come_out(api: Api) -> None:
    answers = [api.client.patch(_path(api), json={"username": "oak", "credentials": SECRET})]
    kept = _site(api).credentials
    assert kept is not None
    answers += [api.client.get(_path(api)), api.client.get("/api/v1/sites")]
    masked = answers[0].json()
    answers.append(api.client.patch(_path(api), json={"name": "Oak", "credentials": masked["credentials"]}))

    assert masked["credentials"] == "********"
    assert _site(api).credentials == kept
    assert decrypted(kept, home=config().home) == SECRET
    assert not any(SECRET in answer.text for answer in answers)
    with api.database.reading() as session:
        assert SECRET not in str([event.details for event in session.scalars(select(AuditEvent))])
    assert api.client.patch(_path(api), json={"credentials": None}).json()["credentials"] is None


def test_another_zone_is_previewed_then_followed_or_not(api: Api) -> None:
    path, zone = _path(api, "/timezone/preview"), {"timezone": "Asia/Tokyo"}
    would = {
        follow: api.client.post(path, json=zone, params={"schedule_change": follow}).json()["moves"]
        for follow in ("reflow", "keep")
    }
    untouched = _site(api).timezone
    edited = api.client.patch(_path(api), json=zone)

    assert untouched == "Europe/Berlin"
    assert [move["content_id"] for move in would["reflow"]] == [api.mine.content_id]
    assert would["keep"] == []
    assert edited.headers["x-moved-items"] == "1"
    found = api.client.get(f"/api/v1/content/{api.mine.content_id}").json()["publication"]["slot_at"]
    assert found == would["reflow"][0]["now_at"]


def test_a_site_is_tested_now(api: Api) -> None:
    found = api.client.post(_path(api, "/test")).json()

    assert (found["status"], found["error"], found["looked_at"]) == ("ok", None, 0)
    assert api.client.get(_path(api)).json()["sync_status"] == "ok"


def test_a_site_with_drafts_is_not_deleted_before_somebody_says_what_becomes_of_them(api: Api) -> None:
    answer = api.client.delete(_path(api))

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["faults"]] == ["drafts"]
    assert "1 article not published yet, 2 keywords" in answer.json()["detail"]
    assert api.client.get(_path(api)).status_code == 200


def _delete(api: Api, drafts: str = "keep") -> dict[str, Any]:
    answer = api.client.delete(_path(api), params={"drafts": drafts})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_deleted_site_runs_and_publishes_no_more(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        settings.apply(session, site, {"automation.enabled": "true"}, now=api.database.now())
        pinned = make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=api.database.now())
        calendar.schedule_next(session, pinned, now=api.database.now())
    api.client.post(f"/api/v1/content/{pinned.id}/pin")

    told = _delete(api)

    assert (told["cancelled_run_id"], told["unscheduled"]) == (api.mine.run_id, 2)
    assert told["had"] == {"keywords": 2, "clusters": 2, "ideas": 2, "tasks": 2, "drafts": 2, "published": 0}
    with api.database.reading() as session:
        site, row = session.execute(
            select(Site, SiteAutomationSettings)
            .join(SiteAutomationSettings, SiteAutomationSettings.site_id == Site.id)
            .where(Site.id == api.mine.site_id)
        ).one()
        assert (site.next_check_at, row.next_run_at, row.queued_for) == (None, None, None)
        assert session.scalars(select(CalendarSlot).where(CalendarSlot.site_id == site.id)).all() == []
        assert set(session.scalars(select(Content.status).where(Content.site_id == site.id))) == {"approved"}
        due = select(Publication.id).where(Publication.site_id == site.id, Publication.due_at.is_not(None))
        assert session.scalars(due).all() == []
        assert session.get_one(Run, api.mine.run_id).status == "cancelled"
        assert site.id not in _sites_that_wait(session, after=0)
        assert schedules.next_due(session, now=api.database.now()) is None
    assert site_checks.check(api.database, api.mine.site_id) is None
    with api.database.transaction() as session:
        assert calendar.fill(session, api.mine.site_id, now=api.database.now(), limit=10) == 0


def test_nothing_of_a_deleted_site_is_shown_but_what_it_cost(api: Api) -> None:
    feed = api.client.post(_path(api, "/calendar/feed")).json()["path"]
    assert api.client.get(feed).status_code == 200
    _delete(api)
    assert api.client.get(feed).status_code == 404
    mine = api.mine
    gone = [
        _path(api), _path(api, "/keywords"), _path(api, "/calendar"), _path(api, "/unified-settings/"),
        _path(api, "/content"), f"/api/v1/content/{mine.content_id}", f"/api/v1/content/{mine.content_id}/lineage",
        f"/api/v1/keywords/{mine.keyword_id}", f"/api/v1/clusters/{mine.cluster_id}", f"/api/v1/ideas/{mine.idea_id}",
        f"/api/v1/tasks/{mine.task_id}",
    ]  # fmt: skip

    assert {path: api.client.get(path).status_code for path in gone} == dict.fromkeys(gone, 404)
    assert api.client.get("/api/v1/sites").json()["items"] == []
    assert api.client.post(_path(api, "/runs")).status_code == 404
    assert api.client.get("/api/v1/runs").json()["items"] == []
    assert len(api.client.get("/api/v1/runs.csv").text.splitlines()) == 1
    assert api.client.get(f"/api/v1/runs/{mine.run_id}").json()["status"] == "cancelled"
    assert api.client.post(f"/api/v1/runs/{mine.run_id}/retry").status_code == 404


def test_a_restored_site_goes_on(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        settings.apply(session, site, {"automation.enabled": "true"}, now=api.database.now())
    before = api.client.get(_path(api)).json()
    stood = api.client.get(f"/api/v1/content/{api.mine.content_id}").json()["publication"]["slot_at"]
    _delete(api)
    deleted = api.client.get("/api/v1/sites", params={"deleted": "true"}).json()["items"]

    restored = api.client.post(_path(api, "/restore"))
    with api.database.transaction() as session:
        filled = calendar.fill(session, api.mine.site_id, now=api.database.now(), limit=10)

    assert [(site["id"], site["deleted_at"] is None) for site in deleted] == [(api.mine.site_id, False)]
    assert restored.json()["deleted_at"] is None
    after = api.client.get(_path(api)).json()
    assert after == before | {"contents": after["contents"]}
    assert filled == 1
    assert api.client.get(f"/api/v1/content/{api.mine.content_id}").json()["publication"]["slot_at"] == stood
    assert _site(api).next_check_at is not None
    assert api.client.post(_path(api, "/restore")).status_code == 409


def test_drafts_go_with_the_site_where_that_is_said(api: Api) -> None:
    _delete(api, "delete")
    api.client.post(_path(api, "/restore"))

    assert api.client.get(_path(api, "/content")).json()["items"] == []
    assert api.client.get(f"/api/v1/content/{api.mine.content_id}").status_code == 404


def test_the_name_of_a_deleted_site_is_free_and_then_in_the_way_of_its_return(api: Api) -> None:
    _delete(api)
    added = api.client.post("/api/v1/sites", json={"name": "Desks", "timezone": "UTC"})

    refused = api.client.post(_path(api, "/restore"))

    assert added.status_code == 201
    assert refused.status_code == 409
    assert f"Site {added.json()['id']}" in refused.json()["detail"]


def test_a_site_is_not_deleted_while_an_article_is_just_being_published(api: Api) -> None:
    with api.database.transaction() as session:
        publication = session.scalars(select(Publication).where(Publication.content_id == api.mine.content_id)).one()
        publication.status = PublicationStatus.PUBLISHING

    answer = api.client.delete(_path(api), params={"drafts": "keep"})

    assert answer.status_code == 409
    assert "just being published" in answer.json()["detail"]
    with api.database.reading() as session:
        assert session.get_one(Run, api.mine.run_id).status != "cancelled"


def test_only_an_owner_deletes_a_site(sqlite_api: Api) -> None:
    answer = sqlite_api.client.delete(_path(sqlite_api), params={"drafts": "keep"}, headers=sqlite_api.key(Role.EDITOR))

    assert answer.status_code == 403


def test_a_site_over_the_network_is_added_with_all_it_needs_and_looked_at_at_once(api: Api) -> None:
    new = {"name": "Blog", "timezone": "Europe/Berlin", "target": "site", "url": "https://blog.example"}

    half = api.client.post("/api/v1/sites", json=new)
    whole = api.client.post("/api/v1/sites", json={**new, "username": "ann", "credentials": SECRET, "category": "Oak"})

    assert {fault["field"] for fault in half.json()["faults"]} == {"username", "credentials"}
    added = whole.json()
    assert (added["target"], added["category"], added["credentials"]) == ("site", "Oak", "********")
    with api.database.reading() as session:
        site = session.get_one(Site, added["id"])
        assert site.next_check_at == site.created_at
    taken = api.client.patch(f"/api/v1/sites/{added['id']}", json={"credentials": None})
    assert taken.status_code == 422


def test_a_password_that_is_kept_is_sent_to_no_other_address(api: Api) -> None:
    """Whoever may edit a site reads no password, and has none sent to an address of theirs either."""
    whole = {"target": "site", "url": "https://blog.example", "username": "ann", "credentials": SECRET}
    assert api.client.patch(_path(api), json=whole).status_code == 200
    ways: list[list[dict[str, str]]] = [
        [{"url": "https://evil.example"}],
        [{"url": "https://blog.example:8443"}],
        [{"url": "https://blog.example.evil.example", "credentials": "********"}],
        [{"target": "folder", "url": "https://evil.example"}, {"target": "site"}],
        [{"target": "webhook", "url": "https://evil.example"}, {"target": "site", "username": "bob"}],
    ]
    for way in ways:
        *_, last = [api.client.patch(_path(api), json=step) for step in way]

        assert last.status_code == 422
        assert [fault["field"] for fault in last.json()["faults"]] == ["credentials"]
        assert api.client.patch(_path(api), json=whole).status_code == 200

    moved = [{"url": "https://blog.example/news"}, {"url": "https://evil.example", "credentials": "another"}]
    assert [api.client.patch(_path(api), json=step).status_code for step in moved] == [200, 200]


def test_what_was_found_at_a_site_is_listed_by_site(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        content = make_content(session, site=site, title="Oak desks", status=ContentStatus.PUBLISHED)
        own = {"account_id": site.account_id, "site_id": site.id, "content_id": content.id}
        session.add(Publication(**own, status=PublicationStatus.PUBLISHED, remote_id="1", drift="edited"))
        session.add_all(SyncEvent(**own, kind=kind, message=kind, at=site.created_at) for kind in ("deleted", "edited"))

    found = api.client.get(_path(api, "/sync?limit=1")).json()

    assert found["drifted"] == [{"content_id": content.id, "title": "Oak desks", "drift": "edited"}]
    assert [event["kind"] for event in found["events"]] == ["edited"]
    assert found["sync_status"] == "never"
