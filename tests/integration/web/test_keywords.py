"""Keywords and what is planned of them over HTTP: lists page by page, files, deletions that say what hangs below."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.states import ClusterStatus, KeywordStatus
from pipeline.models import AuditEvent, Keyword, Site
from pipeline.services import listing
from tests.support.api import Api
from tests.support.builders import make_cluster, make_content, make_content_task, make_idea, make_keywords


def _path(api: Api, noun: str = "keywords") -> str:
    return f"/api/v1/sites/{api.mine.site_id}/{noun}"


def _texts(api: Api, **query: Any) -> list[str]:
    """What all pages of a list hold, in their order."""
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        page = api.client.get(_path(api), params={**query, "after": after}).json()
        found += [row["text"] for row in page["items"]]
        after = page["next"]
    return found


def test_keywords_are_listed_page_by_page(api: Api) -> None:
    with api.database.transaction() as session:
        make_keywords(session, site=session.get_one(Site, api.mine.site_id), texts=["lamp 1", "lamp 2", "lamp 3"])

    pages = [api.client.get(_path(api), params={"limit": 3}).json()]
    pages.append(api.client.get(_path(api), params={"limit": 3, "after": pages[0]["next"]}).json())

    texts = [[row["text"] for row in page["items"]] for page in pages]
    assert texts == [["standing desk", "desk lamp", "lamp 1"], ["lamp 2", "lamp 3"]]
    assert pages[1]["next"] is None


def test_keywords_are_filtered_by_status_and_text(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        make_keywords(session, site=site, texts=["50% off_desks"], status=KeywordStatus.NEEDS_ATTENTION)

    assert _texts(api, status="needs_attention") == ["50% off_desks"]
    assert _texts(api, text=" DESK ") == ["standing desk", "desk lamp", "50% off_desks"]
    assert _texts(api, text="desk", status="new") == ["standing desk", "desk lamp"]
    # What a pattern would take for "anything" is a letter like any other.
    assert (_texts(api, text="50% off_d"), _texts(api, text="%"), _texts(api, text="d_s")) == (
        ["50% off_desks"], ["50% off_desks"], [],
    )  # fmt: skip


def test_a_search_goes_on_where_a_page_has_looked_through_enough(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LOOKED_THROUGH", 3)
    with sqlite_api.database.transaction() as session:
        site = session.get_one(Site, sqlite_api.mine.site_id)
        make_keywords(session, site=site, texts=[f"word {number}" for number in range(10)])

    first = sqlite_api.client.get(_path(sqlite_api), params={"text": "word 9"}).json()

    assert first["items"] == []
    assert first["next"] is not None
    assert _texts(sqlite_api, text="word 9") == ["word 9"]
    assert _texts(sqlite_api, text="no such word") == []


def test_a_few_keywords_are_added_or_none(api: Api) -> None:
    added = api.client.post(_path(api), json={"keywords": ["desk  lamp", "Chair", "chair", "stool"]})
    refused = api.client.post(_path(api), json={"keywords": ["bench", " "]})

    assert added.json() == {"read": 4, "imported": 2, "duplicates": 2, "rejected": [], "warnings": []}
    assert refused.status_code == 422
    assert refused.json()["faults"][0]["field"] == "keyword"
    assert _texts(api) == ["standing desk", "desk lamp", "Chair", "stool"]


def test_a_file_is_imported_as_the_command_does_it(api: Api) -> None:
    rows = b"Keyword,Volume\nstanding desk,10\nfloor lamp,\xe2\x82\xac\n,5\nbench,7\n"

    answer = api.client.post(_path(api, "keywords/import"), content=rows, headers={"Content-Type": "text/csv"})

    report = answer.json()
    assert (report["read"], report["imported"], report["duplicates"]) == (4, 2, 1)
    assert [row["line"] for row in report["rejected"]] == [4]
    assert _texts(api) == ["standing desk", "desk lamp", "floor lamp", "bench"]


@pytest.mark.parametrize("body", [b"", b"\x89PNG\r\n\x1a\n", b'{"keywords": ["desk"]}', b"<html><body>desk"])
def test_a_file_that_is_no_list_is_refused_whole(sqlite_api: Api, body: bytes) -> None:
    answer = sqlite_api.client.post(_path(sqlite_api, "keywords/import"), content=body)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("The file ")
    assert _texts(sqlite_api) == ["standing desk", "desk lamp"]


def test_a_file_may_be_larger_than_other_bodies_and_has_an_end_too(sqlite_api: Api) -> None:
    numbers = itertools.count()
    large = "".join(f"{'word ' * 35}{next(numbers)}\n" for _ in range(8_000)).encode()
    assert len(large) > 1_000_000

    taken = sqlite_api.client.post(_path(sqlite_api, "keywords/import"), content=large)
    too_large = sqlite_api.client.post(_path(sqlite_api, "keywords/import"), content=b"word\n" * 14_000_000)

    assert taken.json()["imported"] == 8_000
    assert too_large.status_code == 413
    assert "larger than 64 MiB." in too_large.json()["detail"]


def test_who_may_not_import_is_refused_before_the_file_has_come(sqlite_api: Api) -> None:
    came = []

    def file() -> Any:
        for number in range(50):
            came.append(number)
            yield b"word\n" * 20_000

    sqlite_api.client.headers.pop("Authorization")
    answer = sqlite_api.client.post(_path(sqlite_api, "keywords/import"), content=file())

    assert answer.status_code == 401
    assert len(came) < 50


def test_a_deleted_keyword_says_what_came_of_it_and_is_used_no_more(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        cluster = make_cluster(session, site=site, keywords=["lamp"])
        keyword = session.scalars(select(Keyword).where(Keyword.text == "lamp")).one()
        ideas = [make_idea(session, site=site, cluster=cluster, keywords=[keyword]) for _ in range(2)]
        make_content(session, site=site, task=make_content_task(session, site=site, idea=ideas[0]))

    answer = api.client.delete(f"/api/v1/keywords/{keyword.id}")

    assert answer.json() == {"keyword_id": keyword.id, "cluster_id": cluster.id, "ideas": 2, "articles": 1}
    assert api.client.get(f"/api/v1/keywords/{keyword.id}").status_code == 404
    assert api.client.delete(f"/api/v1/keywords/{keyword.id}").status_code == 404
    assert "lamp" not in _texts(api)
    assert api.client.get(f"/api/v1/sites/{site.id}").json()["keywords"]["clustered"] == 0
    with api.database.reading() as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.action, event.details["text"]) == ("keyword.deleted", "lamp")


def test_a_keyword_that_was_deleted_waits_for_no_stage_until_it_is_added_again(api: Api) -> None:
    api.client.delete(f"/api/v1/keywords/{api.mine.keyword_id}")
    with api.database.reading() as session:
        gone = session.get_one(Keyword, api.mine.keyword_id).status

    again = api.client.post(_path(api), json={"keywords": ["standing desk", "desk lamp"]}).json()

    assert gone is KeywordStatus.NEEDS_ATTENTION
    assert (again["imported"], again["duplicates"]) == (1, 1)
    assert api.client.get(f"/api/v1/keywords/{api.mine.keyword_id}").json()["status"] == "new"


def test_clusters_ideas_and_tasks_are_listed_and_shown(api: Api) -> None:
    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        cluster = make_cluster(session, site=site, name="Café lamps", status=ClusterStatus.PLANNED)
        idea = make_idea(session, site=site, cluster=cluster, title="Which lamp, then?")
        task = make_content_task(session, site=site, idea=idea)

    listed = {
        "clusters": api.client.get(_path(api, "clusters"), params={"status": "planned", "text": "CAFÉ"}).json(),
        "ideas": api.client.get(_path(api, "ideas"), params={"text": "which lamp then"}).json(),
        "tasks": api.client.get(_path(api, "tasks"), params={"status": "queued"}).json(),
    }

    made = {"clusters": cluster.id, "ideas": idea.id, "tasks": task.id}
    assert {noun: [row["id"] for row in page["items"]] for noun, page in listed.items()} == {
        noun: [an_id] for noun, an_id in made.items()
    }
    for noun, an_id in made.items():
        assert api.client.get(f"/api/v1/{noun}/{an_id}").json() == listed[noun]["items"][0]
