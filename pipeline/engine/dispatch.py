"""Owns what is sent and when: due stage runs and lanes become messages. The query that keeps the delays is the rescue.

Publishing comes after the commit; a message that is lost is sent again, later each time. Times are the database's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline import failpoints
from pipeline.core.states import LaneStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import due, generation, sending
from pipeline.engine.app import app
from pipeline.engine.origins import Origin
from pipeline.models import Lane, Run, StageRun
from pipeline.models.base import table_of

MOST_A_TICK = 300
_log = structlog.get_logger()
_stage_runs, _lanes = table_of(StageRun), table_of(Lane)


class Link(dict[str, Any]):
    """A link of a chain: an immutable signature as it stands in a message, made at a tenth of the cost."""

    def __init__(self, task: str, *ids: int, origin: Origin | None = None) -> None:
        """Ids only; what it says of its origin no work needs."""
        options = {} if origin is None else origin.options(task, ids)
        rest: dict[str, Any] = {"kwargs": {}, "options": options, "subtask_type": None, "immutable": True}
        super().__init__(task=task, args=ids, **rest)

    @property
    def options(self) -> dict[str, Any]:
        """What its message says of its origin."""
        return cast("dict[str, Any]", self["options"])

    @property
    def task(self) -> str:
        """The name of its task."""
        return str(self["task"])

    @property
    def args(self) -> tuple[int, ...]:
        """What its task is given."""
        return cast("tuple[int, ...]", self["args"])


@dataclass(frozen=True)
class Chain:
    """One chain to send: a stage run's own (lane None), or that of one of its lanes."""

    stage_run_id: int
    key: str
    admitted: bool
    lane: int | None = None
    ticket: int = 0
    #: The run it works for, for people; None: nobody looked.
    origin: Origin | None = field(default=None, compare=False)

    def links(self) -> tuple[Link, ...]:
        """The chain's links in order: immutable, ids only."""
        finish = self._link("finish", self.stage_run_id)
        if self.lane is not None:
            return self._link("batch", self.stage_run_id, self.lane, self.ticket), finish
        if self.admitted:
            return (finish,)
        return self._link("admit", self.stage_run_id), self._link("batch", self.stage_run_id, 1, 0), finish

    def _link(self, name: str, *ids: int) -> Link:
        return Link(f"stages.{self.key}.{name}", *ids, origin=self.origin)


def publish_stage(database: Database, stage_run_id: int) -> bool:
    """Send a stage run's chain now, after the commit that made it due.

    False: the broker was not reached; beat sends it later.
    """
    failpoints.hit("run.committed")
    columns = (StageRun.key, StageRun.status, StageRun.run_id, Run.traceparent)
    with database.reading() as session:
        query = select(*columns).join(Run, Run.id == StageRun.run_id).where(StageRun.id == stage_run_id)
        row = session.execute(query).one()
    admitted, origin = row.status is not StageRunStatus.PENDING, Origin(row.run_id, row.traceparent)
    return publish([Chain(stage_run_id, row.key, admitted=admitted, origin=origin)]) == 1


def publish_lanes(stage_run_id: int, key: str, count: int, *, origin: Origin | None = None) -> int:
    """Send so many new lanes beside the first now, after the commit that opened them: they are due, and beat need not.

    How many were sent. A lane that beat sends too is taken once.
    """
    numbers = range(2, count + 2)
    return publish([Chain(stage_run_id, key, admitted=True, lane=number, origin=origin) for number in numbers])


def publish(chains: Sequence[Chain]) -> int:
    """Send in order over one producer; the first that fails ends it and is logged. How many were sent."""
    sent = 0
    if not chains:
        return sent
    try:
        with sending.producing() as producer:
            for chain in chains:
                _send(producer, *chain.links())
                sent += 1
    except sending.BrokerAwayError as error:
        _log.warning("dispatch.broker_not_reached", unsent=len(chains) - sent, error=str(error))
    failpoints.hit("chains.published")
    return sent


def watch_generation(database: Database) -> bool:
    """See whether the broker lost what it was given; then all of it is due at once, and a new mark is left.

    False: the broker was not reached.
    """
    try:
        with sending.connected() as connection:
            if generation.is_marked(connection):
                return True
            _log.warning("dispatch.broker_is_new")
            with database.transaction() as session:
                generation.make_sent_due(session, now=database.now())
            generation.mark(connection)
    except sending.BrokerAwayError:
        return False
    return True


def dispatch_due(database: Database) -> datetime | None:
    """Claim and send what is due, at most MOST_A_TICK; the next due instant, None where nothing waits."""
    now = database.now()
    with database.reading() as session:
        outlook = due.outlook(session, now=now)
    if not outlook.is_due(now):
        return outlook.earliest
    with database.transaction() as session:
        chains = claim_due(session, now=now)
    failpoints.hit("due.committed")
    sent = publish(chains)
    if sent < len(chains):
        with database.transaction() as session:
            _take_back(session, chains[sent:], now=now)
        return None
    with database.reading() as session:
        return next_due(session, now=now)


def claim_due(session: Session, *, now: datetime) -> list[Chain]:
    """Claim due stage runs and lanes: each is due again later, unless it moves on before."""
    stage_rows = due.claim_stage_runs(session, now=now, most=MOST_A_TICK)
    lane_rows = due.claim_lanes(session, now=now, most=MOST_A_TICK - len(stage_rows))
    failpoints.hit("due.selected")
    return [*map(_of_stage_run, stage_rows), *map(_of_lane, lane_rows)]


def _of_stage_run(row: Any) -> Chain:
    admitted, origin = row.status is not StageRunStatus.PENDING, Origin(row.run_id, row.traceparent)
    return Chain(row.id, row.key, admitted=admitted, origin=origin)


def _of_lane(row: Any) -> Chain:
    origin = Origin(row.run_id, row.traceparent)
    return Chain(row.stage_run_id, row.key, admitted=True, lane=row.number, ticket=row.ticket, origin=origin)


def next_due(session: Session, *, now: datetime) -> datetime | None:
    """The earliest instant at which something of a run that goes on is due."""
    return due.outlook(session, now=now).earliest


def _take_back(session: Session, chains: Sequence[Chain], *, now: datetime) -> None:
    """These were claimed but not sent: they are due at once, and their pause does not grow."""
    for chain in chains:
        if chain.lane is None:
            this = (_stage_runs.c.id == chain.stage_run_id) & _stage_runs.c.due_at.is_not(None)
            session.execute(update(_stage_runs).where(this).values(due_at=now, sends=_stage_runs.c.sends - 1))
        else:
            this = (_lanes.c.stage_run_id == chain.stage_run_id) & (_lanes.c.number == chain.lane)
            mine = this & (_lanes.c.ticket == chain.ticket) & (_lanes.c.status == LaneStatus.OPEN)
            session.execute(update(_lanes).where(mine).values(due_at=now, sends=_lanes.c.sends - 1))


def _send(producer: Any, first: Link, *rest: Link) -> None:
    """Send a chain over this producer. Celery's own `chain` takes none: it would open connections without bounds."""
    later = list(reversed(rest)) or None
    with sending.told(first.task, first.args, first.options):
        # Without `ignore_result` Celery would store the error of a failed link, for links without an id, and raise.
        app.send_task(
            first.task,
            args=first.args,
            producer=producer,
            retry=False,
            chain=later,
            ignore_result=True,
            **first.options,
        )
