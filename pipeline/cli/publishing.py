"""Owns `publish ID --now`: a person has an article published at once, and sees it done."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer
from sqlalchemy import select

from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, ContentArgument, JsonOption
from pipeline.cli.output import document, note, say
from pipeline.cli.stacks import stack_runs
from pipeline.core.errors import InvalidValueError
from pipeline.core.states import PublicationStatus
from pipeline.db.session import Database
from pipeline.models import Publication
from pipeline.services import audit, content, publications

_PATIENCE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.2

NowOption = Annotated[
    bool,
    typer.Option("--now", help="At once. Without it nothing is done: at its slot it is published, or ready for you."),
]


def publish(
    content_id: ContentArgument,
    *,
    at_once: NowOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Publish an approved article at once; its slot is free for another."""
    if not at_once:
        raise InvalidValueError(
            f"Say --now to publish content {content_id} at once. At its slot on the calendar it is published by "
            "itself, or is ready for you where publishing.auto_publish_enabled is false."
        )
    database = ready_database()
    with database.reading() as session:
        account_id = account_of(session, account).id
    publication = publish_at_once(database, account_id=account_id, content_id=content_id)
    if as_json:
        document(publication_json(publication))
    elif publication.status is PublicationStatus.PUBLISHED:
        say(f"Published: {publication.remote_url}")
    if publication.status is not PublicationStatus.PUBLISHED:
        note(f"Not published yet ({publication.status}): {publication.error or 'it is tried again by itself'}")
        raise typer.Exit(1)


def publish_at_once(database: Database, *, account_id: int, content_id: int) -> Publication:
    """Have the running stack publish the content, or do it here where none runs; the publication as it then stands."""
    now = database.now()
    with database.transaction() as session:
        row = content.get_content(session, account_id=account_id, content_id=content_id)
        publication = publications.publish_now(session, row, now=now)
        audit.record(
            session,
            account_id=account_id,
            actor=ACTOR,
            action="content.published_now",
            subject_kind="content",
            subject_id=row.id,
            now=now,
        )
    return _outcome(database, publication.id)


def publication_json(publication: Publication) -> dict[str, Any]:
    """A publication as every command prints it."""
    names = ("content_id", "status", "published_at", "remote_id", "remote_url", "error")
    return {name: getattr(publication, name) for name in names}


def carry_out_here(database: Database, content_id: int) -> Publication | None:
    """The content's publication, None where there is none; what is due of it is done here where no stack runs."""
    query = select(Publication).where(Publication.content_id == content_id)
    with database.reading() as session:
        publication = session.scalar(query)
    if publication is None or not _is_due(database, publication) or stack_runs(database):
        return publication
    _place_here(database, publication.id)
    with database.reading() as session:
        return session.scalars(query).one()


def _outcome(database: Database, publication_id: int) -> Publication:
    """The publication once it was tried, or as it stands when patience ends.

    Where nobody works, it is tried here; also where the stack that was there has been stopped in the meantime.
    """
    deadline, pause_seconds = time.monotonic() + _PATIENCE_SECONDS, 0.0
    while True:
        with database.reading() as session:
            publication = session.get_one(Publication, publication_id)
        tried = publication.error is not None and publication.status is not PublicationStatus.PUBLISHING
        if tried or publication.status is PublicationStatus.PUBLISHED or time.monotonic() > deadline:
            return publication
        if _is_due(database, publication) and not stack_runs(database):
            _place_here(database, publication_id)
        else:
            pause_seconds = _POLL_SECONDS
        time.sleep(pause_seconds)
        pause_seconds = _POLL_SECONDS


def _is_due(database: Database, publication: Publication) -> bool:
    """Whether it can be carried out just now: nobody is at it, and it waits for nothing."""
    if publication.due_at is None or publication.due_at > database.now():
        return False
    return publication.status is not PublicationStatus.PUBLISHING


def _place_here(database: Database, publication_id: int) -> None:
    from pipeline.engine.publisher import publish as place

    with database.transaction() as session:
        session.get_one(Publication, publication_id, with_for_update=True).sends = 1  # It is sent: to this process.
    place(database, publication_id)
