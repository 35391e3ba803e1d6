"""Owns what a webhook is sent: the body, its signature, and what an answer to it means.

The body and the id of a delivery are the same at every try; what is signed is the instant of the try, a dot, the body.
Never: rows; redirects.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline.models import Notification
from pipeline.net import Answer, post

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


def encoded(told: dict[str, Any]) -> bytes:
    """A body's bytes: the same for the same contents."""
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def signature(secret: str, *, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over timestamp, dot and body, in hexadecimal, its version in front."""
    return "v1=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def send(url: str, envelope: Envelope, *, secret: str, now: datetime, allow_private: bool) -> Answer:
    """Post it once. UnreachableError and PrivateAddressError as of `pipeline.net`."""
    timestamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "igny8-pipeline",
        "X-IGNY8-Delivery": envelope.public_id,
        "X-IGNY8-Kind": envelope.kind,
        "X-IGNY8-Timestamp": str(timestamp),
        "X-IGNY8-Signature": signature(secret, timestamp=timestamp, body=envelope.body),
    }
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
