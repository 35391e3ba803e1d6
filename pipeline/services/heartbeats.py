"""Owns signs of life: one row a process, written again and again, removed by a process that stops as it should.

Never: forgets those of processes that died; housekeeping does.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.core.liveness import Sign
from pipeline.models import Heartbeat
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_into

#: Pause between two signs of one process.
EVERY: Final = timedelta(seconds=5)
_HEARTBEATS: Final = table_of(Heartbeat)


def own_name(kind: str) -> str:
    """The row of this process: `worker:<host>:<pid>`."""
    return f"{kind}:{socket.gethostname()}:{os.getpid()}"


def beat(session: Session, name: str, *, now: datetime, details: Mapping[str, Any]) -> None:
    """Write the process's sign of life."""
    row = insert_into(session, Heartbeat).values(name=name, at=now, details=dict(details))
    written = {"at": row.excluded.at, "details": row.excluded.details}
    session.execute(row.on_conflict_do_update(index_elements=["name"], set_=written))


def end(session: Session, name: str) -> None:
    """This process stops: nobody shall wait for it."""
    session.execute(delete(_HEARTBEATS).where(_HEARTBEATS.c.name == name))


def executions(session: Session, *, now: datetime, within: timedelta) -> dict[str, datetime | None]:
    """The workers that showed a sign within the span, each with when it last executed something, or else began.

    None where its row does not say.
    """
    rows = session.execute(
        select(Heartbeat.name, Heartbeat.details).where(
            Heartbeat.name.startswith("worker:"), Heartbeat.at > now - within
        )
    )
    found = {name: details.get("executed_at") or details.get("began_at") for name, details in rows}
    return {name: None if text is None else datetime.fromisoformat(text) for name, text in found.items()}


def signs(session: Session, kind: str) -> list[Sign]:
    """The last signs of life of a kind of process, also of those that are gone."""
    query = select(Heartbeat.name, Heartbeat.at, Heartbeat.details).where(Heartbeat.name.startswith(f"{kind}:"))
    return [Sign(name, at, details) for name, at, details in session.execute(query.order_by(Heartbeat.name))]
