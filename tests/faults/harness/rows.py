"""Owns what two runs of the same input have in common whatever was killed meanwhile: every row by its natural key.

Left out are ids, instants, attempts and the marks of losses (lost amounts, errors of an earlier try): these may differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from pipeline.core.states import CallStatus
from pipeline.models import (
    AiCall,
    CalendarSlot,
    Cluster,
    Content,
    ContentTask,
    CreditEntry,
    Idea,
    IdeaKeyword,
    Image,
    ImagePrompt,
    Keyword,
    Publication,
    Run,
    Site,
    StageItem,
    StageRun,
)

#: Table -> its rows, each as often as it is there.
Rows = Mapping[str, Counter[tuple[Any, ...]]]

#: Stage number -> the subject's table and the column that names its rows within a site.
_SUBJECTS: Mapping[int, tuple[Any, Any]] = {
    1: (Keyword, Keyword.normalised),
    2: (Cluster, Cluster.normalised),
    3: (Idea, Idea.normalised_title),
    4: (ContentTask, ContentTask.title),
    5: (Content, Content.slug),
    7: (Content, Content.slug),
}


def rows_of(session: Session, site_id: int) -> Rows:
    """Everything a site's runs wrote, and its account's entries."""
    found = {name: Counter(map(_plain, session.execute(query))) for name, query in _queries(site_id).items()}
    found["stage items"] = Counter(_items(session, site_id))
    return found


def calendar_of(session: Session, site_id: int) -> Counter[tuple[Any, ...]]:
    """A site's articles on its calendar, in their order where that is the same in every run."""
    slugs = session.scalars(_in_calendar_order(site_id)).all()
    # Several lanes write side by side: which article is first is then nobody's promise.
    return Counter(enumerate(slugs) if _one_lane(session, site_id) else ((slug,) for slug in slugs))


def differences(expected: Rows, found: Rows) -> list[str]:
    """A line for each row that only one of the two has."""
    lines = []
    for table in expected:
        lines += [f"{table}: missing {_short(row)}" for row in (expected[table] - found[table]).elements()]
        lines += [f"{table}: too many {_short(row)}" for row in (found[table] - expected[table]).elements()]
    return lines


def _queries(site_id: int) -> dict[str, Any]:
    keyword = (Keyword.text, Keyword.status, Keyword.times_tried, Cluster.normalised)
    cluster = (Cluster.name, Cluster.description, Cluster.status, Cluster.times_tried)
    idea = (Idea.title, Idea.angle, Idea.outline, Idea.status, Idea.times_tried)
    task = (ContentTask.title, ContentTask.status, ContentTask.times_tried)
    return {
        "keywords": select(*keyword)
        .outerjoin(Cluster, Cluster.id == Keyword.cluster_id)
        .where(Keyword.site_id == site_id),
        "clusters": select(*cluster).where(Cluster.site_id == site_id),
        "ideas": select(*idea).where(Idea.site_id == site_id),
        "ideas' keywords": select(Idea.title, Keyword.text)
        .join(IdeaKeyword, IdeaKeyword.idea_id == Idea.id)
        .join(Keyword, Keyword.id == IdeaKeyword.keyword_id)
        .where(Idea.site_id == site_id),
        "tasks": select(*task).where(ContentTask.site_id == site_id),
        "contents": select(*_OF_CONTENT).where(Content.site_id == site_id),
        "publications": select(Content.slug, Publication.status, Publication.placed_version, Publication.error)
        .join(Content, Content.id == Publication.content_id)
        .where(Publication.site_id == site_id),
        **_image_queries(site_id),
        **_run_queries(site_id),
    }


_OF_CONTENT = (
    Content.slug,
    Content.title,
    Content.meta_title,
    Content.meta_description,
    Content.excerpt,
    Content.body_html,
    Content.tags,
    Content.word_count,
    Content.status,
    Content.images_missing,
    Content.version,
    Content.times_tried,
)


