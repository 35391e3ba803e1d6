"""Owns author profiles: who an account's sites may write as; added, edited, deleted, restored within 30 days.

A site keeps the words of its profile where it keeps its own, in `content.author_profile`, and is told every edit of
them; so a run, the settings document and its ETag know nothing of profiles. Lock order: account, profile, settings.
Never: commits; chooses one for a site (`services.site_authors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Select, delete, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, Fault, InvalidValueError, NotFoundError
from pipeline.core.normal import display_text, is_storable
from pipeline.models import Account, AuthorProfile, Site, SiteAutomationSettings
from pipeline.models.base import table_of
from pipeline.services import audit
from pipeline.services.sites import is_id

MOST_NAME_CHARACTERS: Final = 100
#: As `content.author_profile` has.
MOST_CHARACTERS: Final = 2_000
MOST_PROFILES: Final = 200
#: For so long a deleted profile can be restored.
KEPT: Final = timedelta(days=30)
_SETTINGS: Final = table_of(SiteAutomationSettings)


def add(session: Session, *, account_id: int, name: str, text: str, actor: str, now: datetime) -> AuthorProfile:
    """Add a profile. InvalidValueError names every fault; ConflictError where there are too many."""
    _lock_account(session, account_id)
    name, text = _checked(session, account_id, name, text)
    if len(list_profiles(session, account_id=account_id)) >= MOST_PROFILES:
        raise ConflictError(f"An account has at most {MOST_PROFILES} author profiles. Delete one first.")
    row = AuthorProfile(account_id=account_id, name=name, text=text, created_at=now, updated_at=now)
    session.add(row)
    session.flush()
    _record(session, row, "author_profile.added", actor=actor, now=now)
    return row


def list_profiles(session: Session, *, account_id: int) -> Sequence[AuthorProfile]:
    """Every profile of the account, oldest first."""
    return session.scalars(_there(account_id).order_by(AuthorProfile.id)).all()


def list_deleted(session: Session, *, account_id: int) -> Sequence[AuthorProfile]:
    """The account's profiles that can be restored, oldest first."""
    return session.scalars(_deleted(account_id).order_by(AuthorProfile.id)).all()


def get_profile(session: Session, *, account_id: int, profile_id: int, lock: bool = False) -> AuthorProfile:
    """The account's profile of that id; NotFoundError."""
    query = _there(account_id).where(AuthorProfile.id == profile_id)
    row = session.scalar(query.with_for_update().execution_options(populate_existing=True) if lock else query)
    if row is None:
        raise NotFoundError(f"There is no author profile {profile_id}. `igny8 author-profiles list` lists yours.")
    return row


def find_profile(session: Session, account_id: int, name_or_id: str, *, deleted: bool = False) -> AuthorProfile:
    """The account's profile of that name, or else of that id; `deleted`: one that can be restored. NotFoundError."""
    own = _deleted(account_id) if deleted else _there(account_id)
    newest = own.order_by(AuthorProfile.id.desc()).limit(1)
    row = session.scalar(newest.where(AuthorProfile.name == display_text(name_or_id)))
    if row is None and is_id(name_or_id):
        row = session.scalar(newest.where(AuthorProfile.id == int(name_or_id)))
    if row is None:
        which = "deleted author profile" if deleted else "author profile"
        raise NotFoundError(f"There is no {which} {name_or_id!r}. `igny8 author-profiles list` lists yours.")
    return row


def sites_of(session: Session, profile_ids: Sequence[int]) -> Mapping[int, Sequence[Site]]:
    """Profile -> the sites that write as it, oldest first."""
    used = SiteAutomationSettings.content_author_profile_id
    query = (
        select(used, Site)
        .join(Site, Site.id == SiteAutomationSettings.site_id)
        .where(used.in_(profile_ids), Site.deleted_at.is_(None))
        .order_by(Site.id)
    )
    found: dict[int, list[Site]] = {profile_id: [] for profile_id in profile_ids}
    for profile_id, site in session.execute(query):
        found[profile_id or 0].append(site)
    return found


def edit(
    session: Session,
    profile: AuthorProfile,
    *,
    name: str | None = None,
    text: str | None = None,
    actor: str,
    now: datetime,
) -> bool:
    """Give it another name or other words (None: as before), and its sites with it; False where it says so already.

    InvalidValueError names every fault. Runs that are live keep the words they started with.
    """
    _lock_account(session, profile.account_id)
    profile = get_profile(session, account_id=profile.account_id, profile_id=profile.id, lock=True)
    before = profile.name, profile.text
    after = _checked(
        session,
        profile.account_id,
        before[0] if name is None else name,
        before[1] if text is None else text,
        own_id=profile.id,
    )
    if after == before:
        return False
    profile.name, profile.text = after
    profile.updated_at = now
    session.flush()
    changed = _write_to_sites(session, profile, now=now) if after[1] != before[1] else []
    _record(session, profile, "author_profile.edited", actor=actor, now=now, details={"sites": changed})
    return True


