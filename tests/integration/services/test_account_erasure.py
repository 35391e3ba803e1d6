"""Whatever may hold a person's words is either planted here and erased, or named here with why it stays."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from sqlalchemy import JSON, Column, String, Table, Text, cast, literal, select, update
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.alerts import NotificationKind
from pipeline.core.roles import Role
from pipeline.db.session import Database
from pipeline.models import (
    Account,
    Base,
    Content,
    Decision,
    Delivery,
    IdempotencyKey,
    Notification,
    Prompt,
    Publication,
    Run,
    Site,
    SiteAutomationSettings,
    SiteNote,
    SiteTitle,
    SyncEvent,
    UndoRecord,
    UserSetting,
)
from pipeline.services import (
    account_erasure,
    accounts,
    api_keys,
    audit,
    author_profiles,
    edits,
    prompts,
    runs,
    sites,
    users,
    webhooks,
)
from pipeline.services import credits as ledger
from tests.support.builders import make_content, make_keywords

pytestmark = pytest.mark.usefixtures("seven_stages")

HASH: Final = "$argon2id$planted"
MARKER: Final = "Marie-Curie-7f3a"
#: A shorter column holds words of the program: kinds, codes, versions, times.
_A_NAME: Final = 100

_ARTICLES: Final = "articles, keywords and what they came from stay until their sites are deleted"
_PROGRAMS: Final = "the program's own words, numbers and sentences"
_ASKED: Final = "what was asked and answered for an article: it stays as long as the article"
#: Table, or table and column -> why it stays.
STAYS: Final = {
    "keywords": _ARTICLES,
    "clusters": _ARTICLES,
    "ideas": _ARTICLES,
    "content_tasks": _ARTICLES,
    "contents": _ARTICLES,
    "image_prompts": _ARTICLES,
    "images": _ARTICLES,
    "ai_calls": _ASKED,
    "stage_items": _ASKED,
    **dict.fromkeys(
        (f"content_versions.{name}" for name in (
            "title", "slug", "meta_title", "meta_description", "excerpt", "body_html", "tags",
        )),
        _ARTICLES,
    ),
    "igny8_site_ai_automation_settings.ai_image_style": "how pictures look: one of the articles' properties",
    "account_settings": "numbers, models and how pictures look",
    "publications.remote_id": "the site's number or path of an article: by it, it can be taken away there",
    "credit_entries.key": "what keeps an amount from being booked twice",
    "runs.prices": _PROGRAMS,
    "runs.reason": _PROGRAMS,
    "stage_runs.reason": _PROGRAMS,
    "site_calendars": "days, times and zone",
    "undo_records.moves": "ids and instants",
    "undo_records.rules": "days, times and zone",
    "api_keys.scopes": _PROGRAMS,
    **dict.fromkeys(
        (f"igny8_site_ai_automation_settings.{name}" for name in (
            "stage_config", "publish_days", "publish_time_slots", "skip_dates",
        )),
        _PROGRAMS,
    ),
}  # fmt: skip
#: What the services have put the marker into, so that it has its real shape.
_BY_SERVICES: Final = {"runs.settings", "prompts.author", "prompts.text", "content_versions.replaced_by"}


def test_no_word_of_a_person_is_left_but_where_it_stays_for_a_reason(database: Database) -> None:
    account_id = _account(database)
    with database.transaction() as session:
        for column in _may_hold_words():
            _plant(session, column, account_id)
    with database.reading() as session:
        before = _holding(session)

    with database.transaction() as session:
        account_erasure.erase(session, session.get_one(Account, account_id), actor="cli", now=database.now())

    with database.reading() as session:
        after = _holding(session)
        kept = [run.site_settings.content for run in session.scalars(select(Run))]
        saved = session.execute(select(Prompt.text, Prompt.author)).all()
    missing = {str(column) for column in _may_hold_words()} - before
    assert missing == set(), "nothing was planted there: plant it, or say why it stays"
    assert {name for name in after if not _stays(name)} == set()
    assert [(each.audience, each.tone, each.author_profile, each.language) for each in kept] == [(None,) * 3 + ("en",)]
    assert saved == [(None, "erased")]


def _account(database: Database) -> int:
    now = database.now()
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
        account = accounts.add_account(session, name="Another", now=now)
        site = sites.add_site(session, account_id=account.id, name="desks", timezone="UTC", now=now)
        row = session.scalars(select(SiteAutomationSettings).where(SiteAutomationSettings.site_id == site.id)).one()
        row.content_audience = row.content_tone = row.content_author_profile = MARKER
        session.flush()
        prompts.save(
            session, prompts.PromptedStage.TASKS_TO_CONTENT, f"I am {MARKER}.", account_id=account.id, actor=MARKER,
            now=now,
        )  # fmt: skip
        make_keywords(session, site=site, texts=["standing desk"])
        author_profiles.add(session, account_id=account.id, name="Ann", text="Dry.", actor=MARKER, now=now)
        content = make_content(session, site=site, title="How to stand")
        edits.edit(session, content, edits.Changes(title="How to sit"), expected_version=None, actor=MARKER, now=now)
        _people(session, account.id, site, content, now=now)
        runs.start(session, site=site, now=now)
        return account.id


def _people(session: Session, account_id: int, site: Site, content: Content, *, now: Any) -> None:
    user = users.add(
        session,
        account_id=account_id,
        email="ann@example.com",
        name="Ann",
        role=Role.OWNER,
        password_hash=HASH,
        now=now,
    )
    webhooks.add(session, account_id=account_id, url="https://example.com", kinds=[], home=config().home, now=now)
    api_keys.make_key(session, account_id=account_id, role=Role.OWNER, name="Laptop", user_id=user.id, now=now)
    ledger.grant(session, account_id=account_id, amount_ucr=5, key="k", note="for Ann", now=now)
    audit.record(
        session, account_id=account_id, actor="ann", action="site.added", subject_kind="site", subject_id=site.id,
        now=now, details={},
    )  # fmt: skip
    told = Notification(
        account_id=account_id, kind=NotificationKind.SITE_FAILING, key="k", subject_kind="site", subject_id=1,
        message="m",
    )  # fmt: skip
    session.add(told)
    session.flush()
    own: dict[str, Any] = {"account_id": account_id}
    of_site = own | {"site_id": site.id}
    session.add_all(
        [
            Delivery(**own, notification_id=told.id, channel="email", user_id=user.id, public_id="p"),
            IdempotencyKey(**own, key="k", request_hash="h", response={}),
            UserSetting(**own, user_id=user.id, key="k", value={}),
            SyncEvent(**of_site, kind="failing", message="m"),
            SiteNote(**of_site, kind="tag", key="k", value="1"),
            SiteTitle(**of_site, remote_id="1", title="t", normalised_title="t"),
            UndoRecord(**of_site, actor="a", action="moved", moves=[]),
            Decision(**of_site, kind="missed", reason="r", at=now),
            Publication(**of_site, content_id=content.id),
        ]
    )
    session.flush()


def _may_hold_words() -> list[Column[Any]]:
    tables = [table for table in Base.metadata.sorted_tables if _is_of_an_account(table)]
    return [column for table in tables for column in table.columns if _is_wide(column) and not _stays(str(column))]


def _is_of_an_account(table: Table) -> bool:
    """By its own column, or by a row that it points to."""
    pointing = [key.column.table for key in table.foreign_keys if key.column.table is not table]
    return table.name == "accounts" or "account_id" in table.c or any(map(_is_of_an_account, pointing))


def _is_wide(column: Column[Any]) -> bool:
    kind = column.type
    return isinstance(kind, JSON | Text) or (isinstance(kind, String) and (kind.length or _A_NAME) >= _A_NAME)


def _stays(name: str) -> bool:
    return name in STAYS or name.partition(".")[0] in STAYS


def _plant(session: Session, column: Column[Any], account_id: int) -> None:
    table, name = column.table, str(column)
    if name in _BY_SERVICES:
        return
    of_account = table.c.id if table.name == "accounts" else table.c.account_id
    value: Any = {"who": MARKER} if isinstance(column.type, JSON) else literal(f"{MARKER}-") + cast(table.c.id, String)
    session.execute(update(table).where(of_account == account_id).values({column.name: value}))


def _holding(session: Session) -> set[str]:
    """The columns of all tables that hold the marker."""
    found = set()
    for table in Base.metadata.sorted_tables:
        for row in session.execute(select(table)).mappings():
            found |= {f"{table.name}.{name}" for name, value in row.items() if MARKER in json.dumps(value, default=str)}
    return found
