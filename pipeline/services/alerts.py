"""Owns what is told when: a run's end, a schedule's pause, credits, a site's health, a stuck article, a review.

Called from the transaction that makes it true. Never: decides any of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.alerts import NotificationKind
from pipeline.core.money import shown, ucr
from pipeline.core.states import RunStatus
from pipeline.core.words import counted
from pipeline.models import Account, Run, Site
from pipeline.services import notifications

#: Ends of a run that somebody has to do something about.
FAILED_RUNS = (RunStatus.FAILED, RunStatus.PROVIDER_UNAVAILABLE)


def run_ended(session: Session, run: Run, *, now: datetime) -> None:
    """Tell of a run that failed, and of an account that has little left; either state may be over instead."""
    if run.status in FAILED_RUNS:
        site = session.get_one(Site, run.site_id)
        notifications.tell(
            session,
            NotificationKind.RUN_FAILED,
            account_id=run.account_id,
            state_id=run.site_id,
            about=("run", run.id),
            message=(
                f"Run {run.id} of {site.name} ended {run.status}: {run.reason or 'no reason was given'}. "
                f"Put right what it says, then start what failed again: igny8 retry {run.id}"
            ),
            now=now,
        )
    elif run.status is not RunStatus.CANCELLED:
        notifications.end(session, (NotificationKind.RUN_FAILED, run.site_id), now=now)
    _credits_left(session, run, now=now)


def credits_came(session: Session, account_id: int, *, now: datetime) -> None:
    """An account was given credits: where that is enough, it is no longer low."""
    if _available_ucr(session, account_id) >= ucr(config().credits_low):
        notifications.end(session, (NotificationKind.CREDITS_LOW, account_id), now=now)


def automation_paused(session: Session, site: Site, *, reason: str, now: datetime) -> None:
    """A schedule paused itself just now: what was told of an earlier pause is over, however that ended."""
    automation_resumed(session, site.id, now=now)
    message = f"The schedule of {site.name} paused itself: {reason}. To go on: igny8 schedule resume {site.id}"
    _tell_of_site(session, NotificationKind.AUTOMATION_PAUSED, site, message, now=now)


def automation_resumed(session: Session, site_id: int, *, now: datetime) -> None:
    """The pause is over."""
    notifications.end(session, (NotificationKind.AUTOMATION_PAUSED, site_id), now=now)


def site_failing(session: Session, site: Site, *, error: str, now: datetime) -> None:
    """A site does not answer, or cannot be written to; `error` says what it said and what to do."""
    message = f"{site.name} takes no articles: {error} See whether it does again: igny8 site test {site.id}"
    _tell_of_site(session, NotificationKind.SITE_FAILING, site, message, now=now)


def site_recovered(session: Session, site_id: int, *, now: datetime) -> None:
    """It answers again."""
    notifications.end(session, (NotificationKind.SITE_FAILING, site_id), now=now)


def publication_stuck(session: Session, site: Site, *, content_id: int, message: str, now: datetime) -> None:
    """What was wanted of the site for a content does not go on by itself; `message` says why, and what to do."""
    notifications.tell(
        session,
        NotificationKind.PUBLICATION_STUCK,
        account_id=site.account_id,
        state_id=content_id,
        about=("content", content_id),
        message=message,
        now=now,
    )


def publication_decided(session: Session, content_ids: Iterable[int], *, now: datetime) -> None:
    """A person decided what becomes of these contents: should they get stuck again, it is told anew."""
    states = [(NotificationKind.PUBLICATION_STUCK, content_id) for content_id in content_ids]
    if states:
        notifications.end(session, *states, now=now)


def review_waiting(session: Session, site: Site, *, articles: int, now: datetime) -> None:
    """Articles wait for a person to approve them."""
    many = f"{counted(articles, 'article')} {'waits' if articles == 1 else 'wait'}"
    message = (
        f"{many} in {site.name} for approval: igny8 content list {site.id}. "
        "With publishing.auto_approval_enabled=true the next run approves them."
    )
    _tell_of_site(session, NotificationKind.REVIEW_WAITING, site, message, now=now)


def review_done(session: Session, site_ids: list[int], *, now: datetime) -> None:
    """Nothing waits for approval in these sites."""
    if site_ids:
        notifications.end(session, *((NotificationKind.REVIEW_WAITING, site_id) for site_id in site_ids), now=now)


def books_wrong(session: Session, findings: list[str], *, now: datetime) -> None:
    """Rows break a law they keep together: whoever runs the installation is told."""
    more = f" (and {len(findings) - 1:,} more)" if len(findings) > 1 else ""
    notifications.tell(
        session,
        NotificationKind.BOOKS_WRONG,
        account_id=None,
        state_id=0,
        about=("installation", 0),
        message=(
            f"{findings[0]}{more} Stop the stack, keep a copy of the database, and report it: "
            "this is a fault of the program. igny8 doctor shows what is wrong."
        ),
        now=now,
    )


def _tell_of_site(session: Session, kind: NotificationKind, site: Site, message: str, *, now: datetime) -> None:
    about = ("site", site.id)
    notifications.tell(
        session, kind, account_id=site.account_id, state_id=site.id, about=about, message=message, now=now
    )


def _credits_left(session: Session, run: Run, *, now: datetime) -> None:
    available = _available_ucr(session, run.account_id)
    if available >= ucr(config().credits_low):
        notifications.end(session, (NotificationKind.CREDITS_LOW, run.account_id), now=now)
        return
    notifications.tell(
        session,
        NotificationKind.CREDITS_LOW,
        account_id=run.account_id,
        state_id=run.account_id,
        about=("account", run.account_id),
        message=(
            f"{shown(available)} credits were left when run {run.id} ended. "
            "Add credits: without them the stages that ask a model end account_exhausted."
        ),
        now=now,
    )


def _available_ucr(session: Session, account_id: int) -> int:
    found: int = session.scalars(select(Account.balance - Account.held).where(Account.id == account_id)).one()
    return found
