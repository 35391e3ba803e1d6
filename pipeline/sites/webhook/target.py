"""Owns publishing to an address that is told: each article is posted, signed, until the receiver says it has it.

At least once: a delivery may arrive again, with the same id and the same body; the receiver shows an article once by
the article's id. It cannot be asked what it shows: its 2xx is the confirmation.
Never: the database, retries, redirects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from pipeline.core.errors import InvalidValueError
from pipeline.net import Answer, PrivateAddressError, UnreachableError, checked_url, post
from pipeline.signing import encoded, signed_headers
from pipeline.sites.port import (
    Article,
    Placed,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteUnavailableError,
    Standing,
)
from pipeline.sites.webhook import bodies

#: Pictures travel with the article: more than a notification needs.
TIMEOUT_SECONDS: Final = 30.0
_MOST_NAME: Final = 120
_TOLD_CHARACTERS: Final = 200
#: It is there, and asks for another time.
_AWAY: Final = frozenset({408, 425, 429})
_MOST_PAUSE_DIGITS: Final = 9


class WebhookSite:
    """A receiver at one address, which shares a secret with the site's row."""

    #: Told twice, it shows once.
    needs_lookup = False

    def __init__(
        self, url: str | None, secret: str | None, *, site_id: int, allow_private: bool, now: Callable[[], datetime]
    ) -> None:
        """Send nothing yet. Raises SiteRefusedError without an address or a secret."""
        if not url or not secret:
            missing = "address" if not url else "secret"
            raise SiteRefusedError(
                f"The site has no {missing} to post to. Set both: igny8 site set SITE --url URL --password-stdin"
            )
        try:
            self._url = checked_url(url)
        except InvalidValueError as error:
            raise SiteRefusedError(error.message) from None
        self._secret, self._site_id, self._allow_private, self._now = secret, site_id, allow_private, now
        self._shown: dict[str, Placed] = {}

    def publish(self, article: Article, *, remote_id: str | None) -> Placed:
        """Post the article with its pictures; the answer may name it: `{"id": "…", "url": "https://…"}`."""
        before = None if remote_id is None else bodies.name_in(remote_id)
        delivery_id, told = bodies.published(article, site_id=self._site_id, name=before)
        answer = self._told(delivery_id, told)
        said = _object(answer.text)
        name, url = said.get("id"), said.get("url")
        is_name = isinstance(name, str | int) and 1 <= len(str(name)) <= _MOST_NAME and str(name).isprintable()
        named = str(name) if is_name else before or bodies.own_name(article.content_id)
        placed = Placed(bodies.placement(named, delivery_id, content_id=article.content_id), _address(url))
        self._shown[placed.remote_id] = placed
        return placed

    def withdraw(self, remote_id: str) -> None:
        """Post that the article is to be taken away."""
        self._told(*bodies.withdrawn(remote_id, site_id=self._site_id))
        self._shown.pop(remote_id, None)

    def look_up(self, content_id: int) -> Placed | None:
        """Where the content may stand: what was told without an answer may have arrived."""
        return Placed(bodies.own_name(content_id), "")

    def read_back(self, remote_id: str) -> Placed | None:
        """What the receiver answered when it took the article; None where it took it from nobody here."""
        return self._shown.get(remote_id)

    def check(self) -> Sequence[str]:
        """Post a signed question that changes nothing."""
        self._told(*bodies.asked(site_id=self._site_id))
        return ()

    def standing(self, remote_id: str, *, imprint: str | None = None) -> Standing:  # noqa: ARG002 - it cannot be asked
        """As it was published, as far as anybody can tell."""
        return Standing.HERE

    def _told(self, delivery_id: str, told: dict[str, Any]) -> Answer:
        """Post once; the answer of a receiver that has it."""
        body = encoded(told)
        headers = signed_headers(
            delivery_id=delivery_id, kind=told["kind"], body=body, secret=self._secret, now=self._now()
        )
        try:
            answer = post(
                self._url, body, headers=headers, timeout_seconds=TIMEOUT_SECONDS, allow_private=self._allow_private
            )
        except PrivateAddressError as error:
            raise SiteRefusedError(error.message) from None
        except UnreachableError as error:
            raise SiteOutcomeUnknownError(f"{error.message} It is told again.") from None
        _refuse_unless_taken(answer)
        return answer


def _refuse_unless_taken(answer: Answer) -> None:
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - the bounds of a class of statuses
        return
    text = " ".join(answer.text.split())[:_TOLD_CHARACTERS]
    said = f"The site's receiver answered {status}{f': {text}' if text else ''}."
    if status in _AWAY or status >= 500:  # noqa: PLR2004 - the same
        pause = answer.headers.get("retry-after", "").strip()
        seconds = int(pause) if pause.isdecimal() and len(pause) <= _MOST_PAUSE_DIGITS else None
        raise SiteUnavailableError(said, retry_after_seconds=seconds)
    raise SiteRefusedError(f"{said} Mend the receiver or the site's address and secret, then try again.")


def _object(text: str) -> dict[str, Any]:
    """The JSON object that was answered; an answer may be empty or anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _address(url: object) -> str:
    """The address that people are shown; none where the receiver gave none that can be opened."""
    if not isinstance(url, str):
        return ""
    try:
        return checked_url(url)
    except InvalidValueError:
        return ""
