"""Models, providers, keys: what whoever runs the installation does on the command line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.db.session import Database
from pipeline.models import AuditEvent, IntegrationProvider, ProviderBreaker
from pipeline.secrets import decrypted, keyring, read_secrets
from pipeline.services import key_changes
from pipeline.services.models import UNKNOWN_COST
from tests.integration.cli.conftest import Igny8

PLANTED = "sk-planted-0123456789"
_GPT = ("models", "set", "gpt", "--provider", "openai", "--type", "text")


def _provide(*more: str, key: str = f"{PLANTED}\n") -> Any:
    return CliRunner().invoke(app, ["providers", "set", "openai", "--api-key-stdin", *more], input=key)


def test_a_model_is_set_with_its_cost_and_price(ready: Database, igny8: Igny8) -> None:
    costs = ("--cost-input", "0.0100", "--cost-output", "0.03")
    made = igny8(*_GPT, "--default", "--tokens-per-credit", "10000", *costs, "--json").json

    assert made["cost_per_1k_input"] == "0.01"
    assert (made["type"], made["provider"], made["is_default"]) == ("text", "openai", True)
    listed = {model["name"]: model for model in igny8("models", "list", "--json").json}
    assert listed["gpt"] == made
    assert listed["offline-writer"]["is_default"] is False
    shown = igny8("settings", "show", "Desks", "--json").json["available_models"]["text"]
    assert shown == {"testing": "Offline writer (testing)", "live": "gpt"}


def test_a_cost_that_nobody_gave_is_told(ready: Database, igny8: Igny8) -> None:
    key = CliRunner().invoke(app, ["providers", "set", "openai", "--api-key-stdin"], input=PLANTED)
    made = igny8(*_GPT, "--default", "--tokens-per-credit", "10000")
    igny8("settings", "set", "Desks", "stages.1.use_testing=false")
    igny8("keywords", "add", "Desks", "standing desk")

    assert key.exit_code == 0
    assert UNKNOWN_COST in made.err
    assert "unknown" in igny8("models", "list").out
    assert f"gpt: {UNKNOWN_COST}." in igny8("run", "Desks", "--dry-run").out


def test_an_image_model_is_set_as_the_testing_one(ready: Database, igny8: Igny8) -> None:
    outcome = igny8(
        "models", "set", "runware:100@1", "--provider", "runware", "--type", "image", "--testing",
        "--credits-per-image", "1", "--cost-image", "0.004",
    )  # fmt: skip

    assert outcome.out == "runware:100@1 (runware, image): testing; 1 credit an image.\n"
    assert outcome.err == "offline-painter-testing had this place before and is retired.\n"


def test_what_a_model_can_is_set_too(ready: Database, igny8: Igny8) -> None:
    able = ("--no-temperature", "--no-json-schema", "--max-tokens-name", "max_tokens", "--output-token-limit", "4096")
    made = igny8(*_GPT, "--free", *able, "--thinking-tokens", "500", "--json").json
    kept = igny8("models", "set", "gpt", "--temperature", "--json").json

    names = ("has_temperature", "has_json_schema", "max_tokens_name", "output_token_limit", "thinking_tokens")
    assert [made[name] for name in names] == [False, False, "max_tokens", 4_096, 500]
    assert [kept[name] for name in names] == [True, False, "max_tokens", 4_096, 500]


def test_a_model_without_a_price_is_told_what_it_needs(ready: Database, igny8: Igny8) -> None:
    assert "Give it one with --tokens-per-credit N, or --free." in igny8(*_GPT).err
    assert igny8("models", "set", "gpt", "--free", "--cost-input", "0", "--cost-output", "0").err == ""


def test_a_retired_model_is_listed_as_such(ready: Database, igny8: Igny8) -> None:
    igny8(*_GPT, "--free")

    assert igny8("models", "retire", "gpt").out == "gpt is retired.\n"
    assert "retired" in igny8("models", "list").out
    assert igny8("models", "retire", "gpt", "--json").json["is_active"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("models", "set", "x"), 2, "provider: a new model needs one."),
        ((*_GPT, "--testing", "--default"), 2, "the testing model is never the default"),
        ((*_GPT, "--cost-input", "cheap"), 2, "'cheap' is no number"),
        ((*_GPT, "--tokens-per-credit", "0"), 2, "Use a whole number from 1"),
        ((*_GPT, "--thinking-tokens", "-1"), 2, "Use a whole number from 0 to 1,000,000."),
        ((*_GPT, "--max-tokens-name", "most"), 2, "Use max_completion_tokens or max_tokens."),
        (("models", "set", "x", "--type", "sound"), 2, "sound"),
        (("models", "retire", "offline-writer"), 1, "Make another one the default first"),
        (("models", "retire", "nobody"), 1, "There is no model 'nobody'."),
        (("providers", "set", "acme"), 2, "acme"),
        (("providers", "set", "openai", "--base-url", "example"), 2, "is no address"),
        (("providers", "set", "openai", "--base-url", "http://192.168.1.300/v1"), 2, "'192.168.1.300' is neither the"),
        (("providers", "set", "openai", "--api-key-stdin"), 2, "nothing came on standard input"),
        (("providers", "set", "openai", "--api-key-stdin", "--forget-api-key"), 2, "not both"),
    ],
)
def test_what_is_wrong_is_told(ready: Database, igny8: Igny8, arguments: tuple[str, ...], code: int, says: str) -> None:
    outcome = igny8(*arguments)

    assert outcome.code == code
    assert says in outcome.err


def test_a_providers_key_comes_from_standard_input_and_is_shown_nowhere(
    ready: Database, home: Path, igny8: Igny8
) -> None:
    outcome = _provide("--base-url", "http://127.0.0.1:9/v1", "--json")

    listed = igny8("providers", "list", "--json")
    row = next(row for row in listed.json if row["name"] == "openai")
    assert (row["api_key"], row["base_url"]) == ("********", "http://127.0.0.1:9/v1")
    assert all(row["api_key"] is None for row in listed.json if row["name"] != "openai")
    assert PLANTED not in outcome.stdout + outcome.stderr + listed.out + igny8("providers", "list").out
    with ready.reading() as session:
        kept = session.scalars(select(IntegrationProvider.api_key).where(IntegrationProvider.name == "openai")).one()
        details = session.scalars(select(AuditEvent.details)).all()
    assert decrypted(kept or b"", home=home) == PLANTED
    assert PLANTED not in str(details)
    assert all(PLANTED.encode() not in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_whoever_may_read_the_key_anyway_moves_it_to_another_address(ready: Database, home: Path, igny8: Igny8) -> None:
    _provide()

    outcome = igny8("providers", "set", "openai", "--base-url", "http://127.0.0.1:9/v1")

    assert "openai has a key, is asked at http://127.0.0.1:9/v1" in " ".join(outcome.out.split())
    with ready.reading() as session:
        kept = session.scalars(select(IntegrationProvider.api_key).where(IntegrationProvider.name == "openai")).one()
    assert decrypted(kept or b"", home=home) == PLANTED


def test_a_pace_is_given_and_what_fails_is_told_by_list_and_doctor(ready: Database, igny8: Igny8) -> None:
    told = igny8("providers", "set", "openai", "--requests-per-minute", "60", "--tokens-per-minute", "9000").out
    assert "at most 60 requests/min, 9,000 tokens/min" in " ".join(told.split())
    with ready.reading() as session:
        (told_of,) = session.scalars(select(AuditEvent.details).where(AuditEvent.action == "provider.set"))
    assert (told_of["requests_per_minute"], told_of["tokens_per_minute"]) == (60, 9_000)
    refused = igny8("providers", "set", "openai", "--tokens-per-minute", "-1")
    assert (refused.code, "give a number from 1 to" in " ".join(refused.err.split())) == (2, True)
    with ready.transaction() as session:
        until = ready.now() + timedelta(minutes=1)
        breaker = ProviderBreaker(provider="openai", model="m", failures=5, openings=1, open_until=until, error="503")
        session.add(breaker)
        long_ago = {"open_until": until - timedelta(days=2), "failing_since": until - timedelta(days=2)}
        session.add(ProviderBreaker(provider="openai", model="old", failures=5, openings=1, **long_ago))

    sentence = "openai m: 5 calls in a row failed; asked again at"
    assert sentence in " ".join(igny8("providers", "list").out.split())
    found = next(check for check in igny8("doctor", "--json").json["checks"] if check["name"] == "providers")
    assert (found["ok"], found["detail"].startswith(sentence)) == (True, True)
    assert "old" not in found["detail"]
    assert "try by themselves" in found["remedy"]


def test_a_key_that_is_no_key_is_refused_without_being_repeated(ready: Database, home: Path) -> None:
    outcome = _provide(key="two planted words")

    assert outcome.exit_code == 2
    assert "planted" not in outcome.stderr


def test_keys_rotate_puts_every_secret_under_a_new_key(ready: Database, home: Path, igny8: Igny8) -> None:
    _provide()
    secret = igny8("webhooks", "add", "https://example.com/hooks", "--json").json["secret"]
    before = read_secrets(home)["ENCRYPTION_KEY"]

    told = igny8("keys", "rotate", "--json").json

    assert (told["renewed"], told["unreadable"]) == (2, [])
    entries = read_secrets(home)
    assert (entries["ENCRYPTION_KEY"] == before, entries["OLD_ENCRYPTION_KEYS"]) == (False, before)
    with ready.reading() as session:
        kept = [bytes(row) for row in session.scalars(text("SELECT secret FROM webhooks"))]
    assert [decrypted(row, home=home) for row in kept] == [secret]
    assert all(row.startswith(told["key"].encode()) for row in kept)
    assert igny8("keys", "rotate").out.startswith("Key ")


def test_keys_rotate_that_is_stopped_half_way_is_ended_by_the_next(
    ready: Database, home: Path, igny8: Igny8, monkeypatch: pytest.MonkeyPatch
) -> None:
    _provide()
    igny8("webhooks", "add", "https://example.com/hooks")
    whole, done = key_changes.renew, list[str]()

    def stopped(session: Any, place: key_changes.Place, **more: Any) -> key_changes.Portion:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(place.name)
        return whole(session, place, **more)

    monkeypatch.setattr(key_changes, "renew", stopped)
    assert igny8("keys", "rotate").code == 130
    monkeypatch.undo()
    assert igny8("webhooks", "list").code == 0

    again = igny8("keys", "rotate", "--json").json

    assert (again["renewed"], again["unreadable"]) == (2, [])
    assert len(keyring(home).keys) == 3


def test_a_secret_that_cannot_be_read_is_named(ready: Database, home: Path, igny8: Igny8) -> None:
    _provide()
    with ready.transaction() as session:
        session.execute(
            text("UPDATE integration_providers SET api_key = :kept WHERE name = 'openai'"), {"kept": b"x:y"}
        )

    outcome = igny8("keys", "rotate")

    assert outcome.code == 1
    assert "None of the keys decrypts integration_providers.api_key 1." in outcome.err


def test_account_settings_are_set_shown_and_left_to_the_system_again(ready: Database, igny8: Igny8) -> None:
    told = igny8("account-settings", "set", "ai.temperature=0.8", "modules.thinker=off")

    assert told.out.splitlines() == [
        "ai.temperature = 0.8 (from the account)",
        "modules.thinker = false (from the account)",
    ]
    assert ["ai.temperature", "0.8", "account"] in [
        line.split() for line in igny8("account-settings", "show").out.splitlines()
    ]
    igny8("settings", "set", "Desks", "ai.image_style=ink")
    found = igny8("settings", "show", "Desks", "--resolved", "--json").json
    assert found["ai"]["temperature"] == {"value": 0.8, "source": "account"}
    assert found["ai"]["image_style"] == {"value": "ink", "source": "site"}
    assert found["live_models"]["text"] == {"value": "offline-writer", "source": "system"}
    shown = [line.split() for line in igny8("settings", "show", "Desks", "--resolved").out.splitlines()]
    assert ["ai.image_style", "ink", "site"] in shown
    again = igny8("account-settings", "set", "ai.temperature=", "--json").json
    assert again["decided"]["ai.temperature"] == {"value": 0.7, "source": "system"}


def test_system_settings_count_for_accounts_that_say_nothing(ready: Database, igny8: Igny8) -> None:
    told = igny8("system-settings", "set", "ai.max_tokens=4000", "credit_value_usd=0.020")

    assert told.out == "ai.max_tokens = 4000\ncredit_value_usd = 0.02\n"
    assert igny8("system-settings", "show", "--json").json["ai"]["max_tokens"] == 4000
    assert "credit_value_usd" in igny8("system-settings", "show").out
    assert igny8("account-settings", "show", "--json").json["decided"]["ai.max_tokens"]["value"] == 4000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("account-settings", "set", "ai.temprature=1"), "Did you mean ai.temperature?"),
        (("account-settings", "set", "ai.temperature=9"), "Use a number from 0 to 2"),
        (("account-settings", "set", "ai.max_tokens=many"), "Use a whole number from 256"),
        (("account-settings", "set", "ai.model_preferences.text=x"), "there is no active live text model 'x'"),
        (("account-settings", "set", "modules.writer=perhaps"), "Use true or false"),
        (("account-settings", "set", "ai.temperature"), "a change is KEY=VALUE"),
        (("system-settings", "set", "ai.temperature="), "Use a number from 0 to 2"),
        (("system-settings", "set", "credit_value_usd=free"), "Use US dollars"),
    ],
)
def test_a_wrong_default_is_usage_and_nothing_is_saved(
    ready: Database, igny8: Igny8, arguments: tuple[str, ...], says: str
) -> None:
    before = igny8("account-settings", "show", "--json").json

    outcome = igny8(*arguments)

    assert outcome.code == 2
    assert says in outcome.err
    assert igny8("account-settings", "show", "--json").json == before
