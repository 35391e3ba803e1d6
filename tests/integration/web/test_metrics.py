"""What Prometheus reads: figures of the rows there are, for whoever has the installation's token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from pipeline.config import config
from pipeline.core.states import CallStatus, PublicationStatus, RunStatus
from pipeline.db.session import Database
from pipeline.models import AiCall, Delivery, Heartbeat, Lane, StageRun
from pipeline.secrets import METRICS_TOKEN, ensure_secrets
from pipeline.services.metrics import DUE, read_metrics
from pipeline.web.app import create_app
from tests.support.api import Api, FakeBackend, statements_of


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {ensure_secrets(config().home)[METRICS_TOKEN]}"}


def _scraped(api: Api) -> dict[tuple[str, str], float]:
    """Name and label of every sample -> its value."""
    answer = api.client.get("/metrics", headers=_headers())
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def _add_calls(api: Api) -> None:
    with api.database.transaction() as session:
        stage_run = session.query(StageRun).filter_by(run_id=api.mine.run_id, number=1).one()
        now = api.database.now()
        for number, status in enumerate([*CallStatus, CallStatus.SETTLED]):
            is_open = status in {CallStatus.RESERVED, CallStatus.DISPATCHED}
            session.add(
                AiCall(
                    account_id=api.mine.account_id, stage_run_id=stage_run.id, key=f"key {number}", step="ask", lane=1,
                    status=status, held_amount=0, price={}, answer="a" if status is CallStatus.SETTLED else None,
                    resolved_at=None if is_open else now,
                )
            )  # fmt: skip


def test_every_status_is_counted(api: Api) -> None:
    _add_calls(api)

    found = _scraped(api)

    of_runs = {status: found["igny8_runs", status] for status in RunStatus}
    assert of_runs == dict.fromkeys(RunStatus, 0) | {RunStatus.QUEUED: 2}
    assert {status: found["igny8_calls", status] for status in CallStatus} == {
        **dict.fromkeys(CallStatus, 1), CallStatus.SETTLED: 2,
    }  # fmt: skip
    assert {status: found["igny8_publications", status] for status in PublicationStatus} == {
        **dict.fromkeys(PublicationStatus, 0), PublicationStatus.PLANNED: 2,
    }  # fmt: skip
    assert found["igny8_deliveries", "pending"] == 2


def test_credits_are_those_of_all_accounts(api: Api) -> None:
    found = _scraped(api)

    assert (found["igny8_credits_balance", ""], found["igny8_credits_held", ""]) == (10_000, 0)


def test_what_is_due_is_counted_with_its_age(api: Api) -> None:
    before = _scraped(api)
    with api.database.transaction() as session:
        now = api.database.now()
        row = session.get_one(Delivery, api.mine.delivery_id)
        row.due_at = now - timedelta(minutes=10)
        stage_run = session.query(StageRun).filter_by(run_id=api.mine.run_id, number=1).one()
        session.add(Lane(stage_run_id=stage_run.id, number=1, due_at=now + timedelta(minutes=1)))

    found = _scraped(api)

    assert {work for name, work in found if name == "igny8_due"} == set(DUE)
    assert (found["igny8_due", "deliveries"], found["igny8_due", "lanes"]) == (2, 0)
    assert before["igny8_due_age_seconds", "deliveries"] < 600
    assert 600 <= found["igny8_due_age_seconds", "deliveries"] < 700
    assert found["igny8_due_age_seconds", "lanes"] == 0


def test_who_lives_is_counted(api: Api) -> None:
    with api.database.transaction() as session:
        now = api.database.now()
        for name, seconds in (("worker:a:1", 3), ("worker:a:2", 4), ("worker:b:1", 500)):
            session.add(Heartbeat(name=name, at=now - timedelta(seconds=seconds)))

    found = _scraped(api)

    assert (found["igny8_processes", "worker"], found["igny8_processes", "beat"]) == (2, 0)
    assert 3 <= found["igny8_sign_of_life_age_seconds", "worker"] < 100
    assert ("igny8_sign_of_life_age_seconds", "beat") not in found


def test_the_number_of_questions_does_not_grow(api: Api) -> None:
    counted = []
    for _ in range(2):
        with api.database.reading() as session, statements_of(api.database) as seen:
            read_metrics(session, now=api.database.now())
        counted.append(len(seen))
        _add_calls(api) if len(counted) == 1 else None

    assert counted[0] == counted[1] <= 10


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", "Basic {token}", "{token}", "Bearer {key}", "Bearer \xe9"]
)
def test_without_the_token_no_figure_is_told(sqlite_api: Api, header: str | None) -> None:
    sqlite_api.client.headers.pop("Authorization")
    token = ensure_secrets(config().home)[METRICS_TOKEN]
    text = (header or "").format(token=token, key=sqlite_api.mine.key).encode("latin-1")
    headers: dict[str, Any] = {} if header is None else {"Authorization": text}

    answer = sqlite_api.client.get("/metrics", headers=headers)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "METRICS_TOKEN" in answer.json()["detail"]
    assert "igny8_runs" not in answer.text


def test_a_database_that_is_away_is_said_so(tmp_path: Any) -> None:
    gone = Database(f"sqlite:///{tmp_path}/no/folder/igny8.db")

    with TestClient(create_app(FakeBackend(gone)), raise_server_exceptions=False) as client:
        answer = client.get("/metrics", headers=_headers())

    gone.dispose()
    assert answer.status_code == 503
