"""Owns what the doctor says of providers: which models do not answer now.

Never: asks a provider.
"""

from __future__ import annotations

from pipeline.config import Config
from pipeline.db.migrate import require_current
from pipeline.local.findings import Check, is_missing, opened
from pipeline.services import provider_health


def check_providers(config: Config) -> Check:
    """Models of providers that are left alone because their calls fail: not this installation's fault."""
    if is_missing(config):
        return Check(name="providers", ok=True, detail="there is no database yet")
    with opened(config) as database:
        require_current(database)
        with database.reading() as session:
            found = provider_health.troubles(session, now=database.now())
    left_alone = [each for each in found if each.state != "failing"]
    if not left_alone:
        return Check(name="providers", ok=True, detail="none is left alone for failing, none is out of pace")
    detail = ", ".join(f"{each.name}: {each.sentence}" for each in left_alone)
    remedy = (
        "Nothing is lost: runs wait and try by themselves. See the provider's status page, or let the stages ask a "
        "model of another provider."
    )
    return Check(name="providers", ok=True, detail=detail, remedy=remedy)
