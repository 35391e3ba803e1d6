"""Owns what people change of a site over HTTP: edit it, test it, delete it, restore it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.config import config
from pipeline.core.errors import ConflictError
from pipeline.core.roles import Role, Scope
from pipeline.engine import site_checks
from pipeline.models import Site
from pipeline.services import calendar, site_deletion, site_edits, sites
from pipeline.services.calendar import Follow
from pipeline.services.site_deletion import Drafts
from pipeline.web.answers import problems
from pipeline.web.api.moves import MovedItem, moved_items
from pipeline.web.api.parameters import SiteId, Text
from pipeline.web.api.settings import MOVED_HEADER, OnSchedule, SettingsPreview
from pipeline.web.api.sites import SiteSummary
from pipeline.web.operations import Steps, Unit, reads, writes, writes_in_steps

router = APIRouter(prefix="/sites/{site_id}", tags=[Scope.SITES.value])
#: Articles that a test compares.
_ARTICLES_OF_A_TEST: Final = 10
_MOVED: Final = {
    MOVED_HEADER: {"description": "How many scheduled items moved to other slots.", "schema": {"type": "integer"}}
}
_HAD: Final[dict[str, Any]] = {
    "keywords": 40,
    "clusters": 4,
    "ideas": 12,
    "tasks": 12,
    "drafts": 3,
    "published": 2,
}
_DELETED: Final[dict[str, Any]] = {
    "site_id": 1,
    "deleted_at": "2026-06-03T10:30:00Z",
    "cleared_after": "2026-07-03T10:30:00Z",
    "cancelled_run_id": None,
    "unscheduled": 3,
    "drafts": "keep",
    "had": _HAD,
}


class SiteChanges(BaseModel):
    """What a site is to be; what is left out stays as it is, `null` takes away."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Oak & Desk", "url": "https://oak.example"}, {"credentials": None}]},
    )

    name: Text | None = None
    timezone: Annotated[Text | None, Field(description="IANA name, such as Europe/Berlin.")] = None
    target: Annotated[Text | None, Field(description="What its content goes to.")] = None
    url: Annotated[Text | None, Field(description="Its public address.")] = None
    username: Text | None = None
    credentials: Annotated[
        Text | None,
        Field(description="Never shown: `********` stands for it, and changes nothing when it is sent back."),
    ] = None
    category: Annotated[Text | None, Field(description="The category that its articles get there.")] = None


class NewZone(BaseModel):
    """A zone that a site might have."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"timezone": "Europe/Lisbon"}]})

    timezone: Text


class SiteTest(BaseModel):
    """Whether a site could take an article, and how those stand that were looked at."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"site_id": 1, "status": "ok", "error": None, "looked_at": 2, "news": [], "notes": []}]
        }
    )

    site_id: int
    #: `ok`, `drifted` or `failing`.
    status: str
    #: What the site said when it failed.
    error: str | None
    looked_at: int
    #: What was found now and was not known before.
    news: list[str]
    #: What a person should know though the site takes articles.
    notes: list[str]


class SiteHoldings(BaseModel):
    """What hangs below a site."""

    keywords: int
    clusters: int
    ideas: int
    tasks: int
    #: Articles that are not published.
    drafts: int
    #: Articles that stand on the site; they stay there.
    published: int


class DeletedSite(BaseModel):
    """A site that was deleted: until when it can be restored, and what hung below it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELETED]})

    site_id: int
    deleted_at: datetime
    cleared_after: datetime
    cancelled_run_id: int | None
    unscheduled: int
    drafts: Drafts
    had: SiteHoldings


WhatOfDrafts = Annotated[
    Drafts | None,
    Query(
        description="What becomes of articles that are not published: `keep` has them back when the site is restored, "
        "`delete` deletes them too. Required where there are any."
    ),
]


@router.patch(
    "",
    operation_id="edit_site",
    response_model=SiteSummary,
    responses={200: {"headers": _MOVED}, **problems(401, 403, 404, 409, 413, 422)},
)
@writes(Scope.SITES)
def edit(
    unit: Unit, response: Response, site_id: SiteId, sent: SiteChanges, schedule_change: OnSchedule = Follow.REFLOW
) -> Site:
    """Edit a site, whole or not at all. With another zone, slots, pins and schedule keep their wall times."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    changed = site_edits.edit(
        unit.session,
        site,
        sent.model_dump(exclude_unset=True),
        follow=schedule_change,
        home=config().home,
        actor=unit.caller.actor,
        now=unit.now,
    )
    response.headers[MOVED_HEADER] = str(len(changed.moves))
    return site


@router.post(
    "/timezone/preview",
    operation_id="preview_timezone",
    response_model=SettingsPreview,
    responses=problems(401, 403, 404, 413, 422),
)
@reads(Scope.SITES)
def preview(unit: Unit, site_id: SiteId, new: NewZone, schedule_change: OnSchedule = Follow.REFLOW) -> SettingsPreview:
    """Tell what another zone would move on the calendar; nothing is changed."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    moves = calendar.preview(unit.session, site, follow=schedule_change, now=unit.now, timezone=new.timezone)
    told: list[MovedItem] = moved_items(moves, new.timezone)
    return SettingsPreview(timezone=new.timezone, moves=told)


@router.post("/test", operation_id="test_site", response_model=SiteTest, responses=problems(401, 403, 404, 409, 422))
@writes_in_steps(Scope.SITES, role=Role.EDITOR)
def test(steps: Steps, site_id: SiteId) -> SiteTest:
    """Ask a site now whether it could take an article, and look at some that stand there; nothing is published."""
    with steps.reading() as unit:
        site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
        database = unit.backend.database()
    health = site_checks.check(database, site.id, most=_ARTICLES_OF_A_TEST)
    if health is None:
        raise ConflictError(f"{site.name} is being looked at right now. Try again in a minute.")
    return SiteTest(
        site_id=site.id,
        status=health.status,
        error=health.error,
        looked_at=health.looked_at,
        news=list(health.news),
        notes=list(health.notes),
    )


@router.delete("", operation_id="delete_site", response_model=DeletedSite, responses=problems(401, 403, 404, 409, 422))
@writes(Scope.SITES, role=Role.OWNER)
def delete(unit: Unit, site_id: SiteId, drafts: WhatOfDrafts = None) -> DeletedSite:
    """Delete a site: its live run is cancelled, its slots are free. For 30 days it can be restored."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    done = site_deletion.delete(unit.session, site, drafts=drafts, actor=unit.caller.actor, now=unit.now)
    return DeletedSite(
        site_id=site.id,
        deleted_at=done.deleted_at,
        cleared_after=done.cleared_after,
        cancelled_run_id=done.cancelled_run_id,
        unscheduled=done.unscheduled,
        drafts=done.drafts,
        had=SiteHoldings(**vars(done.had)),
    )


@router.post(
    "/restore", operation_id="restore_site", response_model=SiteSummary, responses=problems(401, 403, 404, 409, 422)
)
@writes(Scope.SITES, role=Role.OWNER)
def restore(unit: Unit, site_id: SiteId) -> Site:
    """Have a deleted site back; its schedule and its calendar go on from now."""
    site = site_deletion.get_deleted(unit.session, account_id=unit.account_id, site_id=site_id)
    site_deletion.restore(unit.session, site, actor=unit.caller.actor, now=unit.now)
    return site
