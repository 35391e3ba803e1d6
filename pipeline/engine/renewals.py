"""Owns keeping a claim while its site takes its time: before a request, where the last renewal is a while ago.

Never: a request to a site.
"""

from __future__ import annotations

from pipeline.db.session import Database
from pipeline.engine.visits import ClaimLostError
from pipeline.services import publications
from pipeline.services.publications import Claim, Limits

#: The part of a lease after which it is renewed.
_PART = 4


class Renewal:
    """A claim's sign of life, given as often as it is asked for."""

    def __init__(self, database: Database, claim: Claim, limits: Limits) -> None:
        """The claim was made just now."""
        self._database = database
        self._claim = claim
        self._limits = limits
        self._renewed_at = claim.lease_until - limits.lease

    def __call__(self) -> None:
        """Renew the lease. ClaimLostError where somebody else has it by now: nothing more is asked of the site."""
        now = self._database.now()
        if now - self._renewed_at < self._limits.lease / _PART:
            return
        with self._database.transaction() as session:
            is_ours = publications.renew(session, self._claim, limits=self._limits, now=now)
        if not is_ours:
            raise ClaimLostError
        self._renewed_at = now
