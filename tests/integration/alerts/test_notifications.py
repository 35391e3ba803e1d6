from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from pipeline.core.alerts import ACCOUNT_KINDS, NotificationKind
from pipeline.core.errors import InvalidValueError, NotFoundError
from pipeline.services import notifications, webhooks
from tests.support.builders import make_account
from tests.support.publishing import NOW

if TYPE_CHECKING:
    from tests.integration.alerts.conftest import World

FAILING, RUN = NotificationKind.SITE_FAILING, NotificationKind.RUN_FAILED
LATER = NOW + timedelta(hours=1)


def _read(world: World, notification_id: int | None = None, *, account_id: int | None = None) -> int:
    with world.database.transaction() as session:
        owner = account_id or world.account.id
        return notifications.mark_read(session, account_id=owner, notification_id=notification_id, now=LATER)


def _end(world: World, kind: NotificationKind, state_id: int = 7) -> None:
    with world.database.transaction() as session:
        notifications.end(session, (kind, state_id), now=LATER)


def test_a_lasting_state_is_told_once(world: World) -> None:
    told = [world.tell(), world.tell(), world.tell(state_id=8)]

    assert [None if one is None else "told" for one in told] == ["told", None, "told"]


def test_a_state_that_comes_again_is_told_again(world: World) -> None:
    world.tell()
    _end(world, FAILING)

    assert world.tell() is not None

    assert [row.ended_at for row in world.notifications()] == [LATER, None]


def test_a_lasting_state_is_not_told_again_for_being_read(world: World) -> None:
    world.tell()

    assert _read(world) == 1

    assert world.tell() is None


def test_what_happens_again_is_told_again_once_it_was_read(world: World) -> None:
    world.tell(RUN)
    assert world.tell(RUN) is None

    _read(world, 1)

    assert world.tell(RUN) is not None


def test_many_at_once_tell_of_one_state_once(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: world.tell(), range(24)))

    assert sorted(filter(None, told)) == [row.id for row in world.notifications()]
    assert len(world.notifications()) == 1


def test_nothing_is_told_of_what_was_rolled_back(world: World) -> None:
    world.webhook("https://hooks.example/")
    with world.database.engine.connect() as connection, Session(connection) as session:
        notifications.tell(
            session, RUN, account_id=world.account.id, state_id=1, about=("run", 1), message="no", now=NOW
        )
        session.rollback()

    assert (world.notifications(), world.deliveries()) == ([], [])


def test_an_account_sees_and_reads_its_own_alone(world: World) -> None:
    world.tell()
    with world.database.transaction() as session:
        other = make_account(session)

    assert _read(world, account_id=other.id) == 0
    with pytest.raises(NotFoundError, match="no notification 1"):
        _read(world, 1, account_id=other.id)
    with world.database.reading() as session:
        assert notifications.list_notifications(session, account_id=other.id) == []
        assert notifications.list_notifications(session, account_id=None) == []
        assert [row.id for row in notifications.list_notifications(session, account_id=world.account.id)] == [1]


def test_what_was_read_is_listed_only_where_it_is_asked_for(world: World) -> None:
    world.tell()
    world.tell(RUN)
    _read(world, 1)

    with world.database.reading() as session:
        account_id = world.account.id
        unread = notifications.list_notifications(session, account_id=account_id)
        everything = notifications.list_notifications(session, account_id=account_id, include_read=True)
    assert ([row.id for row in unread], [row.id for row in everything]) == ([2], [2, 1])


def test_each_webhook_that_wants_the_kind_gets_a_delivery(world: World) -> None:
    world.webhook("https://all.example/")
    world.webhook("https://runs.example/", "run_failed")
    world.webhook("https://sites.example/", "site_failing", "run_failed")

    world.tell()

    rows = world.deliveries()
    assert [(row.channel, row.webhook_id, row.due_at, row.attempts) for row in rows] == [
        ("webhook", 1, NOW, 0),
        ("webhook", 3, NOW, 0),
    ]
    assert len({row.public_id for row in rows}) == 2


def test_people_get_e_mail_where_a_server_is_set_and_their_address_is_one(world: World) -> None:
    world.person("owner@localhost")
    world.person("ann@example.com")

    world.tell()
    world.configure(IGNY8_SMTP_URL="smtp://mail.example")
    world.tell(RUN)

    assert [(row.channel, row.notification_id) for row in world.deliveries()] == [("email", 2)]


def test_a_webhook_keeps_its_secret_encrypted_and_is_the_accounts_own(world: World) -> None:
    added = world.webhook("https://hooks.example/")
    with world.database.transaction() as session:
        other = make_account(session)

    assert added.secret.encode() not in added.webhook.secret
    assert added.webhook.kinds == [kind.value for kind in ACCOUNT_KINDS]
    with world.database.transaction() as session, pytest.raises(NotFoundError, match="no webhook 1"):
        webhooks.remove(session, account_id=other.id, webhook_id=added.webhook.id)


def test_a_webhook_that_cannot_be_is_refused_with_every_fault(world: World) -> None:
    with pytest.raises(InvalidValueError) as refused:
        world.webhook("mailto:me", "run_failed", "bogus")

    assert [fault.field for fault in refused.value.faults] == ["url", "kinds"]
    assert "Allowed: run_failed" in refused.value.message


def test_an_address_is_added_once(world: World) -> None:
    world.webhook("https://hooks.example/")

    with pytest.raises(InvalidValueError, match="there already"):
        world.webhook("https://hooks.example/")


def test_a_webhook_takes_its_deliveries_with_it(world: World) -> None:
    world.webhook("https://hooks.example/")
    world.tell()

    with world.database.transaction() as session:
        webhooks.remove(session, account_id=world.account.id, webhook_id=1)

    assert world.deliveries() == []
    assert len(world.notifications()) == 1
