"""Owns what is asked of a site for one publication, in which order, and what became known on the way.

Never: the database; which article, when, how often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_exponential

from pipeline import failpoints
from pipeline.core.errors import PipelineError
from pipeline.services.publications import Claim, Work
from pipeline.sites.port import (
    Article,
    DraftingTarget,
    Placed,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteTarget,
    SiteUnavailableError,
)

#: One request is tried this often within seconds; what lasts longer is the row's business.
_TRIES: Final = 3
#: What took so long is not asked again now: a site that hangs holds its worker for one answer, not for three.
_PATIENCE_SECONDS: Final = 5
_LONGEST_PAUSE_SECONDS: Final = 2

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


class NotShownYetError(PipelineError):
    """The site may have taken it and does not show it yet."""


class ClaimLostError(PipelineError):
    """Somebody else has claimed it since: it is theirs."""


class Visit:
    """One claim at its site."""

    def __init__(self, claim: Claim, *, sleep: Callable[[float], None]) -> None:
        """Ask nothing yet."""
        self.claim = claim
        #: What is known to stand there; kept where a later step fails.
        self.placed: Placed | None = None
        #: Whether something was sent and no answer came.
        self.is_unknown = False
        #: Whether nobody sees what stands there.
        self.is_unseen = True
        #: The version that was drafted now.
        self._version: int | None = None
        self._sleep = sleep

    def place(self, site: SiteTarget, article: Article, *, look_until: datetime | None, now: datetime) -> Placed:
        """Make the article visible, read it back: where it stands.

        What may stand there already is looked up first; until `look_until` nothing is made in its place. Raises
        NotShownYetError then, and the errors of the site.
        """
        remote_id = self._known(site, look_until=look_until, now=now)
        if not isinstance(site, DraftingTarget):
            self.placed = self._sent(site, article, remote_id, lambda: site.publish(article, remote_id=remote_id))
        elif self.claim.work is Work.UPDATE and remote_id is not None:
            self.placed = self._updated(site, article, remote_id)
        else:
            self._show(site, article, self._drafted(site, article, remote_id))
        shown = None if self.placed is None else self._asking(site.read_back, self.placed.remote_id)
        if self.placed is None or shown is None:
            raise SiteUnavailableError("The site took the article, but does not show it.")
        # What was written is known by the answer to it: whatever somebody changed since is no part of that.
        self.placed = replace(shown, imprint=self.placed.imprint or shown.imprint)
        failpoints.hit("site.read_back")
        return self.placed

    def draft(self, site: SiteTarget, article: Article, *, look_until: datetime | None, now: datetime) -> Placed:
        """Write the article, unseen: where it stands; errors as `place`."""
        if not isinstance(site, DraftingTarget):
            raise SiteRefusedError("The site takes no drafts.")
        return self._drafted(site, article, self._known(site, look_until=look_until, now=now))

    def take_away(self, site: SiteTarget, *, look_until: datetime | None, now: datetime) -> None:
        """Take away what stands there, and see that it is gone; errors as `place`."""
        remote_id = self.claim.remote_id
        if remote_id is None:
            found = self._asking(site.look_up, self.claim.content_id)
            if found is None:
                if site.needs_lookup and look_until is not None and now < look_until:
                    raise NotShownYetError
                self._clear(site)
                return
            remote_id = found.remote_id
        imprint = self.claim.imprint
        if (
            isinstance(site, DraftingTarget)
            and not self.claim.was_shown
            and remote_id == self.claim.remote_id
            and imprint
        ):
            self._asking(site.discard, remote_id, imprint=imprint)
        else:
            self._asking(site.withdraw, remote_id)
        if self._asking(site.read_back, remote_id) is not None:
            raise SiteUnavailableError("The site was asked to take the article away, but still shows it.")
        self._clear(site)

    def _clear(self, site: SiteTarget) -> None:
        """Of what nobody ever saw, no image is left either."""
        if isinstance(site, DraftingTarget) and not self.claim.was_shown:
            self._asking(site.clear, self.claim.content_id)

    def learnt(self, *, now: datetime) -> dict[str, Any]:
        """What a row must remember although it did not end well."""
        if self.placed is not None:
            drafted: dict[str, Any] = {} if self.placed.imprint is None else {"imprint": self.placed.imprint}
            if self._version is not None:
                drafted |= {"placed_version": self._version, "seen_at": now}
            url = {"remote_url": self.placed.url} if self.placed.url else {}
            return {"remote_id": self.placed.remote_id, "unknown_since": None, **url, **drafted}
        return {"unknown_since": now} if self.is_unknown else {}

    def _known(self, site: SiteTarget, *, look_until: datetime | None, now: datetime) -> str | None:
        """What stands there already, as far as it is known or found."""
        remote_id = self.claim.remote_id
        if remote_id is None and look_until is not None and site.needs_lookup:
            return self._looked_up(site, look_until=look_until, now=now)
        return remote_id

    def _looked_up(self, site: SiteTarget, *, look_until: datetime, now: datetime) -> str | None:
        found = self._asking(site.look_up, self.claim.content_id)
        if found is not None:
            return found.remote_id
        if now < look_until:
            raise NotShownYetError
        return None

    def _drafted(self, site: DraftingTarget, article: Article, remote_id: str | None) -> Placed:
        """Where the draft of this version stands; one that does already is left alone."""
        claim = self.claim
        if remote_id is not None and remote_id == claim.remote_id and claim.placed_version == article.version:
            self.placed = Placed(remote_id, "", claim.imprint)
            return self.placed
        known = claim.imprint if remote_id == claim.remote_id else None
        self.placed = self._sent(
            site, article, remote_id, lambda: site.draft(article, remote_id=remote_id, imprint=known)
        )
        self._version = article.version
        return self.placed

    def _show(self, site: DraftingTarget, article: Article, drafted: Placed) -> None:
        """Have it shown; where that is refused, nobody sees it."""
        self.is_unseen = False
        try:
            was_seen = self.claim.was_seen and drafted.remote_id == self.claim.remote_id
            self.placed = self._asking(
                site.show, article, remote_id=drafted.remote_id, imprint=drafted.imprint, was_seen=was_seen
            )
        except (SiteUnavailableError, SiteRefusedError):
            self.is_unseen = True
            raise
        failpoints.hit("site.shown")

    def _updated(self, site: DraftingTarget, article: Article, remote_id: str) -> Placed:
        self.is_unseen = False
        return self._asking(site.update, article, remote_id=remote_id, imprint=self.claim.imprint)

    def _sent(self, site: SiteTarget, article: Article, remote_id: str | None, send: Callable[[], Placed]) -> Placed:
        """Where it was placed. An answer that never came is looked up at once, where it matters."""
        # Until an answer came nobody knows: that is so for whatever breaks on the way, too.
        self.is_unknown = True
        self.is_unseen = isinstance(site, DraftingTarget)
        try:
            placed = self._asking(send)
        except SiteOutcomeUnknownError:
            if remote_id is None and site.needs_lookup and (found := self._asking(site.look_up, article.content_id)):
                return found
            raise
        except (SiteUnavailableError, SiteRefusedError):
            self.is_unknown = False
            raise
        failpoints.hit("site.written")
        return placed

    def _asking(
        self, request: Callable[_Given, _Answer], *arguments: _Given.args, **keywords: _Given.kwargs
    ) -> _Answer:
        """The answer to one request, which is repeated for seconds while the site is away."""
        try:
            return asking(lambda: request(*arguments, **keywords), sleep=self._sleep)
        except SiteRefusedError as error:
            self.placed = error.left or self.placed
            raise


def asking(request: Callable[[], _Answer], *, sleep: Callable[[float], None]) -> _Answer:
    """The answer to one request, which is repeated for seconds while the site is away."""
    retrying = Retrying(
        stop=stop_after_attempt(_TRIES) | stop_after_delay(_PATIENCE_SECONDS),
        wait=wait_exponential(multiplier=0.2, max=_LONGEST_PAUSE_SECONDS),
        retry=retry_if_exception(_passes_soon),
        sleep=sleep,
        reraise=True,
    )
    return retrying(request)


def _passes_soon(error: BaseException) -> bool:
    """Whether the site is worth asking again at once: it is away, and did not ask to be left alone for longer."""
    return isinstance(error, SiteUnavailableError) and (error.retry_after_seconds or 0) <= _LONGEST_PAUSE_SECONDS
