"""Owns how far a site is on its way to its first article: read off what is there, kept nowhere.

Never: writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from pipeline.core.states import LIVE_RUNS, ContentStatus
from pipeline.models import AiModel, Content, Image, ImagePrompt, Publication, Run, Site
from pipeline.services import keywords, runs
from pipeline.services.accounts import PROVIDER
from pipeline.services.listing import LOOKED_THROUGH
from pipeline.services.settings import row_of

#: Where an article is nearest to its readers.
_NEAREST: Final = (
    ContentStatus.PUBLISHED,
    ContentStatus.PUBLISHING,
    ContentStatus.READY,
    ContentStatus.SCHEDULED,
    ContentStatus.APPROVED,
    ContentStatus.REVIEW,
    ContentStatus.IMAGES,
    ContentStatus.DRAFT,
)


class Step(StrEnum):
    """What is done one after the other."""

    #: There is a site.
    SITE = "site"
    #: It has keywords.
    KEYWORDS = "keywords"
    #: Somebody looked at its settings and saved them.
    PLAN = "plan"
    #: A run has written an article.
    RUN = "run"
    #: There it is, with its slot.
    ARTICLE = "article"


@dataclass(frozen=True)
class Beginning:
    """How far a site is."""

    #: Of each status counted up to `LOOKED_THROUGH`.
    keywords: int
    is_planned: bool
    #: The newest.
    run: Run | None
    #: The one that is nearest to its readers.
    article: Content | None
    #: Of the article; None: it has none yet.
    slot_at: datetime | None
    picture: Image | None
    #: Articles that stand on the calendar, this one among them.
    scheduled: int

    @property
    def is_running(self) -> bool:
        """Whether its newest run is live."""
        return self.run is not None and self.run.status in LIVE_RUNS

    @property
    def step(self) -> Step:
        """What is to be done next."""
        if self.is_running:
            return Step.RUN
        if self.article is not None:
            return Step.ARTICLE
        if not self.keywords:
            return Step.KEYWORDS
        return Step.RUN if self.is_planned or self.run is not None else Step.PLAN

    def reaches(self, step: Step) -> bool:
        """Whether one may go there: to what is next, and back."""
        order = list(Step)
        return order.index(step) <= order.index(self.step)


def beginning_of(session: Session, site: Site) -> Beginning:
    """How far the site is."""
    newest = runs.list_runs(session, account_id=site.account_id, site_id=site.id, limit=1)
    article = _nearest(session, site)
    planned = None if article is None else session.scalar(_slot_of(article))
    return Beginning(
        keywords=sum(keywords.count_up_to(session, site=site, most=LOOKED_THROUGH).values()),
        is_planned=row_of(session, site).version > 1,
        run=newest[0] if newest else None,
        article=article,
        slot_at=planned,
        picture=None if article is None else _picture(session, article),
        scheduled=_scheduled(session, site),
    )


def asks_offline_models_alone(session: Session) -> bool:
    """Whether every model that may be asked is of this machine: nobody's limits have to be kept."""
    providers: Sequence[str] = session.scalars(select(AiModel.provider).where(AiModel.is_active).distinct()).all()
    return set(providers) <= {PROVIDER}


def _nearest(session: Session, site: Site) -> Content | None:
    rank = case({status: number for number, status in enumerate(_NEAREST)}, value=Content.status, else_=len(_NEAREST))
    there = (Content.site_id == site.id, Content.deleted_at.is_(None), Content.status.in_(_NEAREST))
    slot = select(Publication.slot_at).where(Publication.content_id == Content.id).scalar_subquery()
    return session.scalar(select(Content).where(*there).order_by(rank, slot, Content.id).limit(1))


def _slot_of(article: Content) -> Select[datetime | None]:
    return select(Publication.slot_at).where(Publication.content_id == article.id)


def _picture(session: Session, article: Content) -> Image | None:
    """The featured one."""
    featured = (ImagePrompt.content_id == article.id, ImagePrompt.position == 0)
    return session.scalar(select(Image).join(ImagePrompt, Image.image_prompt_id == ImagePrompt.id).where(*featured))


def _scheduled(session: Session, site: Site) -> int:
    standing = (Content.site_id == site.id, Content.status == ContentStatus.SCHEDULED, Content.deleted_at.is_(None))
    return session.scalar(select(func.count()).select_from(Content).where(*standing)) or 0
