"""Owns `/runs` and `/sites/{site_id}/runs`: start, list, show, pause, resume, cancel, retry.

A run is sent to the queue after the commit that made it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.core.roles import Scope
from pipeline.core.states import RunStatus, StageRunStatus
from pipeline.db.session import after_commit
from pipeline.models import Run
from pipeline.services import idempotency, reports, run_control, runs, sites
from pipeline.services.runs import Part, Started
from pipeline.web.answers import problems
from pipeline.web.api.parameters import LARGEST_ID, Before, Limit, OfSite, OnceKey, RunId, SiteId
from pipeline.web.operations import Unit, reads, writes

REPLAYED_HEADER: Final = "Idempotent-Replayed"
router = APIRouter(tags=[Scope.RUNS.value])
_RUN: Final[dict[str, Any]] = {
    "run_id": 12,
    "site_id": 1,
    "status": "running",
    "origin": "manual",
    "reason": None,
    "scheduled_for": None,
    "created_at": "2026-06-03T10:30:00Z",
    "started_at": "2026-06-03T10:30:01Z",
    "finished_at": None,
}
_STAGE: Final[dict[str, Any]] = {
    "number": 1,
    "key": "keywords_to_clusters",
    "name": "Keywords → Clusters",
    "status": "completed",
    "reason": None,
    "inputs": 200,
    "done": 200,
    "failed": 0,
    "skipped": 0,
    "released": 0,
    "credits_spent": "1.2",
    "credits_cap": "1500",
}
_CREDITS: Final[dict[str, Any]] = {"before": "10000", "after": "9998.8", "held": "0"}
_REPLAYED: Final = {
    REPLAYED_HEADER: {"description": "`true`: this key had done it before.", "schema": {"type": "string"}}
}
OfRunStatus = Annotated[RunStatus | None, Query(alias="status", description="Only those of this status.")]
OfOrigin = Annotated[
    Literal["manual", "scheduled", "retry"] | None, Query(description="Only those that were started so.")
]


class RunSummary(BaseModel):
    """A run."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUN]})

    run_id: int
    site_id: int
    status: RunStatus
    #: `manual`, `scheduled` or `retry`.
    origin: str
    reason: str | None
    #: The instant its schedule asked for.
    scheduled_for: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class StageOfRun(BaseModel):
    """One stage of a run; done + failed + skipped + released are its inputs at the end."""

    number: int
    key: str
    name: str
    status: StageRunStatus
    reason: str | None
    inputs: int
    done: int
    failed: int
    skipped: int
    released: int
    credits_spent: str
    credits_cap: str


class CreditsOfRun(BaseModel):
    """What the account had at the start, less what the run was charged, and what is held for it now."""

    before: str
    after: str
    held: str


class RunDetails(RunSummary):
    """A run with its seven stages and its credits."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_RUN, "stages": [_STAGE], "credits": _CREDITS}]})

    stages: list[StageOfRun]
    credits: CreditsOfRun


class RunPage(BaseModel):
    """Some runs, the newest first; `next` goes on with older ones."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_RUN], "next": 12}]})

    items: list[RunSummary]
    #: None: there are no more.
    next: int | None


class StartedRun(BaseModel):
    """A run that was accepted, or why there is none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"run_id": 12, "status": "queued", "reason": None}]})

    run_id: int | None
    status: RunStatus | None
    reason: str | None


class RetriedPart(BaseModel):
    """What of a run to try again: one stage, or one item of it; without either, all that failed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"stage": 4}, {"stage": 4, "item": 77}]})

    stage: Annotated[int | None, Field(ge=1, le=7)] = None
    item: Annotated[
        int | None, Field(ge=1, le=LARGEST_ID, description="Its `subject_id` in the list of items; needs a stage.")
    ] = None

    @model_validator(mode="after")
    def _an_item_is_of_a_stage(self) -> RetriedPart:
        if self.item is not None and self.stage is None:
            raise ValueError("an item is named together with its stage. Send both.")
        return self


