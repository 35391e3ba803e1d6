"""Owns the images of an article: what each was to show, what came of it, and having another one drawn.

Lock order: prompt, content. Never: commits; reads a file; bytes are kept by the engine's store, under their hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, Fault, InvalidValueError, NotFoundError
from pipeline.core.normal import display_text
from pipeline.core.states import ContentStatus, ImagePromptStatus, move
from pipeline.models import Content, Image, ImagePrompt, Site
from pipeline.services import audit
from pipeline.services.sites import of_a_site_that_is_there

_MOST_PROMPT: Final = 4_000
#: What goes on from there may be published before another image is drawn.
_MAY_CHANGE: Final = (ContentStatus.IMAGES, ContentStatus.REVIEW)


def list_images(session: Session, content: Content) -> Sequence[tuple[ImagePrompt, Image | None]]:
    """The prompts of an article in the order of their places, each with its image, as far as there is one."""
    query = (
        select(ImagePrompt, Image)
        .outerjoin(Image, Image.image_prompt_id == ImagePrompt.id)
        .where(ImagePrompt.content_id == content.id)
        .order_by(ImagePrompt.position)
    )
    return [(prompt, image) for prompt, image in session.execute(query)]


@dataclass(frozen=True)
class SiteImage:
    """What an image of a site's article is to show, and the image, as far as there is one."""

    prompt: ImagePrompt
    image: Image | None
    content_id: int
    title: str
    #: Whether another one may be drawn by the next run.
    may_change: bool


def list_of_site(
    session: Session,
    site: Site,
    *,
    status: ImagePromptStatus | None = None,
    before_id: int | None = None,
    limit: int = 24,
) -> Sequence[SiteImage]:
    """The images of a site's articles, those asked for last first, older than `before_id`."""
    query = (
        select(ImagePrompt, Image, Content.id, Content.title, Content.status)
        .join(Content, Content.id == ImagePrompt.content_id)
        .outerjoin(Image, Image.image_prompt_id == ImagePrompt.id)
        .where(ImagePrompt.site_id == site.id, Content.deleted_at.is_(None))
        .order_by(ImagePrompt.id.desc())
        .limit(limit)
    )
    if status is not None:
        query = query.where(ImagePrompt.status == status)
    if before_id is not None:
        query = query.where(ImagePrompt.id < before_id)
    return [
        SiteImage(prompt, image, content_id, title, of in _MAY_CHANGE and prompt.status is not ImagePromptStatus.NEW)
        for prompt, image, content_id, title, of in session.execute(query)
    ]


def get_image(session: Session, *, account_id: int, image_id: int) -> Image:
    """The account's image of that id; NotFoundError where there is none, or its article is deleted."""
    own = (Image.account_id == account_id, Image.id == image_id, of_a_site_that_is_there(Image.site_id))
    article = select(Content.id).where(Content.id == Image.content_id, Content.deleted_at.is_(None)).exists()
    image = session.scalar(select(Image).where(*own, article))
    if image is None:
        raise NotFoundError(f"There is no image {image_id} in this account.")
    return image


def regenerate(
    session: Session, content: Content, position: int, *, prompt: str | None, actor: str, now: datetime
) -> ImagePrompt:
    """Have the image at `position` drawn again by the next run, of another prompt if one is given.

    The image that is there stays until then. ConflictError where the article is further than review, or the image is
    still to be drawn; NotFoundError where the article has no such image.
    """
    text = None if prompt is None else display_text(prompt)
    if text is not None and not 0 < len(text) <= _MOST_PROMPT:
        raise InvalidValueError(
            [Fault("prompt", f"it has {len(text):,} characters; from 1 to {_MOST_PROMPT:,} may be.")]
        )
    query = select(ImagePrompt).where(ImagePrompt.content_id == content.id, ImagePrompt.position == position)
    row = session.scalar(query.with_for_update())
    if row is None:
        raise NotFoundError(f"Content {content.id} has no image {position}.")
    session.refresh(content, with_for_update={"key_share": True})
    if content.status not in _MAY_CHANGE:
        raise ConflictError(f"Content {content.id} is {content.status}: only an article in review gets another image.")
    if row.status is ImagePromptStatus.NEW:
        raise ConflictError(f"Image {position} of content {content.id} is still to be drawn: the next run does it.")
    row.status, row.times_tried = move(row.status, ImagePromptStatus.NEW), 0
    row.prompt = text or row.prompt
    details: dict[str, Any] = {"position": position, "prompt": text}
    audit.record(
        session,
        account_id=content.account_id,
        actor=actor,
        action="image.regenerated",
        subject_kind="content",
        subject_id=content.id,
        now=now,
        details=details,
    )
    session.flush()
    return row
