"""Owns requests that are done once: sent again under the same key, they get the answer of the first time.

A day long. Only what was done is remembered: a request that failed may be sent again. Never: commits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import Fault, InvalidValueError
from pipeline.models import IdempotencyKey
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_missing

HEADER: Final = "Idempotency-Key"
_REMEMBERED: Final = timedelta(days=1)
_KEY: Final = re.compile(r"[!-~]{1,255}")
_ROWS: Final = table_of(IdempotencyKey)


@dataclass(frozen=True)
class Done:
    """The answer of a request, and whether it is that of an earlier one."""

    response: dict[str, Any]
    is_replay: bool


def once(
    session: Session,
    *,
    account_id: int,
    key: str | None,
    request: str,
    now: datetime,
    do: Callable[[], dict[str, Any]],
) -> Done:
    """Do what `request` says unless this key of the account has done it. Without a key: do it.

    Of two at once, the second waits for the first. InvalidValueError for a key of another request, or none at all.
    """
    if key is None:
        return Done(do(), is_replay=False)
    if not _KEY.fullmatch(key):
        raise InvalidValueError([Fault(HEADER, "use 1 to 255 visible ASCII characters, such as a random UUID.")])
    asked = sha256(request.encode()).hexdigest()
    session.execute(delete(_ROWS).where(_ROWS.c.account_id == account_id, _ROWS.c.created_at < now - _REMEMBERED))
    mine = (_ROWS.c.account_id == account_id) & (_ROWS.c.key == key)
    values = {"account_id": account_id, "key": key, "request_hash": asked, "response": {}, "created_at": now}
    made = session.execute(insert_missing(session, IdempotencyKey).values(values).returning(_ROWS.c.id)).first()
    if made is None:
        return _replayed(session.execute(select(_ROWS.c.request_hash, _ROWS.c.response).where(mine)).one(), asked)
    response = do()
    session.execute(update(_ROWS).where(mine).values(response=response))
    return Done(response, is_replay=False)


def _replayed(row: Any, asked: str) -> Done:
    if row.request_hash != asked:
        raise InvalidValueError([Fault(HEADER, "this key was used for another request. Use a new one for each.")])
    return Done(row.response, is_replay=True)
