"""The items of a run: all of them, page by page, in the order of their stages, with what became of each."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select

from pipeline.core.roles import Role, Scope
from pipeline.core.states import ItemStatus
from pipeline.models import Keyword, StageItem, StageRun
from tests.support.api import Api, make_key
from tests.support.calls import CREDIT

pytestmark = pytest.mark.usefixtures("seven_stages")
#: Behind every item there can be.
LAST = 2**63 - 1


@pytest.fixture
def keyword_ids(api: Api) -> list[int]:
    """My run with two keywords in its first stage, one done and one failed, and a task of its fourth, done."""
    with api.database.transaction() as session:
        of = {row.number: row.id for row in session.scalars(select(StageRun).where(StageRun.run_id == api.mine.run_id))}
        own = select(Keyword.id).where(Keyword.account_id == api.mine.account_id).order_by(Keyword.id)
        ids = list(session.scalars(own))
        session.add_all([
            _item(of[1], 1, ids[0], ItemStatus.DONE, credits=CREDIT // 2, produced=[api.mine.cluster_id]),
            _item(of[1], 2, ids[1], ItemStatus.FAILED, attempts=3, error="the answer fits no cluster"),
            _item(of[4], 1, api.mine.task_id, ItemStatus.DONE, produced=[api.mine.content_id]),
        ])  # fmt: skip
    return ids


def _item(stage_run_id: int, position: int, subject_id: int, status: ItemStatus, **more: Any) -> StageItem:
    return StageItem(stage_run_id=stage_run_id, position=position, subject_id=subject_id, status=status, **more)


def _page(api: Api, **query: Any) -> dict[str, Any]:
    answer = api.client.get(f"/api/v1/runs/{api.mine.run_id}/items", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _places(page: dict[str, Any]) -> list[tuple[int, int]]:
    return [(item["stage"], item["position"]) for item in page["items"]]


def test_items_are_shown_with_what_they_are_about_and_what_became_of_them(api: Api, keyword_ids: list[int]) -> None:
    done, failed, task = _page(api)["items"]

    assert done == {
        "stage": 1, "key": "keywords_to_clusters", "position": 1, "subject_id": keyword_ids[0],
        "name": "standing desk", "status": "done", "attempts": 0, "error": None, "credits": "0.5",
        "produced": [api.mine.cluster_id],
    }  # fmt: skip
    assert (failed["name"], failed["status"], failed["attempts"]) == ("desk lamp", "failed", 3)
    assert (failed["error"], failed["credits"], failed["produced"]) == ("the answer fits no cluster", "0", [])
    assert (task["key"], task["name"], task["produced"]) == ("tasks_to_content", "How to stand", [api.mine.content_id])


def test_what_was_deleted_since_has_no_name(api: Api, keyword_ids: list[int]) -> None:
    with api.database.transaction() as session:
        session.execute(delete(Keyword).where(Keyword.id == keyword_ids[1]))

    assert [item["name"] for item in _page(api, stage=1)["items"]] == ["standing desk", None]


@pytest.mark.usefixtures("keyword_ids")
def test_items_are_filtered_by_stage_and_status(api: Api) -> None:
    assert _places(_page(api, stage=1)) == [(1, 1), (1, 2)]
    assert _places(_page(api, stage=2)) == []
    assert _places(_page(api, status="done")) == [(1, 1), (4, 1)]
    assert _places(_page(api, stage=1, status="failed")) == [(1, 2)]


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.usefixtures("keyword_ids")
def test_pages_go_on_from_stage_to_stage_and_end(api: Api, limit: int) -> None:
    sizes = {1: [1, 1, 1], 2: [2, 1], 3: [3]}[limit]
    pages, after = [], 0
    for _ in sizes:
        page = _page(api, limit=limit, after=after)
        pages.append(_places(page))
        after = page["next"]

    assert after is None
    assert [place for page in pages for place in page] == [(1, 1), (1, 2), (4, 1)]
    assert [len(page) for page in pages] == sizes
    assert _page(api, after=LAST) == {"items": [], "next": None}
    # The last place of a stage that can be written.
    assert _places(_page(api, after=2**32 - 1)) == [(4, 1)]


@pytest.mark.usefixtures("keyword_ids")
def test_a_filter_looks_through_a_part_of_a_stage_and_goes_on_behind_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.services.run_items.LOOKED_THROUGH", 1)

    nothing_yet = _page(api, status="failed")
    then = _page(api, status="failed", after=nothing_yet["next"])

    assert _places(nothing_yet) == []
    assert (_places(then), then["next"]) == ([(1, 2)], None)


@pytest.mark.parametrize("query", [{"stage": 0}, {"stage": 8}, {"status": "lost"}, {"after": -1}, {"limit": 0}])
def test_what_no_filter_can_be_is_refused(sqlite_api: Api, query: dict[str, Any]) -> None:
    answer = sqlite_api.client.get(f"/api/v1/runs/{sqlite_api.mine.run_id}/items", params=query)

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["faults"]] == list(query)


def test_items_are_for_whoever_may_look_at_that_run(sqlite_api: Api) -> None:
    path = f"/api/v1/runs/{sqlite_api.mine.run_id}/items"
    elsewhere = make_key(sqlite_api.database, sqlite_api.mine.account_id, site_ids=[])
    headers = [
        sqlite_api.key(Role.VIEWER),
        sqlite_api.key(Role.VIEWER, scopes=(Scope.CREDITS,)),
        {"Authorization": f"Bearer {elsewhere.key}"},
        sqlite_api.other.headers,
    ]

    assert [sqlite_api.client.get(path, headers=sent).status_code for sent in headers] == [200, 403, 404, 404]
