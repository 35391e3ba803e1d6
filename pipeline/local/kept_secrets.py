"""Owns what the doctor says of secrets that the database keeps and the keys of this home do not decrypt.

Never: shows one; makes a key.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.config import Config
from pipeline.db.migrate import require_current
from pipeline.local.findings import Check, is_missing, opened
from pipeline.secrets import FILE_NAME, decrypts
from pipeline.services.key_changes import places

_SHOWN: Final = 5
_CALLED: Final = {"integration_providers": "provider", "sites": "site", "webhooks": "webhook"}


def check_secrets(config: Config) -> Check:
    """Keys of providers, credentials of sites, secrets of webhooks: each can be decrypted."""
    if is_missing(config):
        return Check(name="secrets", ok=True, detail="there is no database yet")
    with opened(config) as database:
        require_current(database)
        with database.reading() as session:
            kept, unreadable = _look(session, config)
    if not unreadable:
        return Check(name="secrets", ok=True, detail=f"{kept} kept, each can be decrypted")
    more = f" and {len(unreadable) - _SHOWN} more" if len(unreadable) > _SHOWN else ""
    told = ", ".join(unreadable[:_SHOWN])
    return Check(
        name="secrets",
        ok=False,
        detail=f"encrypted with another key than those in {config.home / FILE_NAME}: {told}{more}",
        remedy="Put back the file that belongs to this database, or set these again.",
    )


def _look(session: Session, config: Config) -> tuple[int, list[str]]:
    """How many secrets are kept, and whose cannot be decrypted."""
    kept, unreadable = 0, []
    for place in places():
        table = place.table
        called = table.c.name if "name" in table.c else table.c.id
        rows = session.execute(select(called, place.column).where(place.column.is_not(None)).order_by(table.c.id))
        for name, secret in rows:
            kept += 1
            if not decrypts(secret, home=config.home):
                unreadable.append(f"{_CALLED.get(table.name, table.name)} {name}")
    return kept, unreadable
