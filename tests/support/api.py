"""Owns what the API's tests share: two accounts with keys, everything an id can name in each, and a client."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from fastapi import FastAPI
from PIL import Image
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.config import config
from pipeline.core.alerts import NotificationKind
from pipeline.core.roles import Role, Scope
from pipeline.core.states import CallStatus, ContentStatus, ImagePromptStatus
from pipeline.db.session import Database
from pipeline.engine.media import MediaStore
from pipeline.models import Account, AiCall, AuthorProfile, ContentTask, Idea, Run, Site, StageRun, UndoRecord
from pipeline.services import (
    accounts,
    api_keys,
    calendar,
    deliveries,
    notifications,
    runs,
    sites,
    users,
    webhooks,
)
from pipeline.web.app import create_app
from pipeline.web.pages.pace import Paces
from pipeline.web.pages.run_stream import PageWatch
from pipeline.web.rates import Rates
from pipeline.web.run_watch import RunWatch
from pipeline.web.strangers import Strangers
from tests.support.builders import make_content, make_image, make_image_prompt, make_keywords


def _picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(data, "PNG")
    return data.getvalue()


#: The bytes of every tenant's image.
PICTURE = _picture()


@dataclass
class FakeBackend:
    """A database of the test's, and a queue that only remembers."""

    opened: Database
    sent: list[int] = field(default_factory=list)

    def database(self) -> Database:
        """The test's."""
        return self.opened

    def send(self, stage_run_id: int) -> None:
        """Remember it."""
        self.sent.append(stage_run_id)


@dataclass(frozen=True)
class Tenant:
    """An account, a key of it, and one of everything that has an id."""

    account_id: int
    key: str
    site_id: int
    run_id: int
    content_id: int
    undo_id: int
    user_id: int
    key_id: int
    notification_id: int
    webhook_id: int
    delivery_id: int
    keyword_id: int
    cluster_id: int
    idea_id: int
    task_id: int
    image_id: int
    author_profile_id: int
    call_id: int

    @property
    def headers(self) -> dict[str, str]:
        """What its key is sent as."""
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def ids(self) -> dict[str, int]:
        """Name of a parameter -> the id it may have."""
        return {name: an_id for name, an_id in vars(self).items() if name.endswith("_id") and name != "account_id"}

    @property
    def in_paths(self) -> dict[str, Any]:
        """Whatever may stand in a path: the ids, and what is none."""
        return self.ids | {"version": 1, "position": 0, "stage": "tasks_to_content", "by": "model", "name": "offline"}


@dataclass(frozen=True)
class Api:
    """The API on a database with two tenants, the first of whom asks."""

    database: Database
    backend: FakeBackend
    client: TestClient
    mine: Tenant
    other: Tenant

    @property
    def schema(self) -> dict[str, Any]:
        """What the API says of itself."""
        found: dict[str, Any] = self.client.get("/api/v1/openapi.json").json()
        return found

    @property
    def settings_path(self) -> str:
        """Where my site's settings are."""
        return f"/api/v1/sites/{self.mine.site_id}/unified-settings/"

    def key(self, role: Role = Role.OWNER, *, scopes: tuple[Scope, ...] = (), **more: Any) -> dict[str, str]:
        """Headers of a new key of mine; it counts as used just now, unless it is to be used by nobody yet."""
        return {"Authorization": f"Bearer {make_key(self.database, self.mine.account_id, role, scopes, **more).key}"}


def some_monday() -> str:
    """A date to come, in winter, so that Berlin is an hour ahead of UTC: the second Monday of the next January."""
    eighth = date(datetime.now(UTC).year + 1, 1, 8)
    return str(eighth + timedelta(days=-eighth.weekday() % 7))


def make_key(
    database: Database,
    account_id: int,
    role: Role = Role.OWNER,
    scopes: tuple[Scope, ...] = (),
    *,
    is_used: bool = True,
    **more: Any,
) -> api_keys.MadeKey:
    """A key; marked as used, so that its first request does not have to."""
    now = database.now()
    with database.transaction() as session:
        made = api_keys.make_key(session, account_id=account_id, role=role, scopes=scopes, now=now, **more)
        if is_used:
            made.row.last_used_at = now
    return made


def make_tenant(database: Database, *, name: str | None = None) -> Tenant:
    """An account with a site, a live run, an article that is approved, a person, and another key."""
    now = database.now()
    with database.transaction() as session:
        account: Account = accounts.init_installation(session, now=now)
        if name is not None:
            account = accounts.add_account(session, name=name, now=now)
        email = f"ann@{account.name}.example"
        user = users.add(session, account_id=account.id, email=email, role=Role.EDITOR, now=now)
    made, another = make_key(database, account.id), make_key(database, account.id)
    return make_site(database, account.id, key=made.key, user_id=user.id, key_id=another.row.id)


