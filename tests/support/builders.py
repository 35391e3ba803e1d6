"""Owns rows for tests: a builder adds what it needs, flushes, returns the row. Names are unique by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count
from typing import TypeVar

from sqlalchemy.orm import Session

from pipeline.contract import Subjects
from pipeline.core.matrix import SiteSettings
from pipeline.core.normal import keyword_key, title_key
from pipeline.core.states import (
    ClusterStatus,
    ContentStatus,
    ContentTaskStatus,
    IdeaStatus,
    ImagePromptStatus,
    KeywordStatus,
)
from pipeline.models import (
    Account,
    Base,
    Cluster,
    Content,
    ContentTask,
    CreditEntry,
    Idea,
    IdeaKeyword,
    Image,
    ImagePrompt,
    Keyword,
    Site,
    SiteAutomationSettings,
)
from pipeline.models.media import FEATURED

BODY = "<h2>How to begin</h2><p>Start small.</p><h2>What to buy</h2><p>Buy little.</p>"
_numbers = count(1)
RowT = TypeVar("RowT", bound=Base)


def _added(session: Session, row: RowT) -> RowT:
    session.add(row)
    session.flush()
    return row


def make_account(session: Session, *, name: str | None = None, balance: int = 0) -> Account:
    """An account; `balance` is micro-credits and has its entry."""
    account = _added(session, Account(name=name or f"account {next(_numbers)}", balance=balance))
    if balance:
        _added(
            session, CreditEntry(account_id=account.id, kind="grant", amount=balance, key=f"grant:test:{account.id}")
        )
    return account


def make_site(
    session: Session,
    *,
    account: Account | None = None,
    name: str | None = None,
    timezone: str = "Europe/Berlin",
    target: str = "folder",
    url: str | None = None,
) -> Site:
    """A site with its settings row at the defaults."""
    account = account or make_account(session)
    site = Site(account_id=account.id, name=name or f"site {next(_numbers)}", timezone=timezone, target=target, url=url)
    _added(session, site)
    _added(session, settings_row(site, SiteSettings()))
    return site


def settings_row(site: Site, settings: SiteSettings) -> SiteAutomationSettings:
    """The site's settings row, not yet added, with the parts of `settings` that stages and the calendar read."""
    return SiteAutomationSettings(
        account_id=site.account_id,
        site_id=site.id,
        stage_config={str(number): row.model_dump() for number, row in settings.stages.items()},
        within_stage_delay=settings.delays.within_stage,
        between_stage_delay=settings.delays.between_stage,
        auto_approval_enabled=settings.publishing.auto_approval_enabled,
        auto_publish_enabled=settings.publishing.auto_publish_enabled,
        publish_days=list(settings.publishing.publish_days),
        publish_time_slots=list(settings.publishing.time_slots),
        skip_dates=[day.isoformat() for day in settings.publishing.skip_dates],
    )


def make_keywords(
    session: Session,
    *,
    site: Site,
    texts: Iterable[str],
    cluster: Cluster | None = None,
    status: KeywordStatus | None = None,
    times_tried: int = 0,
) -> list[Keyword]:
    """Keywords in the order of `texts`; clustered where a cluster is given."""
    status = status or (KeywordStatus.CLUSTERED if cluster else KeywordStatus.NEW)
    rows = [
        Keyword(
            account_id=site.account_id,
            site_id=site.id,
            text=text,
            normalised=keyword_key(text),
            cluster_id=cluster.id if cluster else None,
            status=status,
            times_tried=times_tried,
        )
        for text in texts
    ]
    for row in rows:
        _added(session, row)
    return rows


def make_cluster(
    session: Session,
    *,
    site: Site,
    name: str | None = None,
    description: str = "",
    keywords: Iterable[str] = (),
    status: ClusterStatus = ClusterStatus.NEW,
) -> Cluster:
    """A cluster, with clustered keywords of these texts."""
    name = name or f"Cluster {next(_numbers)}"
    row = Cluster(
        account_id=site.account_id,
        site_id=site.id,
        name=name,
        normalised=title_key(name),
        description=description,
        status=status,
    )
    _added(session, row)
    make_keywords(session, site=site, texts=keywords, cluster=row)
    return row


