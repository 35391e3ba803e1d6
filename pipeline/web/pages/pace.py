"""Owns for how many days credits are enough, as every page says it: what was used is asked for once a minute.

The sum of two weeks of calls is more than a frame may cost each page; the balance itself is always that of now.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from pipeline.services import credit_outlook
from pipeline.services.credit_outlook import Outlook

_SECONDS: Final = 60.0
_MOST_KEPT: Final = 10_000


class Paces:
    """What the accounts used, as one process knows it."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._used: dict[int, tuple[float, int]] = {}

    def outlook(self, session: Session, account_id: int, *, available_ucr: int, now: datetime) -> Outlook:
        """How long so much is enough for the account."""
        kept = self._used.get(account_id)
        if kept is None or kept[0] < time.monotonic():
            used_ucr = credit_outlook.used(session, account_id, now=now)
            if len(self._used) >= _MOST_KEPT:
                self._used.clear()
            self._used[account_id] = (time.monotonic() + _SECONDS, used_ucr)
        else:
            used_ucr = kept[1]
        return credit_outlook.outlook_of(available_ucr, used_ucr)
