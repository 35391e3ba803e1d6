"""Owns `…/unified-settings/`: everything a site decides under one GET and one PUT; a preview; presets; defaults."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import BaseModel, ConfigDict

from pipeline.core.errors import StaleError
from pipeline.core.matrix import SiteSettings
from pipeline.core.presets import Preset, with_preset
from pipeline.core.roles import Scope
from pipeline.services import calendar, settings, sites
from pipeline.services.calendar import Follow
from pipeline.services.settings import Page
from pipeline.web.answers import problems
from pipeline.web.api.moves import MOVE_EXAMPLE, MovedItem, moved_items
from pipeline.web.api.parameters import SiteId
from pipeline.web.operations import Unit, reads, writes
from pipeline.web.settings_schema import READ, SENT

MOVED_HEADER: Final = "X-Moved-Items"
router = APIRouter(prefix="/sites/{site_id}/unified-settings", tags=[Scope.SETTINGS.value])

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The `ETag` that was read: where the settings are others by now, nothing is saved.",
    ),
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="The `ETag` that was read: unchanged settings are not sent.")
]
OnSchedule = Annotated[
    Follow,
    Query(description="Where the slots change, scheduled items move onto the new ones (`reflow`) or stay (`keep`)."),
]
_ETAG: Final = {"ETag": {"description": "Strong: of these very bytes.", "schema": {"type": "string"}}}
_MOVED: Final = {
    MOVED_HEADER: {"description": "How many scheduled items moved to other slots.", "schema": {"type": "integer"}}
}


def _documented(*, headers: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{READ}"}}}
    return {"description": "The settings as they are now.", "headers": headers, "content": content}


_SAVED: Final[dict[int | str, dict[str, Any]]] = {
    200: _documented(headers={**_ETAG, **_MOVED}),
    **problems(401, 403, 404, 409, 412, 413, 422),
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{SENT}"}}},
    }
}


class ChosenPreset(BaseModel):
    """Which preset a site is to have."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"preset": "balanced"}]})

    preset: Preset


class SettingsPreview(BaseModel):
    """What would move, told in the zone of the site."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"timezone": "Europe/Berlin", "moves": [MOVE_EXAMPLE]}]})

    timezone: str
    moves: list[MovedItem]


@router.get(
    "/",
    operation_id="get_unified_settings",
    response_class=Response,
    responses={
        200: _documented(headers=_ETAG),
        304: {"description": "They are still what `If-None-Match` says."},
        **problems(401, 403, 404, 422),
    },
)
@reads(Scope.SETTINGS)
def show(unit: Unit, site_id: SiteId, if_none_match: IfNoneMatch = None) -> Response:
    """Read all settings of a site. What is read can be sent back unchanged."""
    body = settings.find_json(unit.session, account_id=unit.account_id, site_id=site_id)
    etag = etag_of(body)
    if if_none_match is not None and _names(if_none_match, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag})


@router.put("/", operation_id="put_unified_settings", response_class=Response, responses=_SAVED, openapi_extra=_BODY)
@writes(Scope.SETTINGS)
def save(
    unit: Unit,
    site_id: SiteId,
    sent: Annotated[dict[str, Any], Body()],
    if_match: IfMatch = None,
    schedule_change: OnSchedule = Follow.REFLOW,
) -> Response:
    """Save all settings of a site, or none: every fault is told at once. Runs that are live keep those they have."""
    page = _locked(unit, site_id, if_match)
    return _stored(unit, page, settings.laid_over(page.settings, sent), schedule_change)


@router.post(
    "/preview",
    operation_id="preview_unified_settings",
    response_model=SettingsPreview,
    responses=problems(401, 403, 404, 413, 422),
    openapi_extra=_BODY,
)
@reads(Scope.SETTINGS)
def preview(
    unit: Unit, site_id: SiteId, sent: Annotated[dict[str, Any], Body()], schedule_change: OnSchedule = Follow.REFLOW
) -> SettingsPreview:
    """Tell what a PUT of this document would move on the calendar; nothing is changed."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    new = settings.laid_over(settings.load(unit.session, site), sent)
    moves = calendar.preview(unit.session, site, follow=schedule_change, now=unit.now, settings=new)
    return SettingsPreview(timezone=site.timezone, moves=moved_items(moves, site.timezone))


@router.post("/preset", operation_id="apply_preset", response_class=Response, responses=_SAVED)
@writes(Scope.SETTINGS)
def apply_preset(unit: Unit, site_id: SiteId, chosen: ChosenPreset, if_match: IfMatch = None) -> Response:
    """Set the per-run limits of stages 4 to 7 by a preset; nothing else changes."""
    page = _locked(unit, site_id, if_match)
    return _stored(unit, page, with_preset(page.settings, chosen.preset), Follow.REFLOW)


@router.post("/reset", operation_id="reset_settings", response_class=Response, responses=_SAVED)
@writes(Scope.SETTINGS)
def reset(
    unit: Unit, site_id: SiteId, if_match: IfMatch = None, schedule_change: OnSchedule = Follow.REFLOW
) -> Response:
    """Give every setting its default, as a new site has it."""
    page = _locked(unit, site_id, if_match)
    return _stored(unit, page, SiteSettings(), schedule_change)


def _locked(unit: Unit, site_id: int, if_match: str | None) -> Page:
    """The settings, locked; StaleError with the present mark where they are not what the caller read."""
    page = calendar.lock_settings(unit.session, account_id=unit.account_id, site_id=site_id)
    if if_match is not None:
        etag = etag_of(settings.as_json(page.document()))
        if not _names(if_match, etag, weakly=False):
            raise StaleError(etag=etag)
    return page


def _stored(unit: Unit, page: Page, after: SiteSettings, follow: Follow) -> Response:
    changed = calendar.save_settings(unit.session, page, after, follow=follow, actor=unit.caller.actor, now=unit.now)
    body = settings.as_json(page.document())
    headers = {"ETag": etag_of(body), MOVED_HEADER: str(len(changed.moves))}
    return Response(body, media_type="application/json", headers=headers)


def etag_of(body: bytes) -> str:
    """The mark of settings as they were read: strong, of these very bytes (RFC 9110, 8.8.3)."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def _names(header: str, etag: str, *, weakly: bool = True) -> bool:
    """Whether a list of marks names this one; a weak mark is none for whoever wants to save."""
    marks = [mark.strip() for mark in header.split(",")]
    return "*" in marks or etag in marks or (weakly and f"W/{etag}" in marks)
