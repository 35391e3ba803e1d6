"""Owns the shape of a claim: what is to be done at the site, by whom, until when, and within which limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.core.states import PublicationStatus


class Work(StrEnum):
    """What a claimed publication wants of its site."""

    #: To be written at the site ahead of its slot, unseen.
    DRAFT = "draft"
    #: To become visible.
    PLACE = "place"
    #: To show a later version of what is visible.
    UPDATE = "update"
    #: To show it no longer.
    TAKE_AWAY = "take_away"

    @property
    def under_way_as(self) -> PublicationStatus:
        """The publication's status while it is being done."""
        return _UNDER_WAY_AS[self]

    @property
    def put_off_as(self) -> PublicationStatus:
        """The publication's status while it waits to be tried again, and nothing unseen stands at the site."""
        return PublicationStatus.PLANNED if self in {Work.DRAFT, Work.PLACE} else _UNDER_WAY_AS[self]

    @property
    def given_up_as(self) -> PublicationStatus:
        """The publication's status when a person must look; an article that is visible stays published.

        A draft that could not be made is nobody's: it is made at its slot.
        """
        return PublicationStatus.PUBLISHED if self is Work.UPDATE else PublicationStatus.NEEDS_ATTENTION


_UNDER_WAY_AS = {
    Work.DRAFT: PublicationStatus.DRAFTING,
    Work.PLACE: PublicationStatus.PUBLISHING,
    Work.UPDATE: PublicationStatus.PUBLISHED,
    Work.TAKE_AWAY: PublicationStatus.WITHDRAWN,
}


@dataclass(frozen=True)
class Limits:
    """How long and how often a publication is tried; values of the configuration."""

    lease: timedelta
    #: Pauses before each further try.
    retries: Sequence[timedelta]
    #: Least distance of two late publications of one site.
    spacing: timedelta
    #: How late it may still go out; later than that, it takes a later slot.
    grace: timedelta = timedelta(hours=2)
    #: How long an answer that never came is looked up before anything is made again.
    lookup_window: timedelta = timedelta(minutes=10)
    #: How long before its slot an article is drafted at a site where that is possible.
    draft_ahead: timedelta = timedelta(days=1)
    #: How long a draft of which the site said that it is ours is shown without a look at it: two checks of a site.
    seen_for: timedelta = timedelta(hours=2)
    #: Most publications of one site under way at once: a site that hangs holds no more of the workers than this.
    most_at_once: int = 2
    #: When one that found so many under way asks again.
    crowded_wait: timedelta = timedelta(seconds=2)

    @property
    def most_attempts(self) -> int:
        """The first try and its repetitions."""
        return len(self.retries) + 1


@dataclass(frozen=True)
class Claim:
    """A publication that is this publisher's until its lease ends."""

    publication_id: int
    ticket: int
    content_id: int
    site_id: int
    work: Work
    #: Counts from 1.
    attempt: int
    lease_until: datetime
    #: The site's name for what stands there already.
    remote_id: str | None
    #: Since when an answer of the site is missing: it may show the article without our knowing.
    unknown_since: datetime | None
    #: What the article is dated, the same at every try and after every edit: its slot, or when it was wanted at once.
    published_at: datetime
    #: The version that stands at the site; None: none, or unknown.
    placed_version: int | None = None
    #: Of what was written there last.
    imprint: str | None = None
    #: Whether something of it may lie there that nobody wrote down: it was tried before.
    was_tried: bool = False
    #: The instant people were told.
    slot_at: datetime | None = None
    #: Whether the site said a short while ago that the draft there is ours.
    was_seen: bool = False
    #: Whether it was seen published: what stands there is more than a draft of ours.
    was_shown: bool = False
