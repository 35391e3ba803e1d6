"""Owns the sentence by which an action on an article is refused: what the article is, and what may be done with it."""

from __future__ import annotations

from typing import Final

from pipeline.core.states import ContentStatus

_TOLD: Final = {
    ContentStatus.DRAFT: "is being written. Wait until it is in review, then approve it.",
    ContentStatus.IMAGES: "waits for its images. Wait until it is in review, then approve it.",
    ContentStatus.REVIEW: "is in review. To approve it: igny8 content approve {id}",
    ContentStatus.APPROVED: "is approved and stands on no slot. To give it one: igny8 calendar schedule {id}",
    ContentStatus.SCHEDULED: "is scheduled. To have it elsewhere: igny8 calendar move {id} --to 'YYYY-MM-DD HH:MM'. "
    "To take it off the calendar: igny8 calendar unschedule {id}",
    ContentStatus.READY: "is ready: its slot came while auto-publish was off. To publish it: igny8 publish {id} --now. "
    "To give it another slot: igny8 calendar schedule {id}",
    ContentStatus.PUBLISHING: "is just being published. Wait until it is published or needs attention.",
    ContentStatus.PUBLISHED: "is published. To take it off its site: igny8 content withdraw {id}",
    ContentStatus.REJECTED: "is rejected: nothing more becomes of it.",
    ContentStatus.NEEDS_ATTENTION: "needs attention. Where publishing it is stuck: igny8 calendar schedule {id}. "
    "Where a stage gave it up: igny8 retry RUN",
}


def what_it_is(content_id: int, status: ContentStatus) -> str:
    """Such as "Content 5 is in review. To approve it: igny8 content approve 5"."""
    return f"Content {content_id} {_TOLD[status].format(id=content_id)}"
