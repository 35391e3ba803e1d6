"""Owns `/runs/{run_id}/items`: what a run worked on, one by one, and what became of each."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from pipeline.core.catalog import STAGES
from pipeline.core.roles import Scope
from pipeline.core.states import ItemStatus
from pipeline.services import run_items, runs
from pipeline.web.answers import problems
from pipeline.web.api.parameters import LARGEST_ID, Limit, RunId
from pipeline.web.operations import Unit, reads

router = APIRouter(tags=[Scope.RUNS.value])
_ITEM: Final[dict[str, Any]] = {
    "stage": 4,
    "key": "tasks_to_content",
    "position": 2,
    "subject_id": 3,
    "name": "How to choose a standing desk",
    "status": "done",
    "attempts": 1,
    "error": None,
    "credits": "4.2",
    "produced": [7],
}
_OfStage = Annotated[int | None, Query(ge=1, le=len(STAGES), description="Only those of the stage of this number.")]
_OfStatus = Annotated[ItemStatus | None, Query(alias="status", description="Only those of this status.")]
_Behind = Annotated[
    int, Query(ge=0, le=LARGEST_ID, description="Go on behind this place: `next` of the answer before.")
]


class ItemOfRun(BaseModel):
    """One input of one stage of a run."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ITEM]})

    #: The number of its stage, and the stage's key.
    stage: int
    key: str
    #: Its place in the stage, from 1.
    position: int
    #: What it is about: a keyword, a cluster, an idea, a task, an article or an image prompt, as its stage takes.
    subject_id: int
    #: How that is called; None: it was deleted.
    name: str | None
    status: ItemStatus
    attempts: int
    error: str | None
    #: What was charged for it.
    credits: str
    #: Ids of what it became, of the kind its stage makes.
    produced: list[int]


class ItemPage(BaseModel):
    """Some items in the order of their stages; `next` goes on behind them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_ITEM], "next": None}]})

    items: list[ItemOfRun]
    #: None: there are no more.
    next: int | None


@router.get(
    "/runs/{run_id}/items",
    operation_id="list_run_items",
    response_model=ItemPage,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.RUNS)
def list_some(
    unit: Unit,
    run_id: RunId,
    *,
    stage: _OfStage = None,
    with_status: _OfStatus = None,
    after: _Behind = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List what a run worked on, stage by stage, with what became of each, what failed and what it cost."""
    run = runs.get_run(unit.session, account_id=unit.account_id, run_id=run_id)
    page = run_items.list_items(unit.session, run.id, number=stage, status=with_status, after_place=after, limit=limit)
    return {"items": page.items, "next": page.next_place}
