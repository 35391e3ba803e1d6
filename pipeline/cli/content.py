"""Owns `content list|show`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.tree import Tree
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.cli.edge import account_of, reading, ready_database
from pipeline.cli.options import (
    DEFAULT_ACCOUNT,
    AccountOption,
    ContentArgument,
    CsvOption,
    JsonOption,
    LimitOption,
    SiteArgument,
)
from pipeline.cli.output import console, csv_rows, document, note, say, status, table
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication
from pipeline.services import content, content_restores, exports, sites
from pipeline.services.content import Lineage

app = typer.Typer()

StatusOption = Annotated[ContentStatus | None, typer.Option("--status", help="Only those of this status.")]
DeletedOption = Annotated[
    bool, typer.Option("--deleted", help="Those that were deleted and can be restored, of any status, instead.")
]
LineageOption = Annotated[bool, typer.Option("--lineage", help="Follow it back to its keywords.")]
_BRIEF = ("id", "site_id", "content_task_id", "title", "slug", "status", "word_count", "images_missing", "approved_at")
_FULL = ("meta_title", "meta_description", "excerpt", "tags", "body_html", "held_back", "version", "created_at")


@app.command("list")
def list_some(
    site: SiteArgument,
    *,
    with_status: StatusOption = None,
    deleted: DeletedOption = False,
    limit: LimitOption = 100,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """List a site's articles."""
    database = ready_database()
    with database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        if as_csv:
            csv_rows(session, exports.of_contents(row, status=with_status), as_json=as_json)
            return
        if deleted:
            found = content_restores.list_deleted(session, site=row, now=database.now(), limit=limit).items
        else:
            found = content.list_contents(session, site=row, status=with_status, limit=limit).items
    if as_json:
        document([{name: getattr(article, name) for name in _BRIEF} for article in found])
        return
    rows = [(article.id, article.title, status(article.status), article.word_count) for article in found]
    table(["id", "title", "status", "words"], rows, right=["id", "words"])


@app.command("show")
def show(
    content_id: ContentArgument,
    *,
    with_lineage: LineageOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Show an article, where it is published, and with --lineage everything it came from."""
    with reading() as session:
        owner = account_of(session, account)
        article = content.get_content(session, account_id=owner.id, content_id=content_id)
        lineage = content.lineage(session, content_id, account_id=owner.id) if with_lineage else None
        publication = _publication(session, article)
    if as_json:
        shown = {name: getattr(article, name) for name in (*_BRIEF, *_FULL)}
        document({**shown, "publication": publication, **({"lineage": lineage.as_json()} if lineage else {})})
        return
    if lineage:
        console().print(_tree(lineage))
        return
    _tell(article, publication)


def _publication(session: Session, article: Content) -> dict[str, Any] | None:
    row = session.scalar(select(Publication).where(Publication.content_id == article.id))
    names = ("status", "slot_at", "due_at", "published_at", "remote_id", "remote_url", "placed_version", "error")
    return None if row is None else {name: getattr(row, name) for name in names}


def _tell(article: Content, publication: dict[str, Any] | None) -> None:
    say(f"{article.title} (content {article.id}, {article.status}, {article.word_count} words)")
    say(f"Slug: {article.slug}")
    say(f"Tags: {', '.join(map(str, article.tags)) or 'none'}")
    say(f"Excerpt: {article.excerpt}")
    if article.images_missing:
        say("Images missing: at least one could not be made.")
    if publication and publication["remote_url"]:
        is_seen = publication["status"] == PublicationStatus.PUBLISHED
        say(f"{'Published' if is_seen else 'Draft'} at {publication['remote_url']}")
    if publication and publication["error"]:
        note(f"Its site: {publication['error']}")


def _tree(lineage: Lineage) -> Tree:
    """Article → task → idea → cluster → keywords, each under what came of it."""
    root = Tree(f"Article {lineage.content.id}: {lineage.content.title} ({lineage.content.status})")
    branch = root
    for name, step in (("Task", lineage.task), ("Idea", lineage.idea), ("Cluster", lineage.cluster)):
        branch = branch.add(f"{name} {step.id}: {step.title} ({step.status})")
    for word in lineage.keywords:
        volume = "" if word.volume is None else f" ({word.volume:,} searches a month)"
        branch.add(f"Keyword {word.id}: {word.text}{volume}")
    return root
