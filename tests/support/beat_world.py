"""An installation of any size for beat to look at: sites with schedules, runs under way, publications, none due yet.

Built by a few INSERT … SELECT. References to rows that nobody reads here are not checked while it is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CTE, Connection, String, case, cast, insert, literal, select, text

from pipeline.core.catalog import STAGES
from pipeline.core.matrix import SiteSettings
from pipeline.core.money import ucr
from pipeline.core.states import (
    ContentStatus,
    KeywordStatus,
    LaneStatus,
    PublicationStatus,
    RunStatus,
    StageRunStatus,
)
from pipeline.db.session import Database
from pipeline.models import (
    Account,
    Content,
    Keyword,
    Lane,
    Publication,
    Run,
    Site,
    SiteAutomationSettings,
    StageRun,
)
from pipeline.models.base import Base, table_of
from pipeline.services import accounts

SITES_AN_ACCOUNT = 10
#: Account 1 is the installation's own.
FIRST_ACCOUNT = 2
_SPREAD_HOURS = 24


def build(database: Database, *, site_count: int, running: int) -> None:
    """Sites 1 to `site_count`, each with a keyword and a publication of its number, nothing due for hours.

    The last `running` have a run under way, numbered from 1 from the last site down: its first stage has an open lane.
    """
    with database.transaction() as session:
        accounts.init_installation(session, now=database.now())
    with _unchecked(database) as connection:
        _sites(connection, site_count)
        _schedules(connection, site_count)
        _runs(connection, running, last_site=site_count)
        _publications(connection, site_count)
        if not database.is_sqlite:
            _go_on_counting(connection)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE"))


@contextmanager
def _unchecked(database: Database) -> Iterator[Connection]:
    with database.engine.connect() as connection:
        if database.is_sqlite:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            if not database.is_sqlite:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
        connection.invalidate()


def _numbers(count: int) -> CTE:
    numbers = select(literal(1).label("i")).cte("numbers", recursive=True)
    return numbers.union_all(select(numbers.c.i + 1).where(numbers.c.i < count))


def _later(number: Any) -> Any:
    """One of the hours of the coming day."""
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
    instant = table_of(Publication).c.due_at.type
    hours = {hour: literal(first + timedelta(hours=hour), instant) for hour in range(_SPREAD_HOURS)}
    return case(hours, value=number % _SPREAD_HOURS)


def _fill(connection: Connection, model: type[Base], numbers: CTE, values: Mapping[str, Any]) -> None:
    """A row a number; a plain value is the same in each."""
    table = table_of(model)
    columns = {
        name: value if hasattr(value, "label") else literal(value, table.c[name].type) for name, value in values.items()
    }
    connection.execute(insert(table).from_select(list(columns), select(*columns.values()).select_from(numbers)))


def _named(prefix: str, number: Any) -> Any:
    return literal(prefix, String) + cast(number, String)


def _owner(number: Any) -> Any:
    return (number - 1) // SITES_AN_ACCOUNT + FIRST_ACCOUNT


def _sites(connection: Connection, count: int) -> None:
    now, each, owners = datetime.now(UTC), _numbers(count), _numbers(-(-count // SITES_AN_ACCOUNT))
    account = {"id": owners.c.i + FIRST_ACCOUNT - 1, "name": _named("account ", owners.c.i), "created_at": now}
    _fill(connection, Account, owners, {**account, "balance": ucr(10_000), "held": 0})
    number = each.c.i
    site = {"id": number, "account_id": _owner(number), "name": _named("site ", number), "created_at": now}
    _fill(connection, Site, each, {**site, "target": "folder", "sync_status": "never", "timezone": "Europe/Berlin"})
    owned = {"id": number, "account_id": _owner(number), "site_id": number}
    word = {"text": "desk", "normalised": "desk", "status": KeywordStatus.NEW, "times_tried": 0, "created_at": now}
    _fill(connection, Keyword, each, {**owned, **word})


def _schedules(connection: Connection, count: int) -> None:
    each, settings = _numbers(count), SiteSettings()
    number = each.c.i
    defaults = {
        column.name: column.default.arg
        for column in table_of(SiteAutomationSettings).c
        if column.default is not None and column.default.is_scalar
    }
    chosen = {
        "stage_config": {str(line): row.model_dump() for line, row in settings.stages.items()},
        "publish_days": list(settings.publishing.publish_days),
        "publish_time_slots": list(settings.publishing.time_slots),
        "skip_dates": [],
        "automation_enabled": True,
        "next_run_at": _later(number),
        "updated_at": datetime.now(UTC),
    }
    owned = {"id": number, "account_id": _owner(number), "site_id": number}
    _fill(connection, SiteAutomationSettings, each, {**defaults, **chosen, **owned})


def _runs(connection: Connection, count: int, *, last_site: int) -> None:
    if not count:
        return
    each = _numbers(count)
    number = each.c.i
    site = last_site + 1 - number
    run = {"id": number, "account_id": _owner(site), "site_id": site, "status": RunStatus.RUNNING}
    frozen = {"origin": "manual", "settings": {}, "prices": {}, "available": 0, "created_at": datetime.now(UTC)}
    _fill(connection, Run, each, {**run, **frozen})
    counts = {"sends": 0, "cap": 0, "spent": 0, "held": 0, "lost": 0}
    for stage in STAGES:
        works = stage.number == 1
        status = StageRunStatus.RUNNING if works else StageRunStatus.PENDING
        of_run = {"id": stage_run_id(number, stage.number), "run_id": number, "number": stage.number}
        row = {**of_run, "key": stage.key, "status": status, "open_lanes": int(works), **counts}
        _fill(connection, StageRun, each, row)
    lane = {"stage_run_id": stage_run_id(number, 1), "number": 1, "status": LaneStatus.OPEN, "due_at": _later(number)}
    _fill(connection, Lane, each, {**lane, "ticket": 0, "sends": 0, "batch_done": 0})


def stage_run_id(run: Any, stage: int) -> Any:
    """The id of a run's stage run."""
    return (run - 1) * len(STAGES) + stage


def _publications(connection: Connection, count: int) -> None:
    now, each = datetime.now(UTC), _numbers(count)
    number = each.c.i
    owned = {"id": number, "account_id": _owner(number), "site_id": number}
    slug = _named("article-", number)
    texts = {"title": slug, "normalised_title": slug, "slug": slug, "meta_title": slug, "meta_description": "-"}
    body = {"excerpt": "-", "body_html": "<p>-</p>", "tags": [], "word_count": 1, "images_missing": False}
    state = {"status": ContentStatus.SCHEDULED, "held_back": False, "version": 1, "times_tried": 0, "created_at": now}
    _fill(connection, Content, each, {**owned, "content_task_id": number, **texts, **body, **state})
    plan = {"content_id": number, "status": PublicationStatus.PLANNED, "slot_at": _later(number)}
    counts = {"due_at": _later(number), "sends": 0, "ticket": 0, "attempts": 0, "created_at": now}
    _fill(connection, Publication, each, {**owned, **plan, **counts})


def _go_on_counting(connection: Connection) -> None:
    """The next ids come after those that were given here."""
    for model in (Account, Site, Keyword, SiteAutomationSettings, Run, StageRun, Content, Publication):
        name = table_of(model).name
        highest = f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT coalesce(max(id), 1) FROM {name}))"  # noqa: S608 - names of tables
        connection.execute(text(highest))
