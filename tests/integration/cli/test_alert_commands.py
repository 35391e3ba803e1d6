"""`notifications`, `webhooks`, `site test|sync`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from pipeline.config import load_config, use_config
from pipeline.core.alerts import NotificationKind
from pipeline.db.session import Database
from pipeline.models import AuditEvent
from pipeline.services import notifications
from tests.support.builders import make_content
from tests.support.publishing import NOW
from tests.support.receivers import hooks

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8


def _tell(
    ready: Database, *, account_id: int | None = 1, kind: NotificationKind = NotificationKind.SITE_FAILING
) -> None:
    with ready.transaction() as session:
        notifications.tell(
            session, kind, account_id=account_id, state_id=1, about=("site", 1), message="Desks is closed.", now=NOW
        )


def test_notifications_are_listed_and_read(igny8: Igny8, ready: Database) -> None:
    igny8("webhooks", "add", "https://hooks.example/")
    _tell(ready)

    listed = igny8("notifications", "--json").json
    shown = igny8("notifications").out
    read = igny8("notifications", "read", "1", "--json").json

    assert (listed[0]["id"], listed[0]["kind"], listed[0]["subject"]) == (1, "site_failing", {"kind": "site", "id": 1})
    assert [(way["channel"], way["status"]) for way in listed[0]["deliveries"]] == [("webhook", "pending")]
    assert "Desks is closed." in shown
    assert read == {"read": 1}
    assert igny8("notifications").out == "Nothing to read.\n"
    assert igny8("notifications", "--all", "--json").json[0]["read_at"] is not None
    assert igny8("notifications", "list", "--all", "--json").json[0]["id"] == 1


def test_all_notifications_are_read_at_once(igny8: Igny8, ready: Database) -> None:
    _tell(ready)
    _tell(ready, kind=NotificationKind.RUN_FAILED)

    assert "2 marked as read" in igny8("notifications", "read", "all").out
    assert "Nothing was unread" in igny8("notifications", "read", "all").out


def test_what_the_platform_is_told_is_not_the_accounts(igny8: Igny8, ready: Database) -> None:
    _tell(ready, account_id=None, kind=NotificationKind.BOOKS_WRONG)

    assert igny8("notifications", "--json").json == []
    assert igny8("notifications", "read", "1").code == 1
    assert igny8("notifications", "--platform", "--json").json[0]["kind"] == "books_wrong"
    assert igny8("notifications", "read", "all", "--platform", "--json").json == {"read": 1}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("notifications", "read", "7"), 1, "There is no notification 7."),
        (("notifications", "read", "some"), 2, "'some' is no id. Give a notification's id, or: all."),
        (("notifications", "--account", "nobody"), 1, "There is no account 'nobody'."),
        (("webhooks", "add", "hooks.example"), 2, "url: 'hooks.example' is no address."),
        (("webhooks", "add", "https://10.0.0.300/"), 2, "url: '10.0.0.300' is neither the name of a host nor an IP"),
        (("webhooks", "add", "https://hooks.example/", "--kinds", "bogus"), 2, "kinds: 'bogus' is not known."),
        (("webhooks", "remove", "7"), 1, "There is no webhook 7."),
        (("webhooks", "test", "7"), 1, "There is no webhook 7."),
        (("site", "test", "nowhere"), 1, "There is no site 'nowhere'."),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    igny8: Igny8, ready: Database, arguments: tuple[str, ...], code: int, said: str
) -> None:
    outcome = igny8(*arguments)

    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(f"Error: {said}")


def test_a_webhook_is_added_listed_and_removed_and_its_secret_is_shown_once(igny8: Igny8, ready: Database) -> None:
    assert "No webhook yet" in igny8("webhooks", "list").out
    added = igny8("webhooks", "add", "https://hooks.example/", "--kinds", "run_failed, site_failing", "--json").json

    listed = igny8("webhooks", "list", "--json")
    shown = igny8("webhooks", "list").out
    gone = igny8("webhooks", "remove", "1", "--json").json

    assert (added["id"], added["kinds"]) == (1, ["run_failed", "site_failing"])
    assert added["secret"] not in listed.out
    assert listed.json[0]["last_delivery"] is None
    assert "https://hooks.example/" in shown
    assert gone == {"id": 1, "url": "https://hooks.example/", "removed": True}
    assert igny8("webhooks", "list", "--json").json == []
    with ready.reading() as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert list(actions[-2:]) == ["webhook.added", "webhook.removed"]


def test_a_webhook_is_tested_at_once(igny8: Igny8, ready: Database, home: Path) -> None:
    use_config(load_config({"IGNY8_HOME": str(home), "IGNY8_ALLOW_PRIVATE_SITES": "1"}))
    with hooks() as receiver:
        igny8("webhooks", "add", receiver.url)

        taken = igny8("webhooks", "test", "1")
        receiver.answers = [(500, {}, b"broken")]
        refused = igny8("webhooks", "test", "1", "--json")

    assert (taken.code, taken.out) == (0, "Webhook 1 took it. It answered 204.\n")
    assert (refused.code, refused.json["taken"], refused.json["answer"]) == (1, False, "It answered 500: broken.")
    assert json.loads(receiver.posted[0].body)["kind"] == "test"
    assert receiver.posted[0].headers["x-igny8-signature"].startswith("v1=")


def test_a_webhook_in_a_private_network_is_tested_in_vain(igny8: Igny8, ready: Database) -> None:
    igny8("webhooks", "add", "http://10.0.0.1/")

    refused = igny8("webhooks", "test", "1")

    assert refused.code == 1
    assert "lies in a private network" in refused.err


def _published(igny8: Igny8, ready: Database, home: Path) -> Path:
    """The page of an article that was published."""
    from pipeline.core.states import ContentStatus
    from pipeline.models import Site

    with ready.transaction() as session:
        site = session.get_one(Site, 1)
        make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=NOW, slug="desks")
    assert igny8("publish", "1", "--now").code == 0
    return next((home / "sites").iterdir()) / "desks" / "index.html"


def test_a_site_is_tested_and_its_health_is_shown(igny8: Igny8, ready: Database, home: Path) -> None:
    _published(igny8, ready, home)
    before = igny8("site", "show", "Desks").out

    told = igny8("site", "test", "Desks")

    assert "Health: never" in before
    assert (told.code, told.out) == (0, "Desks answers (ok); 1 article was looked at.\n")
    assert "Health: ok, looked at" in igny8("site", "show", "Desks").out
    assert igny8("site", "list", "--json").json[0]["sync_status"] == "ok"


def test_what_stands_otherwise_is_listed(igny8: Igny8, ready: Database, home: Path) -> None:
    page = _published(igny8, ready, home)
    page.write_text(page.read_text() + "mine")

    tested = igny8("site", "test", "Desks").out
    synced = igny8("site", "sync", "Desks")
    told = igny8("site", "sync", "Desks", "--json").json

    assert "was edited at the site. It is left as it is there." in tested
    assert synced.code == 0
    assert "1 article was looked at, 1 stands otherwise than published." in synced.out
    assert (told["status"], told["published"]) == ("drifted", 1)
    assert [(row["content_id"], row["drift"]) for row in told["drifted"]] == [(1, "edited")]


def test_a_failing_site_ends_with_1_and_says_why(igny8: Igny8, ready: Database, home: Path) -> None:
    page = _published(igny8, ready, home)
    folder = page.parents[1]
    shutil.rmtree(folder)
    folder.write_text("a file in its place")

    outcomes = [igny8("site", command, "Desks") for command in ("test", "sync")]

    assert [outcome.code for outcome in outcomes] == [1, 1]
    assert all("Desks takes no articles: The site's folder" in outcome.err for outcome in outcomes)
    assert "Health: failing" in igny8("site", "show", "Desks").out
    assert len(igny8("notifications", "--json").json) == 1
