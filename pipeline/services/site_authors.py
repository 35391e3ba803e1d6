"""Owns whom a site writes as: one of its account's author profiles, or nobody but its own words.

The words of a profile are kept as `content.author_profile`, so that the settings document shows them and can be sent
back unchanged; other words sent there end the choice. Lock order: profile, site, calendar, settings. Never: commits.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.models import AuthorProfile, Site, SiteAutomationSettings
from pipeline.services import audit, author_profiles, calendar
from pipeline.services.calendar import Follow


def author_of(session: Session, site: Site) -> AuthorProfile | None:
    """The profile that the site writes as; None: its words are its own, if it has any."""
    chosen = SiteAutomationSettings.content_author_profile_id == AuthorProfile.id
    query = select(AuthorProfile).join(SiteAutomationSettings, chosen)
    return session.scalar(query.where(SiteAutomationSettings.site_id == site.id))


def choose(session: Session, site: Site, *, profile_id: int | None, actor: str, now: datetime) -> AuthorProfile | None:
    """Let the site write as the account's profile of that id, and follow its edits; None keeps the words as its own.

    NotFoundError where the account has no such profile. Runs that are live keep the words they started with.
    """
    profile = None
    if profile_id is not None:
        profile = author_profiles.get_profile(session, account_id=site.account_id, profile_id=profile_id, lock=True)
    page = calendar.lock_settings(session, account_id=site.account_id, site_id=site.id)
    if page.row.content_author_profile_id == profile_id:
        return profile
    if profile is not None:
        wanted = page.settings.model_copy(deep=True)
        wanted.content.author_profile = profile.text
        calendar.save_settings(session, page, wanted, follow=Follow.KEEP, actor=actor, now=now)
    page.row.content_author_profile_id = profile_id
    session.flush()
    audit.record(
        session,
        account_id=site.account_id,
        actor=actor,
        action="author_profile.chosen" if profile is not None else "author_profile.left",
        subject_kind="site",
        subject_id=site.id,
        now=now,
        details={"author_profile_id": profile_id},
    )
    return profile
