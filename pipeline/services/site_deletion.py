"""Owns deleting a site, and restoring it within 30 days.

What is deleted runs, publishes and is checked no more, and nobody is shown it. Its rows stay until housekeeping clears
them; its runs, calls and what they cost stay for ever. Lock order: that of a run, then site, calendar, publication,
content, settings. Never: commits; takes anything off the site itself that was published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Select, func, literal, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, Fault, InvalidValueError, NotFoundError
from pipeline.core.states import ContentStatus, RunStatus
from pipeline.models import Cluster, Content, ContentTask, Idea, Keyword, Run, Site
from pipeline.services import alerts, audit, calendar, plans, run_control, runs, settings, site_health, sites

#: For so long a deleted site can be restored.
KEPT: Final = timedelta(days=30)
_DRAFTS: Final = tuple(
    status for status in ContentStatus if status not in {ContentStatus.PUBLISHED, ContentStatus.REJECTED}
)


class Drafts(StrEnum):
    """What becomes of the articles of a deleted site that are not published."""

    #: They are there again when the site is restored.
    KEEP = "keep"
    #: They are deleted too, and are not restored with the site.
    DELETE = "delete"


@dataclass(frozen=True)
class Holdings:
    """What hangs below a site."""

    keywords: int
    clusters: int
    ideas: int
    tasks: int
    #: Articles that are not published.
    drafts: int
    #: Articles that stand on the site; they stay there.
    published: int


@dataclass(frozen=True)
class Deletion:
    """What a deletion did."""

    site: Site
    deleted_at: datetime
    #: From then on it cannot be restored.
    cleared_after: datetime
    #: The live run that was cancelled, if there was one.
    cancelled_run_id: int | None
    #: Articles that stood on the calendar.
    unscheduled: int
    drafts: Drafts
    had: Holdings


def delete(session: Session, site: Site, *, drafts: Drafts | None, actor: str, now: datetime) -> Deletion:
    """Delete the site: its live run is cancelled, its slots are free, its schedule is off.

    InvalidValueError where it has drafts and nobody says what becomes of them; ConflictError while one of its articles
    is just being published.
    """
    had = holdings(session, site)
    if had.drafts and drafts is None:
        raise InvalidValueError([Fault("drafts", _question(site, had))])
    cancelled = _cancel_live_run(session, site, actor=actor, now=now)
    sites.lock_site(session, site)
    if runs.live_run_id(session, site.id) not in {None, cancelled}:
        raise ConflictError(f"A run of {site.name} has just started. Delete it again: the run is cancelled then.")
    unscheduled = calendar.clear(session, site, also_stuck=drafts is Drafts.DELETE, now=now)
    if drafts is Drafts.DELETE:
        _delete_drafts(session, site, now=now)
    row = settings.locked_row_of(session, site)
    row.next_run_at = row.queued_for = None
    site.next_check_at, site.deleted_at = None, now
    session.flush()
    calendar.reflow(session, site, now=now)
    alerts.site_recovered(session, site.id, now=now)
    alerts.review_done(session, [site.id], now=now)
    done = Deletion(site, now, now + KEPT, cancelled, unscheduled, drafts or Drafts.KEEP, had)
    told = {"drafts": done.drafts.value, "cancelled_run_id": cancelled, "unscheduled": unscheduled, **asdict(had)}
    _record(session, site, "site.deleted", actor=actor, now=now, details=told)
    return done


def restore(session: Session, site: Site, *, actor: str, now: datetime) -> None:
    """Have a deleted site back: its schedule and calendar go on from now.

    ConflictError where another site has its name by now, it was restored by somebody else, or the plan has no room.
    """
    taken = select(Site.id).where(Site.account_id == site.account_id, Site.name == site.name, Site.id != site.id)
    other = session.scalar(taken.where(Site.deleted_at.is_(None)))
    if other is not None:
        raise ConflictError(f"Site {other} is called {site.name!r} by now. Rename it, then restore this one.")
    plans.require_room(session, site.account_id, "most_sites")
    again = update(Site).where(Site.id == site.id, Site.deleted_at.is_not(None), Site.cleared_at.is_(None))
    values = {"deleted_at": None, "next_check_at": site_health.next_check(site.id, after=now)}
    if cast("CursorResult[Any]", session.execute(again.values(values))).rowcount == 0:
        raise ConflictError(f"Site {site.id} was just restored by somebody else.")
    session.refresh(site)
    calendar.reflow(session, site, now=now)
    row = settings.locked_row_of(session, site)
    row.next_run_at = settings.next_run_at(row, site, now=now)
    _record(session, site, "site.restored", actor=actor, now=now, details={})


def list_deleted(session: Session, *, account_id: int) -> Sequence[Site]:
    """The account's sites that can be restored, those deleted last first."""
    return session.scalars(_restorable(account_id).order_by(Site.deleted_at.desc(), Site.id)).all()


