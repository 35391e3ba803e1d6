"""Owns the closed vocabulary of what a link of a chain comes to. The Celery shells translate it; nothing else does."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.services.stage_runs import Opened


@dataclass(frozen=True)
class GoOn:
    """The next link of the chain may run; it ends quietly where it is not its time.

    `lanes`: so many beside the first were opened just now. They are due, and sent at once rather than by beat.
    """

    lanes: int = 0


@dataclass(frozen=True)
class Cut:
    """The rest of the chain is dropped: a row says when it goes on. `send`: a stage run whose chain is sent at once."""

    send: Opened | None = None


@dataclass(frozen=True)
class Again:
    """The same link once more, under a new ticket; the rest of the chain stays behind it."""

    stage_run_id: int
    lane: int
    ticket: int


Outcome = GoOn | Cut | Again
