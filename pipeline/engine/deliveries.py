"""Owns the sending of one delivery: claim and commit, then the receiver, then write down what came of it.

A kill after the receiver answered leaves a lease that ends: it is sent again under the same id, at least once.
Never: a transaction while a receiver is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from pipeline.config import Config, config
from pipeline.core.errors import NotReadyError
from pipeline.db.session import Database
from pipeline.engine import mail, webhooks
from pipeline.logs import get_logger
from pipeline.net import PrivateAddressError, UnreachableError
from pipeline.secrets import decrypted
from pipeline.services import deliveries
from pipeline.services.deliveries import Claim

_log = get_logger(__name__)


@dataclass(frozen=True)
class Delivered:
    """The receiver took it, and said this."""

    answer: str


@dataclass(frozen=True)
class Later:
    """It may be tried again, not before the pause that was asked for."""

    answer: str
    pause: timedelta | None = None


@dataclass(frozen=True)
class GivenUp:
    """Trying again is of no use."""

    answer: str


Outcome: TypeAlias = Delivered | Later | GivenUp


def send(database: Database, delivery_id: int) -> None:
    """Send one delivery, if it is to be sent now; copies of the message that come meanwhile do nothing."""
    settings = config()
    with database.transaction() as session:
        lease = timedelta(seconds=settings.lease_seconds)
        claim = deliveries.claim(session, delivery_id, lease=lease, now=database.now())
    if claim is None:
        return
    outcome = _posted(claim, settings, database) if claim.receiver.secret is not None else _mailed(claim, settings)
    with database.transaction() as session:
        now = database.now()
        match outcome:
            case Delivered(answer):
                deliveries.delivered(session, claim, answer, now=now)
            case Later(answer, pause):
                deliveries.try_later(session, claim, answer, pause=pause, now=now)
            case GivenUp(answer):
                deliveries.give_up(session, claim, answer)
    _log.info("delivery", delivery_id=delivery_id, attempt=claim.attempt, outcome=type(outcome).__name__)


def _posted(claim: Claim, settings: Config, database: Database) -> Outcome:
    envelope = webhooks.envelope(claim.notification, public_id=claim.public_id)
    try:
        answer = webhooks.send(
            claim.receiver.address,
            envelope,
            secret=decrypted(claim.receiver.secret or b"", home=settings.home),
            now=database.now(),
            allow_private=settings.allow_private_sites,
        )
    except UnreachableError as error:
        return Later(error.message)
    except (PrivateAddressError, NotReadyError) as error:
        return GivenUp(error.message)
    if webhooks.is_taken(answer):
        return Delivered(webhooks.told(answer))
    if webhooks.is_unwanted(answer):
        return GivenUp(webhooks.told(answer))
    return Later(webhooks.told(answer), webhooks.asked_pause(answer))


def _mailed(claim: Claim, settings: Config) -> Outcome:
    if settings.smtp_url is None:
        return GivenUp("No mail server is set (IGNY8_SMTP_URL).")
    to, sender = claim.receiver.address, settings.mail_from
    letter = mail.letter(claim.notification, to=to, sender=sender, public_id=claim.public_id)
    try:
        return Delivered(mail.send(settings.smtp_url, letter))
    except mail.NotSentError as error:
        return Later(str(error))
    except mail.RefusedMailError as error:
        return GivenUp(str(error))
