"""Owns the answers to "why did a run start, or not": one row a decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.models import Decision, Site


def record(
    session: Session,
    site: Site,
    *,
    kind: str,
    reason: str,
    now: datetime,
    scheduled_for: datetime | None = None,
    run_id: int | None = None,
) -> None:
    """Write down that a run of the site was `started`, `skipped` or `missed`; `scheduled_for`: a schedule asked."""
    session.add(
        Decision(
            account_id=site.account_id,
            site_id=site.id,
            kind=kind,
            reason=reason,
            scheduled_for=scheduled_for,
            run_id=run_id,
            at=now,
        )
    )


def list_decisions(session: Session, *, account_id: int, site_id: int, limit: int = 50) -> Sequence[Decision]:
    """The site's decisions, newest first."""
    query = select(Decision).where(Decision.account_id == account_id, Decision.site_id == site_id)
    return session.scalars(query.order_by(Decision.at.desc(), Decision.id.desc()).limit(limit)).all()
