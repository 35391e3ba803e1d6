"""Owns the webhooks of an account: adding one with its secret, finding, removing.

Never: sends; shows a secret after it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.alerts import ACCOUNT_KINDS
from pipeline.core.errors import Fault, InvalidValueError, NotFoundError
from pipeline.models import Webhook
from pipeline.net import askable_url
from pipeline.secrets import encrypted, make_password

#: Each alert is sent to all of them.
MOST_WEBHOOKS: Final = 20


@dataclass(frozen=True)
class Added:
    """A webhook that was added, and the secret that nobody is shown again."""

    webhook: Webhook
    secret: str


def add(
    session: Session,
    *,
    account_id: int,
    url: str,
    kinds: Sequence[str],
    home: Path,
    now: datetime,
    ends_at: datetime | None = None,
) -> Added:
    """Add an address that gets the kinds (none: all) until `ends_at`. InvalidValueError names every fault."""
    kinds = list(dict.fromkeys(kinds)) or [kind.value for kind in ACCOUNT_KINDS]
    faults = _kind_faults(kinds)
    try:
        url = askable_url(url)
    except InvalidValueError as error:
        faults.insert(0, Fault("url", error.message))
    faults += _faults_beside_others(session, account_id, url)
    if faults:
        raise InvalidValueError(faults)
    secret = make_password()
    kept = encrypted(secret, home=home)
    webhook = Webhook(account_id=account_id, url=url, secret=kept, kinds=kinds, active=True, created_at=now)
    webhook.ends_at = ends_at
    session.add(webhook)
    session.flush()
    return Added(webhook, secret)


def list_webhooks(session: Session, *, account_id: int) -> Sequence[Webhook]:
    """Every webhook of the account, oldest first."""
    return session.scalars(select(Webhook).where(Webhook.account_id == account_id).order_by(Webhook.id)).all()


def get_webhook(session: Session, *, account_id: int, webhook_id: int) -> Webhook:
    """The account's webhook of that id; NotFoundError."""
    query = select(Webhook).where(Webhook.account_id == account_id, Webhook.id == webhook_id)
    webhook = session.scalar(query)
    if webhook is None:
        raise NotFoundError(f"There is no webhook {webhook_id}. `igny8 webhooks list` lists yours.")
    return webhook


def remove(session: Session, *, account_id: int, webhook_id: int) -> Webhook:
    """Forget the webhook and what was on its way to it; NotFoundError."""
    webhook = get_webhook(session, account_id=account_id, webhook_id=webhook_id)
    session.delete(webhook)
    session.flush()
    return webhook


def _kind_faults(kinds: Sequence[str]) -> list[Fault]:
    known = [kind.value for kind in ACCOUNT_KINDS]
    strange = [kind for kind in kinds if kind not in known]
    if not strange:
        return []
    return [Fault("kinds", f"{strange[0]!r} is not known. Allowed: {', '.join(known)}; none means all.")]


def _faults_beside_others(session: Session, account_id: int, url: str) -> list[Fault]:
    own = Webhook.account_id == account_id
    if session.scalar(select(Webhook.id).where(own, Webhook.url == url)) is not None:
        return [Fault("url", "this address is there already. Remove it first to give it a new secret or other kinds.")]
    if (session.scalar(select(func.count()).where(own)) or 0) >= MOST_WEBHOOKS:
        return [Fault("url", f"an account has at most {MOST_WEBHOOKS} webhooks. Remove one first.")]
    return []
