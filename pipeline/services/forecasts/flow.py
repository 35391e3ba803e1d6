"""Owns how many rows would wait for each stage of a run: those that wait now, and what earlier stages would make.

Failures are not foreseen. Never: writes.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.catalog import STAGES
from pipeline.core.matrix import IMAGES_OFF, SiteSettings
from pipeline.core.states import ContentStatus
from pipeline.models import Content, Site
from pipeline.services.forecasts.recent import clusters_a_keyword
from pipeline.services.runs import count_waiting

_CLUSTERS, _IDEAS, _TASKS, _CONTENT, _PROMPTS, _IMAGES, _REVIEW = (stage.number for stage in STAGES)
#: What waits is told up to here, where a run takes less.
COUNTED: Final = 10_000
_SWITCHES_IMAGES_OFF: Final = frozenset({_PROMPTS, _IMAGES})


def _looked_at(settings: SiteSettings) -> dict[str, int]:
    """Where counting what waits may end: a run with a limit takes no more, and a million is not counted for it."""
    limits = {stage.key: settings.stages[stage.number].per_run_limit for stage in STAGES}
    return {key: max(limit, COUNTED) for key, limit in limits.items() if limit}


class Flow:
    """What waits for each stage, moved on stage by stage as a run would."""

    def __init__(self, session: Session, site: Site, settings: SiteSettings) -> None:
        """Count what waits now. `most`: what would wait if every earlier stage made as much as it may."""
        waits = count_waiting(session, site.id, up_to=_looked_at(settings))
        self._settings = settings
        self._clusters_a_keyword = clusters_a_keyword(session, site.id)
        in_images = select(func.count()).where(Content.site_id == site.id, Content.status == ContentStatus.IMAGES)
        #: Contents that wait for their images.
        self._in_images = session.scalar(in_images) or 0
        self.waiting = {stage.number: waits[stage.key] for stage in STAGES}
        self.coming = dict.fromkeys(self.waiting, 0)
        self.most = dict(self.waiting)

    def inputs(self, number: int) -> int:
        """What would wait for the stage when it begins."""
        return self.waiting[number] + self.coming[number]

    def work(self, number: int, done: int, *, most: int) -> None:
        """The stage did so many of its inputs, `most` at worst: what came of them waits for the stages behind it."""
        each = {
            _IDEAS: self._settings.content.ideas_per_cluster,
            _PROMPTS: 1 + self._settings.content.in_article_images,
        }
        if number < _IMAGES:
            # A keyword may be a cluster by itself.
            self.most[number + 1] += most * each.get(number, 1)
        content = self._settings.content
        if number == _CLUSTERS:
            self.coming[_IDEAS] += max(1, round(done * self._clusters_a_keyword)) if done else 0
        elif number == _IDEAS:
            self.coming[_TASKS] += done * content.ideas_per_cluster
        elif number in {_TASKS, _CONTENT}:
            self.coming[number + 1] += done
        elif number == _PROMPTS:
            self.coming[_IMAGES] += done * (1 + content.in_article_images)
            self._in_images += done
        elif number == _IMAGES and done:
            # Those of one content are drawn one after the other.
            self.coming[_REVIEW] += self._in_images * done // self.inputs(_IMAGES)

    def bypass(self, number: int, reason: str) -> None:
        """The stage is off in this run: what would wait for its images goes on without them."""
        if number in _SWITCHES_IMAGES_OFF and reason == IMAGES_OFF:
            self.coming[_REVIEW] += self.inputs(_PROMPTS) if number == _PROMPTS else self._in_images
