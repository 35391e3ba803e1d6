"""Owns the instants at which a process can be made to fail on purpose: their names, and how one of them is chosen.

`IGNY8_FAILPOINT=name[@task]:nth:action`. Never: fails; `pipeline.failpoints` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, cast, get_args

Name = Literal[
    "admit.uncommitted",
    "admit.committed",
    "take.uncommitted",
    "take.committed",
    "turn.uncommitted",
    "turn.committed",
    "call.held",
    "call.sending",
    "call.answered",
    "image.written",
    "image.stored",
    "batch.committed",
    "finish.uncommitted",
    "finish.committed",
    "run.committed",
    "due.selected",
    "due.committed",
    "chains.published",
    "runs.committed",
    "rows.selected",
    "rows.committed",
    "rows.sent",
    "publication.claimed",
    "site.written",
    "site.shown",
    "site.read_back",
    "publication.uncommitted",
    "publication.recorded",
]

#: Each name with the one function that comes to it, and what is so at that instant.
POINTS: Final[Mapping[Name, tuple[str, str]]] = {
    "admit.uncommitted": ("pipeline.engine.executor.admit", "a stage has its inputs and lanes, not committed"),
    "admit.committed": ("pipeline.engine.executor.admit", "a stage is admitted, no lane of it was sent"),
    "take.uncommitted": ("pipeline.engine.executor._take", "a lane is taken, not committed"),
    "take.committed": ("pipeline.engine.executor._take", "a lane is taken; a local stage has kept its first batch"),
    "turn.uncommitted": ("pipeline.engine.slices.Slice.commit", "all between two calls is done, not committed"),
    "turn.committed": ("pipeline.engine.slices.Slice.commit", "all between two calls is committed"),
    "call.held": ("pipeline.engine.asking_slices.AskingSlice._answer", "a call is held for, nothing was sent"),
    "call.sending": ("pipeline.engine.wire._send", "a call has passed its gate and is about to be sent"),
    "call.answered": ("pipeline.engine.wire._attempt", "a call was answered, nothing of it is settled"),
    "image.written": ("pipeline.engine.media._write", "an image's bytes are on disk, not in their place"),
    "image.stored": ("pipeline.engine.wire._draw", "an image's file is in its place, no row knows of it"),
    "batch.committed": ("pipeline.engine.executor.batch", "a slice is over, the next link was not sent"),
    "finish.uncommitted": ("pipeline.engine.executor.finish", "a stage is closed, not committed"),
    "finish.committed": ("pipeline.engine.executor.finish", "a stage is closed, the next one was not sent"),
    "run.committed": ("pipeline.engine.dispatch.publish_stage", "a run is accepted, its first stage was not sent"),
    "due.selected": ("pipeline.engine.dispatch.claim_due", "beat has claimed stages and lanes, not committed"),
    "due.committed": ("pipeline.engine.dispatch.dispatch_due", "beat has claimed stages and lanes, nothing was sent"),
    "chains.published": ("pipeline.engine.dispatch.publish", "chains were sent, their sender goes on"),
    "runs.committed": ("scheduler.runs.start_due_runs", "beat has started runs, nothing was sent"),
    "rows.selected": ("scheduler.due_rows.DueRows.claim", "beat has claimed publications, not committed"),
    "rows.committed": ("scheduler.due_rows.send_due", "beat has claimed publications, nothing was sent"),
    "rows.sent": ("scheduler.due_rows.send_due", "publications were sent, beat goes on"),
    "publication.claimed": ("pipeline.engine.publisher.publish", "a publication is claimed, its site was not asked"),
    "site.written": ("pipeline.engine.visits.Visit._sent", "the site has the article, nobody else knows of it"),
    "site.shown": ("pipeline.engine.visits.Visit._show", "the site shows the article, nobody else knows of it"),
    "site.read_back": ("pipeline.engine.visits.Visit.place", "the article was read back, nothing is written down"),
    "publication.uncommitted": ("pipeline.engine.publisher._finalised", "a publication is done, not committed"),
    "publication.recorded": ("pipeline.engine.publisher._finalised", "a publication is done and committed"),
}

Action = Literal["kill", "exit", "stop", "raise", "sleep"]
#: What can happen at a failpoint.
ACTIONS: Final[Mapping[Action, str]] = {
    "kill": "the process kills itself with SIGKILL",
    "exit": "the process ends at once with exit code 1",
    "stop": "the process asks itself to stop with SIGTERM",
    "raise": "an error is raised there",
    "sleep": "the thread sleeps for so many seconds: sleep=2.5",
}

_FORM: Final = re.compile(
    r"(?P<name>[a-z_.]+)(?:@(?P<task>[a-z_.]+))?:(?P<nth>[1-9]\d{0,5})"
    r":(?P<action>[a-z]+)(?:=(?P<seconds>\d{1,5}(?:\.\d{1,3})?))?"
)


@dataclass(frozen=True)
class Failpoint:
    """One chosen instant: the `nth` time that a process comes to it, `action` happens, once."""

    name: Name
    nth: int
    action: Action
    #: Only within tasks whose name has this in it; None: wherever it is.
    task: str | None = None
    #: Of `sleep`.
    seconds: float = 0.0


def parse(text: str) -> Failpoint:
    """The failpoint that `name[@task]:nth:action` names. ValueError with a sentence that says what is allowed."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(
            "give <name>[@<part of a task's name>]:<nth>:<action>, such as call.held@tasks_to_content:2:kill"
        )
    name, action = found["name"], found["action"]
    if name not in get_args(Name):
        near = get_close_matches(name, get_args(Name), n=1) or ["call.held"]
        raise ValueError(f"there is no failpoint {name}; take one of docs/reliability.md, such as {near[0]}")
    if action not in ACTIONS or (action == "sleep") != (found["seconds"] is not None):
        raise ValueError("the action is one of kill, exit, stop, raise and sleep=<seconds>")
    seconds = float(found["seconds"] or 0)
    return Failpoint(cast("Name", name), int(found["nth"]), cast("Action", action), found["task"], seconds)
