"""Owns what a process's last sign of life says of it: whether it lives, and whether it can do its work.

Never: reads a sign, or a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

#: Six signs were left out: the process is gone, or stands still.
SILENT_AFTER: Final = timedelta(seconds=30)
#: So many of its canaries an idle worker may let lie before it is said to take nothing.
_CANARIES: Final = 4
#: Beat sends what is due within seconds: what has been due for so long, it does not send.
SENDS_WITHIN: Final = timedelta(minutes=10)


class Verdict(StrEnum):
    """How a process is."""

    #: It lives and does its work.
    READY = "ready"
    #: It lives, but cannot do its work now: starting it again would change nothing.
    NOT_READY = "not_ready"
    #: It is gone or stands still: start it again.
    STUCK = "stuck"
    #: Nobody knows: what it says of itself cannot be read.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """A verdict, and why, for a person."""

    verdict: Verdict
    detail: str


@dataclass(frozen=True)
class Sign:
    """The last sign of life of a process: its row's name, when it was written, and what it says."""

    name: str
    at: datetime
    details: Mapping[str, Any]

    def instant(self, key: str) -> datetime | None:
        """An instant that it tells; None where it tells none."""
        text = self.details.get(key)
        return None if text is None else datetime.fromisoformat(text)

    def is_silent(self, *, now: datetime) -> bool:
        """Whether the process has not written for too long."""
        return now - self.at > SILENT_AFTER


@dataclass(frozen=True)
class Patience:
    """How long what was sent to a worker alone may lie there."""

    #: Where the worker has a hand free.
    idle: timedelta
    #: Where its hands are full: as long as any task may take.
    full: timedelta

    @classmethod
    def of(cls, canary_seconds: float, longest_seconds: float) -> Patience:
        """By the pause between two canaries, and the longest that a task may take."""
        return cls(_CANARIES * timedelta(seconds=canary_seconds), timedelta(seconds=longest_seconds))


def judge_worker(sign: Sign, patience: Patience, *, now: datetime) -> Finding:
    """A worker."""
    if sign.is_silent(now=now):
        return _silent(sign, now)
    if sign.details.get("is_stopping"):
        return Finding(Verdict.NOT_READY, "it is stopping")
    if takes_nothing(sign, patience, now=now):
        since = sign.instant("asked_at")
        return Finding(Verdict.STUCK, f"it has taken nothing of what was sent to it since {since:%H:%M:%S} UTC")
    if sign.details.get("broker_answers") is False:
        return Finding(Verdict.NOT_READY, "the broker does not answer it")
    executed = sign.instant("executed_at")
    if executed is None:
        return Finding(Verdict.NOT_READY, "it has just begun, and executed nothing yet")
    return Finding(Verdict.READY, f"it executed something {seconds_between(executed, now)} s ago")


def takes_nothing(sign: Sign, patience: Patience, *, now: datetime) -> bool:
    """Whether what was sent to this worker alone lies there for longer than it may."""
    asked_at = sign.instant("asked_at")
    if asked_at is None:
        return False
    is_full = sign.details.get("running", 0) >= sign.details.get("at_once", 1)
    return now - asked_at > (patience.full if is_full else patience.idle)


def judge_beat(sign: Sign, *, now: datetime) -> Finding:
    """A beat: its sign is part of its tick, so that one that is written proves that it ticks."""
    if sign.is_silent(now=now):
        return _silent(sign, now)
    if sign.details.get("broker_answers") is False:
        return Finding(Verdict.NOT_READY, "the broker does not answer it")
    waits = timedelta(seconds=sign.details.get("oldest_due_seconds") or 0)
    if waits > SENDS_WITHIN:
        return Finding(Verdict.NOT_READY, f"work has been due for {int(waits.total_seconds())} s")
    return Finding(Verdict.READY, f"it ticked {seconds_between(sign.at, now)} s ago")


def worst(findings: list[Finding]) -> Finding:
    """The finding that matters most; of equals the first."""
    order = (Verdict.STUCK, Verdict.UNKNOWN, Verdict.NOT_READY, Verdict.READY)
    return min(findings, key=lambda finding: order.index(finding.verdict))


def seconds_between(then: datetime, now: datetime) -> int:
    """Whole seconds, never less than none."""
    return max(0, int((now - then).total_seconds()))


def _silent(sign: Sign, now: datetime) -> Finding:
    return Finding(Verdict.STUCK, f"it has shown no sign of life for {seconds_between(sign.at, now)} s")
