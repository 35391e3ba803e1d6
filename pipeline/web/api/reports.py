"""Owns `/reports/{by}`: what calls were charged; whoever runs the installation sees costs and margins too."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict

from pipeline.core.call_flags import CallFlag
from pipeline.core.errors import ForbiddenError
from pipeline.core.roles import Role, Scope, includes
from pipeline.services.cost_reports import MOST_ROWS, Period, ReportBy
from pipeline.services.flagged_calls import full_report
from pipeline.web.answers import problems
from pipeline.web.operations import Unit, reads

router = APIRouter(prefix="/reports", tags=[Scope.REPORTS.value])
_FIGURES: Final[dict[str, Any]] = {
    "answered": 200,
    "voided": 3,
    "lost": 1,
    "input_tokens": 181240,
    "output_tokens": 96031,
    "credits": "27.5",
    "credits_charged": "27.75",
    "credits_refunded": "0.25",
    "credits_lost": "0.9",
    "cost_usd": None,
    "revenue_usd": None,
    "margin_usd": None,
    "margin_pct": None,
}
_ROW: Final[dict[str, Any]] = {"key": "4", "name": "Tasks → Content", "testing": False, **_FIGURES}
_FLAGGED: Final[dict[str, Any]] = {
    "flag": "wasted",
    "testing": False,
    "calls": 3,
    "credits_held": "9.3",
    "credits_charged": "1.25",
    "cost_usd": None,
}

By = Annotated[ReportBy, Path(description="What there is a row for.", examples=["stage"])]
First = Annotated[date | None, Query(description="The first day, in UTC; without it 30 days are told.")]
Last = Annotated[date | None, Query(description="The last day, in UTC; without it today.")]
Rows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most rows, those with the highest charges first.")]
Everybody = Annotated[bool, Query(description="Of all accounts: only for whoever runs the installation.")]


class ReportFigures(BaseModel):
    """Sums over calls. Dollars are decimal strings, and null for those whom our costs do not concern."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FIGURES]})

    #: Calls that were answered.
    answered: int
    #: Calls that nobody was billed for.
    voided: int
    #: Calls whose outcome nobody knows: they were not charged.
    lost: int
    input_tokens: int
    output_tokens: int
    #: Charged less given back.
    credits: str
    credits_charged: str
    credits_refunded: str
    #: What the lost calls had held.
    credits_lost: str
    cost_usd: str | None
    revenue_usd: str | None
    margin_usd: str | None
    margin_pct: str | None


class ReportLine(ReportFigures):
    """One model, stage, site, day or account; testing is told apart from live."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ROW]})

    #: Name of the model, number of the stage, id of the site or account, the day.
    key: str
    name: str
    testing: bool


class FlaggedLine(BaseModel):
    """Calls that went otherwise than they should; a call may be of several lines."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FLAGGED]})

    #: `usage_missing`: it was estimated. `overrun`: more than was held. `wasted`: of no use. `lost`: nobody knows what
    #: became of it. `late`: answered when it had been given up.
    flag: CallFlag
    testing: bool
    calls: int
    credits_held: str
    credits_charged: str
    cost_usd: str | None


class ReportDocument(BaseModel):
    """A report of whole days in UTC, both included. The totals are of all rows there are."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "by": "stage",
                    "first": "2026-05-05",
                    "last": "2026-06-03",
                    "items": [_ROW],
                    "live": _FIGURES,
                    "testing": {**_FIGURES, "answered": 0, "credits": "0"},
                    "flagged": [_FLAGGED],
                }
            ]
        },
    )

    by: ReportBy
    first: date
    last: date
    items: list[ReportLine]
    live: ReportFigures
    testing: ReportFigures
    flagged: list[FlaggedLine]


@router.get("/{by}", operation_id="get_report", response_model=ReportDocument, responses=problems(401, 403, 422))
@reads(Scope.REPORTS, role=Role.OWNER)
def show(
    unit: Unit, *, by: By, first: First = None, last: Last = None, limit: Rows = 1_000, everybody: Everybody = False
) -> dict[str, Any]:
    """Report what calls were charged, by model, stage, site or day."""
    is_admin = includes(unit.caller.role, Role.PLATFORM_ADMIN)
    if not is_admin and (everybody or by is ReportBy.ACCOUNT):
        raise ForbiddenError("That is about other accounts too: it takes whoever runs this installation.")
    period = Period.of(first, last, now=unit.now)
    account_id = None if everybody else unit.account_id
    report = full_report(unit.session, by, account_id=account_id, period=period, limit=limit)
    return report.as_json(with_dollars=is_admin)
