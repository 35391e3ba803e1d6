"""The rules of plan 2.3.2 about providers: one record each, and a key that is written and never shown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import LargeBinary

from pipeline.core.errors import InvalidValueError, NotReadyError
from pipeline.core.providers import AI_PROVIDERS, MASK, ProviderName
from pipeline.db.session import Database
from pipeline.models import Base, IntegrationProvider, Site, Webhook
from pipeline.models.base import table_of
from pipeline.models.types import Encrypted
from pipeline.secrets import add_key, decrypted, encrypted, keyring
from pipeline.services import accounts, key_changes, providers
from pipeline.services.providers import ProviderChange

PLANTED = "sk-planted-0123456789"


def _set(database: Database, home: Path, now: datetime, **change: Any) -> IntegrationProvider:
    with database.transaction() as session:
        return providers.set_provider(session, ProviderName.OPENAI, ProviderChange(**change), home=home, now=now)


def test_every_provider_has_one_record_from_the_beginning(database: Database, now: datetime) -> None:
    for _ in range(2):
        with database.transaction() as session:
            accounts.init_installation(session, now=now)

    with database.reading() as session:
        rows = session.scalars(select(IntegrationProvider.name)).all()
    assert sorted(rows) == ["anthropic", "openai", "paypal", "resend", "runware", "stripe"]


@pytest.mark.parametrize("name", ["openai", "acme"])
def test_the_database_itself_refuses_a_second_record_and_an_unknown_provider(
    database: Database, now: datetime, name: str
) -> None:
    with database.transaction() as session:
        providers.add_missing(session, now=now)

    row = {"name": name, "is_sandbox": False, "is_enabled": True, "updated_at": now}
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(insert(table_of(IntegrationProvider)).values(row))


def test_a_provider_that_was_set_is_reached_with_key_address_and_mode(
    database: Database, tmp_path: Path, now: datetime
) -> None:
    _set(database, tmp_path, now, api_key=f" {PLANTED}\n", base_url="http://127.0.0.1:9/v1", is_enabled=True)

    with database.reading() as session:
        access = providers.access_of(session, ProviderName.OPENAI, home=tmp_path)
    assert (access.api_key, access.base_url, access.is_sandbox) == (PLANTED, "http://127.0.0.1:9/v1", False)
    assert PLANTED not in repr(access)


def test_the_key_stands_nowhere_in_the_database(database: Database, tmp_path: Path, now: datetime) -> None:
    row = _set(database, tmp_path, now, api_key=PLANTED)

    with database.reading() as session:
        kept = session.scalar(text("SELECT api_key FROM integration_providers"))
    assert kept is not None
    assert PLANTED.encode() not in bytes(kept)
    assert bytes(kept).startswith(keyring(tmp_path).newest.encode())
    assert PLANTED not in repr(row)
    assert PLANTED not in repr(ProviderChange(api_key=PLANTED))
    assert providers.shown_key(row) == MASK


def test_the_mask_that_is_sent_back_changes_nothing(database: Database, tmp_path: Path, now: datetime) -> None:
    before = _set(database, tmp_path, now, api_key=PLANTED).api_key

    kept = _set(database, tmp_path, now, api_key=MASK, is_enabled=False)

    assert (kept.api_key, kept.is_enabled) == (before, False)


@pytest.mark.parametrize("name", ProviderName)
def test_only_payments_and_mail_have_a_sandbox(
    sqlite_database: Database, tmp_path: Path, now: datetime, name: ProviderName
) -> None:
    change = ProviderChange(is_sandbox=True)
    with sqlite_database.transaction() as session:
        if name not in AI_PROVIDERS:
            assert providers.set_provider(session, name, change, home=tmp_path, now=now).is_sandbox
            return
        with pytest.raises(InvalidValueError, match=f"{name} has no sandbox"):
            providers.set_provider(session, name, change, home=tmp_path, now=now)


@pytest.mark.parametrize(
    "url", ["https://example.com/v1?version=2", "https://example.com/v1#x", "https://example.com?"]
)
def test_an_address_that_no_path_can_be_added_to_is_refused(
    sqlite_database: Database, tmp_path: Path, now: datetime, url: str
) -> None:
    with pytest.raises(InvalidValueError, match="neither"):
        _set(sqlite_database, tmp_path, now, base_url=url)


@pytest.mark.parametrize("host", ["192.168.1.300:11434", "☃.net", "[v1.x]", "a..b", "a" * 64 + ".example"])
def test_an_address_that_no_client_takes_is_refused(
    sqlite_database: Database, tmp_path: Path, now: datetime, host: str
) -> None:
    with pytest.raises(InvalidValueError, match="neither the name of a host nor an IP address") as refused:
        _set(sqlite_database, tmp_path, now, base_url=f"http://{host}/v1")

    assert [fault.field for fault in refused.value.faults] == ["base_url"]


@pytest.mark.parametrize("key", [None, MASK])
@pytest.mark.parametrize(
    "url", ["https://evil.example/v1", "https://own.example:8443/v1", "http://own.example/v1", ""], ids=str
)
def test_a_key_that_is_kept_goes_to_no_address_that_it_was_not_given_for(
    database: Database, tmp_path: Path, now: datetime, url: str, key: str | None
) -> None:
    _set(database, tmp_path, now, api_key=PLANTED, base_url="https://own.example/v1")

    with pytest.raises(InvalidValueError, match="given for another address") as refused:
        _set(database, tmp_path, now, base_url=url, api_key=key)

    assert [fault.field for fault in refused.value.faults] == ["api_key"]
    with database.reading() as session:
        access = providers.access_of(session, ProviderName.OPENAI, home=tmp_path)
    assert (access.api_key, access.base_url) == (PLANTED, "https://own.example/v1")


def test_a_key_for_the_providers_own_address_goes_to_no_other(
    sqlite_database: Database, tmp_path: Path, now: datetime
) -> None:
    _set(sqlite_database, tmp_path, now, api_key=PLANTED)

    with pytest.raises(InvalidValueError, match="given for another address"):
        _set(sqlite_database, tmp_path, now, base_url="https://evil.example/v1")


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"base_url": "https://own.example/v2"}, PLANTED),
        ({"base_url": "https://else.example/v1", "api_key": "sk-another"}, "sk-another"),
        ({"base_url": "https://else.example/v1", "api_key": ""}, None),
    ],
)
def test_another_path_keeps_the_key_and_another_host_takes_a_key_or_none_with_it(
    sqlite_database: Database, tmp_path: Path, now: datetime, change: dict[str, str], kept: str | None
) -> None:
    _set(sqlite_database, tmp_path, now, api_key=PLANTED, base_url="https://own.example/v1")

    _set(sqlite_database, tmp_path, now, **change)

    with sqlite_database.reading() as session:
        access = providers.access_of(session, ProviderName.OPENAI, home=tmp_path)
    assert (access.api_key, access.base_url) == (kept, change["base_url"])


def test_what_is_left_out_stays_and_an_empty_text_forgets(database: Database, tmp_path: Path, now: datetime) -> None:
    _set(database, tmp_path, now, api_key=PLANTED, base_url="https://example.com", is_enabled=False)

    kept = _set(database, tmp_path, now)
    assert (kept.api_key is None, kept.base_url, kept.is_enabled) == (False, "https://example.com", False)

    forgotten = _set(database, tmp_path, now, api_key="", base_url="")
    assert (forgotten.api_key, forgotten.base_url) == (None, None)


def test_a_provider_without_a_key_or_switched_off_is_refused_with_the_remedy(
    database: Database, tmp_path: Path, now: datetime
) -> None:
    for change, remedy in (({}, "--api-key-stdin"), ({"api_key": PLANTED, "is_enabled": False}, "--enable")):
        _set(database, tmp_path, now, **change)
        with database.reading() as session, pytest.raises(NotReadyError, match=remedy):
            providers.access_of(session, ProviderName.OPENAI, home=tmp_path)


@pytest.mark.parametrize("key", ["two words planted", "plantedé", "planted" * 1_000, "planted\x07", "***********"])
def test_a_wrong_key_is_refused_and_never_repeated(
    sqlite_database: Database, tmp_path: Path, now: datetime, key: str
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        _set(sqlite_database, tmp_path, now, api_key=key, base_url="ftp://example.com")

    assert {fault.field for fault in refused.value.faults} == {"api_key", "base_url"}
    assert "planted" not in str(refused.value)
    with sqlite_database.reading() as session:
        assert session.scalar(select(func.count()).select_from(IntegrationProvider)) == 0


def _renew_some(database: Database, home: Path, *, limit: int, portions: int) -> int:
    """A change of keys that is killed after so many portions; how many secrets it renewed."""
    renewed, keys = 0, keyring(home)
    for place in key_changes.places():
        after: int | None = 0
        while after is not None:
            if portions == 0:
                return renewed
            portions -= 1
            with database.transaction() as session:
                portion = key_changes.renew(session, place, after=after, keys=keys, limit=limit)
            renewed, after = renewed + portion.renewed, portion.last_id
    return renewed


def _secrets(database: Database, home: Path) -> list[str]:
    with database.reading() as session:
        found = [
            *session.scalars(select(IntegrationProvider.api_key).where(IntegrationProvider.api_key.is_not(None))),
            *session.scalars(select(Webhook.secret).order_by(Webhook.id)),
            *session.scalars(select(Site.credentials)),
        ]
    return [decrypted(kept, home=home) for kept in found if kept is not None]


def _plant(database: Database, site: Site, home: Path, now: datetime) -> list[str]:
    _set(database, home, now, api_key=PLANTED)
    with database.transaction() as session:
        session.get_one(Site, site.id).credentials = encrypted("a site's", home=home)
        for number in range(3):
            secret = encrypted(f"webhook {number}", home=home)
            url = f"https://example.com/{number}"
            session.add(Webhook(account_id=site.account_id, url=url, secret=secret, kinds=[], created_at=now))
    return [PLANTED, "webhook 0", "webhook 1", "webhook 2", "a site's"]


@pytest.mark.parametrize("portions", range(0, 10, 3))
def test_a_change_of_keys_that_is_killed_loses_nothing_and_the_next_one_ends_it(
    database: Database, site: Site, tmp_path: Path, now: datetime, portions: int
) -> None:
    planted = _plant(database, site, tmp_path, now)
    first = add_key(tmp_path)
    killed = _renew_some(database, tmp_path, limit=1, portions=portions)
    assert _secrets(database, tmp_path) == planted

    second = add_key(tmp_path)
    assert _renew_some(database, tmp_path, limit=2, portions=1_000) == 5

    assert killed <= 5
    assert len({*first.keys, *second.keys}) == 3
    assert _secrets(database, tmp_path) == planted
    with database.reading() as session:
        for place in key_changes.places():
            for kept in session.scalars(select(place.column).where(place.column.is_not(None))):
                assert kept.startswith(second.newest.encode())


def test_a_secret_that_no_key_decrypts_is_told_and_left(
    database: Database, site: Site, tmp_path: Path, now: datetime
) -> None:
    _plant(database, site, tmp_path, now)
    strange = encrypted("lost", home=tmp_path / "elsewhere")
    with database.transaction() as session:
        session.get_one(Site, site.id).credentials = strange
    keys = add_key(tmp_path)

    place = next(place for place in key_changes.places() if place.name == "sites.credentials")
    with database.transaction() as session:
        portion = key_changes.renew(session, place, after=0, keys=keys)

    assert (portion.renewed, portion.unreadable) == (0, (site.id,))
    with database.reading() as session:
        assert session.get_one(Site, site.id).credentials == strange


def test_every_column_of_bytes_is_found_by_a_change_of_keys(sqlite_database: Database) -> None:
    kept = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary | Encrypted)
    }

    assert kept == {place.name for place in key_changes.places()}
    assert {"id"} == {
        column
        for place in key_changes.places()
        for column in inspect(sqlite_database.engine).get_pk_constraint(place.table.name)["constrained_columns"]
    }
