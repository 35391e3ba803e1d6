"""Testing a provider, and the catalogue of models, over HTTP: for whoever runs the installation alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from pipeline.config import config
from pipeline.core.catalog import ModelType
from pipeline.core.providers import ProviderName
from pipeline.core.roles import Role
from pipeline.models import AiCall, ProviderBreaker
from pipeline.services import model_registry, providers
from pipeline.services.model_changes import ModelChange
from pipeline.services.providers import ProviderChange
from tests.support.api import Api

PATH = "/api/v1/providers/offline/test"
CATALOGUE = "/api/v1/models/catalogue"


def test_a_provider_is_tested_and_the_test_is_a_call(api: Api) -> None:
    headers = api.key(Role.PLATFORM_ADMIN)

    cheapest = api.client.post(PATH, headers=headers)
    chosen = api.client.post(PATH, json={"model": "offline-painter"}, headers=headers)

    assert (cheapest.status_code, cheapest.json()["works"], cheapest.json()["error"]) == (200, True, None)
    assert (chosen.json()["model"], chosen.json()["model_type"], chosen.json()["cost_usd"]) == (
        "offline-painter", "image", "0.004",
    )  # fmt: skip
    with api.database.reading() as session:
        calls = session.scalars(select(AiCall).where(AiCall.step == "test").order_by(AiCall.id)).all()
    assert [call.id for call in calls] == [cheapest.json()["call_id"], chosen.json()["call_id"]]
    assert {(call.account_id, call.step, call.charged_amount) for call in calls} == {(api.mine.account_id, "test", 0)}


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("stripe", None, 422),
        ("openai", None, 409),
        ("offline", {"model": "nobody"}, 404),
        ("offline", {"model": ""}, 422),
        ("offline", {"colour": "blue"}, 422),
    ],
)
def test_what_cannot_be_tested_is_refused(sqlite_api: Api, name: str, body: object, status: int) -> None:
    headers = sqlite_api.key(Role.PLATFORM_ADMIN)

    answer = sqlite_api.client.post(f"/api/v1/providers/{name}/test", json=body, headers=headers)

    assert answer.status_code == status
    with sqlite_api.database.reading() as session:
        assert session.scalar(select(func.count()).where(AiCall.step == "test")) == 0


def test_a_pace_without_room_is_a_conflict_that_says_when_and_a_model_left_alone_is_asked(sqlite_api: Api) -> None:
    headers, now = sqlite_api.key(Role.PLATFORM_ADMIN), sqlite_api.database.now()
    nobody, path = "http://127.0.0.1:9/v1", "/api/v1/providers/openai/test"
    with sqlite_api.database.transaction() as session:
        text = ModelChange(provider="openai", model_type=ModelType.TEXT, tokens_per_credit=100)
        model_registry.set_model(session, "gpt", text, now=now)
        change = ProviderChange(base_url=nobody, requests_per_minute=1)
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)
        until = now + timedelta(minutes=5)
        session.add(ProviderBreaker(provider="openai", model="gpt", failures=5, openings=1, open_until=until))

    first = sqlite_api.client.post(path, headers=headers)
    second = sqlite_api.client.post(path, headers=headers)

    assert (first.status_code, first.json()["works"], first.json()["status"]) == (200, False, "voided")
    assert datetime.fromisoformat(first.json()["alone_until"]) == until
    assert f"Runs leave the model alone until {until:%H:%M:%S} UTC." in first.json()["error"]
    assert second.status_code == 409
    assert "no room for a test before" in second.json()["detail"]


def test_an_owner_may_neither_test_nor_add(sqlite_api: Api) -> None:
    for method, path, body in (("POST", PATH, None), ("GET", CATALOGUE, None), ("POST", CATALOGUE, {"name": "x"})):
        assert sqlite_api.client.request(method, path, json=body).status_code == 403


def test_a_model_of_the_catalogue_is_listed_and_added_once(api: Api) -> None:
    headers = api.key(Role.PLATFORM_ADMIN)
    listed = api.client.get(CATALOGUE, params={"provider": "anthropic"}, headers=headers).json()["items"]

    sent = {"name": listed[0]["name"], "is_default": True}
    added = api.client.post(CATALOGUE, json=sent, headers=headers)
    again = api.client.post(CATALOGUE, json=sent, headers=headers)

    assert {model["provider"] for model in listed} == {"anthropic"}
    assert {model["check"] for model in listed} == {"check against your provider's price list"}
    assert (added.status_code, again.status_code) == (201, 409)
    model = added.json()["model"]
    assert (model["is_default"], added.json()["displaced"]) == (True, "offline-writer")
    assert model["cost_per_1k_output"] == listed[0]["cost_per_1k_output"]
    assert api.client.get(CATALOGUE, params={"provider": "acme"}, headers=headers).status_code == 422
    now_listed = api.client.get(CATALOGUE, headers=headers).json()["items"]
    assert [one["name"] for one in now_listed if one["is_added"]] == [sent["name"]]
