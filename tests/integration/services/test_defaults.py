"""The rules of plan 2.3.2 about settings: one system, typed keys of accounts, site before account before system."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.config import config
from pipeline.core.catalog import ModelType
from pipeline.core.defaults import AccountDefaults, SystemDefaults
from pipeline.core.errors import InvalidValueError, NotReadyError
from pipeline.core.matrix import SiteSettings
from pipeline.core.providers import ProviderName
from pipeline.db.session import Database
from pipeline.models import (
    AccountModuleSwitch,
    AccountSetting,
    GlobalModuleSwitch,
    Run,
    Site,
    SiteAutomationSettings,
    SystemAiSettings,
    User,
    UserSetting,
)
from pipeline.models.base import table_of
from pipeline.services import accounts, model_registry, providers, runs, settings
from pipeline.services.model_changes import ModelChange
from pipeline.services.providers import ProviderChange
from pipeline.services.settings import Decided, Origin
from tests.support.builders import make_keywords


def _save(database: Database, account_id: int, **changes: Any) -> AccountDefaults:
    with database.transaction() as session:
        return settings.save_account(session, account_id, _dotted(changes))


def _save_system(database: Database, **changes: Any) -> SystemDefaults:
    with database.transaction() as session:
        return settings.save_system(session, _dotted(changes))


def _dotted(changes: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("__", "."): value for key, value in changes.items()}


def _decided(database: Database, account_id: int) -> dict[str, Decided]:
    with database.reading() as session:
        return settings.decided_for(session, account_id)


def _rows(database: Database, account_id: int) -> dict[str, Any]:
    with database.reading() as session:
        query = select(AccountSetting.key, AccountSetting.value).where(AccountSetting.account_id == account_id)
        return {row.key: row.value for row in session.execute(query)}


@pytest.fixture
def own(database: Database, site: Site, now: datetime) -> str:
    """A live text model that is not the default."""
    change = ModelChange(provider="openai", model_type=ModelType.TEXT, tokens_per_credit=100)
    address = ProviderChange(base_url="http://127.0.0.1:9")
    with database.transaction() as session:
        providers.set_provider(session, ProviderName.OPENAI, address, home=config().home, now=now)
        return model_registry.set_model(session, "own", change, now=now).model.name


def test_the_system_has_exactly_one_row(database: Database, site: Site) -> None:
    row = {
        "temperature": 1,
        "max_tokens": 300,
        "image_style": "a",
        "image_quality": "b",
        "credit_value_usd": Decimal(1),
    }

    for row_id in (1, 2):
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.execute(insert(table_of(SystemAiSettings)).values(id=row_id, **row))


def test_an_account_has_a_key_once(database: Database, site: Site) -> None:
    row = {"account_id": site.account_id, "key": "ai.temperature", "value": 1}

    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(insert(table_of(AccountSetting)).values([row, row]))


def test_an_account_keeps_a_row_a_key_it_decides_and_none_of_what_it_leaves_open(
    database: Database, site: Site
) -> None:
    account = site.account_id
    _save(database, account, ai__temperature=0.8, ai__max_tokens=4_000, ai__image_style="vivid")
    assert _rows(database, account) == {"ai.temperature": 0.8, "ai.max_tokens": 4_000, "ai.image_style": "vivid"}

    _save(database, account, ai__temperature=None, ai__max_tokens=5_000)

    assert _rows(database, account) == {"ai.max_tokens": 5_000, "ai.image_style": "vivid"}
    with database.reading() as session:
        assert settings.load_account(session, account).ai.max_tokens == 5_000


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("ai.temperature", 3, "3 is not allowed. Use a number from 0 to 2, or nothing to leave it open."),
        ("ai.temperature", float("nan"), "Use a number from 0 to 2"),
        ("ai.max_tokens", "4000", "'4000' is not allowed. Use a whole number from 256 to 200,000"),
        ("ai.max_tokens", 255, "Use a whole number from 256 to 200,000"),
        ("ai.max_tokens", True, "Use a whole number from 256 to 200,000"),
        ("ai.image_style", "", "Use a text of 1 to 100 characters"),
        ("ai.image_style", "a\x00b", "holds characters that cannot be kept"),
        ("ai.image_quality", 7, "Use a text of 1 to 50 characters"),
        ("ai.image_quality", "x" * 51, "Use a text of 1 to 50 characters"),
        (
            "ai.model_preferences.text",
            "nobody",
            "there is no active live text model 'nobody'. Use one of: offline-writer.",
        ),
        ("ai.model_preferences.text", "offline-painter", "there is no active live text model"),
        ("ai.model_preferences.text", "offline-writer-testing", "there is no active live text model"),
        ("ai.model_preferences", {"text": "x"}, "there is no such setting. Did you mean ai.model_preferences."),
        ("modules.writer", "yes", "'yes' is not allowed. Use true or false"),
        ("ai.temprature", 1, "there is no such setting. Did you mean ai.temperature?"),
        ("colour", "blue", "there is no such setting. Use one of ai.temperature,"),
    ],
)
def test_what_an_account_decides_is_typed_when_it_is_written(
    database: Database, site: Site, key: str, value: object, sentence: str
) -> None:
    with pytest.raises(InvalidValueError) as refused, database.transaction() as session:
        settings.save_account(session, site.account_id, {key: value, "ai.image_style": "vivid"} | {key: value})

    assert [fault.field for fault in refused.value.faults] == [key]
    assert sentence in refused.value.faults[0].message
    assert _rows(database, site.account_id) == {}


def test_every_fault_of_an_account_is_told_at_once(database: Database, site: Site) -> None:
    wrong = {
        "ai.temperature": 9,
        "ai.max_tokens": 1,
        "colour": 1,
        "ai.model_preferences.image": "x",
        "modules.writer": 2,
    }

    with pytest.raises(InvalidValueError) as refused, database.transaction() as session:
        settings.save_account(session, site.account_id, wrong)

    assert {fault.field for fault in refused.value.faults} == set(wrong)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("ai.temperature", None, "None is not allowed. Use a number from 0 to 2."),
        ("ai.max_tokens", 0, "Use a whole number from 256 to 200,000."),
        ("credit_value_usd", "0", "Use US dollars from 0.000001 to 1,000"),
        ("credit_value_usd", "1001", "Use US dollars from 0.000001 to 1,000"),
        ("credit_value_usd", "0.0000001", "Use US dollars from 0.000001 to 1,000"),
        ("credit_value_usd", "1e2", "Use US dollars from 0.000001 to 1,000"),
        ("credit_value_usd", 1, "Use US dollars from 0.000001 to 1,000"),
        ("modules.writer", None, "Use true or false."),
        ("ai.model_preferences.text", "x", "there is no such setting."),
    ],
)
def test_what_the_system_decides_is_typed_and_leaves_nothing_open(
    database: Database, site: Site, key: str, value: object, sentence: str
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        _save_system(database, **{key.replace(".", "__"): value, "ai__image_style": "vivid"})

    assert [fault.field for fault in refused.value.faults] == [key]
    assert sentence in refused.value.faults[0].message
    with database.reading() as session:
        assert settings.load_system(session) == SystemDefaults()


def test_what_the_system_decides_is_kept_in_its_one_row(database: Database, site: Site) -> None:
    changes = {
        "ai__temperature": 0.2,
        "ai__image_quality": "high",
        "credit_value_usd": "0.0200",
        "modules__writer": False,
    }
    saved = _save_system(database, **changes)

    with database.reading() as session:
        found, row = settings.load_system(session), session.get_one(SystemAiSettings, 1)
    assert found == saved
    assert (row.temperature, row.image_quality, row.credit_value_usd) == (0.2, "high", Decimal("0.02"))
    assert (found.credit_value_usd, found.modules.writer, found.modules.planner) == ("0.02", False, True)


def test_the_system_without_its_row_says_what_to_do(database: Database) -> None:
    with database.reading() as session, pytest.raises(NotReadyError, match="igny8 init"):
        settings.load_system(session)
    with pytest.raises(NotReadyError, match="igny8 init"):
        _save_system(database, ai__temperature=1)


def test_site_goes_before_account_and_account_before_system(database: Database, site: Site, now: datetime) -> None:
    _save_system(database, ai__temperature=0.1, ai__max_tokens=1_000, ai__image_style="ink")
    _save(database, site.account_id, ai__temperature=0.2, ai__max_tokens=2_000)
    with database.transaction() as session:
        settings.apply(session, site, {"ai.temperature": "0.3"}, now=now)

    with database.reading() as session:
        values, origins = settings.resolve_ai(session, site)

    assert values.model_dump() == {
        "temperature": 0.3, "max_tokens": 2_000, "image_style": "ink", "image_quality": "standard",
    }  # fmt: skip
    assert [origins[name] for name in values.model_fields_set] == [
        {"temperature": Origin.SITE, "max_tokens": Origin.ACCOUNT}.get(name, Origin.SYSTEM)
        for name in values.model_fields_set
    ]


def test_a_value_of_nothing_is_a_value(database: Database, site: Site) -> None:
    _save(database, site.account_id, ai__temperature=0, modules__writer=False)

    decided = _decided(database, site.account_id)

    assert decided["ai.temperature"] == (0, Origin.ACCOUNT)
    assert decided["modules.writer"] == (False, Origin.ACCOUNT)


def test_keys_of_older_installations_are_left_alone(database: Database, site: Site) -> None:
    with database.transaction() as session:
        for key in ("ai.cost_limits", "ai.nothing", "other"):
            session.add(AccountSetting(account_id=site.account_id, key=key, value={"a": 1}))

    _save(database, site.account_id, ai__temperature=1)

    assert set(_rows(database, site.account_id)) == {"ai.cost_limits", "ai.nothing", "other", "ai.temperature"}
    assert _decided(database, site.account_id)["ai.temperature"] == (1, Origin.ACCOUNT)


def test_an_account_decides_for_itself_alone(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        other = accounts.add_account(session, name="another", now=now).id
    _save(database, site.account_id, ai__temperature=0.9, modules__thinker=False)

    assert _decided(database, other)["ai.temperature"] == (0.7, Origin.SYSTEM)
    assert _decided(database, other)["modules.thinker"] == (True, Origin.SYSTEM)


def test_the_model_an_account_prefers_is_asked_by_its_runs_and_named_in_its_settings(
    database: Database, site: Site, now: datetime, own: str
) -> None:
    _save(database, site.account_id, ai__model_preferences__text=own)
    with database.transaction() as session:
        make_keywords(session, site=site, texts=["desk"])
        run_id = runs.start(session, site=site, now=now).run_id

    with database.reading() as session:
        run = session.get_one(Run, run_id)
        document = settings.document(session, site)
    assert {run.prices[number]["model"] for number in ("1", "2", "4", "5")} == {own}
    assert run.prices["6"]["model"] == "offline-painter"
    assert document["available_models"]["text"] == {"testing": "Offline writer (testing)", "live": own}
    assert _decided(database, site.account_id)["ai.model_preferences.text"] == (own, Origin.ACCOUNT)
    assert _decided(database, site.account_id)["ai.model_preferences.image"] == ("offline-painter", Origin.SYSTEM)


def test_a_preferred_model_that_is_retired_gives_way_to_the_default(
    database: Database, site: Site, now: datetime, own: str
) -> None:
    _save(database, site.account_id, ai__model_preferences__text=own)
    with database.transaction() as session:
        model_registry.retire(session, own, now=now)
        make_keywords(session, site=site, texts=["desk"])
        run_id = runs.start(session, site=site, now=now).run_id

    with database.reading() as session:
        run = session.get_one(Run, run_id)
        document = settings.document(session, site)
    assert run.prices["1"]["model"] == "offline-writer"
    assert document["available_models"]["text"]["live"] == "Offline writer"
    assert _decided(database, site.account_id)["ai.model_preferences.text"] == ("offline-writer", Origin.SYSTEM)
    # What else the account decides can still be changed.
    _save(database, site.account_id, ai__temperature=1)


def test_stages_that_test_ask_the_testing_model_whatever_the_account_prefers(
    database: Database, site: Site, now: datetime, own: str
) -> None:
    _save(database, site.account_id, ai__model_preferences__text=own)
    with database.transaction() as session:
        settings.apply(session, site, {"stages.4.use_testing": "true"}, now=now)
        make_keywords(session, site=site, texts=["desk"])
        run_id = runs.start(session, site=site, now=now).run_id

    with database.reading() as session:
        prices = session.get_one(Run, run_id).prices
    assert (prices["4"]["model"], prices["5"]["model"]) == ("offline-writer-testing", own)


def test_preferences_of_both_types_are_one_key(database: Database, site: Site, own: str) -> None:
    account = site.account_id
    _save(database, account, ai__model_preferences__text=own, ai__model_preferences__image="offline-painter")
    assert _rows(database, account) == {"ai.model_preferences": {"text": own, "image": "offline-painter"}}

    _save(database, account, ai__model_preferences__text=None)
    assert _rows(database, account) == {"ai.model_preferences": {"image": "offline-painter"}}

    _save(database, account, ai__model_preferences__image=None)
    assert _rows(database, account) == {}


def test_what_is_off_for_everybody_stays_off_for_an_account_that_says_on(database: Database, site: Site) -> None:
    _save(database, site.account_id, modules__writer=True, modules__planner=False)
    _save_system(database, modules__writer=False)

    decided = _decided(database, site.account_id)

    assert decided["modules.writer"] == (False, Origin.SYSTEM)
    assert decided["modules.planner"] == (False, Origin.ACCOUNT)
    assert decided["modules.automation"] == (True, Origin.SYSTEM)
    _save_system(database, modules__writer=True)
    _save(database, site.account_id, modules__planner=None)
    assert _decided(database, site.account_id)["modules.writer"] == (True, Origin.ACCOUNT)
    assert _decided(database, site.account_id)["modules.planner"] == (True, Origin.SYSTEM)


@pytest.mark.parametrize("module", ["writer", "shop"])
def test_the_database_itself_refuses_a_second_switch_and_an_unknown_module(
    database: Database, site: Site, module: str
) -> None:
    row = {"module": module, "is_enabled": True}
    for table, more in ((GlobalModuleSwitch, {}), (AccountModuleSwitch, {"account_id": site.account_id})):
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.execute(insert(table_of(table)).values([row | more, row | more]))
        with database.reading() as session:
            assert session.scalars(select(table)).all() == []


def test_a_site_has_one_record_of_settings_from_the_beginning(database: Database, site: Site) -> None:
    with database.reading() as session:
        (row,) = session.scalars(select(SiteAutomationSettings)).all()
        assert settings.settings_of(row) == SiteSettings()

    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(SiteAutomationSettings(account_id=site.account_id, site_id=site.id))


def test_a_user_has_a_preference_once_and_takes_it_along(database: Database, site: Site) -> None:
    with database.transaction() as session:
        user = session.scalars(select(User)).one()
        row = {"account_id": user.account_id, "user_id": user.id, "key": "timezone", "value": "UTC"}
        session.execute(insert(table_of(UserSetting)).values(row))
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(insert(table_of(UserSetting)).values(row))

    with database.transaction() as session:
        session.delete(session.get_one(User, user.id))

    with database.reading() as session:
        assert session.scalars(select(UserSetting)).all() == []
