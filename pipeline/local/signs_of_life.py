"""Owns what the doctor says of processes: do worker and beat live, does what is due get its turn?

Never: change anything.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.config import Config
from pipeline.core.liveness import SENDS_WITHIN, Patience, takes_nothing
from pipeline.db.migrate import require_current
from pipeline.db.session import Database
from pipeline.engine.waiting import oldest_due
from pipeline.local.findings import Check, is_missing, opened
from pipeline.local.locks import StackInfo, running_stack
from pipeline.models import Heartbeat
from pipeline.services import heartbeats

#: A process that wrote nothing for so long does not live, or does nothing.
_SILENCE: Final = timedelta(seconds=120)
#: Beat sends a task that does nothing every five minutes: a worker that took none of three takes nothing.
_NO_CANARY: Final = timedelta(minutes=15)
_SENT_AGAIN: Final = "but takes nothing. What it did not take is sent again."
_AT_ONCE: Final = timedelta(seconds=1)
DUE_AT_MOST: Final = SENDS_WITHIN


def check_heartbeats(config: Config) -> Check:
    """Worker and beat wrote a sign of life lately, where they should run."""
    stack = running_stack(config.home)
    if is_missing(config) or (config.embedded and stack is None):
        return Check(name="heartbeats", ok=True, detail="nothing runs here now")
    now = datetime.now(UTC)
    if stack is not None and _has_just_started(stack, now):
        return Check(name="heartbeats", ok=True, detail=f"the stack started at {stack.started_at}")
    with opened(config) as database:
        require_current(database)
        return _judged(database, config, now)


def _judged(database: Database, config: Config, now: datetime) -> Check:
    with database.reading() as session:
        beats = session.execute(select(Heartbeat.name, Heartbeat.at)).all()
        executed = heartbeats.executions(session, now=now, within=_SILENCE)
        stuck = _stuck_workers(session, config, now)
    ages = {
        kind: min((now - at for name, at in beats if name.startswith(f"{kind}:")), default=None)
        for kind in ("worker", "beat")
    }
    words = [f"{kind} {f'{age.total_seconds():.0f} s ago' if age else 'never'}" for kind, age in ages.items()]
    if stuck:
        detail = f"{', '.join(stuck)} takes nothing of what is sent to it"
        return Check(name="heartbeats", ok=False, detail=detail, remedy=f"Restart it: it lives, {_SENT_AGAIN}")
    if all(age is not None and age < _SILENCE for age in ages.values()):
        if all(at is not None and now - at > _NO_CANARY for at in executed.values()):
            remedy = f"Restart the worker: it lives, {_SENT_AGAIN}"
            return Check(name="heartbeats", ok=False, detail="no worker executed anything of late", remedy=remedy)
        return Check(name="heartbeats", ok=True, detail=", ".join(words))
    remedy = "Start what is missing: `igny8 up`, or `igny8 worker` and `igny8 beat`."
    return Check(name="heartbeats", ok=False, detail=", ".join(words), remedy=remedy)


def _stuck_workers(session: Session, config: Config, now: datetime) -> list[str]:
    """Those that live and leave their own canary lie."""
    patience = Patience.of(config.canary_seconds, config.visibility_timeout_seconds)
    living = [sign for sign in heartbeats.signs(session, "worker") if not sign.is_silent(now=now)]
    return [sign.name for sign in living if takes_nothing(sign, patience, now=now)]


def check_due_work(config: Config) -> Check:
    """For how long the oldest due work has waited, as beat says; where none runs, as the rows say."""
    if is_missing(config):
        return Check(name="due", ok=True, detail="there is no database yet")
    stack, now = running_stack(config.home), datetime.now(UTC)
    with opened(config) as database:
        require_current(database)
        with database.reading() as session:
            # What a beat of a stack that is gone said last is no news.
            waits = None if config.embedded and stack is None else _told_by_beat(session, now)
            if waits is None:
                since = oldest_due(session, now=now)
                waits = timedelta() if since is None else now - since
    if waits < _AT_ONCE:
        return Check(name="due", ok=True, detail="nothing waits")
    detail = f"the oldest due work has waited for {_span(waits)}"
    if config.embedded and stack is None:
        return Check(
            name="due", ok=True, detail=detail, remedy="Work is due and nothing runs here: `igny8 up` does it."
        )
    if waits <= DUE_AT_MOST or (stack is not None and _has_just_started(stack, now)):
        return Check(name="due", ok=True, detail=detail)
    remedy = "Beat does not send it. Mend what else is found here, read beat's log, then restart beat: nothing is lost."
    return Check(name="due", ok=False, detail=detail, remedy=remedy)


def _told_by_beat(session: Session, now: datetime) -> timedelta | None:
    """What the last sign of a beat that lives says; None where none does."""
    of_beats = Heartbeat.name.startswith("beat:") & (Heartbeat.at > now - _SILENCE)
    details = session.scalar(select(Heartbeat.details).where(of_beats).order_by(Heartbeat.at.desc()).limit(1))
    seconds = None if details is None else details.get("oldest_due_seconds")
    return None if seconds is None else timedelta(seconds=seconds)


def _has_just_started(stack: StackInfo, now: datetime) -> bool:
    return now - datetime.fromisoformat(stack.started_at) < _SILENCE


def _span(span: timedelta) -> str:
    """A span for a person, in the largest unit that fits."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
