"""The migrations give exactly the tables of the models; a database is brought up, or refused, by its version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, MetaData, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from pipeline.config import config
from pipeline.core.errors import NotReadyError
from pipeline.core.roles import Role
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.db.migrate import SchemaState, _alembic, require_current, schema_state, upgrade
from pipeline.db.session import Database
from pipeline.models import AiCall, Base, CreditEntry, Publication, Run, Site, StageRun, SyncEvent
from pipeline.services import accounts, api_keys, webhooks
from tests.support.builders import make_content, make_site
from tests.support.postgres import PostgresServer

_NAME = "igny8_migrations"
_A_SITE_WITH_A_SLOT = (
    "INSERT INTO accounts (id, name, balance, held, created_at) VALUES (1, 'a', 0, 0, '2026-11-04')",
    (
        "INSERT INTO sites (id, account_id, name, target, timezone, sync_status, created_at) "
        "VALUES (1, 1, 's', 'folder', 'Europe/Berlin', 'never', '2026-11-04')"
    ),
    (
        "INSERT INTO site_calendars (site_id, version, zone, tzdata, days, time_slots, skip_dates) "
        "VALUES (1, 1, 'Europe/Berlin', '2026a', '[]', '[]', '[]')"
    ),
    (
        "INSERT INTO calendar_slots (site_id, slot_at, local_date, local_time, pinned) "
        "VALUES (1, '2026-11-04 13:00:00', '2026-11-04', '14:00', false)"
    ),
)
_A_NOTIFICATION = (
    "INSERT INTO notifications (id, account_id, kind, key, subject_kind, subject_id, message, created_at) "
    "VALUES (:id, 1, :kind, :key, 'site', 1, 'It is so.', '2026-11-04')"
)
_A_DELIVERY = (
    "INSERT INTO deliveries "
    "(id, account_id, notification_id, channel, public_id, status, sends, ticket, attempts, created_at) "
    "VALUES (:id, 1, :id, 'email', :key, 'pending', 0, 0, 0, '2026-11-04')"
)
_A_MODEL = (
    _A_SITE_WITH_A_SLOT[0],
    (
        "INSERT INTO ai_models (id, name, display_name, provider, model_type, is_active, is_testing, is_default, "
        "is_free, tokens_per_credit, image_prices) "
        "VALUES (1, 'm', 'M', 'p', 'text', true, false, true, false, 10, '{}')"
    ),
)
_A_CALL = (
    "INSERT INTO ai_calls (account_id, stage_run_id, key, step, lane, status, held_amount, charged_amount, "
    "cost_picodollars, price, parameters, flags, created_at) "
    "VALUES (:account, :stage_run, 'k', :step, 1, 'dispatched', 0, 0, 0, '{}', '{}', '[]', '2026-11-04')"
)
_A_WEBHOOK = (
    "INSERT INTO webhooks (id, account_id, url, secret, kinds, active, created_at) "
    "VALUES (:id, 1, :url, 'x', '[]', true, '2026-11-04')"
)
_SETTINGS = "igny8_site_ai_automation_settings"
#: Whatever revision the one of alerts follows.
_BEFORE_ALERTS = str(ScriptDirectory.from_config(_alembic()).get_revision("0006").down_revision)
_BEFORE_TESTS = str(ScriptDirectory.from_config(_alembic()).get_revision("0016").down_revision)
_BEFORE_HIDDEN = str(ScriptDirectory.from_config(_alembic()).get_revision("0020").down_revision)
_BEFORE_PROFILES = str(ScriptDirectory.from_config(_alembic()).get_revision("0017").down_revision)
_BEFORE_MODELS = str(ScriptDirectory.from_config(_alembic()).get_revision("0011").down_revision)


@pytest.fixture(params=("sqlite", "postgresql"))
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/igny8.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        database = Database(server.create_database(_NAME))
    yield database
    database.dispose()


@pytest.fixture
def migrated(empty: Database) -> Database:
    upgrade(empty)
    return empty


def _set_revision(database: Database, revision: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
        connection.execute(text("UPDATE schema_floor SET revision = :revision"), {"revision": revision})


def _checks_of_the_models() -> dict[str, set[str]]:
    return {
        table.name: {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
        for table in Base.metadata.sorted_tables
    }


def test_an_empty_database_is_brought_up_to_this_version(empty: Database) -> None:
    before = schema_state(empty)

    upgrade(empty)

    assert (before, schema_state(empty)) == (SchemaState.EMPTY, SchemaState.CURRENT)
    require_current(empty)


def test_bringing_up_twice_changes_nothing(migrated: Database) -> None:
    upgrade(migrated)

    assert schema_state(migrated) is SchemaState.CURRENT


def test_the_migrations_give_exactly_the_tables_of_the_models(migrated: Database) -> None:
    with migrated.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_the_migrations_give_every_check_of_the_models(migrated: Database) -> None:
    with migrated.engine.connect() as connection:
        there = inspect(connection)
        found = {
            name: {str(check["name"]) for check in there.get_check_constraints(name)}
            for name in _checks_of_the_models()
        }

    assert found == _checks_of_the_models()


def test_a_partial_index_is_partial_after_the_migrations(migrated: Database) -> None:
    with migrated.engine.connect() as connection:
        catalog = "sqlite_master" if migrated.is_sqlite else "pg_indexes"
        columns = ("sql", "name") if migrated.is_sqlite else ("indexdef", "indexname")
        statement = f"SELECT {columns[0]} FROM {catalog} WHERE {columns[1]} = 'uq_runs_live'"  # noqa: S608 - words of this test
        definition = str(connection.scalar(text(statement)))

    assert "UNIQUE" in definition
    assert "queued" in definition.partition("WHERE")[2]


def test_schedules_come_and_go_without_touching_what_is_there(empty: Database) -> None:
    with empty.engine.begin() as connection:
        command.upgrade(_alembic(connection), "0001")
        checks = inspect(connection).get_check_constraints(_SETTINGS)
    upgrade(empty)

    with empty.engine.begin() as connection:
        command.downgrade(_alembic(connection), "0001")

    with empty.engine.connect() as connection:
        assert inspect(connection).get_check_constraints(_SETTINGS) == checks
        columns = {column["name"] for column in inspect(connection).get_columns(_SETTINGS)}
    assert columns.isdisjoint({"queued_for", "paused_at", "paused_reason", "failed_in_a_row"})


def test_what_was_published_before_is_known_to_stand_there_in_its_version(migrated: Database) -> None:
    with migrated.transaction() as session:
        content = make_content(session, site=make_site(session), status=ContentStatus.PUBLISHED)
        content.version = 3
        owners = {"account_id": content.account_id, "site_id": content.site_id, "content_id": content.id}
        session.add(Publication(**owners, status=PublicationStatus.PUBLISHED, remote_id="content-1"))
    with migrated.engine.begin() as connection:
        command.downgrade(_alembic(connection), "0002")

    upgrade(migrated)

    with migrated.reading() as session:
        assert session.scalars(select(Publication)).one().placed_version == 3


def test_alerts_come_and_go_without_touching_what_is_there(empty: Database) -> None:
    def checks() -> list[object]:
        with empty.engine.connect() as connection:
            there = inspect(connection)
            return [there.get_check_constraints(name) for name in ("sites", "publications")]

    with empty.engine.begin() as connection:
        command.upgrade(_alembic(connection), _BEFORE_ALERTS)
    before = checks()
    upgrade(empty)

    with empty.engine.begin() as connection:
        command.downgrade(_alembic(connection), _BEFORE_ALERTS)

    assert checks() == before
    with empty.engine.connect() as connection:
        there = inspect(connection)
        assert "notifications" not in there.get_table_names()
        assert "drift" not in {column["name"] for column in there.get_columns("publications")}


def test_kinds_of_notifications_come_and_go_and_deliveries_stay(empty: Database) -> None:
    def add(kind: str, number: int) -> None:
        values = {"id": number, "kind": kind, "key": f"{kind}:1"}
        with empty.engine.begin() as connection:
            connection.execute(text(_A_NOTIFICATION), values)
            connection.execute(text(_A_DELIVERY), values)

    def kinds() -> list[str]:
        joined = "SELECT kind FROM notifications JOIN deliveries ON notification_id = notifications.id ORDER BY 1"
        with empty.engine.connect() as connection:
            return list(connection.scalars(text(joined)))

    with empty.engine.begin() as connection:
        command.upgrade(_alembic(connection), "0007")
        connection.execute(text(_A_SITE_WITH_A_SLOT[0]))
    add("run_failed", 1)
    with pytest.raises(IntegrityError):
        add("publication_stuck", 2)
    upgrade(empty)
    add("publication_stuck", 3)
    with pytest.raises(IntegrityError):
        add("nothing_we_know", 4)
    assert kinds() == ["publication_stuck", "run_failed"]

    with empty.engine.begin() as connection:
        command.downgrade(_alembic(connection), "0007")

    with pytest.raises(IntegrityError):
        add("publication_stuck", 5)
    assert kinds() == ["run_failed"]
    if empty.is_sqlite:
        with empty.engine.connect() as connection:
            assert connection.scalars(text("PRAGMA integrity_check")).all() == ["ok"]


def test_what_sites_hide_comes_and_goes_and_what_was_found_stays(migrated: Database) -> None:
    def add(kind: str) -> None:
        with migrated.transaction() as session:
            row = session.scalars(select(Publication)).one()
            row.drift = kind
            session.add(SyncEvent(account_id=row.account_id, site_id=row.site_id, kind=kind, message=kind))

    with migrated.transaction() as session:
        content = make_content(session, site=make_site(session), status=ContentStatus.PUBLISHED)
        own = {"account_id": content.account_id, "site_id": content.site_id, "content_id": content.id}
        session.add(Publication(**own, status=PublicationStatus.PUBLISHED, remote_id="7"))
    add("unpublished")
    with pytest.raises(IntegrityError):
        add("nothing_we_know")

    with migrated.engine.begin() as connection:
        command.downgrade(_alembic(connection), _BEFORE_HIDDEN)
        found = [
            connection.scalars(text(f"SELECT {column} FROM {table}")).all()  # noqa: S608 - no input
            for table, column in (("publications", "drift"), ("sync_events", "kind"))
        ]
    assert found == [["deleted"], ["deleted"]]
    for statement in ("UPDATE publications SET drift = 'unpublished'", "UPDATE sync_events SET kind = 'unpublished'"):
        with pytest.raises(IntegrityError), migrated.engine.begin() as connection:
            connection.execute(text(statement))

    upgrade(migrated)
    add("unpublished")
    with migrated.reading() as session:
        assert session.scalars(select(Publication.remote_id)).all() == ["7"]
    if migrated.is_sqlite:
        with migrated.engine.connect() as connection:
            assert connection.scalars(text("PRAGMA integrity_check")).all() == ["ok"]


def test_sites_that_are_there_are_looked_at_within_the_hour_not_all_at_once(empty: Database) -> None:
    with empty.engine.begin() as connection:
        command.upgrade(_alembic(connection), _BEFORE_ALERTS)
        before = MetaData()
        before.reflect(connection, only=["accounts", "sites"])
        made = {"created_at": datetime(2026, 11, 4)}  # noqa: DTZ001 - as the reflected column has it
        connection.execute(insert(before.tables["accounts"]), {"id": 1, "name": "a", "balance": 0, "held": 0, **made})
        site = {"account_id": 1, "target": "folder", "timezone": "UTC", "sync_status": "never", **made}
        rows = [{"id": site_id, "name": f"site {site_id}", **site} for site_id in range(1, 121)]
        connection.execute(insert(before.tables["sites"]), rows)

    upgrade(empty)

    with empty.reading() as session:
        due = session.scalars(select(Site.next_check_at)).all()
    now = empty.now()
    assert len(set(due)) == 60
    assert all(at is not None and now - timedelta(minutes=1) <= at <= now + timedelta(hours=1) for at in due)


def test_calendar_moves_come_and_go_without_touching_what_is_there(empty: Database) -> None:
    with empty.engine.begin() as connection:
        command.upgrade(_alembic(connection), "0002")
        for statement in _A_SITE_WITH_A_SLOT:
            connection.execute(text(statement))
    upgrade(empty)
    with empty.engine.connect() as connection:
        made_by = connection.execute(text("SELECT zone, tzdata FROM calendar_slots")).all()
    assert [tuple(row) for row in made_by] == [("Europe/Berlin", "2026a")]

    with empty.engine.begin() as connection:
        command.downgrade(_alembic(connection), "0002")

    with empty.engine.connect() as connection:
        inspected = inspect(connection)
        assert "undo_records" not in inspected.get_table_names()
        assert "queue_position" not in {column["name"] for column in inspected.get_columns("contents")}
        assert connection.scalar(text("SELECT count(*) FROM calendar_slots")) == 1


def test_calls_of_no_stage_run_come_and_go_and_the_books_of_others_stay(migrated: Database) -> None:
    def add(step: str, stage_run_id: int | None) -> None:
        values = {"account": account_id, "step": step, "stage_run": stage_run_id}
        with migrated.engine.begin() as connection:
            connection.execute(text(_A_CALL), values)

    with migrated.transaction() as session:
        site = make_site(session)
        account_id = site.account_id
        run = Run(account_id=account_id, site_id=site.id, status="completed", settings={}, prices={}, available=0)
        session.add(run)
        session.flush()
        stage_run = StageRun(run_id=run.id, number=4, key="tasks_to_content")
        session.add(stage_run)
    add("ask", stage_run.id)
    with migrated.transaction() as session:
        call_id = session.scalars(select(AiCall.id)).one()
        session.add(CreditEntry(account_id=account_id, kind="charge", amount=-1, key="charge:1", call_id=call_id))
    add("test", None)
    for step, of in (("ask", None), ("test", stage_run.id)):
        with pytest.raises(IntegrityError):
            add(step, of)

    with migrated.engine.begin() as connection:
        command.downgrade(_alembic(connection), _BEFORE_TESTS)
    with pytest.raises(IntegrityError):
        add("test", None)
    upgrade(migrated)
    add("test", None)

    with migrated.reading() as session:
        assert session.scalars(select(AiCall.step).order_by(AiCall.id)).all() == ["ask", "test"]
        assert session.scalars(select(CreditEntry.call_id)).all() == [call_id]
    if migrated.is_sqlite:
        with migrated.engine.connect() as connection:
            assert connection.scalars(text("PRAGMA integrity_check")).all() == ["ok"]
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


def test_a_database_of_a_newer_version_is_refused_and_left_alone(migrated: Database) -> None:
    _set_revision(migrated, "9999")

    with pytest.raises(NotReadyError, match="made by a newer version") as refused:
        upgrade(migrated)

    assert "IGNY8_DATABASE_URL" in refused.value.message
    assert schema_state(migrated) is SchemaState.NEWER
    with pytest.raises(NotReadyError, match="made by a newer version"):
        require_current(migrated)


def test_tables_without_a_version_are_told_to_upgrade(empty: Database) -> None:
    Base.metadata.create_all(empty.engine)

    with pytest.raises(NotReadyError, match="igny8 db upgrade"):
        require_current(empty)


def test_an_empty_database_is_told_to_init(empty: Database) -> None:
    with pytest.raises(NotReadyError, match="igny8 init"):
        require_current(empty)


def test_models_providers_and_switches_come_and_go_without_touching_what_is_there(empty: Database) -> None:
    names = ("ai_models", "api_keys")

    def there() -> list[object]:
        with empty.engine.connect() as connection:
            inspected = inspect(connection)
            checks = [sorted(inspected.get_check_constraints(name), key=str) for name in names]
            indexes = [sorted(index["name"] or "" for index in inspected.get_indexes(name)) for name in names]
            return [*checks, *indexes, *(connection.execute(text(f"SELECT * FROM {name}")).all() for name in names)]  # noqa: S608 - names of this test

    with empty.engine.begin() as connection:
        command.upgrade(_alembic(connection), _BEFORE_MODELS)
        for statement in _A_MODEL:
            connection.execute(text(statement))
    before = there()
    upgrade(empty)

    with empty.engine.begin() as connection:
        command.downgrade(_alembic(connection), _BEFORE_MODELS)

    assert there() == before
    with empty.engine.connect() as connection:
        assert "integration_providers" not in inspect(connection).get_table_names()


def test_a_key_of_a_platform_administrator_is_taken_after_the_migration(migrated: Database) -> None:
    with migrated.transaction() as session:
        account = accounts.init_installation(session, now=migrated.now())
        made = api_keys.make_key(session, account_id=account.id, role=Role.PLATFORM_ADMIN, now=migrated.now())

    with migrated.reading() as session:
        assert api_keys.caller_of(session, made.key, now=migrated.now()).role is Role.PLATFORM_ADMIN


def test_deliveries_stay_when_webhooks_are_counted_on(empty: Database) -> None:
    with empty.engine.begin() as connection:
        command.upgrade(_alembic(connection), _BEFORE_PROFILES)
        connection.execute(text(_A_SITE_WITH_A_SLOT[0]))
        for number in (1, 2):
            connection.execute(text(_A_WEBHOOK), {"id": number, "url": f"https://{number}.example"})
        connection.execute(text(_A_NOTIFICATION), {"id": 7, "kind": "site_failing", "key": "k"})
        connection.execute(text(_A_DELIVERY), {"id": 7, "key": "k"})
        connection.execute(text("UPDATE deliveries SET webhook_id = 2"))
    upgrade(empty)

    def there() -> list[object]:
        with empty.engine.connect() as connection:
            joined = "SELECT deliveries.id, url FROM deliveries JOIN webhooks ON webhook_id = webhooks.id"
            return [tuple(row) for row in connection.execute(text(joined))]

    assert there() == [(7, "https://2.example")]
    with empty.engine.begin() as connection:
        command.downgrade(_alembic(connection), _BEFORE_PROFILES)
    assert there() == [(7, "https://2.example")]


def test_the_id_of_a_webhook_is_never_given_twice(migrated: Database) -> None:
    ids = []
    for number in range(2):
        with migrated.transaction() as session:
            account = accounts.init_installation(session, now=migrated.now())
            url, home = f"https://example.com/{number}", config().home
            added = webhooks.add(session, account_id=account.id, url=url, kinds=(), home=home, now=migrated.now())
            ids.append(added.webhook.id)
        with migrated.transaction() as session:
            webhooks.remove(session, account_id=account.id, webhook_id=ids[-1])

    assert len(set(ids)) == 2


def test_a_site_of_no_place_keeps_its_clocks(empty: Database) -> None:
    with empty.engine.begin() as connection:
        command.upgrade(_alembic(connection), _BEFORE_PROFILES)
        for statement in _A_SITE_WITH_A_SLOT:
            connection.execute(text(statement))
        connection.execute(text("UPDATE sites SET timezone = 'Factory'"))
        connection.execute(text("UPDATE site_calendars SET zone = 'Factory'"))
        connection.execute(text("UPDATE calendar_slots SET zone = 'Factory'"))
    upgrade(empty)

    with empty.engine.connect() as connection:
        kept = {"sites": "timezone", "site_calendars": "zone", "calendar_slots": "zone"}
        zones = [connection.scalar(text(f"SELECT {column} FROM {table}")) for table, column in kept.items()]  # noqa: S608 - names of this test
    assert zones == ["UTC", "UTC", "UTC"]