class RunState(BaseModel):
    """What a run is now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"run_id": 12, "status": "paused"}]})

    run_id: int
    status: RunStatus


_ACTED: Final = problems(401, 403, 404, 409, 422)


@router.get("/runs", operation_id="list_runs", response_model=RunPage, responses=problems(401, 403, 404, 422))
@reads(Scope.RUNS)
def list_some(
    unit: Unit,
    *,
    site_id: OfSite = None,
    with_status: OfRunStatus = None,
    origin: OfOrigin = None,
    before: Before = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """List the account's runs, or one site's, the newest first."""
    if site_id is not None:
        sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    found = runs.list_runs(
        unit.session,
        account_id=unit.account_id,
        site_id=site_id,
        status=with_status,
        origin=origin,
        before_id=before,
        limit=limit + 1,
    )
    page = found[:limit]
    return {"items": [_shown(run) for run in page], "next": page[-1].id if len(found) > limit else None}


@router.post(
    "/sites/{site_id}/runs",
    operation_id="start_run",
    status_code=201,
    response_model=StartedRun,
    responses={
        200: {"model": StartedRun, "description": "Nothing waits: there is no run.", "headers": _REPLAYED},
        201: {"description": "The run is queued.", "headers": _REPLAYED},
        **_ACTED,
    },
)
@writes(Scope.RUNS)
def start(unit: Unit, response: Response, site_id: SiteId, idempotency_key: OnceKey = None) -> dict[str, Any]:
    """Run a site through the seven stages. 409 while one of its runs is live."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    done = idempotency.once(
        unit.session,
        account_id=unit.account_id,
        key=idempotency_key,
        request=f"start_run {site.id}",
        now=unit.now,
        do=lambda: _accepted(unit, runs.start(unit.session, site=site, now=unit.now)),
    )
    return _told(response, done)


@router.get("/runs/{run_id}", operation_id="get_run", response_model=RunDetails, responses=problems(401, 403, 404, 422))
@reads(Scope.RUNS)
def show(unit: Unit, run_id: RunId) -> dict[str, Any]:
    """Show a run: its seven stages, what they did, what they cost."""
    run = runs.get_run(unit.session, account_id=unit.account_id, run_id=run_id)
    return {**_shown(run), **reports.run_report(unit.session, run.id)}


@router.post("/runs/{run_id}/pause", operation_id="pause_run", response_model=RunState, responses=_ACTED)
@writes(Scope.RUNS)
def pause(unit: Unit, run_id: RunId) -> RunState:
    """Pause a run: nothing new is begun, what was paid for is kept."""
    return _act(unit, run_id, run_control.pause)


@router.post("/runs/{run_id}/resume", operation_id="resume_run", response_model=RunState, responses=_ACTED)
@writes(Scope.RUNS)
def resume(unit: Unit, run_id: RunId) -> RunState:
    """Go on with a paused run."""
    return _act(unit, run_id, run_control.resume)


@router.post("/runs/{run_id}/cancel", operation_id="cancel_run", response_model=RunState, responses=_ACTED)
@writes(Scope.RUNS)
def cancel(unit: Unit, run_id: RunId) -> RunState:
    """Cancel a run: answers that still arrive are kept, nothing else is begun."""
    return _act(unit, run_id, run_control.cancel)


@router.post(
    "/runs/{run_id}/retry",
    operation_id="retry_run",
    status_code=201,
    response_model=StartedRun,
    responses={201: {"description": "The new run is queued.", "headers": _REPLAYED}, **_ACTED, **problems(413)},
)
@writes(Scope.RUNS)
def retry(
    unit: Unit, response: Response, run_id: RunId, only: RetriedPart | None = None, idempotency_key: OnceKey = None
) -> dict[str, Any]:
    """Start a new run of exactly the items that failed in a run, in one of its stages, or of one of them."""
    part = Part() if only is None else Part(only.stage, only.item)
    run = runs.get_run(unit.session, account_id=unit.account_id, run_id=run_id)
    done = idempotency.once(
        unit.session,
        account_id=unit.account_id,
        key=idempotency_key,
        request=f"retry_run {run.id} {part.number or ''} {part.subject_id or ''}".rstrip(),
        now=unit.now,
        do=lambda: _accepted(unit, runs.retry(unit.session, run, part=part, now=unit.now)),
    )
    return _told(response, done)


def _accepted(unit: Unit, started: Started) -> dict[str, Any]:
    """What to tell of a run that was accepted; its first stage is sent after the commit."""
    if started.run_id is None:
        return {"run_id": None, "status": None, "reason": started.reason}
    stage_run_id = started.stage_run_id
    if stage_run_id is not None:
        after_commit(unit.session, lambda: unit.backend.send(stage_run_id))
    return {"run_id": started.run_id, "status": RunStatus.QUEUED.value, "reason": None}


def _told(response: Response, done: idempotency.Done) -> dict[str, Any]:
    if done.is_replay:
        response.headers[REPLAYED_HEADER] = "true"
    if done.response["run_id"] is None:
        response.status_code = 200
    return done.response


def _act(unit: Unit, run_id: int, action: Callable[..., None]) -> RunState:
    run = runs.get_run(unit.session, account_id=unit.account_id, run_id=run_id)
    action(unit.session, run, actor=unit.caller.actor, now=unit.now)
    return RunState(run_id=run.id, status=run.status)


def _shown(run: Run) -> dict[str, Any]:
    names = [name for name in RunSummary.model_fields if name != "run_id"]
    return {"run_id": run.id, **{name: getattr(run, name) for name in names}}
