from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import load_config, use_config
from pipeline.core.alerts import NotificationKind
from pipeline.db.session import Database
from pipeline.models import Account, Delivery, Notification, User
from pipeline.services import notifications, webhooks
from tests.support.builders import make_account
from tests.support.publishing import NOW
from tests.support.receivers import Hooks, Mailbox, hooks, mailbox


class World:
    """An account that is told things, and what it was told."""

    def __init__(self, database: Database, home: Path) -> None:
        self.database = database
        self.home = home
        with database.transaction() as session:
            self.account: Account = make_account(session)

    def configure(self, **environ: str) -> None:
        use_config(load_config({"IGNY8_HOME": str(self.home), "IGNY8_ALLOW_PRIVATE_SITES": "1", **environ}))

    def tell(self, kind: NotificationKind = NotificationKind.SITE_FAILING, *, state_id: int = 7) -> int | None:
        with self.database.transaction() as session:
            return notifications.tell(
                session,
                kind,
                account_id=self.account.id,
                state_id=state_id,
                about=("site", state_id),
                message="Still Water takes no articles: it is closed.",
                now=NOW,
            )

    def webhook(self, url: str, *kinds: str) -> webhooks.Added:
        with self.database.transaction() as session:
            return webhooks.add(session, account_id=self.account.id, url=url, kinds=kinds, home=self.home, now=NOW)

    def person(self, email: str) -> None:
        with self.database.transaction() as session:
            session.add(User(account_id=self.account.id, email=email, name="Ann", role="owner"))

    def notifications(self) -> list[Notification]:
        with self.database.reading() as session:
            return list(session.query(Notification).order_by(Notification.id))

    def deliveries(self) -> list[Delivery]:
        with self.database.reading() as session:
            return list(session.query(Delivery).order_by(Delivery.id))


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    found = World(database, tmp_path / "home")
    found.configure()
    yield found
    use_config(None)


@pytest.fixture
def receiver() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


@pytest.fixture
def post_office() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found
