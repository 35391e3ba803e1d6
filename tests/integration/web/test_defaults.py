"""Account and system settings over HTTP, and where a site's values come from."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.defaults import SystemDefaults
from pipeline.core.roles import Role
from pipeline.models import ApiKey, AuditEvent, User
from tests.support.api import Api, statements_of

ACCOUNT, SYSTEM = "/api/v1/account-settings", "/api/v1/system-settings"
PREFERENCES = "/api/v1/preferences"


def test_what_was_read_can_be_sent_back_and_changes_nothing(api: Api) -> None:
    api.client.put(ACCOUNT, json={"ai": {"temperature": 0.8}, "modules": {"thinker": False}})
    read = api.client.get(ACCOUNT).json()

    answer = api.client.put(ACCOUNT, json=read)

    assert answer.status_code == 200
    assert answer.json() == read
    assert read["ai"]["temperature"] == 0.8
    assert read["choosable_models"] == {"text": ["offline-writer"], "image": ["offline-painter"]}


def test_what_is_left_out_stays_and_null_leaves_it_open(api: Api) -> None:
    api.client.put(ACCOUNT, json={"ai": {"temperature": 0.8, "max_tokens": 4000}})

    found = api.client.put(ACCOUNT, json={"ai": {"temperature": None}}).json()

    assert (found["ai"]["temperature"], found["ai"]["max_tokens"]) == (None, 4000)
    assert found["decided"]["ai.temperature"] == {"value": 0.7, "source": "system"}
    assert found["decided"]["ai.max_tokens"] == {"value": 4000, "source": "account"}
    with api.database.reading() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "account_settings.saved")).all()
    assert [event.details for event in events][-1] == {"ai.temperature": None}


def test_each_value_of_a_site_says_who_decided_it(api: Api) -> None:
    path = f"{api.settings_path}resolved"
    document = api.client.get(api.settings_path).json()
    api.client.put(api.settings_path, json=document | {"ai": {"image_style": "ink"}})
    api.client.put(
        ACCOUNT,
        json={"ai": {"temperature": 0.8, "image_style": "oil", "model_preferences": {"image": "offline-painter"}}},
    )

    assert api.client.get(path).json() == {
        "ai": {
            "temperature": {"value": 0.8, "source": "account"},
            "max_tokens": {"value": 8192, "source": "system"},
            "image_style": {"value": "ink", "source": "site"},
            "image_quality": {"value": "standard", "source": "system"},
        },
        "live_models": {
            "text": {"value": "offline-writer", "source": "system"},
            "image": {"value": "offline-painter", "source": "account"},
        },
    }


def test_the_systems_settings_count_for_every_account(api: Api) -> None:
    admin = api.key(Role.PLATFORM_ADMIN)
    sent = {"ai": {"temperature": 0.5}, "credit_value_usd": "0.02", "modules": {"thinker": False}}

    saved = api.client.put(SYSTEM, json=sent, headers=admin).json()
    theirs = api.client.get(ACCOUNT, headers=api.other.headers).json()["decided"]

    expected = SystemDefaults().model_dump()
    expected["ai"]["temperature"], expected["credit_value_usd"] = 0.5, "0.02"
    expected["modules"]["thinker"] = False
    assert saved == expected == api.client.get(SYSTEM, headers=admin).json()
    assert theirs["ai.temperature"] == {"value": 0.5, "source": "system"}
    assert theirs["modules.thinker"] == {"value": False, "source": "system"}


def test_an_account_changes_nothing_of_another(api: Api) -> None:
    before = api.client.get(ACCOUNT, headers=api.other.headers).json()

    api.client.put(ACCOUNT, json={"ai": {"temperature": 0.9}, "modules": {"writer": False}})

    assert api.client.get(ACCOUNT, headers=api.other.headers).json() == before


def test_an_editor_reads_the_accounts_settings_and_an_owner_changes_them(sqlite_api: Api) -> None:
    headers = sqlite_api.key(Role.EDITOR)

    read = sqlite_api.client.get(ACCOUNT, headers=headers).status_code
    saved = sqlite_api.client.put(ACCOUNT, json={}, headers=headers).status_code

    assert (read, saved, sqlite_api.client.put(ACCOUNT, json={}).status_code) == (200, 403, 200)


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        (ACCOUNT, {"ai": {"temperature": 3, "max_tokens": 1}}, {"ai.temperature", "ai.max_tokens"}),
        (ACCOUNT, {"ai": {"model_preferences": {"text": "nobody"}}}, {"ai.model_preferences.text"}),
        (ACCOUNT, {"ai": {"temprature": 1}}, {"ai.temprature"}),
        (ACCOUNT, {"ai": {"image_style": "a\x00"}}, {"ai.image_style"}),
        (ACCOUNT, {"modules": {"writer": "yes"}}, {"modules.writer"}),
        (ACCOUNT, {"modules": None}, {"modules"}),
        (SYSTEM, {"ai": {"temperature": None}}, {"ai.temperature"}),
        (SYSTEM, {"credit_value_usd": "0"}, {"credit_value_usd"}),
        (SYSTEM, {"credit_value_usd": 0.01}, {"credit_value_usd"}),
        (SYSTEM, {"decided": {}}, {"decided"}),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_and_nothing_is_saved(
    sqlite_api: Api, path: str, body: dict[str, Any], fields: set[str]
) -> None:
    headers = sqlite_api.key(Role.PLATFORM_ADMIN)
    before = sqlite_api.client.get(path, headers=headers).json()

    answer = sqlite_api.client.put(path, json=body, headers=headers)

    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["faults"]} == fields
    assert sqlite_api.client.get(path, headers=headers).json() == before


def test_the_document_names_the_model_the_account_prefers_in_three_statements_still(api: Api) -> None:
    admin = api.key(Role.PLATFORM_ADMIN)
    own = {"name": "own", "provider": "openai", "type": "text", "is_free": True, "display_name": "Our own"}
    api.client.put("/api/v1/models", json=own, headers=admin)
    api.client.put(ACCOUNT, json={"ai": {"model_preferences": {"text": "own"}}})

    with statements_of(api.database) as seen:
        mine = api.client.get(api.settings_path)
    theirs = api.client.get(f"/api/v1/sites/{api.other.site_id}/unified-settings/", headers=api.other.headers)

    assert len(seen) <= 3
    assert mine.json()["available_models"]["text"]["live"] == "Our own"
    assert theirs.json()["available_models"]["text"]["live"] == "Offline writer"


def _of_a_person(api: Api) -> dict[str, str]:
    """Headers of a key that is the owner's, and not only the account's."""
    headers = api.key(Role.VIEWER)
    with api.database.transaction() as session:
        newest = session.scalars(select(ApiKey).order_by(ApiKey.id.desc()).limit(1)).one()
        newest.user_id = session.scalars(select(User.id).where(User.account_id == api.mine.account_id)).first()
    return headers


def test_a_person_has_preferences_and_a_program_has_none(api: Api) -> None:
    headers = _of_a_person(api)
    before = api.client.get(PREFERENCES, headers=headers).json()

    saved = api.client.put(PREFERENCES, json={"theme": "dark", "timezone": "Europe/Berlin"}, headers=headers).json()
    back = api.client.put(PREFERENCES, json={**saved, "theme": None}, headers=headers).json()

    assert before == {"theme": "system", "page_size": 50, "timezone": None}
    assert saved == {"theme": "dark", "page_size": 50, "timezone": "Europe/Berlin"}
    assert back == {"theme": "system", "page_size": 50, "timezone": "Europe/Berlin"}
    assert back == api.client.get(PREFERENCES, headers=headers).json()
    assert [api.client.request(method, PREFERENCES, json={}).status_code for method in ("GET", "PUT")] == [409, 409]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"theme": "pink"}, "theme"),
        ({"page_size": 9}, "page_size"),
        ({"page_size": "50"}, "page_size"),
        ({"timezone": "Berlin"}, "timezone"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_wrong_preference_is_refused_with_its_field(sqlite_api: Api, body: dict[str, Any], field: str) -> None:
    answer = sqlite_api.client.put(PREFERENCES, json=body, headers=_of_a_person(sqlite_api))

    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["faults"]} == {field}
