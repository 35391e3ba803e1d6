"""Owns who works while a command waits: the stack that runs already, or one of its own for as long as it waits."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import select

from pipeline.cli.output import note
from pipeline.config import config
from pipeline.db.session import Database
from pipeline.models import Heartbeat

if TYPE_CHECKING:
    from pipeline.local.stack import EmbeddedStack

#: A sign of life older than this is none.
FRESH: Final = timedelta(seconds=15)
_NEEDED: Final = frozenset({"beat", "worker"})


def stack_runs(database: Database) -> bool:
    """Whether the stack of this home runs, or a beat and a worker anywhere have shown a sign of life just now."""
    from pipeline.local.locks import running_stack

    if running_stack(config().home) is not None:
        return True
    with database.reading() as session:
        names = session.scalars(select(Heartbeat.name).where(Heartbeat.at > database.now() - FRESH)).all()
    return {name.partition(":")[0] for name in names} >= _NEEDED


class Workforce:
    """Somebody who works, for the duration of a `with` block; what it started itself is stopped at its end."""

    def __init__(self, database: Database) -> None:
        """Nothing is started yet."""
        self._database = database
        self._own: EmbeddedStack | None = None
        self._is_elsewhere = False

    @property
    def is_elsewhere(self) -> bool:
        """Whether a stack that somebody else started does the work; one that is still being started here is not."""
        return self._is_elsewhere

    def ensure(self) -> None:
        """See that a stack runs; start the embedded one where none does, and say so. Raises what its start raises."""
        from pipeline.local.locks import StackRunningError
        from pipeline.local.stack import EmbeddedStack

        if self._own is not None:
            return
        self._is_elsewhere = stack_runs(self._database)
        if self._is_elsewhere:
            return
        stack = EmbeddedStack(config(), flower=False)
        note("No stack is running: starting one for as long as this takes (igny8 up keeps one running).")
        try:
            stack.__enter__()
        except StackRunningError:
            self._is_elsewhere = True
            return  # Another one of this home was quicker.
        self._own = stack

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started here."""
        if self._own is not None:
            self._own.stop()
            self._own = None
