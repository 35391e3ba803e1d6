"""Owns how a body that is posted to a customer's address proves whose it is.

The body and the id of a delivery are the same at every try; what is signed is the instant of the try, a dot, the body.
Never: sends; keeps a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any


def encoded(told: dict[str, Any]) -> bytes:
    """A body's bytes: the same for the same contents."""
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def signature(secret: str, *, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over timestamp, dot and body, in hexadecimal, its version in front."""
    return "v1=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def signed_headers(*, delivery_id: str, kind: str, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """The headers of one try: whose it is, what it is, when it was sent."""
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "igny8-pipeline",
        "X-IGNY8-Delivery": delivery_id,
        "X-IGNY8-Kind": kind,
        "X-IGNY8-Timestamp": str(timestamp),
        "X-IGNY8-Signature": signature(secret, timestamp=timestamp, body=body),
    }
