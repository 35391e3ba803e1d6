"""Owns `/runs/{run_id}/events`: how far a run is, sent whenever that changes (server-sent events).

Who listens is looked at in a transaction that ends before the stream begins; the stream itself is asynchronous.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from pipeline.core.roles import Scope as ApiScope
from pipeline.services import runs
from pipeline.services.run_progress import Watched, progress_of
from pipeline.web.answers import problems
from pipeline.web.api.parameters import RunId
from pipeline.web.operations import Unit, reads
from pipeline.web.run_watch import RunWatch
from pipeline.web.watch import Stream

router = APIRouter(tags=[ApiScope.RUNS.value])
_EXAMPLE: Final = (
    "retry: 2000\n\n"
    "id: 5f0c2d9a41b7e683\n"
    "event: run\n"
    'data: {"run_id":12,"status":"running","reason":null,"credits_spent":"1.2","credits_held":"0.4","stages":['
    '{"number":1,"key":"keywords_to_clusters","name":"Keywords \\u2192 Clusters","status":"running","reason":null,'
    '"inputs":200,"done":150,"failed":0,"skipped":0,"released":0,"credits_spent":"1.2"}]}\n\n'
    ": still here\n\n"
)
#: One event of the stream.
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "Two events that say the same have the same."},
        "event": {"const": "run"},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "How far the run is."},
    },
}
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events `run`, each with all of how far the run is, the first at once; it ends with the run.",
        "content": {"text/event-stream": {"schema": _EVENT, "examples": {"running": {"value": _EXAMPLE}}}},
    },
    503: {**problems(503)[503], "description": "So many watch runs already that there is no room for another."},
    204: {"description": "The run is over, and `Last-Event-ID` says that this is known: do not come again."},
}
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        max_length=100,
        description="The `id` of the last event that arrived: what it told is not sent again.",
        examples=["5f0c2d9a41b7e683"],
    ),
]


@router.get(
    "/runs/{run_id}/events",
    operation_id="watch_run",
    response_class=StreamingResponse,
    response_model=None,
    responses={**_STREAM, **problems(401, 403, 404, 422)},
)
@reads(ApiScope.RUNS)
def watch(unit: Unit, run_id: RunId, last_event_id: LastEventId = None) -> Response:
    """Watch a run: server-sent events, one whenever it is further. A stream lives ten minutes; then come again."""
    run = runs.get_run(unit.session, account_id=unit.account_id, run_id=run_id)
    watched = Watched(unit.account_id, run.id)
    first = progress_of(unit.session, [watched])[watched]
    if first.is_over and first.id == last_event_id:
        return Response(status_code=204)
    return Stream(RunWatch.name, watched, first, last_id=last_event_id)
