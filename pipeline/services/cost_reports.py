"""Owns what calls cost us, what they brought, and what is left (plan 2.3.1): one statement a report.

A call counts on the day it was resolved, a refund on the day it was booked, as in the ledger; days are UTC's. Revenue
is what was charged less what was given back, at the credit's worth that each call froze. Testing is apart from live.
Never: a float; prices of today for calls of yesterday.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    String,
    Subquery,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from pipeline.core.catalog import STAGES
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.money import credit_string, dollar_string, percent_string
from pipeline.core.states import CallStatus
from pipeline.models import Account, AiCall, CreditEntry, Run, Site, StageRun
from pipeline.services.large_sums import joined, largest_first, parts_of, split

#: What a report covers unless it is told.
USUAL_DAYS: Final = 30
MOST_DAYS: Final = 3_660
MOST_ROWS: Final = 10_000
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2999, 12, 31)
#: What the platform's own calls are called, in reports by model, stage and site.
PROVIDER_TESTS: Final = "Provider tests"
_STAGE_NAMES: Final = {"0": PROVIDER_TESTS} | {str(stage.number): stage.name for stage in STAGES}


class ReportBy(StrEnum):
    """What a report has a row for."""

    MODEL = "model"
    STAGE = "stage"
    SITE = "site"
    DAY = "day"
    ACCOUNT = "account"


@dataclass(frozen=True)
class Period:
    """Whole days in UTC, both included."""

    first: date
    last: date

    @classmethod
    def of(cls, first: date | None, last: date | None, *, now: datetime) -> Period:
        """The days asked for; left open: up to today, `USUAL_DAYS` long. InvalidValueError names the field."""
        faults = [_outside(field, day) for field, day in (("first", first), ("last", last)) if day is not None]
        last = last or now.astimezone(UTC).date()
        first = first or max(_EARLIEST, last - min(timedelta(days=USUAL_DAYS - 1), last - date.min))
        if not any(faults) and not 0 <= (last - first).days < MOST_DAYS:
            told = f"{first} to {last} is no time to report. Give days in their order, at most {MOST_DAYS:,} of them."
            faults.append(Fault("first", told))
        if any(faults):
            raise InvalidValueError([fault for fault in faults if fault])
        return cls(first, last)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The instants from which on, and before which."""
        after = self.last + timedelta(days=1)
        return datetime.combine(self.first, time.min, UTC), datetime.combine(after, time.min, UTC)


@dataclass(frozen=True)
class Figures:
    """Sums over calls: how many, micro-credits, picodollars, tokens."""

    #: Calls that were answered, and charged unless they are free.
    answered: int = 0
    #: Calls that nobody was billed for.
    voided: int = 0
    #: Calls whose outcome nobody knows: not charged, and perhaps not in our cost either.
    lost: int = 0
    charged_ucr: int = 0
    refunded_ucr: int = 0
    #: What the lost calls had held.
    lost_ucr: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_picodollars: int = 0
    revenue_picodollars: int = 0

    @property
    def margin_picodollars(self) -> int:
        """What is left of the revenue."""
        return self.revenue_picodollars - self.cost_picodollars

    def as_json(self, *, with_dollars: bool) -> dict[str, Any]:
        """Every figure, credits and dollars as decimal strings; those of dollars are null where they are not told."""
        cost, revenue, margin = self.cost_picodollars, self.revenue_picodollars, self.margin_picodollars
        dollars = {"cost_usd": cost, "revenue_usd": revenue, "margin_usd": margin}
        return {
            "answered": self.answered,
            "voided": self.voided,
            "lost": self.lost,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "credits": credit_string(self.charged_ucr - self.refunded_ucr),
            "credits_charged": credit_string(self.charged_ucr),
            "credits_refunded": credit_string(self.refunded_ucr),
            "credits_lost": credit_string(self.lost_ucr),
            **{name: dollar_string(amount) if with_dollars else None for name, amount in dollars.items()},
            "margin_pct": percent_string(margin, revenue) if with_dollars else None,
        }


@dataclass(frozen=True)
class ReportRow:
    """One model, stage, site, day or account: its name in data, its name for people, its figures."""

    key: str
    name: str
    testing: bool
    figures: Figures


@dataclass(frozen=True)
class Report:
    """Rows, those with the highest charges first (days in their order); the totals are of all rows there are."""

    by: ReportBy
    period: Period
    rows: Sequence[ReportRow]
    live: Figures
    testing: Figures

    def as_json(self, *, with_dollars: bool) -> dict[str, Any]:
        """The report as it is answered and printed."""
        rows = [
            {"key": row.key, "name": row.name, "testing": row.testing, **row.figures.as_json(with_dollars=with_dollars)}
            for row in self.rows
        ]
        totals = {"live": self.live, "testing": self.testing}
        return {
            "by": self.by,
            "first": self.period.first,
            "last": self.period.last,
            "items": rows,
            **{name: figures.as_json(with_dollars=with_dollars) for name, figures in totals.items()},
        }


def _outside(field: str, day: date) -> Fault | None:
    if _EARLIEST <= day <= _LATEST:
        return None
    return Fault(field, f"{day} is not allowed. Give a day from {_EARLIEST} to {_LATEST}.")


