from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.core.errors import InvalidValueError, NotReadyError, StaleError
from pipeline.core.matrix import SiteSettings
from pipeline.db.session import Database
from pipeline.models import AccountSetting, Site, SystemAiSettings
from pipeline.services import settings
from pipeline.services.settings import FIELDS, Origin


def test_what_is_saved_is_loaded_again(database: Database, site: Site, now: datetime) -> None:
    changes = {
        "stages.4.per_run_limit": "25",
        "stages.6.use_testing": "true",
        "stages.3.enabled": "off",
        "delays.within_stage": "0",
        "publishing.time_slots": "9:00,14:00,09:00",
        "publishing.publish_days": "sun, mon",
        "publishing.skip_dates": "2026-12-25",
        "ai.temperature": "0.2",
        "content.audience": "people who sit all day",
    }

    with database.transaction() as session:
        settings.apply(session, site, changes, now=now)

    with database.reading() as session:
        found = settings.load(session, site)
    assert found.stages[4].per_run_limit == 25
    assert found.stages[6].use_testing is True
    assert found.stages[3].enabled is False
    assert found.delays.within_stage == 0
    assert found.publishing.time_slots == ["09:00", "14:00"]
    assert found.publishing.publish_days == ["mon", "sun"]
    assert [day.isoformat() for day in found.publishing.skip_dates] == ["2026-12-25"]
    assert found.ai.temperature == 0.2
    assert found.content.audience == "people who sit all day"


def test_an_empty_text_empties_a_list_and_leaves_a_value_open(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        settings.apply(session, site, {"ai.max_tokens": "4000"}, now=now)
        settings.apply(session, site, {"publishing.time_slots": "", "ai.max_tokens": ""}, now=now)

    with database.reading() as session:
        found = settings.load(session, site)
    assert found.publishing.time_slots == []
    assert found.ai.max_tokens is None


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("stages.4.per_run_limit", "-1", "-1 is not allowed. Use a whole number from 0 to 100,000."),
        ("stages.4.per_run_limit", "many", "'many' is not allowed. Use a whole number from 0 to 100,000."),
        ("stages.4.per_run_limit", "", "'' is not allowed. Use a whole number from 0 to 100,000."),
        ("stages.4.per_run_limit", "1" * 400, "Use a whole number from 0 to 100,000."),
        ("stages.4.batch_size", "0", "0 is not allowed. Use a whole number from 1 to 500."),
        ("stages.4.concurrency", "33", "33 is not allowed. Use a whole number from 1 to 32."),
        ("stages.4.budget_pct", "101", "101 is not allowed. Use a whole number from 0 to 100."),
        ("stages.4.budget_pct", "12.5", "'12.5' is not allowed. Use a whole number from 0 to 100."),
        ("stages.4.enabled", "maybe", "'maybe' is not allowed. Use true or false."),
        ("stages.8.enabled", "true", "there is no stage '8'. Use a stage from 1 to 7."),
        (
            "stages.3.use_testing",
            "true",
            "use_testing does not apply to stage 3, Ideas → Tasks. It has enabled, batch_size,",
        ),
        ("stages.7.batch_size", "5", "batch_size does not apply to stage 7, Review → Approved."),
        ("stages.4.per_run_limt", "5", "there is no such setting. Did you mean stages.4.per_run_limit"),
        ("delay.within_stage", "5", "Did you mean delays.within_stage"),
        ("colour", "blue", "there is no such setting. `igny8 settings show SITE` lists every key."),
        ("delays.within_stage", "86401", "86401 is not allowed. Use a whole number from 0 to 86,400."),
        ("publishing.time_slots", "24:00", "'24:00' is not a time of day. Use HH:MM, from 00:00 to 23:59."),
        ("publishing.time_slots", ",".join(["09:00"] * 97), "97 time slots are too many. Use at most 96 a day."),
        ("publishing.publish_days", "monday", "'monday' is not allowed. Use days out of mon, tue,"),
        ("publishing.skip_dates", "Christmas", "Use dates YYYY-MM-DD"),
        ("publishing.skip_dates", ",".join(["2026-12-25"] * 1_001), "Use at most 1,000 dates YYYY-MM-DD"),
        ("automation.time", "25:00", "'25:00' is not a time of day."),
        ("automation.frequency", "yearly", "'yearly' is not allowed. Use one of hourly, daily, weekly."),
        ("ai.temperature", "3", "3.0 is not allowed. Use a number from 0 to 2"),
        ("ai.temperature", "nan", "nan is not allowed. Use a number from 0 to 2"),
        ("content.language", "x" * 36, "is not allowed. Use a text of 2 to 35 characters."),
    ],
)
def test_a_wrong_change_is_refused_with_what_is_allowed(
    sqlite_database: Database, now: datetime, key: str, text: str, sentence: str
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        settings.changed(SiteSettings(), {key: text})

    assert [fault.field for fault in refused.value.faults] == [key]
    assert sentence in refused.value.faults[0].message


def test_every_fault_is_told_at_once_and_nothing_is_saved(database: Database, site: Site, now: datetime) -> None:
    changes = {
        "delays.within_stage": "7",
        "stages.1.budget_pct": "90",
        "stages.2.per_run_limit": "-1",
        "stages.3.budget_pct": "5",
        "colour": "blue",
        "automation.time": "noon",
    }

    with pytest.raises(InvalidValueError) as refused, database.transaction() as session:
        settings.apply(session, site, changes, now=now)

    assert {fault.field for fault in refused.value.faults} == {
        "stages.2.per_run_limit",
        "stages.3.budget_pct",
        "stages.budget_pct",
        "colour",
        "automation.time",
    }
    with database.reading() as session:
        assert settings.load(session, site) == SiteSettings()
        assert settings.row_of(session, site).version == 1


def test_budgets_over_a_hundred_percent_are_refused(database: Database, site: Site, now: datetime) -> None:
    with (
        pytest.raises(InvalidValueError, match="add up to 160 %; at most 100 % is allowed"),
        database.transaction() as session,
    ):
        settings.apply(session, site, {"stages.4.budget_pct": "100"}, now=now)


def test_budgets_changed_one_by_one_in_memory_are_still_added_up(database: Database, site: Site, now: datetime) -> None:
    edited = SiteSettings()
    edited.stages[4].budget_pct = 100

    with pytest.raises(InvalidValueError, match="add up to 160 %"), database.transaction() as session:
        settings.save(session, site, edited, now=now)


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        # Berlin is two hours ahead of UTC in June; it is Wednesday, 12:30 there.
        ({"automation.frequency": "daily", "automation.time": "02:00"}, datetime(2026, 6, 4, 0, 0, tzinfo=UTC)),
        ({"automation.frequency": "daily", "automation.time": "12:31"}, datetime(2026, 6, 3, 10, 31, tzinfo=UTC)),
        ({"automation.frequency": "daily", "automation.time": "12:30"}, datetime(2026, 6, 4, 10, 30, tzinfo=UTC)),
        ({"automation.frequency": "hourly", "automation.time": "02:15"}, datetime(2026, 6, 3, 11, 15, tzinfo=UTC)),
        ({"automation.frequency": "weekly", "automation.weekday": "mon"}, datetime(2026, 6, 8, 0, 0, tzinfo=UTC)),
    ],
)
def test_the_next_run_is_computed_from_now_on_every_save(
    database: Database, site: Site, now: datetime, changes: dict[str, str], due: datetime
) -> None:
    with database.transaction() as session:
        settings.apply(session, site, {"automation.enabled": "true", **changes}, now=now)

    with database.reading() as session:
        assert settings.row_of(session, site).next_run_at == due


