"""Deliveries, to a real web server and a real mail server on loopback."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from pipeline.config import load_config, use_config
from pipeline.core.states import DeliveryStatus
from pipeline.engine import deliveries as engine
from pipeline.engine import webhooks as posting
from pipeline.models import Delivery
from pipeline.services import deliveries

if TYPE_CHECKING:
    from tests.integration.alerts.conftest import World
    from tests.support.receivers import Hooks, Mailbox

A_MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """The process is no more."""


def _send(world: World, delivery_id: int = 1) -> Delivery:
    """Beat has sent its message, and a worker takes it."""
    with world.database.transaction() as session:
        session.execute(update(Delivery).where(Delivery.id == delivery_id).values(sends=1))
    engine.send(world.database, delivery_id)
    return world.deliveries()[delivery_id - 1]


def _told_by_webhook(world: World, receiver: Hooks) -> str:
    """A notification on its way to the receiver; the webhook's secret."""
    added = world.webhook(receiver.url)
    world.tell()
    return added.secret


def test_a_webhook_gets_a_signed_notification(world: World, receiver: Hooks) -> None:
    secret = _told_by_webhook(world, receiver)

    row = _send(world)

    (request,) = receiver.posted
    told = json.loads(request.body)
    signed = request.headers["x-igny8-timestamp"].encode() + b"." + request.body
    assert request.headers["x-igny8-signature"] == "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert request.headers["x-igny8-delivery"] == told["id"] == row.public_id
    assert (request.path, request.headers["x-igny8-kind"]) == ("/hooks?of=igny8", "site_failing")
    assert (told["kind"], told["subject"], told["account_id"]) == (
        "site_failing",
        {"kind": "site", "id": 7},
        world.account.id,
    )
    assert told["message"].startswith("Still Water takes no articles")
    assert (row.status, row.due_at, row.last_answer) == (DeliveryStatus.DELIVERED, None, "It answered 204.")


