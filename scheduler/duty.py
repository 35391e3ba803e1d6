"""Owns what a duty is: something that is done because time passed, and says when it wants to be called again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipeline.db.session import Database
from scheduler.sending import Sender


@dataclass(frozen=True)
class Context:
    """What a duty works with."""

    database: Database
    sender: Sender
    #: The instant of the tick, by the database's clock.
    now: datetime


#: Does what is due. The next due instant, as far as it is known; None: look again at the idle pace.
Duty = Callable[[Context], datetime | None]
