from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.config import (
    SOCKET_RECORD,
    Config,
    child_environ,
    config,
    environment_name,
    load_config,
    unknown_names,
    use_config,
)
from pipeline.core.errors import InvalidValueError

#: The page of constants, as the design fixes them.
CONSTANTS = {
    "lease_seconds": 60,
    "lease_renew_seconds": 20,
    "resend_seconds": 30,
    "resend_max_seconds": 900,
    "slice_seconds": 5,
    "local_slice": 100,
    "item_attempts": 3,
    "call_timeout_seconds": 120,
    "call_hard_limit_seconds": 180,
    "held_wait_seconds": 2,
    "provider_wait_max_seconds": 7200,
    "visibility_timeout_seconds": 900,
    "soft_shutdown_seconds": 25,
    "catchup_hourly_seconds": 1800,
    "catchup_daily_seconds": 21_600,
    "catchup_weekly_seconds": 86_400,
    "overdue_grace_seconds": 7200,
    "overdue_spacing_seconds": 900,
    "draft_ahead_seconds": 86_400,
    "publish_retry_minutes": (1, 5, 15, 60),
    "lookup_window_seconds": 600,
    "answers_days": 30,
    "events_days": 90,
    "min_words": 800,
}


def test_empty_environment_gives_the_constants_of_the_contract() -> None:
    loaded = load_config({})

    assert {name: getattr(loaded, name) for name in CONSTANTS} == CONSTANTS


def test_state_is_below_the_current_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    loaded = load_config({})

    assert loaded.home == tmp_path / ".igny8"
    assert loaded.database_url == f"sqlite:///{tmp_path}/.igny8/igny8.db"
    assert loaded.stages_module == "stages"


def test_home_may_start_with_a_tilde_and_is_absolute() -> None:
    loaded = load_config({"IGNY8_HOME": "~/pipeline"})

    assert loaded.home == Path.home() / "pipeline"


def test_each_field_is_read_from_its_variable() -> None:
    environ = {
        "IGNY8_LEASE_SECONDS": "30.5",
        "IGNY8_PUBLISH_RETRY_MINUTES": "2, 4",
        "IGNY8_STAGES": "tests.support.stages",
        "IGNY8_LOG_FORMAT": "json",
        "IGNY8_LOG_LEVEL": "debug",
        "IGNY8_DATABASE_URL": "postgresql+psycopg://u:p@h/d",
        "IGNY8_BROKER_URL": "amqp://h//",
    }

    loaded = load_config(environ)

    assert (loaded.lease_seconds, loaded.publish_retry_minutes) == (30.5, (2, 4))
    assert (loaded.stages_module, loaded.log_format, loaded.log_level) == ("tests.support.stages", "json", "DEBUG")
    assert (loaded.database_url, loaded.broker_address) == ("postgresql+psycopg://u:p@h/d", "amqp://h//")
    assert not loaded.embedded


