"""Owns the figures of an installation: how much there is of what, what is due and for how long, who lives.

A fixed number of statements, whatever there is. Never: a figure that the database has not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Table, func, literal, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.core.states import CallStatus, DeliveryStatus, PublicationStatus, RunStatus
from pipeline.models import (
    Account,
    AiCall,
    Delivery,
    Heartbeat,
    Lane,
    Publication,
    Run,
    Site,
    SiteAutomationSettings,
    StageRun,
)
from pipeline.models.base import table_of
from pipeline.services import provider_health, queues
from pipeline.services.credits import OPEN_CALLS
from pipeline.services.provider_health import Trouble

#: A process that showed no sign for so long is not counted as living.
LIVING: Final = timedelta(seconds=120)
#: What beat sends when it is due: the column that says when.
DUE: Final[Mapping[str, InstrumentedAttribute[Any]]] = {
    "stage_runs": StageRun.due_at,
    "lanes": Lane.due_at,
    "publications": Publication.due_at,
    "deliveries": Delivery.due_at,
    "schedules": SiteAutomationSettings.next_run_at,
    "site_checks": Site.next_check_at,
}
PROCESSES: Final = ("worker", "beat")
_Status = TypeVar("_Status", bound=StrEnum)


@dataclass(frozen=True)
class DueWork:
    """How many rows are due by now, and since when the first of them is."""

    number: int
    age_seconds: float


@dataclass(frozen=True)
class Living:
    """How many processes of a kind live, and how long ago the latest sign of one was; None: there was none."""

    number: int
    age_seconds: float | None


@dataclass(frozen=True)
class Metrics:
    """All figures of one moment."""

    runs: Mapping[RunStatus, int]
    publications: Mapping[PublicationStatus, int]
    deliveries: Mapping[DeliveryStatus, int]
    calls: Mapping[CallStatus, int]
    #: Micro-credits of all accounts.
    balance_ucr: int
    held_ucr: int
    due: Mapping[str, DueWork]
    #: Queue -> for how many seconds its oldest work has waited to be taken.
    queues: Mapping[str, float]
    processes: Mapping[str, Living]
    #: Models of providers whose last calls failed.
    troubles: Sequence[Trouble]


def read_metrics(session: Session, *, now: datetime) -> Metrics:
    """The figures of this moment."""
    balance, held = session.execute(
        select(func.coalesce(func.sum(Account.balance), 0), func.coalesce(func.sum(Account.held), 0))
    ).one()
    return Metrics(
        runs=_by_status(session, table_of(Run), RunStatus),
        publications=_by_status(session, table_of(Publication), PublicationStatus),
        deliveries=_by_status(session, table_of(Delivery), DeliveryStatus),
        calls=_calls(session),
        balance_ucr=int(balance),
        held_ucr=int(held),
        due=_due(session, now),
        queues=queues.oldest_seconds(session, now=now),
        processes=_processes(session, now),
        troubles=provider_health.failing_models(session, now=now),
    )


def _by_status(
    session: Session, table: Table, kind: type[_Status], *, where: ColumnElement[bool] | None = None
) -> dict[_Status, int]:
    """How many rows have each status; 0 for one that none has."""
    query = select(table.c.status, func.count()).group_by(table.c.status)
    found = session.execute(query if where is None else query.where(where)).all()
    return dict.fromkeys(kind, 0) | {kind(status): number for status, number in found}


def _calls(session: Session) -> dict[CallStatus, int]:
    """Those that ended stand in one index, those that are open in another."""
    calls = table_of(AiCall)
    over = _by_status(session, calls, CallStatus, where=calls.c.resolved_at.is_not(None))
    is_open = _by_status(session, calls, CallStatus, where=calls.c.status.in_(OPEN_CALLS))
    return over | {status: is_open[status] for status in OPEN_CALLS}


def _due(session: Session, now: datetime) -> dict[str, DueWork]:
    parts = [
        select(literal(name).label("work"), func.count().label("number"), func.min(due_at).label("first")).where(
            due_at <= now
        )
        for name, due_at in DUE.items()
    ]
    rows = session.execute(union_all(*parts))
    return {work: DueWork(number, _age(first, now)) for work, number, first in rows}


def _processes(session: Session, now: datetime) -> dict[str, Living]:
    signs = session.execute(select(Heartbeat.name, Heartbeat.at)).all()
    found: dict[str, Living] = {}
    for kind in PROCESSES:
        instants = [at for name, at in signs if name.startswith(f"{kind}:")]
        latest = max(instants, default=None)
        age = None if latest is None else _age(latest, now)
        found[kind] = Living(sum(at > now - LIVING for at in instants), age)
    return found


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