def make_idea(
    session: Session,
    *,
    site: Site,
    cluster: Cluster | None = None,
    title: str | None = None,
    angle: str = "For people who have never done it",
    outline: Sequence[str] = ("How to begin", "What to buy"),
    keywords: Sequence[Keyword] = (),
    status: IdeaStatus = IdeaStatus.NEW,
) -> Idea:
    """An idea that targets `keywords`; it makes its own cluster where none is given."""
    cluster = cluster or make_cluster(session, site=site)
    title = title or f"Idea number {next(_numbers)}"
    row = Idea(
        account_id=site.account_id,
        site_id=site.id,
        cluster_id=cluster.id,
        title=title,
        normalised_title=title_key(title),
        angle=angle,
        outline=list(outline),
        status=status,
    )
    _added(session, row)
    for keyword in keywords:
        _added(session, IdeaKeyword(idea_id=row.id, keyword_id=keyword.id))
    return row


def make_content_task(
    session: Session,
    *,
    site: Site,
    idea: Idea | None = None,
    title: str | None = None,
    status: ContentTaskStatus = ContentTaskStatus.QUEUED,
) -> ContentTask:
    """A row to write; it makes its own queued idea where none is given."""
    idea = idea or make_idea(session, site=site, title=title, status=IdeaStatus.QUEUED)
    row = ContentTask(
        account_id=site.account_id, site_id=site.id, idea_id=idea.id, title=title or idea.title, status=status
    )
    return _added(session, row)


def make_content(
    session: Session,
    *,
    site: Site,
    task: ContentTask | None = None,
    title: str | None = None,
    slug: str | None = None,
    body_html: str = BODY,
    status: ContentStatus = ContentStatus.DRAFT,
    approved_at: datetime | None = None,
) -> Content:
    """An article; it makes its own written task where none is given."""
    title = title or (task.title if task else f"Article number {next(_numbers)}")
    task = task or make_content_task(session, site=site, title=title, status=ContentTaskStatus.WRITTEN)
    row = Content(
        account_id=site.account_id,
        site_id=site.id,
        content_task_id=task.id,
        title=title,
        normalised_title=title_key(title),
        slug=slug or f"article-{next(_numbers)}",
        meta_title=title,
        meta_description="What it says, in one sentence.",
        excerpt="What it says, in two sentences. This is the other.",
        body_html=body_html,
        tags=["garden"],
        word_count=6,
        status=status,
        approved_at=approved_at,
    )
    return _added(session, row)


def make_image_prompt(
    session: Session,
    *,
    content: Content,
    position: int = 0,
    place: str = FEATURED,
    status: ImagePromptStatus = ImagePromptStatus.NEW,
) -> ImagePrompt:
    """A prompt of a content; position 0 is the featured one."""
    row = ImagePrompt(
        account_id=content.account_id,
        site_id=content.site_id,
        content_id=content.id,
        position=position,
        place=place,
        prompt=f"A spade in a garden, number {position}",
        alt_text="A spade in a garden",
        status=status,
    )
    return _added(session, row)


def make_image(session: Session, *, prompt: ImagePrompt, sha256: str = "0" * 64, mime: str = "image/jpeg") -> Image:
    """The image of a prompt (the bytes are the caller's)."""
    row = Image(
        account_id=prompt.account_id,
        site_id=prompt.site_id,
        content_id=prompt.content_id,
        image_prompt_id=prompt.id,
        sha256=sha256,
        mime=mime,
        width=1280,
        height=720,
        alt_text=prompt.alt_text,
    )
    return _added(session, row)


def make_subjects(
    session: Session, rows: Sequence[RowT], *, site: Site, settings: SiteSettings | None = None
) -> Subjects[RowT]:
    """The rows as the engine hands them to a stage, read anew in this session; there is at least one."""
    ids = [row.id for row in rows]  # type: ignore[attr-defined]  # every subject has an id
    return Subjects(session, type(rows[0]), ids, site=site, settings=settings or SiteSettings())
