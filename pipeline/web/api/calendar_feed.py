"""Owns `/sites/{site_id}/calendar/feed`: the secret address under which calendar programs read a site."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Scope
from pipeline.models import Site
from pipeline.services import audit, feeds, sites
from pipeline.web.answers import problems
from pipeline.web.api.parameters import SiteId
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/sites/{site_id}/calendar/feed", tags=[Scope.CALENDAR.value])
_STATE: Final[dict[str, Any]] = {"site_id": 1, "created_at": "2026-06-03T10:30:00Z", "ends_at": None}
_ANSWERS: Final = problems(401, 403, 404, 422)


class FeedState(BaseModel):
    """Whether a site has a feed."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STATE]})

    site_id: int
    #: None: it has none.
    created_at: datetime | None
    #: A key that expires made it, and it ends with the key; None: it stays.
    ends_at: datetime | None


class NewFeed(BaseModel):
    """A feed that was made just now; its address is never answered again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"site_id": 1, "path": "/feeds/….ics"}]})

    site_id: int
    #: Below the address of this installation.
    path: str


@router.get("", operation_id="get_calendar_feed", response_model=FeedState, responses=_ANSWERS)
@reads(Scope.CALENDAR)
def show(unit: Unit, site_id: SiteId) -> FeedState:
    """Say whether a site has a feed; not where it is."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    row = feeds.feed_of(unit.session, site)
    if row is None:
        return FeedState(site_id=site.id, created_at=None, ends_at=None)
    return FeedState(site_id=site.id, created_at=row.created_at, ends_at=row.ends_at)


@router.post("", operation_id="make_calendar_feed", status_code=201, response_model=NewFeed, responses=_ANSWERS)
@writes(Scope.CALENDAR)
def make(unit: Unit, site_id: SiteId) -> NewFeed:
    """Make the secret address of a site's calendar, or another one: who knows the old one reads nothing any more."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    token = feeds.make_feed(unit.session, site, now=unit.now, ends_at=unit.caller.expires_at)
    _record(unit, site, "calendar_feed.made")
    return NewFeed(site_id=site.id, path=feeds.path_of(token))


@router.delete("", operation_id="revoke_calendar_feed", response_model=FeedState, responses=_ANSWERS)
@writes(Scope.CALENDAR)
def revoke(unit: Unit, site_id: SiteId) -> FeedState:
    """Let nobody read a site's calendar by its secret address any more."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    if feeds.revoke(unit.session, site):
        _record(unit, site, "calendar_feed.revoked")
    return FeedState(site_id=site.id, created_at=None, ends_at=None)


def _record(unit: Unit, site: Site, action: str, **details: Any) -> None:
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action=action,
        subject_kind="site",
        subject_id=site.id,
        now=unit.now,
        details=details,
    )
