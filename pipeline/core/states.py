"""Owns which status may become which: one table, one gate, and the guard that statements repeat.

`docs/state_machine.md` draws the same table; a test holds the two equal. The words themselves are in `statuses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from pipeline.core.errors import TransitionError
from pipeline.core.statuses import (
    CallStatus,
    ClusterStatus,
    ContentStatus,
    ContentTaskStatus,
    DeliveryStatus,
    IdeaStatus,
    ImagePromptStatus,
    ItemStatus,
    KeywordStatus,
    LaneStatus,
    PublicationStatus,
    RunStatus,
    StageRunStatus,
)

__all__ = [
    "LIVE_RUNS",
    "RUN_SEVERITY",
    "TRANSITIONS",
    "CallStatus",
    "ClusterStatus",
    "ContentStatus",
    "ContentTaskStatus",
    "DeliveryStatus",
    "IdeaStatus",
    "ImagePromptStatus",
    "ItemStatus",
    "KeywordStatus",
    "LaneStatus",
    "PublicationStatus",
    "RunStatus",
    "StageRunStatus",
    "allowed",
    "move",
    "sources",
    "worst",
]

_Status = TypeVar("_Status", bound=StrEnum)

LIVE_RUNS = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.CANCELLING)

#: From best to worst: a finished run's status is the worst of its stages.
RUN_SEVERITY = (
    RunStatus.COMPLETED,
    RunStatus.COMPLETED_WITH_ERRORS,
    RunStatus.BUDGET_EXHAUSTED,
    RunStatus.PROVIDER_UNAVAILABLE,
    RunStatus.ACCOUNT_EXHAUSTED,
    RunStatus.FAILED,
)

_RUN_ENDS = frozenset({*RUN_SEVERITY, RunStatus.CANCELLED})
_STAGE_ENDS = frozenset(set(StageRunStatus) - {StageRunStatus.PENDING, StageRunStatus.RUNNING})

TRANSITIONS: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = {
    RunStatus: {
        RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.CANCELLING}) | _RUN_ENDS,
        RunStatus.RUNNING: frozenset({RunStatus.PAUSED, RunStatus.CANCELLING}) | _RUN_ENDS,
        RunStatus.PAUSED: frozenset({RunStatus.RUNNING, RunStatus.CANCELLING}),
        RunStatus.CANCELLING: frozenset({RunStatus.CANCELLED}),
    },
    StageRunStatus: {
        StageRunStatus.PENDING: frozenset({StageRunStatus.RUNNING}) | _STAGE_ENDS,
        StageRunStatus.RUNNING: _STAGE_ENDS,
    },
    ItemStatus: {
        ItemStatus.PENDING: frozenset(
            {ItemStatus.LEASED, ItemStatus.DONE, ItemStatus.SKIPPED, ItemStatus.RELEASED, ItemStatus.FAILED}
        ),
        ItemStatus.LEASED: frozenset(
            {ItemStatus.PENDING, ItemStatus.DONE, ItemStatus.SKIPPED, ItemStatus.RELEASED, ItemStatus.FAILED}
        ),
    },
    LaneStatus: {LaneStatus.OPEN: frozenset({LaneStatus.CLOSED})},
    CallStatus: {
        CallStatus.RESERVED: frozenset({CallStatus.DISPATCHED, CallStatus.VOIDED}),
        CallStatus.DISPATCHED: frozenset({CallStatus.SETTLED, CallStatus.VOIDED, CallStatus.LOST}),
    },
    KeywordStatus: {
        KeywordStatus.NEW: frozenset({KeywordStatus.CLUSTERED, KeywordStatus.NEEDS_ATTENTION}),
        KeywordStatus.NEEDS_ATTENTION: frozenset({KeywordStatus.NEW}),
    },
    ClusterStatus: {
        ClusterStatus.NEW: frozenset({ClusterStatus.PLANNED, ClusterStatus.NEEDS_ATTENTION}),
        ClusterStatus.PLANNED: frozenset({ClusterStatus.NEW}),
        ClusterStatus.NEEDS_ATTENTION: frozenset({ClusterStatus.NEW}),
    },
    IdeaStatus: {
        IdeaStatus.NEW: frozenset({IdeaStatus.QUEUED, IdeaStatus.NEEDS_ATTENTION}),
        IdeaStatus.NEEDS_ATTENTION: frozenset({IdeaStatus.NEW}),
    },
    ContentTaskStatus: {
        ContentTaskStatus.QUEUED: frozenset({ContentTaskStatus.WRITTEN, ContentTaskStatus.NEEDS_ATTENTION}),
        ContentTaskStatus.NEEDS_ATTENTION: frozenset({ContentTaskStatus.QUEUED}),
    },
    ImagePromptStatus: {
        ImagePromptStatus.NEW: frozenset({ImagePromptStatus.DONE, ImagePromptStatus.FAILED}),
        ImagePromptStatus.DONE: frozenset({ImagePromptStatus.NEW}),
        ImagePromptStatus.FAILED: frozenset({ImagePromptStatus.NEW}),
    },
    ContentStatus: {
        ContentStatus.DRAFT: frozenset(
            {ContentStatus.IMAGES, ContentStatus.REVIEW, ContentStatus.REJECTED, ContentStatus.NEEDS_ATTENTION}
        ),
        ContentStatus.IMAGES: frozenset({ContentStatus.REVIEW, ContentStatus.REJECTED, ContentStatus.NEEDS_ATTENTION}),
        ContentStatus.REVIEW: frozenset(
            {ContentStatus.APPROVED, ContentStatus.REJECTED, ContentStatus.NEEDS_ATTENTION}
        ),
        ContentStatus.APPROVED: frozenset(
            {ContentStatus.SCHEDULED, ContentStatus.PUBLISHING, ContentStatus.REVIEW, ContentStatus.REJECTED}
        ),
        ContentStatus.SCHEDULED: frozenset(
            {
                ContentStatus.APPROVED,
                ContentStatus.READY,
                ContentStatus.PUBLISHING,
                ContentStatus.REJECTED,
                ContentStatus.NEEDS_ATTENTION,
            }
        ),
        ContentStatus.READY: frozenset(
            {ContentStatus.APPROVED, ContentStatus.SCHEDULED, ContentStatus.PUBLISHING, ContentStatus.REJECTED}
        ),
        ContentStatus.PUBLISHING: frozenset(
            {
                ContentStatus.PUBLISHED,
                ContentStatus.SCHEDULED,
                ContentStatus.READY,
                ContentStatus.APPROVED,
                ContentStatus.REJECTED,
                ContentStatus.NEEDS_ATTENTION,
            }
        ),
        ContentStatus.PUBLISHED: frozenset(
            {ContentStatus.REVIEW, ContentStatus.APPROVED, ContentStatus.REJECTED, ContentStatus.NEEDS_ATTENTION}
        ),
        ContentStatus.REJECTED: frozenset({ContentStatus.DRAFT, ContentStatus.IMAGES, ContentStatus.REVIEW}),
        ContentStatus.NEEDS_ATTENTION: frozenset(
            {
                ContentStatus.DRAFT,
                ContentStatus.REVIEW,
                ContentStatus.APPROVED,
                ContentStatus.SCHEDULED,
                ContentStatus.PUBLISHING,
                ContentStatus.REJECTED,
            }
        ),
    },
    PublicationStatus: {
        PublicationStatus.PLANNED: frozenset(
            {
                PublicationStatus.DRAFTING,
                PublicationStatus.PUBLISHING,
                PublicationStatus.MISSED,
                PublicationStatus.NEEDS_ATTENTION,
                PublicationStatus.WITHDRAWN,
            }
        ),
        PublicationStatus.DRAFTING: frozenset(
            {
                PublicationStatus.DRAFTED,
                PublicationStatus.PLANNED,
                PublicationStatus.PUBLISHING,
                PublicationStatus.NEEDS_ATTENTION,
                PublicationStatus.WITHDRAWN,
            }
        ),
        PublicationStatus.DRAFTED: frozenset(
            {
                PublicationStatus.DRAFTING,
                PublicationStatus.PLANNED,
                PublicationStatus.PUBLISHING,
                PublicationStatus.MISSED,
                PublicationStatus.WITHDRAWN,
            }
        ),
        PublicationStatus.PUBLISHING: frozenset(
            {
                PublicationStatus.PUBLISHED,
                PublicationStatus.PLANNED,
                PublicationStatus.DRAFTED,
                PublicationStatus.NEEDS_ATTENTION,
            }
        ),
        PublicationStatus.PUBLISHED: frozenset({PublicationStatus.WITHDRAWN, PublicationStatus.NEEDS_ATTENTION}),
        PublicationStatus.MISSED: frozenset(
            {PublicationStatus.PLANNED, PublicationStatus.PUBLISHING, PublicationStatus.WITHDRAWN}
        ),
        PublicationStatus.NEEDS_ATTENTION: frozenset(
            {PublicationStatus.PLANNED, PublicationStatus.PUBLISHING, PublicationStatus.WITHDRAWN}
        ),
        PublicationStatus.WITHDRAWN: frozenset({PublicationStatus.PLANNED, PublicationStatus.NEEDS_ATTENTION}),
    },
    DeliveryStatus: {
        DeliveryStatus.PENDING: frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.GIVEN_UP}),
        DeliveryStatus.DELIVERED: frozenset({DeliveryStatus.PENDING}),
        DeliveryStatus.GIVEN_UP: frozenset({DeliveryStatus.PENDING}),
    },
}


def allowed(old: StrEnum, new: StrEnum) -> bool:
    """Whether `old` may become `new`."""
    return new in TRANSITIONS[type(old)].get(old, frozenset())


def sources(new: StrEnum) -> tuple[StrEnum, ...]:
    """Every status that may become `new`: the guard of a compare-and-set."""
    return tuple(old for old in type(new) if allowed(old, new))


def move(old: _Status, new: _Status) -> _Status:
    """The one gate: `new`, or TransitionError where `old` may not become it."""
    if not allowed(old, new):
        ways = ", ".join(sorted(TRANSITIONS[type(old)].get(old, frozenset()))) or "nothing: it is final"
        raise TransitionError(f"{old} cannot become {new}. From {old} it may become: {ways}.")
    return new


def worst(statuses: list[StageRunStatus]) -> RunStatus:
    """The terminal status of a run whose stages ended so; skipped counts as completed, cancelled wins."""
    if StageRunStatus.CANCELLED in statuses:
        return RunStatus.CANCELLED
    ends = [RunStatus.COMPLETED if s is StageRunStatus.SKIPPED else RunStatus(s.value) for s in statuses]
    return max(ends, key=RUN_SEVERITY.index, default=RunStatus.COMPLETED)