def get_deleted(session: Session, *, account_id: int, site_id: int) -> Site:
    """The account's deleted site of that id. ConflictError where it is not deleted; NotFoundError."""
    site = session.scalar(_restorable(account_id).where(Site.id == site_id))
    if site is None:
        sites.get_site(session, account_id=account_id, site_id=site_id)
        raise ConflictError(f"Site {site_id} is not deleted: there is nothing to restore.")
    return site


def find_deleted(session: Session, account_id: int, name_or_id: str) -> Site:
    """The account's deleted site of that name, the one deleted last, or else of that id; NotFoundError."""
    found = list_deleted(session, account_id=account_id)
    for site in found:
        if site.name == name_or_id:
            return site
    if sites.is_id(name_or_id):
        return get_deleted(session, account_id=account_id, site_id=int(name_or_id))
    there = ", ".join(site.name for site in found) or "none"
    raise NotFoundError(f"There is no deleted site {name_or_id!r}. Deleted within 30 days: {there}.")


def holdings(session: Session, site: Site, *, up_to: int | None = None) -> Holdings:
    """What hangs below the site now; counting of each ends at `up_to`, where there is one."""

    def count(model: Any, *where: Any) -> int:
        rows = select(literal(1)).select_from(model).where(model.site_id == site.id, *where).limit(up_to)
        return session.scalar(select(func.count()).select_from(rows.subquery())) or 0

    there = Content.deleted_at.is_(None)
    return Holdings(
        keywords=count(Keyword, Keyword.deleted_at.is_(None)),
        clusters=count(Cluster),
        ideas=count(Idea),
        tasks=count(ContentTask),
        drafts=count(Content, there, Content.status.in_(_DRAFTS)),
        published=count(Content, there, Content.status == ContentStatus.PUBLISHED),
    )


def _question(site: Site, had: Holdings) -> str:
    many = "1 article" if had.drafts == 1 else f"{had.drafts:,} articles"
    return (
        f"{site.name} has {many} not published yet, {had.keywords:,} keywords, {had.ideas:,} ideas. Say what becomes "
        "of the articles: `keep` has them back when the site is restored, `delete` deletes them too."
    )


def _cancel_live_run(session: Session, site: Site, *, actor: str, now: datetime) -> int | None:
    run_id = runs.live_run_id(session, site.id)
    if run_id is None:
        return None
    run = session.get_one(Run, run_id)
    if run.status is not RunStatus.CANCELLING:
        run_control.cancel(session, run, actor=actor, now=now)
    return run.id


def _delete_drafts(session: Session, site: Site, *, now: datetime) -> None:
    theirs = (Content.site_id == site.id, Content.deleted_at.is_(None), Content.status.in_(_DRAFTS))
    values = {"status": ContentStatus.REJECTED, "deleted_at": now, "deleted_as": Content.status}
    session.execute(update(Content).where(*theirs).values(values).execution_options(synchronize_session=False))


def _restorable(account_id: int) -> Select[Site]:
    return select(Site).where(Site.account_id == account_id, Site.deleted_at.is_not(None), Site.cleared_at.is_(None))


def _record(session: Session, site: Site, action: str, *, actor: str, now: datetime, details: dict[str, Any]) -> None:
    audit.record(
        session,
        account_id=site.account_id,
        actor=actor,
        action=action,
        subject_kind="site",
        subject_id=site.id,
        now=now,
        details=details,
    )