def _image_queries(site_id: int) -> dict[str, Any]:
    prompt = (ImagePrompt.position, ImagePrompt.place, ImagePrompt.prompt, ImagePrompt.alt_text, ImagePrompt.status)
    image = (ImagePrompt.position, Image.sha256, Image.mime, Image.width, Image.height, Image.alt_text)
    return {
        "image prompts": select(Content.slug, *prompt)
        .join(Content, Content.id == ImagePrompt.content_id)
        .where(ImagePrompt.site_id == site_id),
        "images": select(Content.slug, *image)
        .join(Content, Content.id == Image.content_id)
        .join(ImagePrompt, ImagePrompt.id == Image.image_prompt_id)
        .where(Image.site_id == site_id),
    }


def _run_queries(site_id: int) -> dict[str, Any]:
    account = select(Site.account_id).where(Site.id == site_id).scalar_subquery()
    stage = (StageRun.number, StageRun.status, StageRun.reason, StageRun.spent, StageRun.held, StageRun.open_lanes)
    settled = (StageRun.number, AiCall.step, AiCall.answer, AiCall.held_amount, AiCall.charged_amount)
    return {
        "runs": select(Run.status, Run.reason).where(Run.site_id == site_id),
        "stage runs": select(*stage).join(Run, Run.id == StageRun.run_id).where(Run.site_id == site_id),
        "settled calls": select(*settled)
        .join(StageRun, StageRun.id == AiCall.stage_run_id)
        .join(Run, Run.id == StageRun.run_id)
        .where(Run.site_id == site_id, AiCall.status == CallStatus.SETTLED),
        "credit entries": select(CreditEntry.kind, CreditEntry.amount).where(CreditEntry.account_id == account),
    }


def _items(session: Session, site_id: int) -> list[tuple[Any, ...]]:
    names: dict[int, dict[int, Any]] = {
        number: dict(session.execute(select(table.id, name).where(table.site_id == site_id)).all())
        for number, (table, name) in _SUBJECTS.items()
    }
    prompts = (
        select(ImagePrompt.id, Content.slug, ImagePrompt.position)
        .join(Content, Content.id == ImagePrompt.content_id)
        .where(ImagePrompt.site_id == site_id)
    )
    names[6] = {row.id: (row.slug, row.position) for row in session.execute(prompts)}
    query = (
        select(StageRun.number, StageItem.subject_id, StageItem.status, StageItem.credits, StageItem.produced)
        .join(StageRun, StageRun.id == StageItem.stage_run_id)
        .join(Run, Run.id == StageRun.run_id)
        .where(Run.site_id == site_id)
    )
    return [
        (row.number, names[row.number].get(row.subject_id), row.status, row.credits, len(row.produced or ()))
        for row in session.execute(query)
    ]


def _one_lane(session: Session, site_id: int) -> bool:
    """Whether one lane wrote the articles: then their order is the same in every run, too."""
    settings = session.scalars(select(Run.settings).where(Run.site_id == site_id)).one()
    return all(row["concurrency"] == 1 for row in settings["site"]["stages"].values())


def _in_calendar_order(site_id: int) -> Select[str]:
    return (
        select(Content.slug)
        .join(CalendarSlot, CalendarSlot.content_id == Content.id)
        .where(CalendarSlot.site_id == site_id)
        .order_by(CalendarSlot.slot_at)
    )


def count_lost(session: Session, site_id: int) -> int:
    """How many of the site's calls were lost."""
    query = (
        select(func.count(AiCall.id))
        .join(StageRun, StageRun.id == AiCall.stage_run_id)
        .join(Run, Run.id == StageRun.run_id)
    )
    return session.scalar(query.where(Run.site_id == site_id, AiCall.status == CallStatus.LOST)) or 0


def _plain(row: Any) -> tuple[Any, ...]:
    """A row whose values can be counted: lists become tuples."""
    return tuple(tuple(map(str, value)) if isinstance(value, list) else value for value in row)


def _short(row: tuple[Any, ...]) -> str:
    return ", ".join(text if len(text := str(value)) <= 60 else f"{text[:57]}…" for value in row)
