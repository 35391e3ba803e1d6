"""Owns how long an account's credits last if it goes on as it did. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.models import AiCall
from pipeline.services import credits as ledger

#: What was charged in so many days is what the next ones are guessed by.
LOOKED_BACK: Final = timedelta(days=14)


@dataclass(frozen=True)
class Outlook:
    """What is left, and how long that is."""

    available_ucr: int
    #: Charged in the days that were looked at.
    used_ucr: int
    #: Whole days; None: nothing was charged lately, so that nobody can tell.
    days: int | None


def outlook(session: Session, account_id: int, *, now: datetime) -> Outlook:
    """What the account has available, and for how many days that is enough at the pace of the last fourteen."""
    return outlook_of(ledger.balance(session, account_id).available_ucr, used(session, account_id, now=now))


def used(session: Session, account_id: int, *, now: datetime) -> int:
    """Micro-credits that calls of the account were charged in the days that are looked at."""
    charged = select(func.sum(AiCall.charged_amount)).where(
        AiCall.account_id == account_id, AiCall.resolved_at >= now - LOOKED_BACK
    )
    return int(session.scalar(charged) or 0)


def outlook_of(available_ucr: int, used_ucr: int) -> Outlook:
    """How long so much is enough where so much was used in the days that are looked at."""
    available_ucr = max(0, available_ucr)
    days = available_ucr * LOOKED_BACK.days // used_ucr if used_ucr else None
    return Outlook(available_ucr, used_ucr, days)
