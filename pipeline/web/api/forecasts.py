"""Owns `/sites/{site_id}/forecast`: what a run would do, cost and last, said without starting one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Scope
from pipeline.services import forecasts, sites
from pipeline.services.forecasts.stages import Basis, Cuts
from pipeline.web.answers import problems
from pipeline.web.api.parameters import SiteId
from pipeline.web.operations import Unit, reads

router = APIRouter(tags=[Scope.RUNS.value])
_STAGE: Final[dict[str, Any]] = {
    "number": 4,
    "key": "tasks_to_content",
    "name": "Tasks → Content",
    "reason": None,
    "model": "gpt",
    "provider": "openai",
    "testing": False,
    "inputs": {"waiting": 12, "coming": 30, "taken": 5, "done": 5},
    "calls": {"expected": 5, "worst": 10},
    "credits": {"expected": "1.66", "worst": "23", "cap": "4000", "cap_cuts": "no"},
    "expected_by": "recent_calls",
    "seconds": {"expected": 204.3, "worst": 7432, "delays": 12},
}
_EXAMPLE: Final[dict[str, Any]] = {
    "site_id": 1,
    "site": "Desks",
    "reason": None,
    "stages": [_STAGE],
    "calls": {"expected": 39, "worst": 78},
    "credits": {"available": "10000", "expected": "20", "worst": "99.6"},
    "seconds": {"expected": 716, "worst": 38728, "delays": 144},
    "ends_at": "2026-06-03T10:41:56Z",
    "slots": {
        "articles": 5,
        "timezone": "Europe/Berlin",
        "first": {"at": "2026-06-03T12:00:00Z", "date": "2026-06-03", "time": "14:00"},
        "last": {"at": "2026-06-05T07:00:00Z", "date": "2026-06-05", "time": "09:00"},
        "reason": None,
    },
}


class InputsForecast(BaseModel):
    """Rows that wait now, rows that earlier stages would make, and those the run would take and get done."""

    #: Counted up to 10,000, or the run's limit for the stage where that is more; all where there is no limit.
    waiting: int
    coming: int
    taken: int
    #: Fewer than `taken` where the stage's cap ends it before.
    done: int


class CallsForecast(BaseModel):
    """Calls that are expected, and answered calls if every answer is of no use: each repaired once, batches halved."""

    expected: int
    worst: int


class CreditsForecast(BaseModel):
    """Decimal strings. `worst`: every answer long and of no use, so repaired once, batches halved; never above the cap.

    The cap alone is a bound whatever happens: no stage charges more.
    """

    expected: str
    worst: str
    #: The stage's share of what is available.
    cap: str
    #: Whether the cap would end the stage before its inputs are done; `maybe`: if all goes badly.
    cap_cuts: Cuts


class SecondsForecast(BaseModel):
    """How long it takes, and at worst; the delays are part of both figures.

    `worst`: every answer of no use, every call as slow as it may be, tried and lost as often as it may be. Waits for a
    provider that is down or left alone are not in it.
    """

    expected: float
    worst: float
    delays: float


class StageOfForecast(BaseModel):
    """One stage."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STAGE]})

    number: int
    key: str
    name: str
    #: Why it would not work; None: it would.
    reason: str | None
    model: str | None
    provider: str | None
    #: Whether that is the testing model.
    testing: bool | None
    inputs: InputsForecast
    calls: CallsForecast
    credits: CreditsForecast
    #: None: it asks nothing.
    expected_by: Basis | None
    seconds: SecondsForecast


class AllCredits(BaseModel):
    """Decimal strings: what the account has available, and what all stages together cost, as each of them says."""

    available: str
    expected: str
    worst: str


class SlotOfForecast(BaseModel):
    """A slot: its instant, and its date and time at the site."""

    at: datetime
    date: date
    time: str


class SlotsOfForecast(BaseModel):
    """The slots that the approved articles would take, behind everything that waits."""

    articles: int
    timezone: str
    first: SlotOfForecast | None
    last: SlotOfForecast | None
    #: Why approved articles would stand on none.
    reason: str | None


class RunForecast(BaseModel):
    """What a run would do if it began now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    site_id: int
    site: str
    #: Why there would be no run; None: there would be one.
    reason: str | None
    stages: list[StageOfForecast]
    calls: CallsForecast
    credits: AllCredits
    seconds: SecondsForecast
    ends_at: datetime
    slots: SlotsOfForecast


@router.get(
    "/sites/{site_id}/forecast",
    operation_id="forecast_run",
    response_model=RunForecast,
    responses=problems(401, 403, 404, 409, 422),
)
@reads(Scope.RUNS)
def show(unit: Unit, site_id: SiteId) -> dict[str, Any]:
    """Forecast a run: inputs, calls, credits, time, slots. Spends nothing; refuses what starting one would refuse."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return forecasts.forecast(unit.session, site, now=unit.now).as_json()
