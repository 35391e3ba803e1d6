"""Owns what is asked of a site for one publication, in which order, and what became known on the way.

Never: the database; which article, when, how often.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from pipeline.core.errors import PipelineError
from pipeline.services.publications import Claim
from pipeline.sites.port import (
    Article,
    Placed,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteTarget,
    SiteUnavailableError,
)

#: One request is tried this often within seconds; what lasts longer is the row's business.
_TRIES: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 2

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


class NotShownYetError(PipelineError):
    """The site may have taken it and does not show it yet."""


class Visit:
    """One claim at its site."""

    def __init__(self, claim: Claim, *, sleep: Callable[[float], None]) -> None:
        """Ask nothing yet."""
        self.claim = claim
        #: What is known to stand there; kept where a later step fails.
        self.placed: Placed | None = None
        #: Whether something was sent and no answer came.
        self.is_unknown = False
        self._sleep = sleep

    def place(self, site: SiteTarget, article: Article, *, look_until: datetime | None, now: datetime) -> Placed:
        """Make the article visible, read it back: where it stands.

        What may stand there already is looked up first; until `look_until` nothing is made in its place. Raises
        NotShownYetError then, and the errors of the site.
        """
        remote_id = self.claim.remote_id
        if remote_id is None and look_until is not None and site.needs_lookup:
            remote_id = self._looked_up(site, look_until=look_until, now=now)
        self.placed = self._published(site, article, remote_id)
        shown = self._asking(site.read_back, self.placed.remote_id)
        if shown is None:
            raise SiteUnavailableError("The site took the article, but does not show it.")
        self.placed = shown
        return self.placed

    def take_away(self, site: SiteTarget, *, look_until: datetime | None, now: datetime) -> None:
        """Take away what stands there, and see that it is gone; errors as `place`."""
        remote_id = self.claim.remote_id
        if remote_id is None:
            found = self._asking(site.look_up, self.claim.content_id)
            if found is None:
                if site.needs_lookup and look_until is not None and now < look_until:
                    raise NotShownYetError
                return
            remote_id = found.remote_id
        self._asking(site.withdraw, remote_id)
        if self._asking(site.read_back, remote_id) is not None:
            raise SiteUnavailableError("The site was asked to take the article away, but still shows it.")

    def learnt(self, *, now: datetime) -> dict[str, Any]:
        """What a row must remember although it did not end well."""
        if self.placed is not None:
            return {"remote_id": self.placed.remote_id, "remote_url": self.placed.url, "unknown_since": None}
        return {"unknown_since": now} if self.is_unknown else {}

    def _looked_up(self, site: SiteTarget, *, look_until: datetime, now: datetime) -> str | None:
        found = self._asking(site.look_up, self.claim.content_id)
        if found is not None:
            return found.remote_id
        if now < look_until:
            raise NotShownYetError
        return None

    def _published(self, site: SiteTarget, article: Article, remote_id: str | None) -> Placed:
        """Where it was placed. An answer that never came is looked up at once, where it matters."""
        # Until an answer came nobody knows: that is so for whatever breaks on the way, too.
        self.is_unknown = True
        try:
            placed = self._asking(site.publish, article, remote_id=remote_id)
        except SiteOutcomeUnknownError:
            if remote_id is None and site.needs_lookup and (found := self._asking(site.look_up, article.content_id)):
                return found
            raise
        except (SiteUnavailableError, SiteRefusedError):
            self.is_unknown = False
            raise
        return placed

    def _asking(
        self, request: Callable[_Given, _Answer], *arguments: _Given.args, **keywords: _Given.kwargs
    ) -> _Answer:
        """The answer to one request, which is repeated for seconds while the site is away."""
        retrying = Retrying(
            stop=stop_after_attempt(_TRIES),
            wait=wait_exponential(multiplier=0.2, max=_LONGEST_PAUSE_SECONDS),
            retry=retry_if_exception(_passes_soon),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(request, *arguments, **keywords)


def _passes_soon(error: BaseException) -> bool:
    """Whether the site is worth asking again at once: it is away, and did not ask to be left alone for longer."""
    return isinstance(error, SiteUnavailableError) and (error.retry_after_seconds or 0) <= _LONGEST_PAUSE_SECONDS
