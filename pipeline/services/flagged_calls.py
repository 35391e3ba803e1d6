"""Owns the lines of a report about calls that went otherwise than they should: one statement for all of them.

`lost` is how a call ended; the others are written on its row. One call may be of several lines. Testing is apart from
live. Never: sums of what went well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, literal, select
from sqlalchemy.orm import Session

from pipeline.core.call_flags import CallFlag
from pipeline.core.money import credit_string, dollar_string
from pipeline.models import AiCall
from pipeline.models.credits import FLAGGED
from pipeline.services.call_laws import has
from pipeline.services.cost_reports import Period, Report, ReportBy, cost_report
from pipeline.services.large_sums import joined, split

_SUMS = {
    "held_ucr": AiCall.held_amount,
    "charged_ucr": AiCall.charged_amount,
    "cost_picodollars": AiCall.cost_picodollars,
}


@dataclass(frozen=True)
class FlaggedCalls:
    """The calls of one flag, live or testing: how many, what they held, what they were charged, what they cost us."""

    flag: CallFlag
    testing: bool
    calls: int
    held_ucr: int
    charged_ucr: int
    cost_picodollars: int

    def as_json(self, *, with_dollars: bool) -> dict[str, Any]:
        """The line as it is answered and printed; our cost is null where it is not told."""
        return {
            "flag": self.flag.value,
            "testing": self.testing,
            "calls": self.calls,
            "credits_held": credit_string(self.held_ucr),
            "credits_charged": credit_string(self.charged_ucr),
            "cost_usd": dollar_string(self.cost_picodollars) if with_dollars else None,
        }


@dataclass(frozen=True)
class FullReport(Report):
    """A report with its lines about calls that went otherwise."""

    flagged: Sequence[FlaggedCalls] = ()

    def as_json(self, *, with_dollars: bool) -> dict[str, Any]:
        """The report as it is answered and printed."""
        lines = [line.as_json(with_dollars=with_dollars) for line in self.flagged]
        return {**super().as_json(with_dollars=with_dollars), "flagged": lines}


def full_report(
    session: Session, by: ReportBy, *, account_id: int | None, period: Period, limit: int = 1_000
) -> FullReport:
    """`cost_report` with the lines about flagged calls of the same account (None: of all) and time."""
    report = cost_report(session, by, account_id=account_id, period=period, limit=limit)
    flagged = flagged_calls(session, account_id=account_id, period=period)
    return FullReport(report.by, report.period, report.rows, report.live, report.testing, flagged)


def flagged_calls(session: Session, *, account_id: int | None, period: Period) -> list[FlaggedCalls]:
    """The lines that say something, in the order of the flags, live before testing."""
    rows = session.execute(_statement(account_id, period)).mappings().all()
    lines = [_line(flag, row) for flag in CallFlag for row in rows]
    return [line for line in lines if line.calls]


def _statement(account_id: int | None, period: Period) -> Select[Any]:
    start, end = period.bounds
    of_amounts = {part: half for name, amount in _SUMS.items() for part, half in split(name, amount).items()}
    sums = [
        func.coalesce(func.sum(case((has(flag), amount), else_=0)), 0).label(f"{flag}_{name}")
        for flag in CallFlag
        for name, amount in {"calls": literal(1), **of_amounts}.items()
    ]
    query = select(AiCall.is_testing.label("testing"), *sums).where(
        FLAGGED, AiCall.resolved_at >= start, AiCall.resolved_at < end
    )
    if account_id is not None:
        query = query.where(AiCall.account_id == account_id)
    return query.group_by(AiCall.is_testing).order_by(AiCall.is_testing)


def _line(flag: CallFlag, row: Any) -> FlaggedCalls:
    sums = {name: joined(row, f"{flag}_{name}") for name in _SUMS}
    return FlaggedCalls(flag, bool(row["testing"]), int(row[f"{flag}_calls"]), **sums)
