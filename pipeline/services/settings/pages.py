"""Owns a site with its settings as one page: locked, read as the one document, compared with what it is to become.

Never: commits; saves. Saving, with all that follows, is `calendar.save_settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError
from pipeline.core.matrix import SiteSettings
from pipeline.models import Site, SiteAutomationSettings
from pipeline.services.settings.document import PREFERRED, available_models, written
from pipeline.services.settings.rows import settings_of

_LOCKED: Final = (
    select(Site, SiteAutomationSettings, PREFERRED)
    .join(SiteAutomationSettings, SiteAutomationSettings.site_id == Site.id)
    .where(Site.account_id == bindparam("account"), Site.id == bindparam("site"))
    .with_for_update(of=SiteAutomationSettings)
    .execution_options(populate_existing=True)
)


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
    site, row, preferred = found
    return Page(site, row, models=available_models(session, preferred))


def differences(before: SiteSettings, after: SiteSettings) -> dict[str, Any]:
    """What differs: dotted key -> its new value."""
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    return {key: value for key, value in new.items() if old.get(key) != value}


def _flat(data: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in data.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