def test_empty_variable_counts_as_absent() -> None:
    assert load_config({"IGNY8_LEASE_SECONDS": "", "IGNY8_BROKER_URL": " "}).embedded


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("IGNY8_LEASE_SECONDS", "0", "'0' is not allowed. Use more than 0. Remove it to use 60."),
        ("IGNY8_LEASE_SECONDS", "nan", "'nan' is not allowed. Use a number, such as 0.5."),
        ("IGNY8_LEASE_SECONDS", "soon", "'soon' is not allowed. Use a number, such as 0.5."),
        ("IGNY8_LOCAL_SLICE", "1.5", "'1.5' is not allowed. Use a whole number, such as 7."),
        ("IGNY8_PUBLISH_RETRY_MINUTES", "1,x", "'x' is not allowed.*Remove it to use 1,5,15,60."),
        ("IGNY8_PUBLISH_RETRY_MINUTES", "1;5", "is not allowed"),
        ("IGNY8_LOG_LEVEL", "loud", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("IGNY8_LOG_FORMAT", "xml", "'console' or 'json'"),
        ("IGNY8_HOME", "/srv/what?", "Give a folder whose path has no"),
        ("IGNY8_STAGES", "no module", "Give the dotted name of a Python module"),
        ("IGNY8_DATABASE_URL", "mysql://h/d", "Give sqlite:///<path> or postgresql"),
        ("IGNY8_BROKER_URL", "somewhere", "Give an address like redis://<host>:6379/0"),
        ("IGNY8_LEASE_RENEW_SECONDS", "61", "must not be greater than IGNY8_LEASE_SECONDS"),
        ("IGNY8_FLOWER_PORT", "70000", "Use 65,535 or less."),
    ],
)
def test_wrong_value_names_the_variable_and_what_is_allowed(name: str, value: str, sentence: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        load_config({name: value})

    assert [fault.field for fault in caught.value.faults] == [name]
    assert re.search(sentence, caught.value.message)


def test_every_wrong_value_is_told_at_once() -> None:
    with pytest.raises(InvalidValueError) as caught:
        load_config({"IGNY8_LEASE_SECONDS": "0", "IGNY8_MIN_WORDS": "few"})

    assert {fault.field for fault in caught.value.faults} == {"IGNY8_LEASE_SECONDS", "IGNY8_MIN_WORDS"}


@pytest.mark.parametrize("name", ["IGNY8_DATABASE_URL", "IGNY8_BROKER_URL"])
def test_password_of_a_wrong_address_is_not_repeated(name: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        load_config({name: "_wrong_://user:geheim@host/x"})

    assert "geheim" not in caught.value.message


def test_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError):
        load_config({}).lease_seconds = 1


def test_misspelled_variable_is_found_with_what_was_meant() -> None:
    environ = {"IGNY8_LEASE_SECOND": "1", "IGNY8_TEST_ANYTHING": "1", "IGNY8_HOME": "x", "PATH": "y"}

    assert unknown_names(environ) == {"IGNY8_LEASE_SECOND": "IGNY8_LEASE_SECONDS"}


def test_child_gets_exactly_this_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IGNY8_BROKER_URL", "redis://elsewhere")
    monkeypatch.setenv("SOMETHING", "kept")
    given = load_config(
        {"IGNY8_HOME": str(tmp_path), "IGNY8_PUBLISH_RETRY_MINUTES": "7,8", "IGNY8_LEASE_SECONDS": "33"}
    )

    environ = child_environ(given, {"EXTRA": "1"})

    assert load_config(environ) == given
    assert (environ["SOMETHING"], environ["EXTRA"]) == ("kept", "1")


def test_embedded_brokers_address_is_read_from_its_record(tmp_path: Path) -> None:
    given = load_config({"IGNY8_HOME": str(tmp_path)})
    before = given.broker_address

    (tmp_path / SOCKET_RECORD).parent.mkdir()
    (tmp_path / SOCKET_RECORD).write_text("/run/short/broker.sock\n")

    assert before == f"redis+socket://{tmp_path}/broker/broker.sock?virtual_host=0"
    assert given.broker_address == "redis+socket:///run/short/broker.sock?virtual_host=0"


def test_process_reads_its_environment_once_until_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    use_config(None)
    try:
        first = config()
        monkeypatch.setenv("IGNY8_MIN_WORDS", "5")
        assert config() is first

        use_config(None)
        assert config().min_words == 5

        use_config(first)
        assert config() is first
    finally:
        use_config(None)


def test_every_field_has_a_name_of_its_own() -> None:
    names = {environment_name(field) for field in Config.model_fields}

    assert len(names) == len(Config.model_fields)
    assert all(re.fullmatch(r"IGNY8_[A-Z_]+", name) for name in names)


@pytest.mark.parametrize("url", ["smtp://mail.example", "smtp://me:pass@mail.example:587", "smtps://mail.example/"])
def test_mail_servers_are_allowed(url: str) -> None:
    assert load_config({"IGNY8_SMTP_URL": url}).smtp_url == url


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://me:hidden@", "smtp://a b"])
def test_what_is_no_mail_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidValueError, match="IGNY8_SMTP_URL: this address is not allowed") as refused:
        load_config({"IGNY8_SMTP_URL": url})

    assert "hidden" not in refused.value.message


@pytest.mark.parametrize("address", ["nobody", "a@b@c", "Ann <ann@example.com>", "a b@example.com"])
def test_a_sender_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidValueError, match=r"Give an address like igny8@example\.com"):
        load_config({"IGNY8_MAIL_FROM": address})


def test_a_switch_is_1_or_true() -> None:
    assert [load_config({"IGNY8_ALLOW_PRIVATE_SITES": text}).allow_private_sites for text in ("1", "true", "")] == [
        True,
        True,
        False,
    ]
