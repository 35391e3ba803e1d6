"""Two accounts, every operation, every place that an id has: another's is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select

from pipeline.models import Base
from tests.support.api import Api, the_app

#: What some operations have to be sent.
BODIES: dict[str, dict[str, Any]] = {
    "preset": {"preset": "balanced"},
    "move": {"to": "2100-01-04 14:00"},
    "{content_id}": {"title": "Another title"},
    "{stage}": {"text": "Write in {language}."},
}
#: No row has it.
NOBODYS = 2**63 - 1


class Place(NamedTuple):
    """One id of one operation."""

    method: str
    path: str
    within: str
    name: str


def _places() -> Iterator[Place]:
    for path, operations in the_app().openapi()["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["name"].endswith("_id"):
                    yield Place(method, path, parameter["in"], parameter["name"])


PLACES = list(_places())


def test_every_path_with_an_id_is_tried() -> None:
    with_ids = {path for path in the_app().openapi()["paths"] if "_id}" in path}

    assert with_ids == {place.path for place in PLACES if place.within == "path"}
    assert {place.within for place in PLACES} == {"path", "query"}


def _ask(api: Api, place: Place, an_id: int) -> Any:
    ids = api.mine.ids | {place.name: an_id}
    query = {place.name: an_id} if place.within == "query" else {}
    body: dict[str, Any] | None = BODIES.get(place.path.rpartition("/")[2])
    if place.path.endswith("swap"):
        body = {"other_id": api.mine.content_id}
    if "unified-settings" in place.path and (place.method == "put" or place.path.endswith("preview")):
        body = api.client.get(api.settings_path).json() | {"delays": {"within_stage": 1, "between_stage": 1}}
    return api.client.request(place.method, place.path.format(**ids, stage="tasks_to_content"), params=query, json=body)


def _rows_of(api: Api, account_id: int) -> dict[str, list[Any]]:
    """All that an account has, in every table that says whose its rows are."""
    with api.database.reading() as session:
        return {
            table.name: session.execute(
                select(table).where(table.c.account_id == account_id).order_by(table.c.id)
            ).all()
            for table in Base.metadata.sorted_tables
            if "account_id" in table.c
        }


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.method} {place.path} {place.name}")
def test_anothers_id_is_not_there(sqlite_api: Api, place: Place) -> None:
    api = sqlite_api
    theirs = _rows_of(api, api.other.account_id)
    mine = _rows_of(api, api.mine.account_id)

    others = _ask(api, place, api.other.ids[place.name])
    nobodys = _ask(api, place, NOBODYS)

    assert (others.status_code, nobodys.status_code) == (404, 404)
    assert others.text.replace(str(api.other.ids[place.name]), "N") == nobodys.text.replace(str(NOBODYS), "N").replace(
        str(api.other.ids[place.name]), "N"
    )
    assert _rows_of(api, api.other.account_id) == theirs
    assert _rows_of(api, api.mine.account_id) == mine
    assert api.backend.sent == []


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.method} {place.path} {place.name}")
def test_my_own_id_is_there(sqlite_api: Api, place: Place) -> None:
    assert _ask(sqlite_api, place, sqlite_api.mine.ids[place.name]).status_code != 404


def test_anothers_article_in_a_body_is_not_there(sqlite_api: Api) -> None:
    api = sqlite_api
    path = f"/api/v1/content/{api.mine.content_id}/swap"
    theirs = _rows_of(api, api.other.account_id)

    answers = [api.client.post(path, json={"other_id": an_id}) for an_id in (api.other.content_id, NOBODYS)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(str(api.other.content_id), "N") == answers[1].text.replace(str(NOBODYS), "N")
    assert _rows_of(api, api.other.account_id) == theirs


def test_anothers_action_is_not_undone(sqlite_api: Api) -> None:
    api = sqlite_api
    moved = api.client.post(f"/api/v1/content/{api.other.content_id}/pin", headers=api.other.headers).json()
    theirs = _rows_of(api, api.other.account_id)

    answer = api.client.post(f"/api/v1/sites/{api.mine.site_id}/calendar/undo", json={"undo_id": moved["undo_id"]})

    assert answer.status_code == 409
    assert _rows_of(api, api.other.account_id) == theirs


def test_lists_hold_only_what_is_mine(api: Api) -> None:
    lists = {path: api.client.get(path).json()["items"] for path in ("/api/v1/sites", "/api/v1/runs")}

    assert [site["id"] for site in lists["/api/v1/sites"]] == [api.mine.site_id]
    assert [run["run_id"] for run in lists["/api/v1/runs"]] == [api.mine.run_id]
