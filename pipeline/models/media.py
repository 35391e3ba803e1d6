"""Owns image prompts and the images made of them."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.states import ImagePromptStatus
from pipeline.models.base import AccountId, Base, Id, Instant, SiteId, status_check, utc_now
from pipeline.models.types import BigId, Status

#: The place of the picture above an article; any other place is the heading it follows.
FEATURED = "featured"


class ImagePrompt(Base):
    """What one image of a content shall show, and where it stands."""

    __tablename__ = "image_prompts"
    __table_args__ = (
        UniqueConstraint("content_id", "position"),
        status_check(ImagePromptStatus),
        Index("ix_image_prompts_waiting", "site_id", "status", "times_tried", "id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    content_id: Mapped[int] = mapped_column(BigId, ForeignKey("contents.id"))
    #: 0 is the featured one.
    position: Mapped[int]
    #: `featured`, or the heading it follows.
    place: Mapped[str] = mapped_column(String(300))
    prompt: Mapped[str] = mapped_column(Text)
    alt_text: Mapped[str] = mapped_column(String(300))
    status: Mapped[ImagePromptStatus] = mapped_column(Status(ImagePromptStatus), default=ImagePromptStatus.NEW)
    times_tried: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class Image(Base):
    """A verified image, its bytes stored by content hash."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("image_prompt_id"),)

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    content_id: Mapped[int] = mapped_column(BigId, ForeignKey("contents.id"), index=True)
    image_prompt_id: Mapped[int] = mapped_column(BigId, ForeignKey("image_prompts.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    mime: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    alt_text: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
