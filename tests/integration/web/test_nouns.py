"""Sites, articles, calendar, credits, decisions, health: what the commands show, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.db.session import Database
from pipeline.models import AuditEvent, Publication, Site, SiteAutomationSettings
from pipeline.services import publications
from pipeline.web.app import create_app
from tests.support.api import Api, FakeBackend
from tests.support.builders import make_content


def test_a_site_is_added_listed_and_shown(api: Api) -> None:
    added = api.client.post("/api/v1/sites", json={"name": " Oak  & Desk ", "timezone": "Asia/Tokyo"})

    listed = api.client.get("/api/v1/sites").json()["items"]
    shown = api.client.get(f"/api/v1/sites/{added.json()['id']}").json()
    assert added.status_code == 201
    assert [site["name"] for site in listed] == ["Desks", "Oak & Desk"]
    assert shown | {"keywords": {}, "contents": {}} == added.json() | {
        "next_run_at": None, "keywords": {}, "contents": {},
    }  # fmt: skip
    assert set(shown["keywords"].values()) == {0}
    with api.database.reading() as session:
        assert session.scalars(select(AuditEvent.action)).all() == ["site.added"]


def test_every_fault_of_a_new_site_is_told(sqlite_api: Api) -> None:
    answer = sqlite_api.client.post("/api/v1/sites", json={"name": "Desks", "timezone": "Europe/Berln"})

    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["faults"]} == {"name", "timezone"}
    assert "Europe/Berlin" in answer.json()["detail"]


def test_of_sites_of_one_name_at_once_one_is_added(api: Api) -> None:
    site = {"name": "Oak & Desk", "timezone": "UTC"}

    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: api.client.post("/api/v1/sites", json=site).status_code, range(8))

    statuses = sorted(answers)
    assert statuses[0] == 201
    assert set(statuses[1:]) <= {409, 422}
    assert len(api.client.get("/api/v1/sites").json()["items"]) == 2


def test_articles_are_listed_page_by_page(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        more = [make_content(session, site=site, status=ContentStatus.REVIEW).id for _ in range(3)]
    path = f"/api/v1/sites/{api.mine.site_id}/content"

    first = api.client.get(path, params={"limit": 3}).json()
    second = api.client.get(path, params={"limit": 3, "after": first["next"]}).json()
    in_review = api.client.get(path, params={"status": "review"}).json()

    assert [entry["id"] for entry in first["items"] + second["items"]] == [api.mine.content_id, *more]
    assert second["next"] is None
    assert [entry["id"] for entry in in_review["items"]] == more


def test_an_article_is_shown_with_where_it_stands(api: Api) -> None:
    shown = api.client.get(f"/api/v1/content/{api.mine.content_id}").json()

    assert (shown["title"], shown["status"]) == ("How to stand", "scheduled")
    assert shown["publication"]["status"] == "planned"
    assert shown["publication"]["slot_at"].endswith("Z")
    assert shown["body_html"].startswith("<h2>")


def test_an_article_leads_back_to_what_it_came_from(api: Api) -> None:
    found = api.client.get(f"/api/v1/content/{api.mine.content_id}/lineage").json()

    assert found["content"] == {"id": api.mine.content_id, "title": "How to stand", "status": "scheduled"}
    assert set(found) == {"content", "task", "idea", "cluster", "keywords"}


def test_a_deleted_article_leads_nowhere(api: Api) -> None:
    path = f"/api/v1/content/{api.mine.content_id}"

    deleted = api.client.delete(path).status_code

    assert (deleted, api.client.get(f"{path}/lineage").status_code) == (200, 404)


def test_an_article_is_published_at_once_by_the_stack(api: Api) -> None:
    answer = api.client.post(f"/api/v1/content/{api.mine.content_id}/publish")

    assert answer.status_code == 202
    with api.database.reading() as session:
        query = select(Publication).where(Publication.content_id == api.mine.content_id)
        publication = session.scalars(query).one()
        actions = session.scalars(select(AuditEvent.action)).all()
    assert publication.status is PublicationStatus.PLANNED
    assert publication.slot_at is None
    assert publication.due_at is not None
    assert actions == ["content.published_now"]
    assert api.client.post(f"/api/v1/content/{api.mine.content_id}/publish").status_code == 409


def test_the_calendar_shows_days_slots_and_what_stands_on_them(api: Api) -> None:
    found = api.client.get(f"/api/v1/sites/{api.mine.site_id}/calendar", params={"days": 7}).json()

    taken = [slot for day in found["days"] for slot in day["slots"] if slot["content_id"]]
    assert (found["site_id"], found["timezone"], len(found["days"])) == (api.mine.site_id, "Europe/Berlin", 7)
    assert [(slot["content_id"], slot["title"]) for slot in taken] == [(api.mine.content_id, "How to stand")]
    assert found["unscheduled"] == []
    assert (found["needs_you"], found["publishes_by_itself"]) == ([], True)


def test_the_calendar_lists_what_needs_a_person_and_says_whether_slots_publish(api: Api) -> None:
    with api.database.transaction() as session:
        session.get_one(SiteAutomationSettings, api.mine.site_id).auto_publish_enabled = False
        for mine in (api.mine, api.other):
            publication = session.scalars(select(Publication).where(Publication.content_id == mine.content_id)).one()
            publications.set_aside(session, publication.id, "The site refused it.", now=api.database.now())

    found = api.client.get(f"/api/v1/sites/{api.mine.site_id}/calendar").json()

    (needy,) = found["needs_you"]
    assert needy.pop("what_to_do").startswith("Put that right first. ")
    assert needy == {
        "content_id": api.mine.content_id,
        "title": "How to stand",
        "status": "needs_attention",
        "why": "The site refused it.",
    }
    assert found["publishes_by_itself"] is False


@pytest.mark.parametrize(
    "query", [{"start": "soon"}, {"start": "9999-12-31"}, {"days": 0}, {"days": 367}, {"start": "0001-01-01"}]
)
def test_days_that_are_none_are_refused(sqlite_api: Api, query: dict[str, Any]) -> None:
    answer = sqlite_api.client.get(f"/api/v1/sites/{sqlite_api.mine.site_id}/calendar", params=query)

    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["faults"]} == set(query)


def test_credits_are_exact_decimal_strings(api: Api) -> None:
    assert api.client.get("/api/v1/credits").json() == {"balance": "10000", "held": "0", "available": "10000"}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/v1/nothing", 404), ("PATCH", "/api/v1/sites", 405)]
)
def test_what_is_not_there_is_a_problem_too(sqlite_api: Api, method: str, path: str, status: int) -> None:
    answer = sqlite_api.client.request(method, path)

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


def test_health_is_told_to_everybody(sqlite_api: Api) -> None:
    sqlite_api.client.headers.pop("Authorization")

    assert [sqlite_api.client.get(path).json() for path in ("/healthz", "/livez")] == [{"status": "ok"}] * 2


def test_a_database_that_is_away_is_no_health(tmp_path: Any) -> None:
    gone = Database(f"sqlite:///{tmp_path}/no/folder/igny8.db")

    with TestClient(create_app(FakeBackend(gone)), raise_server_exceptions=False) as client:
        answer, alive = client.get("/healthz"), client.get("/livez")

    gone.dispose()
    assert (answer.status_code, answer.json()["status"]) == (503, 503)
    assert alive.status_code == 200


def test_what_nobody_expected_is_told_without_its_details(tmp_path: Any) -> None:
    gone = Database(f"sqlite:///{tmp_path}/no/folder/igny8.db")

    with TestClient(create_app(FakeBackend(gone)), raise_server_exceptions=False) as client:
        answer = client.get("/api/v1/credits", headers={"Authorization": "Bearer igny8_some"})

    gone.dispose()
    assert answer.status_code == 500
    assert answer.json()["detail"] == "Something went wrong that should not. The log says what."