def test_a_failure_is_tried_again_under_the_same_id_with_the_same_body(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    receiver.answers = [(500, {}, b"<b>down</b>")]

    row = _send(world)
    waits = row.due_at - world.database.now() if row.due_at else timedelta()
    again = _send(world)

    assert timedelta(seconds=50) < waits <= A_MINUTE
    assert row.last_answer == "It answered 500: <b>down</b>."
    assert again.status is DeliveryStatus.DELIVERED
    first, second = receiver.posted
    assert (first.body, first.headers["x-igny8-delivery"]) == (second.body, second.headers["x-igny8-delivery"])


def test_a_receiver_that_asks_for_a_pause_gets_it_up_to_a_day(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    receiver.answers = [(429, {"Retry-After": "600"}, b""), (503, {"Retry-After": "999999"}, b"")]

    waits = []
    for _ in range(2):
        due_at = _send(world).due_at
        assert due_at is not None
        waits.append((due_at - world.database.now()).total_seconds())

    assert 590 < waits[0] <= 600
    assert 86_390 < waits[1] <= 86_400


def test_the_pauses_grow_up_to_a_day_and_then_it_is_given_up_with_the_reason(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    receiver.answers = [(500, {}, b"")] * 8

    rows = [_send(world) for _ in range(8)]

    assert [row.status for row in rows] == [DeliveryStatus.PENDING] * 7 + [DeliveryStatus.GIVEN_UP]
    assert list(deliveries.PAUSES) == sorted(deliveries.PAUSES)
    assert deliveries.PAUSES[-1] == timedelta(days=1)
    assert rows[-1].due_at is None
    assert rows[-1].last_answer == "It answered 500. It was tried 8 times."
    assert len(receiver.posted) == 8


def test_a_redirect_is_not_followed(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    receiver.answers = [(302, {"Location": receiver.url}, b"")]

    assert _send(world).status is DeliveryStatus.PENDING

    assert len(receiver.posted) == 1


def test_a_receiver_that_wants_no_more_gets_no_more(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    receiver.answers = [(410, {}, b"gone")]

    assert _send(world).status is DeliveryStatus.GIVEN_UP


def test_an_address_in_a_private_network_is_given_up_unasked(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    use_config(load_config({"IGNY8_HOME": str(world.home)}))

    row = _send(world)

    assert row.status is DeliveryStatus.GIVEN_UP
    assert "lies in a private network" in str(row.last_answer)
    assert receiver.posted == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    world: World, receiver: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = receiver.url.partition("127.0.0.1:")[2].partition("/")[0]
    world.webhook(f"http://hooks.example:{port}/")
    world.tell()
    asked = []

    def resolve(host: str, at: int, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.1", at))]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **named: (resolve if "example" in host else real)(host, *more, **named),
    )

    assert _send(world).status is DeliveryStatus.DELIVERED

    assert asked == ["hooks.example"]
    assert receiver.posted[0].headers["host"] == f"hooks.example:{port}"


def test_a_receiver_that_never_answers_is_cut_and_tried_again(
    world: World, receiver: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 0.2)
    _told_by_webhook(world, receiver)
    receiver.held = threading.Event()

    row = _send(world)

    assert row.status is DeliveryStatus.PENDING
    assert "did not answer" in str(row.last_answer)


def test_nobody_listening_is_tried_again(world: World) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        world.webhook(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    world.tell()

    row = _send(world)

    assert (row.status, row.last_answer) == (DeliveryStatus.PENDING, "127.0.0.1 did not answer: Connection refused.")


def test_copies_of_a_message_post_once(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    with world.database.transaction() as session:
        session.execute(update(Delivery).values(sends=1))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: engine.send(world.database, 1), range(12)))

    assert len(receiver.posted) == 1


def test_a_message_from_before_a_retry_does_nothing(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    receiver.answers = [(500, {}, b"")]
    _send(world)

    engine.send(world.database, 1)

    assert len(receiver.posted) == 1


def test_a_kill_after_the_receiver_answered_sends_it_again_under_the_same_id(
    world: World, receiver: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    _told_by_webhook(world, receiver)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "delivered", killed)
        with pytest.raises(Killed):
            _send(world)
    cut_short = world.deliveries()[0]
    with world.database.transaction() as session:  # The lease of the dead has ended.
        session.execute(update(Delivery).values(lease_until=world.database.now() - A_MINUTE))

    row = _send(world)

    assert cut_short.due_at is not None
    assert (row.status, row.attempts) == (DeliveryStatus.DELIVERED, 2)
    assert len({request.headers["x-igny8-delivery"] for request in receiver.posted}) == 1


def test_a_secret_of_another_key_is_given_up_with_the_remedy(world: World, receiver: Hooks) -> None:
    _told_by_webhook(world, receiver)
    (world.home / "secrets.env").unlink()

    row = _send(world)

    assert row.status is DeliveryStatus.GIVEN_UP
    assert "set the secret again" in str(row.last_answer)


def _told_by_mail(world: World, post_office: Mailbox) -> None:
    world.configure(IGNY8_SMTP_URL=post_office.url, IGNY8_MAIL_FROM="igny8@example.com")
    world.person("ann@example.com")
    world.tell()


def test_a_person_gets_an_e_mail(world: World, post_office: Mailbox) -> None:
    _told_by_mail(world, post_office)

    row = _send(world)

    (letter,) = map(message_from_bytes, post_office.letters)
    assert (letter["To"], letter["From"]) == ("ann@example.com", "igny8@example.com")
    assert letter["Subject"] == "IGNY8: A site takes no articles"
    assert letter["Message-ID"] == f"<{row.public_id}@example.com>"
    assert str(letter.get_payload()).startswith("Still Water takes no articles: it is closed.")
    assert row.status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize(
    ("said", "status"),
    [(b"451 later", DeliveryStatus.PENDING), (b"550 nobody of that name", DeliveryStatus.GIVEN_UP)],
)
def test_what_the_mail_server_refuses_for_now_is_tried_again(
    world: World, post_office: Mailbox, said: bytes, status: DeliveryStatus
) -> None:
    _told_by_mail(world, post_office)
    post_office.refusals = [said]

    row = _send(world)

    assert row.status is status
    assert row.last_answer == f"The mail server answered {said.decode().replace(' ', ': ', 1)}."


def test_a_mail_server_that_is_away_is_tried_again(world: World, post_office: Mailbox) -> None:
    _told_by_mail(world, post_office)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        world.configure(IGNY8_SMTP_URL=f"smtp://me:hidden@127.0.0.1:{unused.getsockname()[1]}")

    row = _send(world)

    assert row.status is DeliveryStatus.PENDING
    assert "hidden" not in str(row.last_answer)
