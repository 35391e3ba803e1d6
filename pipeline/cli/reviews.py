"""Owns `content approve|reject|withdraw|delete|edit`: what people decide about an article, and change of it.

What stands on the site is brought up to date by the running stack, or here where none runs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.calendar import fate
from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, ContentArgument, JsonOption
from pipeline.cli.output import document, local_instant, note, say
from pipeline.cli.publishing import carry_out_here
from pipeline.core.errors import InvalidValueError
from pipeline.core.states import PublicationStatus
from pipeline.models import Content, Publication, Site
from pipeline.models.publishing import UNSEEN
from pipeline.services import content, edits, reviews, settings
from pipeline.services.edits import Changes

NoteOption = Annotated[str | None, typer.Option("--note", help="Why; it is kept in the audit trail.")]
TitleOption = Annotated[str | None, typer.Option("--title", help="The headline.")]
SlugOption = Annotated[str | None, typer.Option("--slug", help="The last part of its address.")]
MetaTitleOption = Annotated[str | None, typer.Option("--meta-title", help="What search engines show as its title.")]
MetaDescriptionOption = Annotated[str | None, typer.Option("--meta-description", help="What they show below.")]
ExcerptOption = Annotated[str | None, typer.Option("--excerpt", help="What lists show of it.")]
BodyOption = Annotated[Path | None, typer.Option("--body-file", help="A file with its text as HTML.")]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="One of its tags; give it once for each.")]
VersionOption = Annotated[
    int | None, typer.Option("--version", min=1, help="The version it was read in; another one by now is refused.")
]


def approve(
    content_id: ContentArgument,
    *,
    why: NoteOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Say yes to an article in review, and see which slot it will have."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = _article(session, account, content_id)
        expected = reviews.approve(session, row, actor=ACTOR, now=now, note=why)
        site = session.get_one(Site, row.site_id)
        by_itself = settings.row_of(session, site).auto_publish_enabled
    if as_json:
        told = {"publishes_at": expected, "publishes_by_itself": by_itself}
        document({"content_id": row.id, "status": row.status, **told})
    elif expected is None:
        say(f"Approved: {row.title}. Its site has no slots, so it waits.")
    else:
        when = f"{local_instant(expected, site.timezone)} ({site.timezone})"
        say(f"Approved: {row.title}. It {fate(publishes_by_itself=by_itself)} {when}.")


def reject(
    content_id: ContentArgument,
    *,
    why: NoteOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Say no to an article: its slot is free, and it is taken off its site."""
    _decide(
        content_id,
        lambda session, row, now: reviews.reject(session, row, actor=ACTOR, now=now, note=why),
        said="Rejected",
        account=account,
        as_json=as_json,
    )


def withdraw(
    content_id: ContentArgument,
    *,
    why: NoteOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Take a published article off its site; it is approved again, but not scheduled by itself."""
    _decide(
        content_id,
        lambda session, row, now: reviews.withdraw(session, row, actor=ACTOR, now=now, note=why),
        said="Withdrawn",
        account=account,
        as_json=as_json,
    )


def delete(
    content_id: ContentArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Delete an article: its slot is free, it is taken off its site; what it cost stays on record."""
    _decide(
        content_id,
        lambda session, row, now: reviews.delete(session, row, actor=ACTOR, now=now),
        said="Deleted",
        account=account,
        as_json=as_json,
    )


def edit(
    content_id: ContentArgument,
    *,
    title: TitleOption = None,
    slug: SlugOption = None,
    meta_title: MetaTitleOption = None,
    meta_description: MetaDescriptionOption = None,
    excerpt: ExcerptOption = None,
    body_file: BodyOption = None,
    tags: TagOption = None,
    version: VersionOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Change an article; where it is published, its site shows the change."""
    changes = Changes(title, slug, meta_title, meta_description, excerpt, _text(body_file), tags)
    if changes == Changes():
        raise InvalidValueError("Say what to change, for example --title or --body-file; `--help` lists it all.")
    database = ready_database()
    with database.transaction() as session:
        row = _article(session, account, content_id)
        changed = edits.edit(session, row, changes, expected_version=version, actor=ACTOR, now=database.now())
    publication = carry_out_here(database, row.id)
    if as_json:
        document({"content_id": row.id, "version": row.version, "changed": changed, **_at_site(publication)})
        return
    say(f"Version {row.version} of {row.title}." if changed else "It says all that already: nothing was changed.")
    _tell(publication)


def _decide(
    content_id: int, decide: Callable[[Session, Content, Any], bool], *, said: str, account: str, as_json: bool
) -> None:
    database = ready_database()
    with database.transaction() as session:
        row = _article(session, account, content_id)
        decide(session, row, database.now())
    publication = carry_out_here(database, row.id)
    if as_json:
        document({"content_id": row.id, "status": row.status, **_at_site(publication)})
        return
    say(f"{said}: {row.title}.")
    _tell(publication)


def _article(session: Session, account: str, content_id: int) -> Content:
    return content.get_content(session, account_id=account_of(session, account).id, content_id=content_id)


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidValueError(
            f"--body-file: {path} cannot be read as UTF-8 text ({reason}). Give another file."
        ) from None


def _at_site(publication: Publication | None) -> dict[str, Any]:
    """What stands on the site, as JSON."""
    if publication is None:
        return {"site": None}
    names = ("status", "remote_url", "placed_version", "error")
    return {"site": {**{name: getattr(publication, name) for name in names}, "pending": publication.due_at is not None}}


def _tell(publication: Publication | None) -> None:
    """What stands on the site, where that is worth a word."""
    if publication is None:
        return
    if publication.error:
        note(f"Its site: {publication.error}")
    elif publication.status is PublicationStatus.PUBLISHED and publication.due_at is None:
        say(f"Its site shows version {publication.placed_version}: {publication.remote_url}")
    elif publication.status in UNSEEN and publication.due_at is not None:
        say("Its draft at the site is brought up to date before its slot.")
    elif publication.due_at is not None and publication.has_trace:
        say("Its site is brought up to date in a moment.")
