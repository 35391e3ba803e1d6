"""The keyword library over HTTP: everybody reads it and takes from it; administrators fill it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from pipeline.core.roles import Role
from pipeline.models import AuditEvent, Industry, Keyword, Sector, SeedKeyword
from pipeline.services import keyword_library
from pipeline.services.keyword_library.starting_set import starting_set
from tests.support.api import Api

LIBRARY = "/api/v1/keyword-library"
IMPORT = f"{LIBRARY}/keywords/import"
FILE = "Keyword,Volume,KD\nglazing a bowl,320,21\nGlazing a  bowl,5,5\nclay for beginners,90,\n,3,3\n"


def _import(api: Api, file: str = FILE, *, industry: str = "Crafts", sector: str = "Pottery") -> Any:
    names = {"industry": industry, "sector": sector}
    return api.client.post(IMPORT, params=names, content=file, headers=api.key(Role.PLATFORM_ADMIN))


def _from_library(api: Api) -> str:
    return f"/api/v1/sites/{api.mine.site_id}/keywords/from-library"


def test_a_file_comes_into_the_library_once(api: Api) -> None:
    first, second = _import(api), _import(api)

    assert (first.status_code, second.status_code) == (200, 200)
    told = [{name: answer.json()[name] for name in ("imported", "duplicates")} for answer in (first, second)]
    assert told == [{"imported": 2, "duplicates": 1}, {"imported": 0, "duplicates": 3}]
    [shelf] = api.client.get(LIBRARY).json()["items"]
    assert (shelf["industry"], shelf["sector"], shelf["keywords"], shelf["is_example"]) == (
        "Crafts", "Pottery", 2, False,
    )  # fmt: skip
    listed = api.client.get(f"{LIBRARY}/keywords", params={"sector": shelf["sector_id"]}).json()
    assert [(row["text"], row["volume"]) for row in listed["items"]] == [
        ("glazing a bowl", 320),
        ("clay for beginners", 90),
    ]
    found = api.client.get(f"{LIBRARY}/keywords", params={"text": "CLAY"}).json()["items"]
    assert [row["text"] for row in found] == ["clay for beginners"]


def test_a_site_takes_what_it_has_not(api: Api) -> None:
    _import(api, "Keyword,Volume\nstanding desk,700\nglazing a bowl,320\n")
    seeds = [row["id"] for row in api.client.get(f"{LIBRARY}/keywords").json()["items"]]

    took = api.client.post(_from_library(api), json={"seeds": seeds})

    assert (took.status_code, took.json()["imported"], took.json()["duplicates"]) == (200, 1, 1)
    with api.database.reading() as session:
        mine = session.scalars(select(Keyword).where(Keyword.site_id == api.mine.site_id)).all()
        theirs = session.scalar(select(func.count()).where(Keyword.site_id == api.other.site_id))
    assert {row.text: row.volume for row in mine}["glazing a bowl"] == 320
    assert theirs == 2


def test_guessed_figures_stay_in_the_library(api: Api) -> None:
    with api.database.transaction() as session:
        assert keyword_library.add_starting_set(session)
        assert not keyword_library.add_starting_set(session)
    shelf = next(one for one in api.client.get(LIBRARY).json()["items"] if one["sector"] == "Coffee")

    took = api.client.post(_from_library(api), json={"sector": shelf["sector_id"]}).json()

    assert shelf["is_example"]
    assert took["imported"] == shelf["keywords"] == len(starting_set()["Food & Drink", "Coffee"])
    with api.database.reading() as session:
        rows = session.scalars(select(Keyword).where(Keyword.site_id == api.mine.site_id, Keyword.id > 4)).all()
    assert {(row.volume, row.difficulty) for row in rows if row.intent} == {(None, None)}


def test_the_starting_set_is_of_the_size_and_shape_it_says() -> None:
    found = starting_set()
    industries = {industry for industry, _ in found}

    assert 8 <= len(industries) <= 12
    assert {len(rows) for rows in found.values()} == {16}
    assert len({row.text for rows in found.values() for row in rows}) == 16 * len(found)
    assert all(row.volume and row.difficulty is not None and row.intent for rows in found.values() for row in rows)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"seeds": []}, 422), ({"seeds": [10**9]}, 404), ({"sector": 10**9}, 404), ({"seeds": [0]}, 422)],
)
def test_what_cannot_be_taken_is_refused(sqlite_api: Api, body: dict[str, Any], status: int) -> None:
    _import(sqlite_api)

    assert sqlite_api.client.post(_from_library(sqlite_api), json=body).status_code == status


def test_nobody_takes_more_than_a_thousand_at_once(sqlite_api: Api) -> None:
    refused = sqlite_api.client.post(_from_library(sqlite_api), json={"seeds": list(range(1, 1_002))})

    assert refused.status_code == 422
    assert "at most 1,000" in refused.json()["faults"][0]["message"]


def test_what_is_of_no_use_leaves_nothing(sqlite_api: Api) -> None:
    assert _import(sqlite_api, "Keyword\n,\n").status_code == 422
    assert _import(sqlite_api, industry=" ").status_code == 422
    assert _import(sqlite_api, sector="x" * 101).json()["faults"][0]["field"] == "sector"
    with sqlite_api.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Industry)) == 0


def test_keywords_go_and_the_last_sector_takes_its_industry_along(api: Api) -> None:
    _import(api)
    _import(api, sector="Weaving")
    headers = api.key(Role.PLATFORM_ADMIN)
    first, second = api.client.get(LIBRARY).json()["items"]
    seed = api.client.get(f"{LIBRARY}/keywords").json()["items"][0]["id"]

    def remove(body: dict[str, Any]) -> Any:
        return api.client.post(f"{LIBRARY}/remove", json=body, headers=headers)

    assert remove({"seeds": [seed]}).json() == {"removed": 1}
    assert remove({"seeds": [seed]}).status_code == 404
    assert remove({"sector": first["sector_id"]}).status_code == 200
    assert remove({"sector": second["sector_id"]}).status_code == 200
    assert remove({"sector": second["sector_id"]}).status_code == 404
    with api.database.reading() as session:
        left = [session.scalar(select(func.count()).select_from(of)) for of in (Industry, Sector, SeedKeyword)]
        told = select(AuditEvent.action).where(AuditEvent.action.startswith("keyword_library"))
        actions = session.scalars(told).all()
    assert left == [0, 0, 0]
    assert sorted(actions) == ["keyword_library.imported"] * 2 + ["keyword_library.removed"] * 3


def test_only_administrators_change_it(sqlite_api: Api) -> None:
    names = {"industry": "a", "sector": "b"}
    assert sqlite_api.client.post(IMPORT, params=names, content=FILE).status_code == 403
    assert sqlite_api.client.post(f"{LIBRARY}/remove", json={"seeds": [1]}).status_code == 403
    viewer = sqlite_api.key(Role.VIEWER)
    assert sqlite_api.client.get(LIBRARY, headers=viewer).status_code == 200
    assert sqlite_api.client.post(_from_library(sqlite_api), json={"seeds": [1]}, headers=viewer).status_code == 403
