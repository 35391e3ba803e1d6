"""Owns what a message says of itself beside its ids: the run it works for and its trace, in headers that no work needs.

They are for people: Flower shows the words in the place of the arguments, log lines carry the run, a trace goes on. A
message without them, as an older version sent it, does the same work. Never: content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.core.catalog import BY_KEY

#: Header of a message: the id of the run that its stage run belongs to.
RUN_HEADER: Final = "igny8_run"
#: Header of a message: what the run's row carries.
TRACE_HEADER: Final = "traceparent"
#: Tasks by the first word of their name -> what their arguments are.
_ARGUMENTS: Final[Mapping[str, Sequence[str]]] = {
    "stages": ("stage_run_id", "lane", "ticket"),
    "publications": ("publication_id",),
    "sites": ("site_id",),
    "deliveries": ("delivery_id",),
}


@dataclass(frozen=True)
class Origin:
    """The run that a message works for."""

    run_id: int
    #: What the run's row carries; None: it is not traced.
    traceparent: str | None = None

    def options(self, task: str, ids: Sequence[int]) -> dict[str, Any]:
        """Options of a message: its headers, and what Flower shows for its arguments."""
        headers: dict[str, Any] = {RUN_HEADER: self.run_id}
        if self.traceparent is not None:
            headers[TRACE_HEADER] = self.traceparent
        return {"headers": headers, "argsrepr": _words(self.run_id, task, ids)}


def origin_of(request: Any) -> Origin | None:
    """What the message of a task says; None where it says nothing."""
    run_id = request.get(RUN_HEADER)
    return None if run_id is None else Origin(run_id, request.get(TRACE_HEADER))


def named(task: str, ids: Sequence[Any]) -> dict[str, Any]:
    """The arguments of a task by what they are, as log lines and spans carry them; a stage by its key too."""
    kind, *rest = task.split(".")
    found = dict(zip(_ARGUMENTS.get(kind, ()), ids, strict=False))
    return {"stage": rest[0], **found} if kind == "stages" else found


def _words(run_id: int, task: str, ids: Sequence[int]) -> str:
    """`run 12, stage 4 (Tasks → Content), lane 1, ticket 7`: what an operator looks for."""
    stage = BY_KEY.get(task.split(".")[1])
    parts = [f"run {run_id}"]
    if stage is not None:
        parts.append(f"stage {stage.number} ({stage.name})")
    parts += [f"{name} {number}" for name, number in zip(("lane", "ticket"), ids[1:], strict=False)]
    return ", ".join(parts)
