from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, update

from pipeline.core.states import ClusterStatus, IdeaStatus, ItemStatus, KeywordStatus, RunStatus, StageRunStatus
from pipeline.models import AuditEvent, Cluster, Idea, Keyword, Run, StageItem, StageRun
from tests.support.api import Api


def _start(api: Api, key: str | None = None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.client.post(f"/api/v1/sites/{api.mine.site_id}/runs", headers=headers)


def _end_run(api: Api, status: RunStatus = RunStatus.COMPLETED) -> None:
    with api.database.transaction() as session:
        session.execute(update(Run).where(Run.account_id == api.mine.account_id).values(status=status))


def _count(api: Api, model: Any) -> int:
    with api.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_run_is_started_and_sent_after_its_commit(api: Api) -> None:
    _end_run(api)

    answer = _start(api)

    with api.database.reading() as session:
        run = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
        first = session.scalars(select(StageRun.id).where(StageRun.run_id == run.id, StageRun.number == 1)).one()
    assert answer.status_code == 201
    assert answer.json() == {"run_id": run.id, "status": "queued", "reason": None}
    assert (run.account_id, run.site_id) == (api.mine.account_id, api.mine.site_id)
    assert api.backend.sent == [first]


def test_while_a_run_is_live_the_next_is_refused_with_its_id(api: Api) -> None:
    answer = _start(api)

    assert answer.status_code == 409
    assert answer.json()["run_id"] == api.mine.run_id
    assert api.backend.sent == []


def test_with_nothing_waiting_there_is_no_run_but_a_reason(api: Api) -> None:
    _end_run(api)
    with api.database.transaction() as session:
        session.execute(update(Keyword).values(status=KeywordStatus.CLUSTERED))
        session.execute(update(Cluster).values(status=ClusterStatus.PLANNED))
        session.execute(update(Idea).values(status=IdeaStatus.QUEUED))

    answer = _start(api)

    assert answer.status_code == 200
    assert answer.json()["run_id"] is None
    assert "nothing is waiting" in answer.json()["reason"]
    decisions = api.client.get(f"/api/v1/sites/{api.mine.site_id}/decisions").json()["items"]
    assert [decision["kind"] for decision in decisions] == ["skipped", "started"]


def test_a_request_sent_again_under_its_key_starts_nothing_and_gets_the_same_answer(api: Api) -> None:
    _end_run(api)

    first, second = _start(api, "one"), _start(api, "one")

    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert _count(api, Run) == 3
    assert len(api.backend.sent) == 1


def test_of_copies_at_once_under_one_key_one_starts_a_run(api: Api) -> None:
    _end_run(api)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _start(api, "one"), range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7
    assert len(api.backend.sent) == 1


def test_a_key_of_another_request_is_refused(api: Api) -> None:
    _end_run(api)
    _start(api, "one")

    answer = api.client.post(f"/api/v1/runs/{api.mine.run_id}/retry", headers={"Idempotency-Key": "one"})

    assert answer.status_code == 422
    assert answer.json()["faults"][0]["field"] == "Idempotency-Key"


def test_another_accounts_key_is_another_key(api: Api) -> None:
    _end_run(api)
    with api.database.transaction() as session:
        session.execute(update(Run).values(status=RunStatus.COMPLETED))
    path = f"/api/v1/sites/{api.other.site_id}/runs"
    _start(api, "one")

    answer = api.client.post(path, headers=api.other.headers | {"Idempotency-Key": "one"})

    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


def test_a_request_that_failed_may_be_sent_again_under_its_key(api: Api) -> None:
    refused = _start(api, "one")
    _end_run(api)

    assert (refused.status_code, _start(api, "one").status_code) == (409, 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
def test_a_key_that_is_none_is_refused(sqlite_api: Api, key: str) -> None:
    assert _start(sqlite_api, key).status_code == 422


def test_runs_are_listed_page_by_page_the_newest_first(api: Api) -> None:
    started = [api.mine.run_id]
    for _ in range(4):
        _end_run(api)
        started.append(_start(api).json()["run_id"])

    pages, before = [], None
    for _ in range(3):
        query = {"limit": 2, "site_id": api.mine.site_id} | ({"before": before} if before else {})
        page = api.client.get("/api/v1/runs", params=query).json()
        pages.append([run["run_id"] for run in page["items"]])
        before = page["next"]

    assert [run_id for page in pages for run_id in page] == started[::-1]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert before is None


def test_a_run_is_shown_with_its_stages_and_credits(api: Api) -> None:
    shown = api.client.get(f"/api/v1/runs/{api.mine.run_id}").json()

    assert shown["run_id"] == api.mine.run_id
    assert [stage["number"] for stage in shown["stages"]] == [1, 2, 3, 4, 5, 6, 7]
    assert shown["stages"][0]["credits_cap"] == "1500"
    assert shown["credits"] == {"before": "10000", "after": "10000", "held": "0"}


def test_a_run_is_paused_resumed_and_cancelled_by_whom_the_key_names(api: Api) -> None:
    path, headers = f"/api/v1/runs/{api.mine.run_id}", api.key(name="the planner")

    statuses = [
        api.client.post(f"{path}/{action}", headers=headers).json()["status"]
        for action in ("pause", "resume", "cancel")
    ]

    assert statuses == ["paused", "running", "cancelled"]
    with api.database.reading() as session:
        events = session.execute(select(AuditEvent.action, AuditEvent.actor).order_by(AuditEvent.id)).all()
    assert [action for action, _ in events] == ["run.paused", "run.resumed", "run.cancelled"]
    assert {actor.startswith("key the planner (igny8_") for _, actor in events} == {True}


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_what_does_not_go_now_is_a_conflict(sqlite_api: Api, action: str) -> None:
    _end_run(sqlite_api)

    assert sqlite_api.client.post(f"/api/v1/runs/{sqlite_api.mine.run_id}/{action}").status_code == 409


def test_a_retry_is_a_new_run_of_what_failed(api: Api) -> None:
    with api.database.transaction() as session:
        stage = session.scalars(select(StageRun).where(StageRun.run_id == api.mine.run_id, StageRun.number == 1)).one()
        stage.status, stage.due_at = StageRunStatus.COMPLETED_WITH_ERRORS, None
        keyword = session.scalars(select(Keyword).where(Keyword.account_id == api.mine.account_id)).first()
        assert keyword is not None
        keyword.status = KeywordStatus.NEEDS_ATTENTION
        failed = StageItem(stage_run_id=stage.id, position=1, subject_id=keyword.id, status=ItemStatus.FAILED)
        session.add(failed)
    _end_run(api, RunStatus.COMPLETED_WITH_ERRORS)

    answer = api.client.post(f"/api/v1/runs/{api.mine.run_id}/retry")

    assert answer.status_code == 201
    shown = api.client.get(f"/api/v1/runs/{answer.json()['run_id']}").json()
    assert shown["origin"] == "retry"
    assert len(api.backend.sent) == 1


@pytest.mark.parametrize(
    ("only", "status"),
    [({"stage": 4}, 409), ({"stage": 1, "item": 10**9}, 409), ({"item": 1}, 422), ({"stage": 8}, 422), ({}, 201)],
)
def test_a_retry_may_be_of_a_part(sqlite_api: Api, only: dict[str, int], status: int) -> None:
    with sqlite_api.database.transaction() as session:
        of_run = (StageRun.run_id == sqlite_api.mine.run_id, StageRun.number == 1)
        stage = session.scalars(select(StageRun).where(*of_run)).one()
        stage.status, stage.due_at = StageRunStatus.COMPLETED_WITH_ERRORS, None
        session.get_one(Keyword, sqlite_api.mine.keyword_id).status = KeywordStatus.NEEDS_ATTENTION
        item = StageItem(stage_run_id=stage.id, position=1, subject_id=sqlite_api.mine.keyword_id)
        item.status = ItemStatus.FAILED
        session.add(item)
    _end_run(sqlite_api, RunStatus.COMPLETED_WITH_ERRORS)

    assert sqlite_api.client.post(f"/api/v1/runs/{sqlite_api.mine.run_id}/retry", json=only).status_code == status


def test_runs_are_listed_by_status_and_by_who_started_them(sqlite_api: Api) -> None:
    def listed(**which: str) -> int:
        return len(sqlite_api.client.get("/api/v1/runs", params=which).json()["items"])

    assert [listed(), listed(status="queued"), listed(status="failed"), listed(origin="manual")] == [1, 1, 0, 1]
    assert listed(origin="retry") == 0
    assert sqlite_api.client.get("/api/v1/runs?origin=somebody").status_code == 422


def test_with_nothing_failed_a_retry_is_a_conflict(api: Api) -> None:
    _end_run(api)

    assert api.client.post(f"/api/v1/runs/{api.mine.run_id}/retry").status_code == 409
