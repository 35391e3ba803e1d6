"""Owns saving a site's settings with all that follows: the audit trail, and the calendar that follows its slots.

Never: commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError
from pipeline.core.matrix import SiteSettings
from pipeline.models import Site, SiteAutomationSettings
from pipeline.services import audit, calendar
from pipeline.services.settings.document import available_models, written
from pipeline.services.settings.rows import settings_of, write

_LOCKED: Final = (
    select(Site, SiteAutomationSettings)
    .join(SiteAutomationSettings, SiteAutomationSettings.site_id == Site.id)
    .where(Site.account_id == bindparam("account"), Site.id == bindparam("site"))
    .with_for_update(of=SiteAutomationSettings)
    .execution_options(populate_existing=True)
)


class ScheduleChange(StrEnum):
    """What becomes of scheduled items when the slots change."""

    #: They are dealt onto the new slots, in their order.
    REFLOW = "reflow"
    #: They stay where they are.
    KEEP = "keep"


@dataclass(frozen=True)
class Page:
    """A site and its settings, locked until the transaction ends."""

    site: Site
    row: SiteAutomationSettings
    #: Names of the models that are asked, read-only in the document.
    models: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The one document, as the settings are now."""
        return written(self.row, timezone=self.site.timezone, models=self.models)

    @property
    def settings(self) -> SiteSettings:
        """What is stored."""
        return settings_of(self.row)


def lock_page(session: Session, *, account_id: int, site_id: int) -> Page:
    """Lock the settings of the account's site of that id; NotFoundError."""
    found = session.execute(_LOCKED, {"account": account_id, "site": site_id}).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no site {site_id} in this account.")
    return Page(*found, models=available_models(session))


def store(
    session: Session,
    page: Page,
    after: SiteSettings,
    *,
    actor: str,
    now: datetime,
    schedule_change: ScheduleChange = ScheduleChange.REFLOW,
) -> int:
    """Save settings that were checked, where they differ at all. How many scheduled items moved to other slots."""
    before = page.settings
    changes = _changes(before, after)
    if not changes:
        return 0
    write(session, page.site, page.row, after, now=now)
    audit.record(
        session,
        account_id=page.site.account_id,
        actor=actor,
        action="settings.changed",
        subject_kind="site",
        subject_id=page.site.id,
        now=now,
        details=changes,
    )
    if _slots(before) == _slots(after):
        return 0
    if schedule_change is ScheduleChange.KEEP:
        calendar.keep(session, page.site, now=now)
        return 0
    return len(calendar.reflow(session, page.site, now=now))


def _slots(settings: SiteSettings) -> tuple[object, ...]:
    """What the calendar is made by."""
    publishing = settings.publishing
    return publishing.publish_days, publishing.time_slots, publishing.skip_dates


def _changes(before: SiteSettings, after: SiteSettings) -> dict[str, Any]:
    """What differs: dotted key -> its new value."""
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    return {key: value for key, value in new.items() if old.get(key) != value}


def _flat(data: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in data.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
