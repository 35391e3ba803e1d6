"""Owns reading the images of an article: what each was to show, and what came of it.

Never: reads a file; bytes are kept by the engine's store, under their hash.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotFoundError
from pipeline.models import Content, Image, ImagePrompt
from pipeline.services.sites import of_a_site_that_is_there


def list_images(session: Session, content: Content) -> Sequence[tuple[ImagePrompt, Image | None]]:
    """The prompts of an article in the order of their places, each with its image, as far as there is one."""
    query = (
        select(ImagePrompt, Image)
        .outerjoin(Image, Image.image_prompt_id == ImagePrompt.id)
        .where(ImagePrompt.content_id == content.id)
        .order_by(ImagePrompt.position)
    )
    return [(prompt, image) for prompt, image in session.execute(query)]


def get_image(session: Session, *, account_id: int, image_id: int) -> Image:
    """The account's image of that id; NotFoundError where there is none, or its article is deleted."""
    own = (Image.account_id == account_id, Image.id == image_id, of_a_site_that_is_there(Image.site_id))
    article = select(Content.id).where(Content.id == Image.content_id, Content.deleted_at.is_(None)).exists()
    image = session.scalar(select(Image).where(*own, article))
    if image is None:
        raise NotFoundError(f"There is no image {image_id} in this account.")
    return image
