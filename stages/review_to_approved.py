"""Stage 7, Review → Approved: where the site approves by itself; a slice at once, inside the database."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.contract import NeededSetting, Produced, Stage, Subjects
from pipeline.core.states import ContentStatus
from pipeline.models import Content
from pipeline.models.base import utc_now


class ReviewToApproved(Stage[Content, None]):
    """Approves what is complete."""

    key = "review_to_approved"
    subject = Content
    waits_as = ContentStatus.REVIEW
    needed_setting = NeededSetting("publishing.auto_approval_enabled", "waiting for people")

    def keep(self, session: Session, subjects: Subjects[Content], answer: None) -> Produced:  # noqa: ARG002 - nothing was asked
        """One statement for any number of contents; the calendar takes them in the order (approved_at, id)."""
        # The machine's clock is good enough: the instant only orders contents, and SQLite's own has whole seconds.
        approved = (
            update(Content)
            .where(
                Content.site_id == subjects.site.id,
                Content.status == ContentStatus.REVIEW,
                Content.id.in_(subjects.ids),
            )
            .values(status=ContentStatus.APPROVED, approved_at=utc_now())
            .returning(Content.id)
        )
        ids = session.scalars(approved, execution_options={"synchronize_session": False})
        return {content_id: [content_id] for content_id in ids}