def test_switching_the_schedule_off_forgets_the_next_run(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        settings.apply(session, site, {"automation.enabled": "true"}, now=now)
        settings.apply(session, site, {"automation.enabled": "false"}, now=now)

    with database.reading() as session:
        assert settings.row_of(session, site).next_run_at is None


def test_a_save_on_an_older_version_is_refused(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        row = settings.save(session, site, SiteSettings(), now=now, expected_version=1)
        assert row.version == 2

    with pytest.raises(StaleError), database.transaction() as session:
        settings.save(session, site, SiteSettings(), now=now, expected_version=1)


def test_a_parameter_comes_from_the_site_else_the_account_else_the_system(
    database: Database, site: Site, now: datetime
) -> None:
    with database.transaction() as session:
        settings.apply(session, site, {"ai.temperature": "0"}, now=now)
        for key, value in (("ai.temperature", 1.5), ("ai.image_style", "watercolour"), ("other", 1)):
            session.add(AccountSetting(account_id=site.account_id, key=key, value=value))

    with database.reading() as session:
        values, origins = settings.resolve_ai(session, site)
    assert values.model_dump() == {
        "temperature": 0.0,
        "max_tokens": 8_192,
        "image_style": "watercolour",
        "image_quality": "standard",
    }
    assert origins == {
        "temperature": Origin.SITE,
        "max_tokens": Origin.SYSTEM,
        "image_style": Origin.ACCOUNT,
        "image_quality": Origin.SYSTEM,
    }


def test_resolving_without_the_systems_defaults_says_what_to_do(database: Database, site: Site) -> None:
    with database.transaction() as session:
        session.delete(session.get_one(SystemAiSettings, 1))

    with database.reading() as session, pytest.raises(NotReadyError, match="igny8 init"):
        settings.resolve_ai(session, site)


def test_every_setting_says_what_it_allows() -> None:
    assert len(FIELDS) == len(set(FIELDS)) > 50
    assert all(field.allowed for field in FIELDS.values())
