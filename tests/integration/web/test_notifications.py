"""Over HTTP: what an account was told, the webhooks that are told as well, and what arrived."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.config import load_config, use_config
from pipeline.core.alerts import NotificationKind
from pipeline.core.roles import Role
from pipeline.core.states import DeliveryStatus
from pipeline.models import AuditEvent, Delivery, Webhook
from pipeline.services import deliveries, notifications
from tests.support.api import Api
from tests.support.receivers import hooks

PATH = "/api/v1/notifications"
WEBHOOKS = "/api/v1/webhooks"


def _tell(api: Api, kind: NotificationKind, *, account_id: int | None = None) -> int:
    with api.database.transaction() as session:
        told = notifications.tell(
            session, kind, account_id=account_id or api.mine.account_id, state_id=1, about=("account", 1),
            message="Look.", now=api.database.now(),
        )  # fmt: skip
    assert told is not None
    return told


def test_notifications_are_listed_page_by_page_and_by_kind(api: Api) -> None:
    ids = [_tell(api, kind) for kind in (NotificationKind.RUN_FAILED, NotificationKind.CREDITS_LOW)]

    first = api.client.get(PATH, params={"limit": 2}).json()
    second = api.client.get(PATH, params={"limit": 2, "before": first["next"]}).json()
    of_kind = api.client.get(PATH, params={"kind": "run_failed"}).json()["items"]

    listed = [entry["id"] for entry in first["items"] + second["items"]]
    assert listed == [ids[1], ids[0], api.mine.notification_id]
    assert second["next"] is None
    assert [entry["id"] for entry in of_kind] == [ids[0]]
    assert [way["status"] for way in first["items"][0]["deliveries"]] == ["pending"]


def test_what_was_read_is_left_out_where_only_unread_is_asked_for(api: Api) -> None:
    path = f"{PATH}/{api.mine.notification_id}/read"

    marked = [api.client.post(path).json() for _ in range(2)]

    assert marked == [{"read": 1}, {"read": 0}]
    assert api.client.get(PATH, params={"unread": True}).json()["items"] == []
    assert api.client.get(PATH).json()["items"][0]["read_at"] is not None


def test_all_of_mine_are_read_at_once_and_none_of_anothers(api: Api) -> None:
    _tell(api, NotificationKind.RUN_FAILED)

    assert api.client.post(f"{PATH}/read").json() == {"read": 2}
    unread = api.client.get(PATH, params={"unread": True}, headers=api.other.headers).json()["items"]
    assert [entry["id"] for entry in unread] == [api.other.notification_id]


def test_what_concerns_the_installation_is_for_whoever_runs_it(api: Api) -> None:
    with api.database.transaction() as session:
        told = notifications.tell(
            session, NotificationKind.BOOKS_WRONG, account_id=None, state_id=1, about=("account", 1), message="Look.",
            now=api.database.now(),
        )  # fmt: skip
    paths = [("GET", PATH), ("POST", f"{PATH}/read"), ("POST", f"{PATH}/{told}/read")]
    of_platform, admin = {"platform": True}, api.key(Role.PLATFORM_ADMIN)

    refused = [api.client.request(*path, params=of_platform).status_code for path in paths]
    listed = api.client.get(PATH, params=of_platform, headers=admin).json()["items"]
    marked = api.client.post(f"{PATH}/{told}/read", params=of_platform, headers=admin).json()

    assert refused == [403, 403, 403]
    assert [(entry["id"], entry["kind"]) for entry in listed] == [(told, "books_wrong")]
    assert marked == {"read": 1}
    assert [entry["id"] for entry in api.client.get(PATH, headers=admin).json()["items"]] == [api.mine.notification_id]


def test_a_webhook_is_added_with_a_secret_that_is_shown_once(api: Api) -> None:
    added = api.client.post(WEBHOOKS, json={"url": "https://hooks.example/", "kinds": ["run_failed"]})

    listed = api.client.get(WEBHOOKS)
    shown = api.client.get(f"{WEBHOOKS}/{added.json()['id']}")
    secret = added.json()["secret"]
    assert (added.status_code, added.json()["kinds"]) == (201, ["run_failed"])
    assert [entry["url"] for entry in listed.json()["items"]] == ["http://127.0.0.1:9/", "https://hooks.example/"]
    assert secret not in listed.text + shown.text
    with api.database.reading() as session:
        assert secret.encode() not in session.scalars(select(Webhook.secret).order_by(Webhook.id.desc())).first()
        assert session.scalars(select(AuditEvent.action)).all() == ["webhook.added"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"url": "hooks.example", "kinds": ["bogus"]}, {"url", "kinds"}),
        ({"url": "http://127.0.0.1:9/"}, {"url"}),
        ({"url": "https://hooks..example/"}, {"url"}),
        ({"kinds": []}, {"url"}),
    ],
)
def test_every_fault_of_a_webhook_is_told(sqlite_api: Api, body: dict[str, object], fields: set[str]) -> None:
    answer = sqlite_api.client.post(WEBHOOKS, json=body)

    assert (answer.status_code, {fault["field"] for fault in answer.json()["faults"]}) == (422, fields)


def test_a_webhook_is_removed_with_what_was_on_its_way(api: Api) -> None:
    gone = api.client.delete(f"{WEBHOOKS}/{api.mine.webhook_id}")

    assert (gone.status_code, gone.content) == (204, b"")
    assert api.client.get(f"{WEBHOOKS}/{api.mine.webhook_id}").status_code == 404
    with api.database.reading() as session:
        assert session.scalars(select(Delivery.id)).all() == [api.other.delivery_id]


def test_a_webhook_is_tested_at_once_with_no_transaction_open(api: Api, tmp_path: Path) -> None:
    use_config(load_config({"IGNY8_HOME": str(tmp_path), "IGNY8_ALLOW_PRIVATE_SITES": "1"}))
    try:
        with hooks() as receiver:
            hook = api.client.post(WEBHOOKS, json={"url": receiver.url}).json()
            taken = api.client.post(f"{WEBHOOKS}/{hook['id']}/test").json()
            receiver.answers = [(500, {}, b"broken")]
            refused = api.client.post(f"{WEBHOOKS}/{hook['id']}/test").json()
    finally:
        use_config(None)

    assert (taken["taken"], taken["answer"]) == (True, "It answered 204.")
    assert (refused["taken"], refused["answer"]) == (False, "It answered 500: broken.")
    posted = receiver.posted[0]
    assert json.loads(posted.body)["id"] == posted.headers["x-igny8-delivery"] == taken["delivery"]
    assert api.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_webhook_in_a_private_network_is_not_asked(sqlite_api: Api) -> None:
    tried = sqlite_api.client.post(f"{WEBHOOKS}/{sqlite_api.mine.webhook_id}/test").json()

    assert tried["taken"] is False
    assert "lies in a private network" in tried["answer"]


def _end(api: Api, status: DeliveryStatus) -> None:
    with api.database.transaction() as session:
        row = session.get_one(Delivery, api.mine.delivery_id)
        row.status, row.due_at, row.attempts, row.last_answer = status, None, 8, "It answered 500."


@pytest.mark.parametrize("ended", [DeliveryStatus.DELIVERED, DeliveryStatus.GIVEN_UP])
def test_a_delivery_is_sent_again_under_its_id(api: Api, ended: DeliveryStatus) -> None:
    _end(api, ended)
    path = f"/api/v1/deliveries/{api.mine.delivery_id}/redeliver"

    answers = [api.client.post(path) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 409]
    listed = api.client.get(f"{WEBHOOKS}/{api.mine.webhook_id}/deliveries").json()["items"]
    assert [(entry["status"], entry["attempts"], entry["due_at"] is not None) for entry in listed] == [
        ("pending", 0, True)
    ]
    with api.database.transaction() as session:
        session.get_one(Delivery, api.mine.delivery_id).sends = 1
        claim = deliveries.claim(session, api.mine.delivery_id, lease=timedelta(seconds=60), now=api.database.now())
    assert claim is not None
    assert (claim.public_id, claim.attempt) == (answers[0].json()["delivery"], 1)


def test_deliveries_are_listed_page_by_page(api: Api) -> None:
    _tell(api, NotificationKind.RUN_FAILED)
    path = f"{WEBHOOKS}/{api.mine.webhook_id}/deliveries"

    first = api.client.get(path, params={"limit": 1}).json()
    second = api.client.get(path, params={"limit": 1, "before": first["next"]}).json()

    assert [page["items"][0]["id"] for page in (first, second)][1] == api.mine.delivery_id
    assert second["next"] is None
