"""Owns `/sites`: list, add, show."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.config import config
from pipeline.core.roles import Scope
from pipeline.models import Site
from pipeline.services import audit, content, keywords, settings, site_deletion, site_edits, sites
from pipeline.services.calendar import Follow
from pipeline.services.site_edits import MASK
from pipeline.services.sites import MAX_NAME_CHARACTERS
from pipeline.web.answers import problems
from pipeline.web.api.parameters import SiteId, Text
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/sites", tags=[Scope.SITES.value])
_EXAMPLE: Final[dict[str, Any]] = {
    "id": 1,
    "name": "Oak & Desk",
    "timezone": "Europe/Berlin",
    "target": "folder",
    "url": None,
    "username": None,
    "credentials": None,
    "category": None,
    "sync_status": "never",
    "last_sync_at": None,
    "created_at": "2026-06-03T10:30:00Z",
    "deleted_at": None,
}


class SiteSummary(BaseModel):
    """A site."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: int
    name: str
    #: IANA name.
    timezone: str
    target: str
    url: str | None
    username: str | None
    #: `********` where there are any.
    credentials: str | None
    #: What its articles get there; None: the site's own.
    category: str | None
    #: How the last check of it found it.
    sync_status: str
    last_sync_at: datetime | None
    created_at: datetime
    #: Since when it can only be restored; None: it is there.
    deleted_at: datetime | None

    @field_validator("credentials", mode="before")
    @classmethod
    def _never_shown(cls, kept: object) -> str | None:
        return None if kept is None else MASK


class SiteDetails(SiteSummary):
    """A site, what it has, and when it runs next."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_EXAMPLE,
                    "next_run_at": "2026-06-04T00:00:00Z",
                    "keywords": {"new": 12, "clustered": 28, "needs_attention": 0},
                    "contents": {"review": 2, "scheduled": 3, "published": 1},
                }
            ]
        }
    )

    #: None: no run starts by itself.
    next_run_at: datetime | None
    #: Status -> how many.
    keywords: dict[str, int]
    contents: dict[str, int]


class Sites(BaseModel):
    """Every site of the account."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[SiteSummary]


class NewSite(BaseModel):
    """A site to add."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "Oak & Desk", "timezone": "Europe/Berlin"},
                {
                    "name": "Still Water",
                    "timezone": "Europe/Berlin",
                    "target": "site",
                    "url": "https://still.example",
                    "username": "ann",
                    "credentials": "abcd efgh ijkl mnop",
                },
            ]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=10 * MAX_NAME_CHARACTERS)]
    timezone: Annotated[str, Field(max_length=64, description="IANA name, such as Europe/Berlin.")]
    target: Annotated[Text | None, Field(description="What its content goes to: `folder` or `site`.")] = None
    url: Annotated[Text | None, Field(description="Its public address.")] = None
    username: Annotated[Text | None, Field(description="Who publishes there.")] = None
    credentials: Annotated[Text | None, Field(description="The user's application password; never shown.")] = None
    category: Annotated[Text | None, Field(description="The category that its articles get there.")] = None


Deleted = Annotated[bool, Query(description="Those that were deleted and can be restored, in place of the others.")]


@router.get("", operation_id="list_sites", response_model=Sites, responses=problems(401, 403, 422))
@reads(Scope.SITES)
def list_all(unit: Unit, *, deleted: Deleted = False) -> dict[str, Any]:
    """List the account's sites, the oldest first; or those deleted within 30 days."""
    if deleted:
        return {"items": site_deletion.list_deleted(unit.session, account_id=unit.account_id)}
    return {"items": sites.list_sites(unit.session, account_id=unit.account_id)}


@router.post(
    "",
    operation_id="add_site",
    status_code=201,
    response_model=SiteSummary,
    responses=problems(401, 403, 409, 413, 422),
)
@writes(Scope.SITES, whole_account=True)
def add(unit: Unit, new: NewSite) -> Site:
    """Add a site, with every setting at its default: a folder, or with `target` `site` one over the network."""
    site = sites.add_site(unit.session, account_id=unit.account_id, name=new.name, timezone=new.timezone, now=unit.now)
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action="site.added",
        subject_kind="site",
        subject_id=site.id,
        now=unit.now,
    )
    changes = new.model_dump(exclude={"name", "timezone"}, exclude_none=True)
    if changes:
        site_edits.edit(
            unit.session,
            site,
            changes,
            follow=Follow.REFLOW,
            home=config().home,
            actor=unit.caller.actor,
            now=unit.now,
        )
    return site


@router.get("/{site_id}", operation_id="get_site", response_model=SiteDetails, responses=problems(401, 403, 404, 422))
@reads(Scope.SITES)
def show(unit: Unit, site_id: SiteId) -> dict[str, Any]:
    """Show a site: how many keywords and articles of each status it has, and when it runs next."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return {
        **SiteSummary.model_validate(site).model_dump(),
        "next_run_at": settings.row_of(unit.session, site).next_run_at,
        "keywords": keywords.count_by_status(unit.session, site=site),
        "contents": content.count_by_status(unit.session, site=site),
    }
