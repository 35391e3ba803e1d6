"""Owns one request to a site's API: where it goes, who asks, and what an answer or its absence means.

An answer that a request was carried out is one only if it is JSON and whole. Never: repeats a request; keeps
credentials anywhere but in its own memory.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode

from pipeline.core.errors import InvalidValueError
from pipeline.net import Answer, Limits, NoAnswerError, PrivateAddressError, TooLongError, UnreachableError, request
from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import SiteOutcomeUnknownError, SiteRefusedError, SiteUnavailableError
from pipeline.sites.wordpress import sentences

#: A hundred long articles.
_MOST_BYTES: Final = 32_000_000
#: Prose has a comma in fifty characters: a hundred long articles have no million values.
_MOST_VALUES: Final = 2_000_000
_ROOT: Final = "root"
_PRETTY, _PLAIN = "pretty", "plain"
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TOO_LARGE: Final = 413
_THROTTLED: Final = 429
_UNAVAILABLE: Final = 503
_SERVER: Final = 500
#: How long a request that was given up by whoever passed it on may still be at work.
_WHILE_SECONDS: Final = 30
_REDIRECTS: Final = range(300, 400)
_SUCCESS: Final = range(200, 300)
#: Permanent, whatever their status says.
_BAD_FILES: Final = ("rest_upload_", "upload_")


@dataclass(frozen=True)
class Access:
    """Where a site is, and who we are there."""

    url: str
    username: str
    password: str = field(repr=False)
    timeout_seconds: float
    allow_private: bool = False


@dataclass(frozen=True)
class Reply:
    """What was answered: JSON, or a refusal that somebody may know what to do about."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        """Whether it was done."""
        return self.status in _SUCCESS

    @property
    def code(self) -> str:
        """The site's word for a refusal."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""

    @property
    def data(self) -> Mapping[str, Any]:
        """What goes with a refusal."""
        data = self.body.get("data") if isinstance(self.body, dict) else None
        return data if isinstance(data, dict) else {}

    @property
    def clock(self) -> datetime | None:
        """What the site's clock showed, in UTC; None where it did not say."""
        return _instant(self.headers.get("date", ""))

    @property
    def said(self) -> str:
        """What the site said, as a sentence."""
        message = str(self.body.get("message", "")) if isinstance(self.body, dict) else ""
        return sentences.said(self.status, self.code, message)

    def refusal(self) -> SiteRefusedError:
        """The refusal as a person reads it: what the site said, and what to do."""
        told = self.said
        todo = {_UNAUTHORISED: sentences.CREDENTIALS, _FORBIDDEN: sentences.ROLE, _TOO_LARGE: sentences.TOO_LARGE}
        if self.code in {"invalid_username", "incorrect_password", "invalid_email"}:
            return SiteRefusedError(f"{sentences.CREDENTIALS} {told}")
        if self.status in todo:
            return SiteRefusedError(f"{todo[self.status]} {told}")
        return SiteRefusedError(f"The site refused the request. {told} Put that right, then try again.")

    def one(self) -> dict[str, Any]:
        """The object that was answered."""
        if not isinstance(self.body, dict):
            raise SiteOutcomeUnknownError("The site answered something else than it was asked for.")
        return self.body

    def many(self) -> list[dict[str, Any]]:
        """The list that was answered."""
        if not isinstance(self.body, list) or not all(isinstance(entry, dict) for entry in self.body):
            raise SiteUnavailableError("The site answered something else than it was asked for.")
        return self.body


