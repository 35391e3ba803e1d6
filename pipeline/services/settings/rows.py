"""Owns the way between the stored row of a site and `SiteSettings`, its version, and when its next run is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError, StaleError
from pipeline.core.matrix import SiteSettings
from pipeline.core.schedule import Schedule, jitter_of
from pipeline.models import Site, SiteAutomationSettings
from pipeline.services import decisions
from pipeline.services.settings.check import checked

#: Group -> its field -> the column it is kept in. The matrix is one JSON column of its own.
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "automation": {
        "enabled": "automation_enabled",
        "frequency": "automation_frequency",
        "time": "automation_time",
        "weekday": "automation_weekday",
        "overlap": "automation_overlap",
        "jitter_minutes": "automation_jitter_minutes",
        "pause_after_failures": "automation_pause_after_failures",
    },
    "delays": {"within_stage": "within_stage_delay", "between_stage": "between_stage_delay"},
    "publishing": {
        "auto_approval_enabled": "auto_approval_enabled",
        "auto_publish_enabled": "auto_publish_enabled",
        "publish_days": "publish_days",
        "time_slots": "publish_time_slots",
        "skip_dates": "skip_dates",
    },
    "ai": {
        "temperature": "ai_temperature",
        "max_tokens": "ai_max_tokens",
        "image_style": "ai_image_style",
        "image_quality": "ai_image_quality",
    },
    "content": {
        "language": "content_language",
        "audience": "content_audience",
        "tone": "content_tone",
        "author_profile": "content_author_profile",
        "ideas_per_cluster": "content_ideas_per_cluster",
        "in_article_images": "content_in_article_images",
    },
}


def make(session: Session, site: Site, *, now: datetime) -> SiteAutomationSettings:
    """The row of a new site, with every default."""
    row = SiteAutomationSettings(account_id=site.account_id, site_id=site.id, version=1)
    _write(row, SiteSettings(), site=site, now=now)
    session.add(row)
    session.flush()
    return row


def row_of(session: Session, site: Site) -> SiteAutomationSettings:
    """The stored row with its version and `next_run_at`; NotFoundError where the site has none."""
    return _row(session, site, for_update=False)


def load(session: Session, site: Site) -> SiteSettings:
    """Everything the site decides, as it is stored."""
    return settings_of(row_of(session, site))


def settings_of(row: SiteAutomationSettings) -> SiteSettings:
    """Everything the row says."""
    groups = {group: {name: getattr(row, column) for name, column in names.items()} for group, names in COLUMNS.items()}
    return SiteSettings.model_validate({**groups, "stages": row.stage_config})


def save(
    session: Session, site: Site, settings: SiteSettings, *, now: datetime, expected_version: int | None = None
) -> SiteAutomationSettings:
    """Store `settings` whole and compute the next run from `now`; the row, its version raised.

    InvalidValueError names every fault; StaleError where the version is not `expected_version` any more.
    """
    sound = checked(settings.model_dump())
    row = _row(session, site, for_update=True)
    if expected_version is not None and row.version != expected_version:
        raise StaleError
    write(session, site, row, sound, now=now)
    return row


def write(session: Session, site: Site, row: SiteAutomationSettings, sound: SiteSettings, *, now: datetime) -> None:
    """Store settings that were checked on a row that is locked, its version raised; the next run counts from `now`."""
    queued_for = row.queued_for
    _write(row, sound, site=site, now=now)
    if queued_for is not None and row.queued_for is None:
        reason = "the schedule was switched off"
        decisions.record(session, site, kind="skipped", reason=reason, scheduled_for=queued_for, now=now)
    row.version += 1
    session.flush()


def locked_row_of(session: Session, site: Site) -> SiteAutomationSettings:
    """The stored row as it is now, locked until the transaction ends; NotFoundError where the site has none."""
    return _row(session, site, for_update=True)


def schedule_of(row: SiteAutomationSettings, site: Site) -> Schedule:
    """When the site's runs start, its jitter included."""
    return Schedule(
        timezone=site.timezone,
        frequency=row.automation_frequency,
        at=row.automation_time,
        weekday=row.automation_weekday,
        jitter=jitter_of(site.id, minutes=row.automation_jitter_minutes),
    )


def next_run_at(row: SiteAutomationSettings, site: Site, *, now: datetime) -> datetime | None:
    """The first instant after `now` at which a run starts; None while the schedule is off or paused."""
    if not row.automation_enabled or row.paused_at is not None:
        return None
    return schedule_of(row, site).next_start(after=now)


def _row(session: Session, site: Site, *, for_update: bool) -> SiteAutomationSettings:
    query = select(SiteAutomationSettings).where(
        SiteAutomationSettings.account_id == site.account_id, SiteAutomationSettings.site_id == site.id
    )
    row = session.scalar(query.with_for_update().execution_options(populate_existing=True) if for_update else query)
    if row is None:
        raise NotFoundError(f"Site {site.id} has no settings.")
    return row


def _write(row: SiteAutomationSettings, settings: SiteSettings, *, site: Site, now: datetime) -> None:
    plain: dict[str, Any] = settings.model_dump(mode="json")
    if row.content_author_profile != plain["content"]["author_profile"]:
        # Other words than those of the profile that was chosen: they are the site's own.
        row.content_author_profile_id = None
    for group, names in COLUMNS.items():
        for name, column in names.items():
            setattr(row, column, plain[group][name])
    row.stage_config = {str(number): line.model_dump() for number, line in settings.stages.items()}
    if not settings.automation.enabled:
        # Switched off and on again is a new beginning.
        row.queued_for, row.paused_at, row.paused_reason, row.failed_in_a_row = None, None, None, 0
    row.next_run_at = next_run_at(row, site, now=now)
    row.updated_at = now