def remove(session: Session, profile: AuthorProfile, *, actor: str, now: datetime) -> Sequence[Site]:
    """Delete it; the sites that wrote as it, which keep its words as their own. NotFoundError where it is gone."""
    profile = get_profile(session, account_id=profile.account_id, profile_id=profile.id, lock=True)
    used_by = sites_of(session, [profile.id])[profile.id]
    mine = _SETTINGS.c.content_author_profile_id == profile.id
    session.execute(update(_SETTINGS).where(mine).values(content_author_profile_id=None))
    profile.deleted_at = now
    session.flush()
    details = {"sites": [site.id for site in used_by]}
    _record(session, profile, "author_profile.deleted", actor=actor, now=now, details=details)
    return used_by


def restore(session: Session, *, account_id: int, profile_id: int, actor: str, now: datetime) -> AuthorProfile:
    """Have a deleted one back, chosen by no site. ConflictError where it is not deleted, or its name is taken.

    NotFoundError.
    """
    _lock_account(session, account_id)
    row = session.scalar(_deleted(account_id).where(AuthorProfile.id == profile_id))
    if row is None:
        get_profile(session, account_id=account_id, profile_id=profile_id)
        raise ConflictError(f"Author profile {profile_id} is not deleted: there is nothing to restore.")
    taken = session.scalar(_there(account_id).where(AuthorProfile.name == row.name))
    if taken is not None:
        raise ConflictError(f"Profile {taken.id} is called {row.name!r} by now. Rename it, then restore this one.")
    row.deleted_at = None
    session.flush()
    _record(session, row, "author_profile.restored", actor=actor, now=now)
    return row


def forget_deleted(session: Session, *, now: datetime, size: int) -> bool:
    """Remove up to `size` profiles that were deleted 30 days ago; whether more may follow."""
    table = table_of(AuthorProfile)
    old = select(table.c.id).where(table.c.deleted_at < now - KEPT).limit(size)
    done = session.execute(delete(table).where(table.c.id.in_(old)))
    return cast("CursorResult[Any]", done).rowcount == size


def _write_to_sites(session: Session, profile: AuthorProfile, *, now: datetime) -> list[int]:
    """Let its sites have its words; the ids of those that are there."""
    mine = _SETTINGS.c.content_author_profile_id == profile.id
    values = {"content_author_profile": profile.text, "version": _SETTINGS.c.version + 1, "updated_at": now}
    session.execute(update(_SETTINGS).where(mine).values(values))
    session.expire_all()
    return [site.id for site in sites_of(session, [profile.id])[profile.id]]


def _checked(session: Session, account_id: int, name: str, text: str, *, own_id: int | None = None) -> tuple[str, str]:
    """Name and words as they are kept. InvalidValueError names every fault."""
    name, text = display_text(name), text.replace("\r\n", "\n").strip()
    faults = [*_name_faults(session, account_id, name, own_id)]
    if not 1 <= len(text) <= MOST_CHARACTERS:
        told = f"a profile has 1 to {MOST_CHARACTERS:,} characters; this has {len(text):,}."
        faults.append(Fault("text", told))
    elif not is_storable(text):
        faults.append(Fault("text", "it holds characters that cannot be kept. Leave them out."))
    if faults:
        raise InvalidValueError(faults)
    return name, text


def _name_faults(session: Session, account_id: int, name: str, own_id: int | None) -> list[Fault]:
    if not 1 <= len(name) <= MOST_NAME_CHARACTERS:
        return [Fault("name", f"a name has 1 to {MOST_NAME_CHARACTERS} characters; this one has {len(name)}.")]
    other = session.scalar(_there(account_id).where(AuthorProfile.name == name, AuthorProfile.id != (own_id or 0)))
    if other is not None:
        return [Fault("name", f"there is a profile called {name!r} already. Choose another name.")]
    return []


def _lock_account(session: Session, account_id: int) -> None:
    """Of two profiles that want one name at once, the second sees what the first has written.

    Rows that refer to the account can be written meanwhile: whoever saves a site's settings writes one last.
    """
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True))


def _there(account_id: int) -> Select[AuthorProfile]:
    return select(AuthorProfile).where(AuthorProfile.account_id == account_id, AuthorProfile.deleted_at.is_(None))


def _deleted(account_id: int) -> Select[AuthorProfile]:
    return select(AuthorProfile).where(AuthorProfile.account_id == account_id, AuthorProfile.deleted_at.is_not(None))


def _record(
    session: Session,
    profile: AuthorProfile,
    action: str,
    *,
    actor: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    audit.record(
        session,
        account_id=profile.account_id,
        actor=actor,
        action=action,
        subject_kind="author_profile",
        subject_id=profile.id,
        now=now,
        details={"name": profile.name, **(details or {})},
    )