def cost_report(
    session: Session, by: ReportBy, *, account_id: int | None, period: Period, limit: int = 1_000
) -> Report:
    """What an account's calls (None: everybody's) cost and brought in that time, at most `limit` rows of it."""
    moves = _moves(account_id, period)
    found = session.execute(_report(session, by, moves).limit(limit)).mappings().all()
    totals = {bool(row["testing"]): _figures(row, prefix="total_") for row in found}
    rows = [
        ReportRow(
            key := str(row["key"]),
            _STAGE_NAMES.get(key, key) if by is ReportBy.STAGE else str(row["name"]),
            bool(row["testing"]),
            _figures(row),
        )
        for row in found
    ]
    return Report(by, period, rows, live=totals.get(False, Figures()), testing=totals.get(True, Figures()))


def _moves(account_id: int | None, period: Period) -> Subquery:
    """Every resolved call, and every refund, of the time: what each adds to the figures."""
    start, end = period.bounds
    is_lost, worth = AiCall.status == CallStatus.LOST, AiCall.credit_value_microdollars
    of_calls = _parts(
        answered=case((AiCall.status == CallStatus.SETTLED, 1), else_=0),
        voided=case((AiCall.status == CallStatus.VOIDED, 1), else_=0),
        lost=case((is_lost, 1), else_=0),
        input_tokens=func.coalesce(AiCall.input_tokens, 0),
        output_tokens=func.coalesce(AiCall.output_tokens, 0),
        **split("charged_ucr", AiCall.charged_amount),
        **split("lost_ucr", case((is_lost, AiCall.held_amount), else_=literal(0, BigInteger))),
        **split("cost_picodollars", AiCall.cost_picodollars),
        **split("revenue_picodollars", AiCall.charged_amount, times=worth),
    )
    calls = select(*_WHOSE, AiCall.resolved_at.label("at"), *of_calls).where(
        AiCall.resolved_at >= start, AiCall.resolved_at < end
    )
    back = CreditEntry.amount
    of_refunds = _parts(**split("refunded_ucr", back), **split("revenue_picodollars", -back, times=worth))
    refunds = (
        select(*_WHOSE, CreditEntry.created_at.label("at"), *of_refunds)
        .join(AiCall, AiCall.id == CreditEntry.call_id)
        .where(CreditEntry.kind == "refund", CreditEntry.created_at >= start, CreditEntry.created_at < end)
    )
    if account_id is not None:
        calls = calls.where(AiCall.account_id == account_id)
        refunds = refunds.where(CreditEntry.account_id == account_id, AiCall.account_id == account_id)
    return union_all(calls, refunds).subquery("moves")


_WHOSE: Final = (
    AiCall.account_id.label("account_id"),
    AiCall.stage_run_id.label("stage_run_id"),
    AiCall.model.label("model"),
    AiCall.is_testing.label("testing"),
)
_MEASURES: Final = tuple(Figures.__dataclass_fields__)
#: Those that may be too large for one sum; and what is summed.
_LARGE: Final = tuple(name for name in _MEASURES if name.endswith(("_ucr", "_picodollars")))
_SUMMED: Final = tuple(part for name in _MEASURES for part in (parts_of(name) if name in _LARGE else (name,)))


def _parts(**given: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """A column of each part; nothing where it is not given."""
    return [given.get(part, literal(0, BigInteger)).label(part) for part in _SUMMED]


def _report(session: Session, by: ReportBy, moves: Subquery) -> Select[Any]:
    """Sums by what is asked for; with each row those over all rows of its kind, live or testing."""
    key, name, joined = _grouping(session, by, moves)
    sums = {part: func.sum(moves.c[part]) for part in _SUMMED}
    testing = moves.c.testing
    totals = [func.sum(total).over(partition_by=testing).label(f"total_{each}") for each, total in sums.items()]
    order = [key.asc()] if by in {ReportBy.DAY, ReportBy.STAGE} else [largest_first(sums, "charged_ucr"), key.asc()]
    return (
        joined.add_columns(key.label("key"), name.label("name"), testing)
        .add_columns(*(total.label(each) for each, total in sums.items()), *totals)
        .group_by(key, name, testing)
        .order_by(*order, testing)
    )


def _grouping(
    session: Session, by: ReportBy, moves: Subquery
) -> tuple[ColumnElement[Any], ColumnElement[Any], Select[Any]]:
    """Key and name of a row, and where they are read."""
    rows: Select[Any] = select().select_from(moves)
    if by is ReportBy.MODEL:
        model = case((moves.c.stage_run_id.is_(None), PROVIDER_TESTS), else_=moves.c.model)
        return model, model, rows
    if by is ReportBy.DAY:
        day = _day(session, moves.c.at)
        return day, day, rows
    if by is ReportBy.ACCOUNT:
        return Account.id.expression, Account.name.expression, rows.join(Account, Account.id == moves.c.account_id)
    # Tests of providers belong to no stage and no site: they are a line of their own.
    rows = rows.outerjoin(StageRun, StageRun.id == moves.c.stage_run_id)
    if by is ReportBy.STAGE:
        number = func.coalesce(StageRun.number, 0)
        return number, number, rows
    rows = rows.outerjoin(Run, Run.id == StageRun.run_id).outerjoin(Site, Site.id == Run.site_id)
    return func.coalesce(Site.id, 0), func.coalesce(Site.name, PROVIDER_TESTS), rows


def _day(session: Session, at: ColumnElement[Any]) -> ColumnElement[Any]:
    """The day of an instant in UTC, as text."""
    if session.get_bind().dialect.name == "postgresql":
        return cast(cast(func.timezone(literal_column("'UTC'"), at), Date), String)
    return func.date(at, type_=String)


def _figures(row: Mapping[Any, Any], *, prefix: str = "") -> Figures:
    told = {name: f"{prefix}{name}" for name in _MEASURES}
    return Figures(**{name: joined(row, key) if name in _LARGE else int(row[key]) for name, key in told.items()})
