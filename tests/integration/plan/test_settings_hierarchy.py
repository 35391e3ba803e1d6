"""The plan's 2.3.2, "Where Defaults & Overrides Live": each test is a line of that figure, in its words."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.core.roles import Role
from pipeline.models import (
    AccountSetting,
    AiModel,
    IntegrationProvider,
    Run,
    SiteAutomationSettings,
    SystemAiSettings,
)
from pipeline.models.base import table_of
from tests.support.api import Api

ACCOUNT, SYSTEM, PROVIDERS, MODELS = (
    f"/api/v1/{name}" for name in ("account-settings", "system-settings", "providers", "models")
)
AI = ("temperature", "max_tokens", "image_style", "image_quality")


def _refused_twice(api: Api, table: Any) -> None:
    """The database itself refuses a second record of what there is one of."""
    with api.database.reading() as session:
        row = dict(session.execute(select(table)).first()._mapping)  # type: ignore[union-attr]
    with pytest.raises(IntegrityError), api.database.transaction() as session:
        session.execute(insert(table).values({key: value for key, value in row.items() if key != "id"}))


def _resolved(api: Api) -> dict[str, tuple[Any, str]]:
    """What counts for the site, and who decided it."""
    found = api.client.get(f"{api.settings_path}resolved").json()["ai"]
    return {name: (each["value"], each["source"]) for name, each in found.items()}


def _save_site(api: Api, **values: Any) -> None:
    document = api.client.get(api.settings_path).json()
    document["ai"] |= values
    assert api.client.put(api.settings_path, json=document).status_code == 200


@pytest.mark.parametrize("path", [SYSTEM, PROVIDERS, MODELS])
def test_global_defaults_are_admin_only(api: Api, admin: dict[str, str], path: str) -> None:
    bodies = {
        SYSTEM: {"ai": {"temperature": 0.5}},
        PROVIDERS: {"name": "stripe", "is_sandbox": True},
        MODELS: {"name": "gpt-4.1", "provider": "openai", "type": "text", "is_free": True},
    }

    def statuses(headers: dict[str, str]) -> list[int]:
        put = api.client.put(path, json=bodies[path], headers=headers)
        return [api.client.get(path, headers=headers).status_code, put.status_code]

    assert {role: statuses(api.key(role)) for role in (Role.OWNER, Role.EDITOR, Role.VIEWER)} == {
        Role.OWNER: [403, 403],
        Role.EDITOR: [403, 403],
        Role.VIEWER: [403, 403],
    }
    assert statuses(admin) == [200, 200]


def test_integration_provider_is_one_per_provider_with_api_key_endpoint_and_sandbox_mode(
    api: Api, admin: dict[str, str]
) -> None:
    sent = {"name": "stripe", "api_key": "sk-planted", "base_url": "https://stripe.example/v1", "is_sandbox": True}

    put = [api.client.put(PROVIDERS, json=sent, headers=admin) for _ in range(2)]
    listed = {each["name"]: each for each in api.client.get(PROVIDERS, headers=admin).json()["items"]}

    assert [answer.status_code for answer in put] == [200, 200]
    assert sorted(listed) == ["anthropic", "openai", "paypal", "resend", "runware", "stripe"]
    assert listed["stripe"] | sent | {"api_key": "********"} == listed["stripe"]
    _refused_twice(api, table_of(IntegrationProvider))


def test_ai_model_config_is_one_per_model_with_pricing_costs_and_is_testing_flag(
    api: Api, admin: dict[str, str]
) -> None:
    sent = {
        "name": "gpt-4.1", "provider": "openai", "type": "text", "tokens_per_credit": 10_000, "is_testing": False,
        "cost_per_1k_input": "0.01", "cost_per_1k_output": "0.03",
    }  # fmt: skip
    drawn = {
        "name": "dall-e-3", "provider": "openai", "type": "image", "credits_per_image": 5, "cost_per_image": "0.04",
        "is_testing": True,
    }  # fmt: skip

    for body in (sent, sent | {"tokens_per_credit": 9_000}, drawn):
        assert api.client.put(MODELS, json=body, headers=admin).status_code == 200

    listed = [each for each in api.client.get(MODELS, headers=admin).json()["items"] if each["provider"] == "openai"]
    assert [each["name"] for each in listed] == ["gpt-4.1", "dall-e-3"]
    assert listed[0] | sent | {"tokens_per_credit": 9_000} == listed[0]
    assert listed[1] | drawn == listed[1]
    _refused_twice(api, table_of(AiModel))


def test_system_ai_settings_is_a_singleton_with_the_four_defaults(api: Api, admin: dict[str, str]) -> None:
    changed = {"temperature": 0.2, "max_tokens": 4_096, "image_style": "vivid", "image_quality": "hd"}

    before = api.client.get(SYSTEM, headers=admin).json()["ai"]
    api.client.put(SYSTEM, json={"ai": changed}, headers=admin)

    with api.database.reading() as session:
        (row,) = session.scalars(select(SystemAiSettings)).all()
    assert set(before) == set(AI)
    assert {name: getattr(row, name) for name in AI} == changed
    second = changed | {"id": 2, "credit_value_usd": Decimal(1)}
    with pytest.raises(IntegrityError), api.database.transaction() as session:
        session.execute(insert(table_of(SystemAiSettings)).values(second))


def test_account_settings_are_multiple_key_value_records_unique_together_account_and_key(api: Api) -> None:
    decided = {"temperature": 0.8, "max_tokens": 4_000, "image_style": "vivid"}

    for path_headers in (api.mine.headers, api.other.headers):
        assert api.client.put(ACCOUNT, json={"ai": decided}, headers=path_headers).status_code == 200

    with api.database.reading() as session:
        query = select(AccountSetting.key, AccountSetting.value).where(AccountSetting.account_id == api.mine.account_id)
        rows = {row.key: row.value for row in session.execute(query)}
    assert rows == {"ai.temperature": 0.8, "ai.max_tokens": 4_000, "ai.image_style": "vivid"}
    _refused_twice(api, table_of(AccountSetting))


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", 0.8), ("max_tokens", 4_000), ("image_style", "vivid"), ("image_quality", "hd")],
)
def test_an_account_setting_overrides_the_system_ai_settings_default(
    api: Api, admin: dict[str, str], name: str, value: Any
) -> None:
    default = api.client.get(SYSTEM, headers=admin).json()["ai"][name]
    before = _resolved(api)[name]

    api.client.put(ACCOUNT, json={"ai": {name: value}})
    overridden = _resolved(api)
    api.client.put(ACCOUNT, json={"ai": {name: None}})

    assert before == (default, "system")
    assert overridden[name] == (value, "account")
    assert {other: source for other, (_, source) in overridden.items() if other != name} == dict.fromkeys(
        set(AI) - {name}, "system"
    )
    assert _resolved(api)[name] == (default, "system")


def test_a_site_has_one_record_with_automation_stages_and_publishing(api: Api) -> None:
    with api.database.reading() as session:
        query = select(SiteAutomationSettings).where(SiteAutomationSettings.site_id == api.mine.site_id)
        (row,) = session.scalars(query).all()
        other = session.scalars(select(SiteAutomationSettings.site_id)).all()
    shown = api.client.get(api.settings_path).json()

    assert sorted(other) == sorted([api.mine.site_id, api.other.site_id])
    assert (row.automation_enabled, row.automation_frequency, row.automation_time) == (False, "daily", "02:00")
    assert {int(number): each["batch_size"] for number, each in row.stage_config.items()} == {
        each["number"]: each["batch_size"] for each in shown["stages"]
    }
    assert (row.publish_days, row.publish_time_slots) == (
        shown["publishing"]["publish_days"], shown["publishing"]["time_slots"],
    )  # fmt: skip
    _refused_twice(api, table_of(SiteAutomationSettings))


def test_resolution_order_is_site_then_account_then_global_default(api: Api, admin: dict[str, str]) -> None:
    api.client.put(SYSTEM, json={"ai": {"temperature": 0.1, "image_style": "of the system"}}, headers=admin)
    steps = [_resolved(api)["temperature"]]
    api.client.put(ACCOUNT, json={"ai": {"temperature": 0.2}})
    steps.append(_resolved(api)["temperature"])
    _save_site(api, temperature=0.3)
    steps.append(_resolved(api)["temperature"])
    each_by_itself = _resolved(api)
    _save_site(api, temperature=None)
    steps.append(_resolved(api)["temperature"])
    api.client.put(ACCOUNT, json={"ai": {"temperature": None}})
    steps.append(_resolved(api)["temperature"])

    assert steps == [(0.1, "system"), (0.2, "account"), (0.3, "site"), (0.2, "account"), (0.1, "system")]
    assert each_by_itself["image_style"] == ("of the system", "system")


def test_zero_is_a_value_and_no_gap_in_the_resolution(api: Api) -> None:
    api.client.put(ACCOUNT, json={"ai": {"temperature": 0.9}})
    _save_site(api, temperature=0)

    assert _resolved(api)["temperature"] == (0, "site")


def test_a_run_freezes_what_was_resolved_when_it_started(api: Api, admin: dict[str, str]) -> None:
    with api.database.transaction() as session:
        session.execute(update(Run).values(status="completed"))
    api.client.put(ACCOUNT, json={"ai": {"temperature": 0.2, "image_style": "vivid"}})
    _save_site(api, temperature=0.3)
    run_id = api.client.post(f"/api/v1/sites/{api.mine.site_id}/runs", json={}).json()["run_id"]
    api.client.put(ACCOUNT, json={"ai": {"temperature": 0.9, "image_style": "dull"}})
    _save_site(api, temperature=1.5)

    with api.database.reading() as session:
        frozen = json.dumps(session.get_one(Run, run_id).settings)
    assert "0.3" in frozen
    assert "vivid" in frozen
    assert "dull" not in frozen