def make_site(database: Database, account_id: int, *, key: str, user_id: int, key_id: int) -> Tenant:
    """One more site of an account, with one of everything that a site has."""
    now = database.now()
    with database.transaction() as session:
        others = len(sites.list_sites(session, account_id=account_id))
        name = f"Desks {others + 1}" if others else "Desks"
        site = sites.add_site(session, account_id=account_id, name=name, timezone="Europe/Berlin", now=now)
        keyword, _ = make_keywords(session, site=site, texts=["standing desk", "desk lamp"])
        content = make_content(session, site=site, title="How to stand", status=ContentStatus.APPROVED, approved_at=now)
        calendar.fill(session, site.id, now=now, limit=10)
        done = UndoRecord(
            account_id=account_id, site_id=site.id, action="moved", moves=[], actor="ann", at=now, undone_at=now
        )
        session.add(done)
        task = session.get_one(ContentTask, content.content_task_id)
        idea = session.get_one(Idea, task.idea_id)
        stored = MediaStore(config().home / "media").store(PICTURE)
        prompt = make_image_prompt(session, content=content, status=ImagePromptStatus.DONE)
        image = make_image(session, prompt=prompt, sha256=stored.sha256, mime=stored.mime)
        run = session.get_one(Run, runs.start(session, site=site, now=now).run_id)
        told = _tell(session, site, now=now)
        author = AuthorProfile(account_id=account_id, name=f"Author of {name}", text="Dry humour, short sentences.")
        stage_run = session.scalars(select(StageRun).where(StageRun.run_id == run.id, StageRun.number == 1)).one()
        call = AiCall(
            account_id=account_id, stage_run_id=stage_run.id, key=f"voided {site.id}", step="ask", lane=1,
            status=CallStatus.VOIDED, held_amount=0, price={}, model="writer",
        )  # fmt: skip
        session.add_all([author, call])
        session.flush()
    planned = (keyword.id, idea.cluster_id, idea.id, task.id)
    return Tenant(
        account_id,
        key,
        site.id,
        run.id,
        content.id,
        done.id,
        user_id,
        key_id,
        *told,
        *planned,
        image.id,
        author.id,
        call.id,
    )


def _tell(session: Session, site: Site, *, now: datetime) -> tuple[int, int, int]:
    """A notification on its way to a webhook that nobody can be posted to: ids of it, the webhook, the delivery."""
    others = len(webhooks.list_webhooks(session, account_id=site.account_id))
    url = f"http://127.0.0.1:9/{others or ''}"
    hook = webhooks.add(session, account_id=site.account_id, url=url, kinds=(), home=config().home, now=now).webhook
    told = notifications.tell(
        session,
        NotificationKind.SITE_FAILING,
        account_id=site.account_id,
        state_id=site.id,
        about=("site", site.id),
        message=f"{site.name} takes no articles.",
        now=now,
    )
    [delivery] = deliveries.of_webhook(session, hook)
    return told or 0, hook.id, delivery.id


@cache
def the_app() -> FastAPI:
    """The app, made once: what it stands on is put under it by `api_on`.

    It answers as often as it is asked; streams of runs end soon.
    """
    app = create_app()
    app.state.rates = Rates(0, log_ins_a_minute=0)
    app.state.strangers = Strangers(0)
    app.state.run_watch = RunWatch(_database, tick_seconds=0.01, life_seconds=0.03)
    app.state.page_watch = PageWatch(_database, tick_seconds=0.01, life_seconds=0.03)
    return app


def _database() -> Database:
    """What the app stands on now."""
    backend: FakeBackend = the_app().state.backend
    return backend.database()


@contextmanager
def api_on(database: Database) -> Iterator[Api]:
    """The API with two tenants; what it would send stays in its backend."""
    mine, other = make_tenant(database), make_tenant(database, name="another")
    backend = the_app().state.backend = FakeBackend(database)
    the_app().state.paces = Paces()
    with TestClient(the_app(), raise_server_exceptions=False, headers=mine.headers) as client:
        yield Api(database, backend, client, mine, other)


@contextmanager
def statements_of(database: Database) -> Iterator[list[str]]:
    """The statements of the block, without those that only begin a transaction."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    # On PostgreSQL the reader is the engine in another mode, and hands its events on.
    engines = {database.engine, database.reader} if database.is_sqlite else {database.engine}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
