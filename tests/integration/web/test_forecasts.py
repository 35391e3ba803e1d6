"""The forecast over HTTP says what the command says, and starting a run names everything it would miss."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from pipeline.core.states import RunStatus
from pipeline.models import AiModel, Base, Run, Site
from pipeline.services import forecasts
from tests.support.api import Api

pytestmark = pytest.mark.usefixtures("seven_stages")


def _end_run(api: Api) -> None:
    with api.database.transaction() as session:
        session.execute(update(Run).values(status=RunStatus.COMPLETED))


def test_the_forecast_is_the_services_and_writes_nothing(api: Api) -> None:
    _end_run(api)
    counts = [select(func.count()).select_from(table) for table in Base.metadata.sorted_tables]
    with api.database.reading() as session:
        before = [session.scalar(query) for query in counts]

    answer = api.client.get(f"/api/v1/sites/{api.mine.site_id}/forecast")

    with api.database.reading() as session:
        assert [session.scalar(query) for query in counts] == before
        found = forecasts.forecast(session, session.get_one(Site, api.mine.site_id), now=api.database.now())
    said = answer.json()
    assert answer.status_code == 200
    assert (said["stages"], said["credits"]) == (found.as_json()["stages"], found.as_json()["credits"])
    assert said["stages"][0]["inputs"]["waiting"] == 2


def test_while_a_run_is_live_there_is_no_forecast_of_the_next(sqlite_api: Api) -> None:
    answer = sqlite_api.client.get(f"/api/v1/sites/{sqlite_api.mine.site_id}/forecast")

    assert (answer.status_code, answer.json()["run_id"]) == (409, sqlite_api.mine.run_id)


def test_what_a_run_would_miss_are_the_faults_of_one_problem(sqlite_api: Api) -> None:
    _end_run(sqlite_api)
    with sqlite_api.database.transaction() as session:
        session.execute(update(AiModel).where(AiModel.model_type == "text").values(tokens_per_credit=None))
        session.execute(update(AiModel).where(AiModel.model_type == "image").values(is_active=False))
        before = session.scalar(select(func.count()).select_from(Run))

    path = f"/api/v1/sites/{sqlite_api.mine.site_id}"
    answers = sqlite_api.client.post(f"{path}/runs"), sqlite_api.client.get(f"{path}/forecast")

    for answer in answers:
        assert answer.status_code == 422
        assert [fault["field"] for fault in answer.json()["faults"]] == [
            "stages.1.price", "stages.2.price", "stages.4.price", "stages.5.price", "stages.6.model",
        ]  # fmt: skip
        assert answer.json()["detail"].splitlines() == [fault["message"] for fault in answer.json()["faults"]]
    with sqlite_api.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Run)) == before
