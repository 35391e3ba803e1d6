"""Owns edits of an article by people: checked as written ones are, refused where somebody else was faster.

A published one is due to be brought up to date on its site. Lock order: publication, content. Never: commits; talks to
a site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from slugify import slugify
from sqlalchemy import String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, Fault, InvalidValueError, StaleError
from pipeline.core.html import UnusableBodyError, read, sanitised
from pipeline.core.normal import display_text, keyword_key, title_key
from pipeline.core.words import count_words, one_line
from pipeline.models import Content
from pipeline.models.base import table_of
from pipeline.services import alerts, audit, placing, versions

_COLUMNS: Final = table_of(Content).c
#: As wide as the columns are.
_MOST: Final = {column.name: column.type.length for column in _COLUMNS if isinstance(column.type, String)}
_MOST_EXCERPT: Final = 500
_MOST_TAGS: Final = 10
_MOST_TAG: Final = 60
#: The texts of one line, and whether they may be empty.
_LINES: Final = {"title": False, "meta_title": True, "meta_description": True, "excerpt": False}


@dataclass(frozen=True)
class Changes:
    """What an article shall say from now on; None: as before."""

    title: str | None = None
    slug: str | None = None
    meta_title: str | None = None
    meta_description: str | None = None
    excerpt: str | None = None
    #: HTML; what is not allowed in it goes.
    body_html: str | None = None
    tags: Sequence[str] | None = None


def edit(
    session: Session, content: Content, changes: Changes, *, expected_version: int | None, actor: str, now: datetime
) -> bool:
    """Change the article and raise its version; False, and nothing changed, where it says all that already.

    Raises InvalidValueError naming every wrong value, StaleError where its version is not the expected one any more,
    ConflictError where another article of the site has the title or the slug.
    """
    return change(
        session,
        content,
        _checked(changes),
        expected_version=expected_version,
        action="content.edited",
        actor=actor,
        now=now,
    )


def change(
    session: Session,
    content: Content,
    values: Mapping[str, Any],
    *,
    expected_version: int | None,
    action: str,
    actor: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> bool:
    """As `edit`, of columns whose values were checked already; what the article said before is kept as a version."""
    placing.lock_publication(session, content.id)
    session.refresh(content, with_for_update=True)
    if expected_version is not None and content.version != expected_version:
        raise StaleError(
            f"Content {content.id} has version {content.version} by now, not {expected_version}: somebody else changed "
            "it. Read it again, then make your change."
        )
    differing = {name: value for name, value in values.items() if getattr(content, name) != value}
    if not differing:
        return False
    _refuse_taken(session, content, differing)
    versions.keep(session, content, by=actor, now=now)
    _write(session, content, differing)
    if placing.place_again(session, content.id, now=now) or placing.draft_again(session, content.id, now=now):
        alerts.publication_decided(session, [content.id], now=now)
    audit.record(
        session,
        account_id=content.account_id,
        actor=actor,
        action=action,
        subject_kind="content",
        subject_id=content.id,
        now=now,
        details={"version": content.version, "fields": sorted(differing), **(details or {})},
    )
    return True


def restore(
    session: Session, content: Content, version: int, *, expected_version: int | None, actor: str, now: datetime
) -> bool:
    """Have the article say again what it said in a version, as a new one; False where it says that already.

    Raises NotFoundError where nothing is kept of the version; else as `edit`.
    """
    texts = versions.texts_of(versions.get_version(session, content, version))
    key = {"normalised_title": title_key(texts["title"])} if texts["title"] != content.title else {}
    return change(
        session,
        content,
        {**texts, **key},
        expected_version=expected_version,
        action="content.restored",
        actor=actor,
        now=now,
        details={"restored_version": version},
    )


def _checked(changes: Changes) -> dict[str, Any]:
    """The columns to write; InvalidValueError with every fault at once."""
    given = {field.name: getattr(changes, field.name) for field in fields(changes)}
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in given.items():
        if value is None:
            continue
        try:
            values |= _CHECKS[name](name, value)
        except ValueError as error:
            faults.append(Fault(name, str(error)))
    if faults:
        raise InvalidValueError(faults)
    return values


def _line(name: str, text: str) -> dict[str, Any]:
    most = _MOST[name] or _MOST_EXCERPT
    line = display_text(text)
    if not line and not _LINES[name]:
        raise ValueError("it must not be empty.")
    if len(line) > most:
        raise ValueError(f"it has {len(line):,} characters; at most {most} are allowed. Shorten it.")
    return {name: line, "normalised_title": _title_key(line)} if name == "title" else {name: line}


def _title_key(title: str) -> str:
    key = title_key(title)
    if not key or len(key) > (most := _MOST["normalised_title"] or 0):
        raise ValueError(f"its letters unfold to {len(key)} characters; from 1 to {most} are allowed. Shorten it.")
    return key


def _slug(name: str, text: str) -> dict[str, Any]:
    most = _MOST[name] or 0
    slug = slugify(one_line(text, most + 1))
    if not 0 < len(slug) <= most:
        raise ValueError(f"{text[:80]!r} gives no address. Use letters, figures and hyphens, at most {most}.")
    return {name: slug}


def _body(name: str, html: str) -> dict[str, Any]:
    try:
        body_html = sanitised(html)
    except UnusableBodyError as error:
        raise ValueError(error.message) from None
    body = read(body_html)
    if not body.paragraphs:
        raise ValueError("it has no paragraph. Write HTML with <h2> headings and <p> paragraphs.")
    return {name: body_html, "word_count": count_words(body.text)}


def _tags(name: str, texts: Sequence[str]) -> dict[str, Any]:
    tags = {keyword_key(tag): tag for text in reversed(texts) if (tag := display_text(text))}
    if len(tags) > _MOST_TAGS or any(len(tag) > _MOST_TAG for tag in tags.values()):
        raise ValueError(f"at most {_MOST_TAGS} tags of at most {_MOST_TAG} characters are allowed.")
    return {name: list(reversed(tags.values()))}


_CHECKS: Final = {**dict.fromkeys(_LINES, _line), "slug": _slug, "body_html": _body, "tags": _tags}


def _refuse_taken(session: Session, content: Content, values: dict[str, Any]) -> None:
    for name, column in (("title", "normalised_title"), ("slug", "slug")):
        if column not in values:
            continue
        other = session.execute(
            select(Content.id, Content.deleted_at).where(
                Content.site_id == content.site_id, _COLUMNS[column] == values[column], Content.id != content.id
            )
        ).one_or_none()
        if other is not None:
            deleted = " (deleted)" if other.deleted_at else ""
            raise ConflictError(
                f"Content {other.id}{deleted} of this site has the {name} {values[name]!r} already. Choose another."
            )


def _write(session: Session, content: Content, values: dict[str, Any]) -> None:
    """Write the columns; ConflictError where another transaction took title or slug in this very moment."""
    for name, value in values.items():
        setattr(content, name, value)
    content.version += 1
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError:
        raise ConflictError(
            "Another article of this site has just taken the title or the slug. Choose another."
        ) from None
