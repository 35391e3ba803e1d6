"""Owns trying a webhook: a signed test is posted at once, and what it answered is told. Never: a row."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.config import Config
from pipeline.core.errors import PipelineError
from pipeline.engine import webhooks
from pipeline.models import Webhook
from pipeline.secrets import decrypted
from pipeline.signing import encoded

#: What `X-IGNY8-Kind` says of a test.
KIND: Final = "test"


@dataclass(frozen=True)
class Tried:
    """What came of a test: its id, whether the receiver took it, what it said or why it could not be asked."""

    public_id: str
    taken: bool
    answer: str


def post_test(webhook: Webhook, *, settings: Config, now: datetime) -> Tried:
    """Post a test to the webhook, signed as every delivery is."""
    public_id = str(uuid.uuid4())
    told = {"id": public_id, "kind": KIND, "account_id": webhook.account_id, "message": "This is a test of IGNY8."}
    envelope = webhooks.Envelope(public_id, KIND, encoded(told))
    try:
        answer = webhooks.send(
            webhook.url,
            envelope,
            secret=decrypted(webhook.secret, home=settings.home),
            now=now,
            allow_private=settings.allow_private_sites,
        )
    except PipelineError as error:
        return Tried(public_id, taken=False, answer=error.message)
    return Tried(public_id, taken=webhooks.is_taken(answer), answer=webhooks.told(answer))
