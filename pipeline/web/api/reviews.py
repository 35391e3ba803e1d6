"""Owns what people decide about an article over HTTP: approve, reject, withdraw, delete; and editing it.

What stands on its site is brought up to date by the stack.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.errors import StaleError
from pipeline.core.roles import Scope
from pipeline.core.states import ContentStatus
from pipeline.models import Content
from pipeline.services import content, edits, reviews, settings, sites
from pipeline.services.edits import Changes
from pipeline.web.answers import problems
from pipeline.web.api.content import CONTENT_ETAG, ContentDetails, details, etag_of
from pipeline.web.api.parameters import ContentId, Text
from pipeline.web.operations import Unit, writes

router = APIRouter(tags=[Scope.CONTENT.value])
_DECIDED: Final = problems(401, 403, 404, 409, 413, 422)
_MOST_NOTE: Final = 2_000


IfVersion = Annotated[
    str | None,
    Header(alias="If-Match", description="The `ETag` that was read: of another version by now, nothing is saved."),
]


class Reasons(BaseModel):
    """Why it was decided so; kept in the audit trail."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "Off topic."}, {}]})

    note: Annotated[Text, Field(max_length=_MOST_NOTE)] | None = None


class ApprovedContent(BaseModel):
    """An article that was approved, and the slot that it will have as things stand."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "content_id": 3,
                    "status": "approved",
                    "publishes_at": "2026-06-04T07:00:00Z",
                    "publishes_by_itself": True,
                }
            ]
        }
    )

    content_id: int
    status: ContentStatus
    #: None: its site has no slots.
    publishes_at: datetime | None
    publishes_by_itself: Annotated[
        bool, Field(description="Whether it goes out then; if not, it is `ready` then, for a person to publish.")
    ]


class DecidedContent(BaseModel):
    """What an article is now, and whether its site is still to be cleared of it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"content_id": 3, "status": "rejected", "leaves_site": False}]}
    )

    content_id: int
    status: ContentStatus
    leaves_site: bool


class Edits(BaseModel):
    """What an article is to say from now on; what is left out or null stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "How to choose a standing desk", "tags": ["desks", "health"]}]},
    )

    title: Text | None = None
    slug: Text | None = None
    meta_title: Text | None = None
    meta_description: Text | None = None
    excerpt: Text | None = None
    body_html: Annotated[Text | None, Field(description="HTML; what is not allowed in it goes.")] = None
    tags: list[Text] | None = None


@router.patch(
    "/content/{content_id}",
    operation_id="edit_content",
    response_model=ContentDetails,
    responses={200: {"headers": CONTENT_ETAG}, **problems(401, 403, 404, 409, 412, 413, 422)},
)
@writes(Scope.CONTENT)
def edit(
    unit: Unit, response: Response, content_id: ContentId, sent: Edits, if_match: IfVersion = None
) -> ContentDetails:
    """Edit an article: checked as written ones are, its version raised; what is published is brought up to date."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    expected = expected_version(article, if_match)
    changes = Changes(**sent.model_dump())
    try:
        edits.edit(unit.session, article, changes, expected_version=expected, actor=unit.caller.actor, now=unit.now)
    except StaleError as error:
        raise StaleError(error.message, etag=etag_of(article)) from None
    response.headers["ETag"] = etag_of(article)
    return details(unit.session, article)


@router.post(
    "/content/{content_id}/approve",
    operation_id="approve_content",
    response_model=ApprovedContent,
    responses=_DECIDED,
)
@writes(Scope.CONTENT)
def approve(unit: Unit, content_id: ContentId, reasons: Reasons | None = None) -> ApprovedContent:
    """Say yes to an article in review."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    expected = reviews.approve(unit.session, article, actor=unit.caller.actor, now=unit.now, note=_note(reasons))
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=article.site_id)
    return ApprovedContent(
        content_id=article.id,
        status=article.status,
        publishes_at=expected,
        publishes_by_itself=settings.row_of(unit.session, site).auto_publish_enabled,
    )


@router.post(
    "/content/{content_id}/reject", operation_id="reject_content", response_model=DecidedContent, responses=_DECIDED
)
@writes(Scope.CONTENT)
def reject(unit: Unit, content_id: ContentId, reasons: Reasons | None = None) -> DecidedContent:
    """Say no to an article: its slot is free, and it is taken off its site."""
    return _decide(unit, content_id, reviews.reject, reasons)


@router.post(
    "/content/{content_id}/withdraw",
    operation_id="withdraw_content",
    response_model=DecidedContent,
    responses=_DECIDED,
)
@writes(Scope.CONTENT)
def withdraw(unit: Unit, content_id: ContentId, reasons: Reasons | None = None) -> DecidedContent:
    """Take a published article off its site; it is approved again, but not scheduled by itself."""
    return _decide(unit, content_id, reviews.withdraw, reasons)


@router.delete(
    "/content/{content_id}",
    operation_id="delete_content",
    response_model=DecidedContent,
    responses=problems(401, 403, 404, 409, 422),
)
@writes(Scope.CONTENT)
def delete(unit: Unit, content_id: ContentId) -> DecidedContent:
    """Show an article to nobody any more; its site is cleared of it. What it came from, and what it cost, stays."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    leaves = reviews.delete(unit.session, article, actor=unit.caller.actor, now=unit.now)
    return DecidedContent(content_id=article.id, status=article.status, leaves_site=leaves)


def _decide(unit: Unit, content_id: int, decide: Callable[..., bool], reasons: Reasons | None) -> DecidedContent:
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    leaves = decide(unit.session, article, actor=unit.caller.actor, now=unit.now, note=_note(reasons))
    return DecidedContent(content_id=article.id, status=article.status, leaves_site=leaves)


def _note(reasons: Reasons | None) -> str | None:
    return None if reasons is None else reasons.note


def expected_version(article: Content, if_match: str | None) -> int | None:
    """The version that must not have changed; StaleError where it is another already."""
    if if_match is None:
        return None
    marks = {mark.strip() for mark in if_match.split(",")}
    if "*" in marks:
        return None
    if etag_of(article) not in marks:
        raise StaleError(etag=etag_of(article))
    return article.version
