"""Owns the end of an account: what says who somebody was is erased, what was paid stays under a pseudonym.

Runs are cancelled and schedules end; articles and keywords stay until their sites are deleted. It cannot be undone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, case, delete, select, update
from sqlalchemy.orm import Session

from pipeline.core.states import LIVE_RUNS, RunStatus
from pipeline.models import (
    Account,
    ApiKey,
    AuditEvent,
    AuthorProfile,
    CalendarFeed,
    ContentVersion,
    CreditEntry,
    Decision,
    IdempotencyKey,
    LogIn,
    Notification,
    Prompt,
    Publication,
    RecoveryCode,
    Run,
    SecondFactor,
    Site,
    SiteAccess,
    SiteAutomationSettings,
    SiteNote,
    SiteTitle,
    SyncEvent,
    UndoRecord,
    User,
    UserSetting,
    Webhook,
)
from pipeline.models.base import Base, table_of
from pipeline.services import audit, run_control

ERASED = "erased"
#: What a site tells about people, in its settings and in what its runs keep of them.
_WORDS: Final = ("audience", "tone", "author_profile")
_AT_ONCE: Final = 500


def erase(session: Session, account: Account, *, actor: str, now: datetime) -> str:
    """Erase the account's people, keys, addresses and names; the name that stands in their place."""
    for run in session.scalars(select(Run).where(Run.account_id == account.id, Run.status.in_(LIVE_RUNS))):
        if run.status is not RunStatus.CANCELLING:
            run_control.cancel(session, run, actor=actor, now=now)
    _end_schedules(session, account.id)
    _erase_people(session, account.id, now=now)
    _erase_sites(session, account.id)
    _erase_settings(session, account.id)
    _erase_prompts(session, account.id)
    _erase_trail(session, account.id)
    account.name = f"{ERASED}-{account.id}"
    audit.record(
        session,
        account_id=account.id,
        actor=actor,
        action="account.erased",
        subject_kind="account",
        subject_id=account.id,
        now=now,
    )
    session.flush()
    return account.name


def _end_schedules(session: Session, account_id: int) -> None:
    ended = {"automation_enabled": False, "auto_publish_enabled": False, "next_run_at": None, "queued_for": None}
    _change(session, SiteAutomationSettings, account_id, ended)


def _erase_people(session: Session, account_id: int, *, now: datetime) -> None:
    in_by = (LogIn, SecondFactor, RecoveryCode, SiteAccess, CalendarFeed)
    for of in (*in_by, Webhook, Notification, UserSetting, IdempotencyKey):
        session.execute(delete(table_of(of)).where(table_of(of).c.account_id == account_id))
    for user in session.scalars(select(User).where(User.account_id == account_id)):
        user.email, user.name = f"{ERASED}-{user.id}@invalid", f"{ERASED}-{user.id}"
        user.password_hash, user.disabled_at = None, user.disabled_at or now
    for key in session.scalars(select(ApiKey).where(ApiKey.account_id == account_id)):
        key.name, key.revoked_at = "", key.revoked_at or now


def _erase_sites(session: Session, account_id: int) -> None:
    session.execute(delete(table_of(SyncEvent)).where(table_of(SyncEvent).c.account_id == account_id))
    for table in map(table_of, (SiteNote, SiteTitle)):
        session.execute(delete(table).where(table.c.account_id == account_id))
    for site in session.scalars(select(Site).where(Site.account_id == account_id)):
        site.name = f"{ERASED}-{site.id}"
        site.category = None
        site.url = site.username = site.credentials = site.sync_error = site.next_check_at = None
    # That there was an error decides whether it is stuck; what it said names the site.
    error = table_of(Publication).c.error
    _change(session, Publication, account_id, {"remote_url": None, "error": case((error.is_not(None), ERASED))})


def _erase_settings(session: Session, account_id: int) -> None:
    """Whom the sites write for and as whom, also in what every run keeps of its settings; a run stays readable."""
    paused = table_of(SiteAutomationSettings).c.paused_reason
    words: dict[str, Any] = {f"content_{name}": None for name in _WORDS}
    words["content_author_profile_id"] = None
    words["paused_reason"] = case((paused.is_not(None), ERASED))
    _change(session, SiteAutomationSettings, account_id, words)
    session.execute(delete(table_of(AuthorProfile)).where(table_of(AuthorProfile).c.account_id == account_id))
    runs, last = table_of(Run), 0
    query = select(runs.c.id, runs.c.settings).where(runs.c.account_id == account_id).order_by(runs.c.id)
    while found := session.execute(query.where(runs.c.id > last).limit(_AT_ONCE)).all():
        changed = [{"of": row.id, "kept": _without_words(row.settings)} for row in found]
        session.connection().execute(
            update(runs).where(runs.c.id == bindparam("of")).values(settings=bindparam("kept")), changed
        )
        last = found[-1].id


def _without_words(settings: dict[str, Any]) -> dict[str, Any]:
    site = settings["site"]
    return settings | {"site": site | {"content": site.get("content", {}) | dict.fromkeys(_WORDS)}}


def _erase_prompts(session: Session, account_id: int) -> None:
    """A version without a text is a reset: the stages' own words count again."""
    _change(session, Prompt, account_id, {"text": None, "author": ERASED})


def _erase_trail(session: Session, account_id: int) -> None:
    """What was done stays, by whom does not; so do amounts, without the words beside them."""
    _change(session, AuditEvent, account_id, {"actor": ERASED, "details": {}})
    _change(session, UndoRecord, account_id, {"actor": ERASED})
    _change(session, CreditEntry, account_id, {"note": ""})
    _change(session, ContentVersion, account_id, {"replaced_by": ERASED})
    _change(session, Decision, account_id, {"reason": ERASED})


def _change(session: Session, of: type[Base], account_id: int, values: dict[str, Any]) -> None:
    session.execute(update(table_of(of)).where(table_of(of).c.account_id == account_id).values(values))
