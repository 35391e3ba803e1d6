"""Owns what a webhook is sent, and what an answer to it means.

Never: rows; redirects.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pipeline.models import Notification
from pipeline.net import Answer, post
from pipeline.signing import encoded, signed_headers

TIMEOUT_SECONDS: Final = 10.0
_GONE: Final = 410
_TOLD_CHARACTERS: Final = 200


@dataclass(frozen=True)
class Envelope:
    """What goes out: the delivery's constant id, the kind, the body."""

    public_id: str
    kind: str
    body: bytes


def envelope(notification: Notification, *, public_id: str) -> Envelope:
    """A notification made ready to be sent."""
    subject = {"kind": notification.subject_kind, "id": notification.subject_id}
    told = {
        "id": public_id,
        "kind": notification.kind.value,
        "notification_id": notification.id,
        "account_id": notification.account_id,
        "subject": subject,
        "message": notification.message,
        "created_at": notification.created_at.isoformat().replace("+00:00", "Z"),
    }
    return Envelope(public_id, notification.kind.value, encoded(told))


def send(url: str, envelope: Envelope, *, secret: str, now: datetime, allow_private: bool) -> Answer:
    """Post it once. UnreachableError and PrivateAddressError as of `pipeline.net`."""
    headers = signed_headers(
        delivery_id=envelope.public_id, kind=envelope.kind, body=envelope.body, secret=secret, now=now
    )
    return post(url, envelope.body, headers=headers, timeout_seconds=TIMEOUT_SECONDS, allow_private=allow_private)


def is_taken(answer: Answer) -> bool:
    """Whether the receiver has it: any 2xx."""
    return 200 <= answer.status < 300  # noqa: PLR2004 - the bounds of a class of statuses


def is_unwanted(answer: Answer) -> bool:
    """Whether the receiver says that it wants no more."""
    return answer.status == _GONE


def asked_pause(answer: Answer) -> timedelta | None:
    """How long the receiver asked to be left alone, where it said so in seconds."""
    seconds = answer.headers.get("retry-after", "").strip()
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() and len(seconds) < 10 else None  # noqa: PLR2004 - years


def told(answer: Answer) -> str:
    """An answer in a sentence."""
    text = " ".join(answer.text.split())[:_TOLD_CHARACTERS]
    return f"It answered {answer.status}{f': {text}' if text else ''}."
