"""Owns `content versions|restore`: what an article said before it was edited; what was deleted is back."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, ContentArgument, JsonOption, LimitOption
from pipeline.cli.output import document, say, table
from pipeline.cli.publishing import carry_out_here
from pipeline.models import Content, ContentVersion
from pipeline.services import content, content_restores, edits
from pipeline.services import versions as service

_LARGEST: Final = 2**31 - 1

VersionOption = Annotated[
    int | None,
    typer.Option("--version", min=1, max=_LARGEST, help="Have it say again what it said in this version."),
]


def versions(
    content_id: ContentArgument,
    *,
    limit: LimitOption = 50,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """List what an article says and said, the newest version first."""
    with reading() as session:
        article = content.get_content(session, account_id=account_of(session, account).id, content_id=content_id)
        found: list[Content | ContentVersion] = [article]
        found += service.list_versions(session, article, limit=limit)
    told = [_json(row) for row in found[:limit]]
    if as_json:
        document(told)
        return
    rows = [(each["version"], each["title"], each["word_count"], each["replaced_by"] or "now") for each in told]
    table(["version", "title", "words", "replaced by"], rows, right=["version", "words"])


def restore(
    content_id: ContentArgument,
    *,
    version: VersionOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Have a deleted article back, on no slot; or with --version, have one say again what it said."""
    if version is None:
        _undelete(content_id, account=account, as_json=as_json)
    else:
        _say_again(content_id, version, account=account, as_json=as_json)


def _undelete(content_id: int, *, account: str, as_json: bool) -> None:
    database = ready_database()
    with database.transaction() as session:
        owner = account_of(session, account)
        row = content_restores.restore(
            session, account_id=owner.id, content_id=content_id, actor=ACTOR, now=database.now()
        )
    if as_json:
        document({"content_id": row.id, "status": row.status, "version": row.version})
        return
    say(f"{row.title} is back: {row.status}.")


def _say_again(content_id: int, version: int, *, account: str, as_json: bool) -> None:
    database = ready_database()
    with database.transaction() as session:
        row = content.get_content(session, account_id=account_of(session, account).id, content_id=content_id)
        changed = edits.restore(session, row, version, expected_version=None, actor=ACTOR, now=database.now())
    carry_out_here(database, row.id)
    if as_json:
        document({"content_id": row.id, "status": row.status, "version": row.version, "changed": changed})
        return
    told = f"Version {row.version} of {row.title} says what version {version} said."
    say(told if changed else "It says all that already: nothing was changed.")


def _json(row: Content | ContentVersion) -> dict[str, Any]:
    names = ("version", "title", "word_count", "replaced_by", "replaced_at")
    return {name: getattr(row, name, None) for name in names}
