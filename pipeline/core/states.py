"""Owns every status and the only ways from one to another.

`docs/state_machine.md` draws the same tables; a test holds the two equal. The names are those people read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from pipeline.core.errors import TransitionError


class RunStatus(StrEnum):
    """A run of one site through the seven stages."""

    #: Accepted; its first stage has not been admitted.
    QUEUED = "queued"
    #: At least one stage has been admitted.
    RUNNING = "running"
    #: A person stopped it for a while; what was paid for is kept.
    PAUSED = "paused"
    #: A person cancelled it; answers under way still arrive.
    CANCELLING = "cancelling"
    #: Every stage completed or was skipped.
    COMPLETED = "completed"
    #: At least one item failed.
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    #: A stage reached its own cap.
    BUDGET_EXHAUSTED = "budget_exhausted"
    #: A provider stayed down for too long.
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    #: The account had no credits left for a call.
    ACCOUNT_EXHAUSTED = "account_exhausted"
    #: A stage could not work at all.
    FAILED = "failed"
    #: A person ended it.
    CANCELLED = "cancelled"


class StageRunStatus(StrEnum):
    """One stage within one run; each terminal status carries a reason."""

    #: Its turn has not come.
    PENDING = "pending"
    #: Admitted: it has its inputs.
    RUNNING = "running"
    #: Every input was taken care of.
    COMPLETED = "completed"
    #: At least one item failed.
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    #: It did not run; the reason says why.
    SKIPPED = "skipped"
    #: The stage's cap is reached.
    BUDGET_EXHAUSTED = "budget_exhausted"
    #: The provider stayed down for too long.
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    #: The account had no credits left for a call.
    ACCOUNT_EXHAUSTED = "account_exhausted"
    #: It could not work at all (a refused key, for example).
    FAILED = "failed"
    #: The run was cancelled.
    CANCELLED = "cancelled"


class ItemStatus(StrEnum):
    """One input of one stage run."""

    #: Not yet claimed, or given back.
    PENDING = "pending"
    #: A lane works on it.
    LEASED = "leased"
    #: What it produced is kept.
    DONE = "done"
    #: It was no longer waiting when its turn came.
    SKIPPED = "skipped"
    #: Not reached; its subject still waits.
    RELEASED = "released"
    #: Given up after its attempts.
    FAILED = "failed"


class LaneStatus(StrEnum):
    """One of the parallel workers of a stage run."""

    #: It has work, or waits for its delay.
    OPEN = "open"
    #: Nothing was left for it.
    CLOSED = "closed"


class CallStatus(StrEnum):
    """One attempt to ask a provider, with its hold. A call resolves exactly once."""

    #: Credits are held; nothing was sent.
    RESERVED = "reserved"
    #: Committed as about to be sent: from here the provider may have seen it.
    DISPATCHED = "dispatched"
    #: Its answer is stored and charged.
    SETTLED = "settled"
    #: Not billable: the hold went back.
    VOIDED = "voided"
    #: Nobody knows whether it was answered: the customer pays nothing, the stage's cap keeps it.
    LOST = "lost"


class ContentStatus(StrEnum):
    """An article on its way to the site."""

    #: Written; its image prompts are not.
    DRAFT = "draft"
    #: Its image prompts wait for their images.
    IMAGES = "images"
    #: Complete; waits for approval.
    REVIEW = "review"
    #: Approved; waits for a slot.
    APPROVED = "approved"
    #: Stands on the calendar.
    SCHEDULED = "scheduled"
    #: Its slot came and auto-publish is off.
    READY = "ready"
    #: Being placed on the site.
    PUBLISHING = "publishing"
    #: Visible on the site.
    PUBLISHED = "published"
    #: A person said no.
    REJECTED = "rejected"
    #: A person must look.
    NEEDS_ATTENTION = "needs_attention"


class KeywordStatus(StrEnum):
    """An imported search phrase."""

    #: Waits to be clustered.
    NEW = "new"
    #: Belongs to a cluster.
    CLUSTERED = "clustered"
    #: A person must look.
    NEEDS_ATTENTION = "needs_attention"


class ClusterStatus(StrEnum):
    """A group of keywords that one article family serves."""

    #: Waits for ideas.
    NEW = "new"
    #: Has ideas.
    PLANNED = "planned"
    #: A person must look.
    NEEDS_ATTENTION = "needs_attention"


class IdeaStatus(StrEnum):
    """A proposed article."""

    #: Waits to become a content task.
    NEW = "new"
    #: Has its content task.
    QUEUED = "queued"
    #: A person must look.
    NEEDS_ATTENTION = "needs_attention"


class ContentTaskStatus(StrEnum):
    """A row to write."""

    #: Waits to be written.
    QUEUED = "queued"
    #: Its content exists.
    WRITTEN = "written"
    #: A person must look.
    NEEDS_ATTENTION = "needs_attention"


class ImagePromptStatus(StrEnum):
    """What an image shall show, and where it stands."""

    #: Waits for its image.
    NEW = "new"
    #: Its image is stored.
    DONE = "done"
    #: No image came of it.
    FAILED = "failed"


class PublicationStatus(StrEnum):
    """The placing of one content on its site."""

    #: Has a slot.
    PLANNED = "planned"
    #: Its draft is being made.
    DRAFTING = "drafting"
    #: Its draft stands on the site, unseen.
    DRAFTED = "drafted"
    #: Being made visible.
    PUBLISHING = "publishing"
    #: Visible, read back.
    PUBLISHED = "published"
    #: Its pinned slot passed; a person decides.
    MISSED = "missed"
    #: A person must look.
    NEEDS_ATTENTION = "needs_attention"
    #: Taken off the site, or never to go there.
    WITHDRAWN = "withdrawn"


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
            {ContentStatus.PUBLISHED, ContentStatus.SCHEDULED, ContentStatus.NEEDS_ATTENTION}
        ),
        ContentStatus.PUBLISHED: frozenset({ContentStatus.REVIEW, ContentStatus.NEEDS_ATTENTION}),
        ContentStatus.REJECTED: frozenset({ContentStatus.REVIEW}),
        ContentStatus.NEEDS_ATTENTION: frozenset(
            {ContentStatus.DRAFT, ContentStatus.REVIEW, ContentStatus.PUBLISHING, ContentStatus.REJECTED}
        ),
    },
    PublicationStatus: {
        PublicationStatus.PLANNED: frozenset(
            {
                PublicationStatus.DRAFTING,
                PublicationStatus.PUBLISHING,
                PublicationStatus.MISSED,
                PublicationStatus.WITHDRAWN,
            }
        ),
        PublicationStatus.DRAFTING: frozenset(
            {PublicationStatus.DRAFTED, PublicationStatus.PLANNED, PublicationStatus.NEEDS_ATTENTION}
        ),
        PublicationStatus.DRAFTED: frozenset(
            {PublicationStatus.PUBLISHING, PublicationStatus.MISSED, PublicationStatus.WITHDRAWN}
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
        PublicationStatus.WITHDRAWN: frozenset({PublicationStatus.PLANNED}),
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
