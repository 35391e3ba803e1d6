"""Owns the shape of a site as a target: what is handed to it, what it answers, and how it fails.

Never: the database, the calendar, credits; a target is given plain values and paths, and answers with plain values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from pipeline.core.errors import PipelineError

#: The `place` of the picture that stands above the text and in lists.
FEATURED: Final = "featured"


class SiteError(PipelineError):
    """The site could not take the article."""


class SiteUnavailableError(SiteError):
    """The site cannot be reached just now; it will be tried again."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: int | None = None) -> None:
        """Keep how long the site asked to be left alone; None where it did not say."""
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class SiteRefusedError(SiteError):
    """The site refused the article; a person must look at it before it is tried again."""

    def __init__(self, message: str | None = None, *, left: Placed | None = None) -> None:
        """Keep what stands there all the same; None: nothing new."""
        self.left = left
        super().__init__(message)


class SiteOutcomeUnknownError(SiteError):
    """The site's answer never came: the article may or may not be there."""


@dataclass(frozen=True)
class Picture:
    """One image of an article, its bytes verified and lying on disk."""

    #: `FEATURED`, or the text of the heading the picture follows.
    place: str
    #: A name fit for readers, such as `red-canoe.png`; the target may change it.
    file_name: str
    #: The stored bytes, named by their hash: read, never changed.
    path: Path
    mime: str
    alt_text: str
    #: Pixels.
    width: int
    #: Pixels.
    height: int


@dataclass(frozen=True)
class Article:
    """All that a site needs to show one content."""

    content_id: int
    title: str
    slug: str
    meta_title: str
    meta_description: str
    excerpt: str
    #: Sanitised HTML without the pictures: a target puts them in their places.
    body_html: str
    tags: tuple[str, ...]
    pictures: tuple[Picture, ...]
    #: Aware, UTC.
    published_at: datetime
    #: Raised by every edit.
    version: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for an instant without a zone: it would be shown at a wrong hour."""
        if self.published_at.tzinfo is None:
            raise ValueError("published_at must be an aware datetime in UTC")

    @property
    def featured(self) -> Picture | None:
        """The picture that stands above the text, if there is one."""
        return next((picture for picture in self.pictures if picture.place == FEATURED), None)


@dataclass(frozen=True)
class Placed:
    """Where an article stands on its site."""

    #: The site's own name for the placement: stored, and given back to update, withdraw or read it.
    remote_id: str
    url: str
    #: What was written there, as a short sum of it: whoever changes it there makes it another one. None: unknown.
    imprint: str | None = None


class Standing(StrEnum):
    """How an article that was published stands on its site now."""

    #: As it was published.
    HERE = "here"
    #: It is not there any more.
    DELETED = "deleted"
    #: It is there, but not for visitors: a draft, private, locked, or in the site's waste basket.
    UNPUBLISHED = "unpublished"
    #: Somebody changed it there.
    EDITED = "edited"


class SiteTarget(Protocol):
    """A place that articles are published to. Every method may raise a `SiteError`."""

    @property
    def needs_lookup(self) -> bool:
        """Whether what may have been placed must be looked up before it is placed again, or it could stand there twice.

        False where placing again shows it once, whatever became of the first time.
        """
        ...

    def publish(self, article: Article, *, remote_id: str | None) -> Placed:
        """Make the article visible; `remote_id` names an earlier placement to overwrite, made anew where it is gone.

        Safe to repeat, given the `remote_id` of what `look_up` finds where `needs_lookup`.
        """
        ...

    def withdraw(self, remote_id: str) -> None:
        """Take the article away; nothing happens where it is not there."""
        ...

    def look_up(self, content_id: int) -> Placed | None:
        """Answer where the site has the content, visible or not; None where it has not, or cannot be asked."""
        ...

    def read_back(self, remote_id: str) -> Placed | None:
        """Answer where the article visibly stands; None where it does not."""
        ...

    def check(self) -> Sequence[str]:
        """Ask, cheaply and changing nothing, whether the site could take an article now.

        What a person should know of it all the same, a sentence each.
        """
        ...

    def standing(self, remote_id: str, *, imprint: str | None = None) -> Standing:
        """Answer how the article stands, cheaply and changing nothing; `imprint` is that of its `Placed`."""
        ...


@dataclass(frozen=True)
class StandingTitle:
    """The title of a page that stands on a site, whoever wrote it."""

    remote_id: str
    title: str


@runtime_checkable
class TitledTarget(SiteTarget, Protocol):
    """A place where others write too."""

    def new_titles(self, *, portions: int) -> Sequence[StandingTitle]:
        """The titles that appeared or changed since the last time, as far as so many portions go."""
        ...


@runtime_checkable
class ComparingTarget(SiteTarget, Protocol):
    """A place that can be asked how many articles stand there at once."""

    def standings(self, known: Mapping[str, str | None]) -> Mapping[str, Standing]:
        """As `standing`, of each remote id with its imprint."""
        ...


@runtime_checkable
class DraftingTarget(SiteTarget, Protocol):
    """A place where an article is first written, unseen, and made visible later by one further request."""

    def draft(self, article: Article, *, remote_id: str | None, imprint: str | None) -> Placed:
        """Write the article with all that belongs to it; `remote_id` names the draft to overwrite, if it is there.

        It stays unseen until `show`. Refused where somebody changed at the site what has that `imprint`.
        """
        ...

    def update(self, article: Article, *, remote_id: str, imprint: str | None) -> Placed:
        """Write a later version over what is visible; refused where somebody changed it there, or took it away."""
        ...

    def discard(self, remote_id: str, *, imprint: str) -> None:
        """Take away for good what nobody ever saw, where it still has that imprint; else as `withdraw`."""
        ...

    def clear(self, content_id: int) -> None:
        """Take away the images of an article that nobody ever saw, where nothing else of it is there."""
        ...

    def still_ours(self, drafts: Mapping[str, int]) -> Collection[str]:
        """Which of these remote ids still are the drafts of those contents; cheaply, and changing nothing."""
        ...

    def show(self, article: Article, *, remote_id: str, imprint: str | None, was_seen: bool) -> Placed:
        """Make visible what was drafted, under the article's date; twice is once.

        `was_seen`: the site said a short while ago that it is ours. Otherwise it is looked at first. Where somebody
        changed the draft that had that `imprint`, it keeps it: it counts as edited there.
        """
        ...
