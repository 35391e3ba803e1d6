"""Owns lists that are taken away as CSV: `.csv` stands behind the address of the list."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response

from pipeline.core.roles import Role, Scope
from pipeline.services import exports, sites
from pipeline.web.answers import problems
from pipeline.web.api.content import OfStatus
from pipeline.web.api.keywords import OfKeywordStatus
from pipeline.web.api.ledger import OfKind
from pipeline.web.api.parameters import Holding, OfSite, SiteId
from pipeline.web.api.reports import By, Everybody, First, Last, Rows, read_report
from pipeline.web.csv_rows import ANSWER, streamed
from pipeline.web.operations import Unit, reads

router = APIRouter()
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {200: ANSWER, **problems(401, 403, 404, 422)}
_OF_ACCOUNT: Final[dict[int | str, dict[str, Any]]] = {200: ANSWER, **problems(401, 403, 422)}


@router.get(
    "/sites/{site_id}/keywords.csv",
    operation_id="export_keywords",
    tags=[Scope.KEYWORDS.value],
    response_class=Response,
    responses=_RESPONSES,
)
@reads(Scope.KEYWORDS)
def of_keywords(unit: Unit, site_id: SiteId, with_status: OfKeywordStatus = None, text: Holding = "") -> Response:
    """Take a site's keywords away as CSV; the file can be imported again."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return streamed(unit, exports.of_keywords(site, status=with_status, text=text))


@router.get(
    "/sites/{site_id}/content.csv",
    operation_id="export_content",
    tags=[Scope.CONTENT.value],
    response_class=Response,
    responses=_RESPONSES,
)
@reads(Scope.CONTENT)
def of_content(unit: Unit, site_id: SiteId, with_status: OfStatus = None) -> Response:
    """Take a list of a site's articles away as CSV, each with its address, without its text."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return streamed(unit, exports.of_contents(site, status=with_status))


@router.get(
    "/runs.csv",
    operation_id="export_runs",
    tags=[Scope.RUNS.value],
    response_class=Response,
    responses=_RESPONSES,
)
@reads(Scope.RUNS)
def of_runs(unit: Unit, site_id: OfSite = None) -> Response:
    """Take the account's runs, or one site's, away as CSV, the oldest first."""
    if site_id is not None:
        sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return streamed(unit, exports.of_runs(unit.account_id, site_id=site_id))


@router.get(
    "/credits/entries.csv",
    operation_id="export_entries",
    tags=[Scope.CREDITS.value],
    response_class=Response,
    responses=_OF_ACCOUNT,
)
@reads(Scope.CREDITS, whole_account=True)
def of_entries(unit: Unit, kind: OfKind = None) -> Response:
    """Take every movement of the account's balance away as CSV, the oldest first."""
    return streamed(unit, exports.of_entries(unit.account_id, kind=kind))


@router.get(
    "/reports/{by}.csv",
    operation_id="export_report",
    tags=[Scope.REPORTS.value],
    response_class=Response,
    responses=_OF_ACCOUNT,
)
@reads(Scope.REPORTS, role=Role.OWNER)
def of_report(
    unit: Unit, *, by: By, first: First = None, last: Last = None, limit: Rows = 1_000, everybody: Everybody = False
) -> Response:
    """Take the rows of a report away as CSV."""
    report, with_dollars = read_report(unit, by, first=first, last=last, limit=limit, everybody=everybody)
    return streamed(unit, exports.of_report(report, with_dollars=with_dollars))
