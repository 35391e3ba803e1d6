"""Owns `report`: what calls cost, what they brought, and what is left."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Final

import typer

from pipeline.cli.edge import account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption
from pipeline.cli.output import document, say, table
from pipeline.core.call_flags import CallFlag
from pipeline.core.money import percent_string, shown, shown_dollars
from pipeline.services.cost_reports import MOST_ROWS, Figures, Period, ReportBy
from pipeline.services.flagged_calls import FlaggedCalls, FullReport, full_report

_DATES: Final = ["%Y-%m-%d"]
_FLAGS: Final = {
    CallFlag.USAGE_MISSING: "usage was not said, or cannot be: estimated",
    CallFlag.OVERRUN: "used more than was held: the rest is ours",
    CallFlag.WASTED: "charged for an answer that was of no use",
    CallFlag.LOST: "nobody knows what became of it: not charged",
    CallFlag.LATE: "answered when it had been given up: not charged",
}
ByArgument = Annotated[ReportBy, typer.Argument(metavar="BY", help="One of model, stage, site, day, account.")]
FirstOption = Annotated[
    datetime | None, typer.Option("--first", formats=_DATES, help="The first day, in UTC; without it 30 days are told.")
]
LastOption = Annotated[
    datetime | None, typer.Option("--last", formats=_DATES, help="The last day, in UTC; without it today.")
]
EverybodyOption = Annotated[bool, typer.Option("--all-accounts", help="Of all accounts together.")]
RowsOption = Annotated[
    int, typer.Option("--limit", min=1, max=MOST_ROWS, help="Show at most this many, the highest charges first.")
]


def report(
    by: ByArgument = ReportBy.MODEL,
    *,
    first: FirstOption = None,
    last: LastOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    everybody: EverybodyOption = False,
    limit: RowsOption = 1_000,
    as_json: JsonOption = False,
) -> None:
    """Report what calls cost, what they brought and what is left, by model, stage, site, day or account."""
    database = ready_database()
    period = Period.of(_day(first), _day(last), now=database.now())
    with database.reading() as session:
        account_id = None if everybody else account_of(session, account).id
        found = full_report(session, by, account_id=account_id, period=period, limit=limit)
    if as_json:
        document(found.as_json(with_dollars=True))
        return
    _show(found)


def _show(found: FullReport) -> None:
    if not found.rows:
        say(f"No call ended from {found.period.first} to {found.period.last}.")
        return
    rows = [_cells(row.name, row.figures, testing=row.testing) for row in found.rows]
    totals = [(found.live, False), (found.testing, True)]
    rows += [_cells("all", figures, testing=testing) for figures, testing in totals if figures != Figures()]
    columns = [found.by.value, "", "calls", "lost", "credits", "revenue $", "cost $", "margin $", "margin %"]
    table(columns, rows, right=columns[2:])
    if found.flagged:
        say("")
        columns = ["flagged", "", "calls", "credits held", "credits charged", "cost $", "what it is"]
        table(columns, [_flagged_cells(line) for line in found.flagged], right=columns[2:-1])


def _flagged_cells(line: FlaggedCalls) -> tuple[object, ...]:
    return (
        line.flag.value,
        "testing" if line.testing else "live",
        f"{line.calls:,}",
        shown(line.held_ucr),
        shown(line.charged_ucr),
        shown_dollars(line.cost_picodollars),
        _FLAGS[line.flag],
    )


def _cells(name: str, figures: Figures, *, testing: bool) -> tuple[object, ...]:
    return (
        name,
        "testing" if testing else "live",
        f"{figures.answered:,}",
        f"{figures.lost:,}",
        shown(figures.charged_ucr - figures.refunded_ucr),
        shown_dollars(figures.revenue_picodollars),
        shown_dollars(figures.cost_picodollars),
        shown_dollars(figures.margin_picodollars),
        percent_string(figures.margin_picodollars, figures.revenue_picodollars),
    )


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.replace(tzinfo=UTC).date()
