"""Owns the words for where a thing stands, one enumeration a thing. They are the names people read.

Never: which may become which; that is `states`.
"""

from __future__ import annotations

from enum import StrEnum


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


class DeliveryStatus(StrEnum):
    """One notification on its way over one channel."""

    #: To be sent, or sent again.
    PENDING = "pending"
    #: The receiver took it.
    DELIVERED = "delivered"
    #: Tried to the last, or the receiver wants no more.
    GIVEN_UP = "given_up"
