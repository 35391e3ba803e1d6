"""Models and providers over HTTP: the platform administrator's alone, and a key that goes in and never comes out."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.config import config
from pipeline.core.providers import MASK
from pipeline.core.roles import Role, Scope
from pipeline.models import AuditEvent, IntegrationProvider, ProviderBreaker
from pipeline.secrets import decrypted
from tests.integration.web.test_access import OF_THE_PLATFORM
from tests.support.api import Api
from tests.support.console import browser

MODELS, PROVIDERS = "/api/v1/models", "/api/v1/providers"
PLANTED = "sk-planted-0123456789"
GPT = {"name": "gpt", "provider": "openai", "type": "text", "tokens_per_credit": 100, "cost_per_1k_input": "0.0100"}


def _admin(api: Api) -> dict[str, str]:
    return api.key(Role.PLATFORM_ADMIN)


@pytest.mark.parametrize("role", [Role.OWNER, Role.EDITOR, Role.VIEWER])
def test_what_is_the_platforms_is_closed_to_every_account(sqlite_api: Api, role: Role) -> None:
    headers = sqlite_api.key(role)
    operations = [
        (method, path)
        for path, of_path in sqlite_api.schema["paths"].items()
        for method in of_path
        if path.startswith(OF_THE_PLATFORM)
    ]

    answers = [sqlite_api.client.request(method, path, json={}, headers=headers) for method, path in operations]

    assert len(operations) >= 5
    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json()["detail"] for answer in answers} == {
        f"This key has the role {role}; that takes platform_admin."
    }


def test_an_administrators_key_may_be_narrowed_down_to_models(sqlite_api: Api) -> None:
    headers = sqlite_api.key(Role.PLATFORM_ADMIN, scopes=(Scope.MODELS,))

    statuses = [sqlite_api.client.get(path, headers=headers).status_code for path in (MODELS, PROVIDERS)]

    assert statuses == [200, 403]


def test_a_model_is_set_listed_and_retired(api: Api) -> None:
    headers = _admin(api)

    made = api.client.put(MODELS, json=GPT, headers=headers).json()
    default = api.client.put(MODELS, json={"name": "gpt", "is_default": True}, headers=headers).json()
    listed = api.client.get(MODELS, headers=headers).json()["items"]
    shown = api.client.get(api.settings_path).json()["available_models"]["text"]

    assert (made["model"]["cost_per_1k_input"], made["displaced"]) == ("0.01", None)
    assert default["displaced"] == "offline-writer"
    assert [model for model in listed if model["name"] == "gpt"] == [default["model"]]
    assert shown["live"] == "gpt"
    assert api.client.post(f"{MODELS}/retire", json={"name": "gpt"}, headers=headers).status_code == 409
    api.client.put(MODELS, json={"name": "offline-writer", "is_default": True}, headers=headers)
    retired = api.client.post(f"{MODELS}/retire", json={"name": "gpt"}, headers=headers).json()
    assert (retired["is_active"], retired["retired_at"][-1]) == (False, "Z")
    with api.database.reading() as session:
        actions = session.scalars(select(AuditEvent.action).where(AuditEvent.subject_kind == "model")).all()
    assert actions == ["model.set", "model.set", "model.set", "model.retired"]


def test_how_much_a_model_thinks_is_set_and_stands_on_its_page(sqlite_api: Api) -> None:
    headers = _admin(sqlite_api)

    made = sqlite_api.client.put(MODELS, json={**GPT, "thinking_tokens": 4_000}, headers=headers).json()["model"]
    kept = sqlite_api.client.put(MODELS, json={"name": "gpt", "display_name": "GPT"}, headers=headers).json()["model"]
    listed = sqlite_api.client.get(MODELS, headers=headers).json()["items"]
    page = str(browser(sqlite_api, Role.PLATFORM_ADMIN).get("/settings/ai-models").text)

    assert (made["thinking_tokens"], kept["thinking_tokens"]) == (4_000, 4_000)
    assert {item["thinking_tokens"] for item in listed if item["type"] == "image"} == {None}
    assert page.count("thinks up to 4,000 tokens") == 1
    assert '"thinking_tokens": 4000' in unescape(page)
    assert 'name="thinking_tokens" min="0" max="1000000"' in page


def test_a_model_that_was_read_can_be_sent_back_and_changes_nothing(api: Api) -> None:
    headers = _admin(api)
    listed = api.client.get(MODELS, headers=headers).json()["items"]
    before = next(item for item in listed if item["name"] == "offline-painter")

    answer = api.client.put(MODELS, json=before, headers=headers)

    assert (answer.status_code, answer.json()["model"]) == (200, before)
    sent = before | {"is_active": False}
    assert api.client.put(MODELS, json=sent, headers=headers).status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "x"}, 422, "provider"),
        ({**GPT, "type": "sound"}, 422, "type"),
        ({**GPT, "credits_per_image": 1}, 422, "credits_per_image"),
        ({**GPT, "cost_per_1k_input": 0.01}, 422, "cost_per_1k_input"),
        ({**GPT, "is_testing": True, "is_default": True}, 422, "is_default"),
        ({**GPT, "colour": "blue"}, 422, "colour"),
        ({**GPT, "thinking_tokens": 1_000_001}, 422, "thinking_tokens"),
        ({**GPT, "name": ""}, 422, "name"),
        ({"name": "offline-writer", "is_default": False}, 409, None),
    ],
)
def test_a_wrong_model_is_refused_with_its_field(
    sqlite_api: Api, body: dict[str, Any], status: int, field: str | None
) -> None:
    answer = sqlite_api.client.put(MODELS, json=body, headers=_admin(sqlite_api))

    assert answer.status_code == status
    assert field is None or field in {fault["field"] for fault in answer.json()["faults"]}


def test_a_model_that_is_not_there_cannot_be_retired(sqlite_api: Api) -> None:
    answer = sqlite_api.client.post(f"{MODELS}/retire", json={"name": "nobody"}, headers=_admin(sqlite_api))

    assert answer.status_code == 404


def test_a_providers_key_goes_in_and_never_comes_out(api: Api) -> None:
    headers = _admin(api)
    sent = {"name": "openai", "api_key": PLANTED, "base_url": "http://127.0.0.1:9/v1", "is_enabled": False}

    saved = api.client.put(PROVIDERS, json=sent, headers=headers)
    listed = api.client.get(PROVIDERS, headers=headers)
    row = next(row for row in listed.json()["items"] if row["name"] == "openai")
    back = api.client.put(PROVIDERS, json=row, headers=headers)

    assert saved.json() == row
    assert (row["api_key"], row["base_url"], row["is_enabled"]) == (MASK, "http://127.0.0.1:9/v1", False)
    assert back.status_code == 200
    assert PLANTED not in saved.text + listed.text + back.text
    assert len(listed.json()["items"]) == 6
    with api.database.reading() as session:
        kept = session.scalars(select(IntegrationProvider.api_key).where(IntegrationProvider.name == "openai")).one()
        details = session.scalars(select(AuditEvent.details).where(AuditEvent.action == "provider.set")).all()
    assert decrypted(kept or b"", home=config().home) == PLANTED
    assert [(entry["key_given"], entry["has_key"]) for entry in details] == [(True, True), (False, True)]
    assert PLANTED not in str(details)


def test_another_address_of_a_provider_needs_its_key_with_it(api: Api) -> None:
    headers, moved = _admin(api), {"name": "openai", "base_url": "https://else.example/v1"}
    api.client.put(PROVIDERS, json={"name": "openai", "api_key": PLANTED}, headers=headers)

    refused = [api.client.put(PROVIDERS, json=moved | key, headers=headers) for key in ({}, {"api_key": MASK})]
    taken = api.client.put(PROVIDERS, json=moved | {"api_key": "sk-another"}, headers=headers)

    for answer in refused:
        assert (answer.status_code, [fault["field"] for fault in answer.json()["faults"]]) == (422, ["api_key"])
        assert "given for another address" in answer.text
    assert (taken.status_code, taken.json()["base_url"]) == (200, moved["base_url"])


def test_an_address_that_no_client_takes_is_refused_in_a_sentence(sqlite_api: Api) -> None:
    body = {"name": "openai", "base_url": "http://192.168.1.300:11434/v1"}

    answer = sqlite_api.client.put(PROVIDERS, json=body, headers=_admin(sqlite_api))

    assert (answer.status_code, answer.json()["faults"][0]["field"]) == (422, "base_url")
    assert "'192.168.1.300' is neither the name of a host nor an IP address" in answer.json()["faults"][0]["message"]


def test_the_audit_trail_names_all_that_was_set_of_a_provider(api: Api) -> None:
    headers = _admin(api)
    for change in (
        {"requests_per_minute": 60, "tokens_per_minute": 9_000},
        {"requests_per_minute": 0, "is_enabled": False},
        {"api_key": ""},
    ):
        api.client.put(PROVIDERS, json={"name": "openai", **change}, headers=headers)

    with api.database.reading() as session:
        query = select(AuditEvent.details).where(AuditEvent.action == "provider.set").order_by(AuditEvent.id)
        first, second, third = session.scalars(query).all()
    assert first == {
        "name": "openai", "base_url": None, "is_sandbox": False, "is_enabled": True, "requests_per_minute": 60,
        "tokens_per_minute": 9_000, "key_given": False, "has_key": False,
    }  # fmt: skip
    assert second == first | {"requests_per_minute": None, "is_enabled": False}
    assert third == second


def test_a_pace_is_kept_and_models_that_fail_are_told(api: Api) -> None:
    headers = _admin(api)
    with api.database.transaction() as session:
        until = api.database.now() + timedelta(minutes=1)
        breaker = ProviderBreaker(
            provider="openai", model="m", failures=5, openings=1, open_until=until, error="it answered 503"
        )
        session.add(breaker)
    sent = {"name": "openai", "requests_per_minute": 60, "tokens_per_minute": 9_000}
    api.client.put(PROVIDERS, json=sent, headers=headers)

    listed = api.client.get(PROVIDERS, headers=headers).json()["items"]
    row = next(row for row in listed if row["name"] == "openai")
    back = api.client.put(PROVIDERS, json={**row, "tokens_per_minute": 0}, headers=headers)

    assert (row["requests_per_minute"], row["tokens_per_minute"]) == (60, 9_000)
    told = row["troubles"][0]
    assert (told["model"], told["state"], told["failures"], told["error"]) == ("m", "open", 5, "it answered 503")
    assert told["next_try_at"] is not None
    assert [row["troubles"] for row in listed if row["name"] != "openai"] == [[]] * 5
    assert (back.json()["requests_per_minute"], back.json()["tokens_per_minute"]) == (60, None)
    refused = api.client.put(PROVIDERS, json={"name": "openai", "requests_per_minute": -1}, headers=headers)
    assert refused.status_code == 422


def test_a_key_is_forgotten_by_an_empty_text(sqlite_api: Api) -> None:
    headers = _admin(sqlite_api)
    sqlite_api.client.put(PROVIDERS, json={"name": "stripe", "api_key": PLANTED}, headers=headers)

    answer = sqlite_api.client.put(PROVIDERS, json={"name": "stripe", "api_key": ""}, headers=headers)

    assert answer.json()["api_key"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"name": "openai", "api_key": f"{PLANTED} two words"},
        {"name": "openai", "api_key": [PLANTED]},
        {"name": "openai", "api_key": {"key": PLANTED}},
        {"name": "acme", "api_key": PLANTED},
        {"name": "openai", "api_key": PLANTED, "base_url": "ftp://example.com"},
        {"name": "openai", "api_key": PLANTED, "is_sandbox": "perhaps"},
        {"name": "openai", "api_key": PLANTED, "colour": "blue"},
    ],
)
def test_a_refused_provider_does_not_repeat_the_key(sqlite_api: Api, body: dict[str, Any]) -> None:
    answer = sqlite_api.client.put(PROVIDERS, json=body, headers=_admin(sqlite_api))

    assert answer.status_code == 422
    assert "planted" not in answer.text