class Client:
    """A site's API."""

    def __init__(self, access: Access, notes: Notes) -> None:
        """Ask nothing yet."""
        self._access = access
        self._notes = notes
        secret = f"{access.username}:{access.password}".encode()
        self._headers = {
            "Accept": "application/json",
            "Authorization": f"Basic {base64.b64encode(secret).decode()}",
            "User-Agent": "igny8",
        }

    def get(self, route: str, **query: str) -> Reply:
        """Read. A refusal is answered like anything else; SiteUnavailableError where the site is away."""
        try:
            return self._asked("GET", route, query, None, {})
        except SiteOutcomeUnknownError as error:
            raise SiteUnavailableError(error.message) from None

    def post(self, route: str, values: Mapping[str, Any], **query: str) -> Reply:
        """Write. As `get`, and SiteOutcomeUnknownError where nobody knows whether it was done."""
        body = json.dumps(values).encode()
        return self._asked("POST", route, query, body, {"Content-Type": "application/json"})

    def upload(self, route: str, body: bytes, *, name: str, mime: str, **query: str) -> Reply:
        """Send a file. As `post`."""
        headers = {"Content-Type": mime, "Content-Disposition": f'attachment; filename="{name}"'}
        return self._asked("POST", route, query, body, headers)

    def delete(self, route: str, **query: str) -> Reply:
        """Take away. As `post`."""
        return self._asked("DELETE", route, query, None, {})

    def _asked(
        self, method: str, route: str, query: Mapping[str, str], body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        note = self._notes.find(NoteKind.SPEECH, _ROOT)
        way = note.value if note else _PRETTY
        answer = self._sent(method, self._address(way, route, query), body, headers)
        is_first = note is None and method == "GET" and answer.status in _SUCCESS
        if (answer.status == _NOT_FOUND or is_first) and _parsed(answer) is None:
            # No API behind that address: without pretty addresses it has another one.
            way = _PLAIN if way == _PRETTY else _PRETTY
            answer = self._sent(method, self._address(way, route, query), body, headers)
        reply = _reply(method, answer)
        if note is None or note.value != way:
            self._notes.keep(Note(NoteKind.SPEECH, _ROOT, way))
        return reply

    def _address(self, way: str, route: str, query: Mapping[str, str]) -> str:
        root = self._access.url.rstrip("/")
        if way == _PRETTY:
            return f"{root}/wp-json{route}{f'?{urlencode(query)}' if query else ''}"
        return f"{root}/?{urlencode({'rest_route': route, **query})}"

    def _sent(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        self._notes.going_on()
        limits = Limits(self._access.timeout_seconds, most_bytes=_MOST_BYTES, must_be_whole=True)
        named = {**self._headers, **headers, **({"Content-Length": "0"} if body is None and method != "GET" else {})}
        try:
            return request(method, url, body, headers=named, limits=limits, allow_private=self._access.allow_private)
        except NoAnswerError as error:
            raise SiteOutcomeUnknownError(f"The site gave no whole answer. {error.message}") from None
        except UnreachableError as error:
            raise SiteUnavailableError(f"The site cannot be reached. {error.message}") from None
        except TooLongError as error:
            raise SiteOutcomeUnknownError(f"The site gave no answer that can be used. {error.message}") from None
        except (PrivateAddressError, InvalidValueError) as error:
            raise SiteRefusedError(error.message) from None


def _reply(method: str, answer: Answer) -> Reply:
    body = _parsed(answer)
    if answer.status in _SUCCESS:
        if body is None:
            beginning = sentences.shown(answer.text).rstrip(".") or "nothing at all"
            raise SiteOutcomeUnknownError(
                f"The site answered something that cannot be read: {beginning}. A plugin, or a server in front of the "
                "site, may write into its answers: have that put right there."
            )
        return Reply(answer.status, body, answer.headers)
    if answer.status in _REDIRECTS:
        towards = _front_page(answer.headers.get("location", ""))
        raise SiteRefusedError(
            f"The site's address leads on to {towards}. Set the one that it leads to: igny8 site set SITE --url URL."
        )
    _raise_if_away(method, answer, body)
    if body is None and answer.status == _NOT_FOUND:
        raise SiteRefusedError(sentences.NO_API)
    return Reply(answer.status, {"message": answer.text} if body is None else body, answer.headers)


def _front_page(location: str) -> str:
    """Where a site was moved to, as its address would be set: what was asked of its API stands behind that."""
    return sentences.shown(re.split(r"/wp-json\b|/?[?#]", location)[0]) or "another address"


def _raise_if_away(method: str, answer: Answer, body: Any) -> None:
    """Raise where asking again later may help; after what may have been done all the same, it is to be looked up."""
    code = str(body.get("code", "")) if isinstance(body, dict) else ""
    if (answer.status < _SERVER and answer.status != _THROTTLED) or code.startswith(_BAD_FILES):
        return
    message = str(body.get("message", "")) if isinstance(body, dict) else answer.text
    told = f"The site is away just now. {sentences.said(answer.status, code, message)}"
    asked = _seconds_to_wait(answer)
    if method == "GET" or answer.status == _THROTTLED:
        raise SiteUnavailableError(told, retry_after_seconds=asked)
    if answer.status == _UNAVAILABLE:
        # It was not done; or a server in front lost patience, and then it is there to be found in a while.
        raise SiteUnavailableError(told, retry_after_seconds=_WHILE_SECONDS if asked is None else asked)
    raise SiteOutcomeUnknownError(told)


def _parsed(answer: Answer) -> Any | None:
    """The JSON object or list; None for anything else, and for what would fill memory with empty values."""
    if sum(map(answer.text.count, "{[,")) > _MOST_VALUES:
        return None
    try:
        found = json.loads(answer.text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _seconds_to_wait(answer: Answer) -> int | None:
    """Of a Retry-After: seconds, or until an instant by the site's own clock."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return int(text[:9])
    until, now = _instant(text), _instant(answer.headers.get("date", ""))
    return None if until is None or now is None else max(0, round((until - now).total_seconds()))


def _instant(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
