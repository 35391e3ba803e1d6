"""Owns `webhooks add|list|remove|test|deliveries|redeliver`: where notifications are posted to."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, LimitOption
from pipeline.cli.output import document, note, say, table
from pipeline.config import config
from pipeline.core.alerts import ACCOUNT_KINDS
from pipeline.models import Delivery, Webhook
from pipeline.services import audit, deliveries, webhooks

app = typer.Typer()

_LARGEST_ID: Final = 2**63 - 1
UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="The address to post to.", show_default=False)]
WebhookArgument = Annotated[
    int, typer.Argument(metavar="ID", max=_LARGEST_ID, help="The webhook, by its id.", show_default=False)
]
DeliveryArgument = Annotated[
    int, typer.Argument(metavar="DELIVERY", max=_LARGEST_ID, help="The delivery, by its id.", show_default=False)
]
KindsOption = Annotated[
    str, typer.Option("--kinds", help=f"Which it gets, separated by commas; none: all of {', '.join(ACCOUNT_KINDS)}.")
]


def webhook_json(row: Webhook, last: Delivery | None) -> dict[str, Any]:
    """A webhook as every command prints it; its secret is never shown again."""
    names = ("status", "attempts", "due_at", "last_answer")
    return {
        **{name: getattr(row, name) for name in ("id", "url", "kinds", "active", "created_at", "ends_at")},
        "last_delivery": None if last is None else {name: getattr(last, name) for name in names},
    }


def delivery_json(row: Delivery) -> dict[str, Any]:
    """A delivery as every command prints it: `delivery` is what the receiver knows it by."""
    names = ("status", "attempts", "due_at", "last_answer", "created_at", "delivered_at")
    of = {"id": row.id, "delivery": row.public_id, "notification_id": row.notification_id}
    return {**of, **{name: getattr(row, name) for name in names}}


@app.command("add")
def add(
    url: UrlArgument, *, kinds: KindsOption = "", account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Add an address; its secret is shown this once."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        owner = account_of(session, account)
        wanted = [kind.strip() for kind in kinds.split(",") if kind.strip()]
        added = webhooks.add(session, account_id=owner.id, url=url, kinds=wanted, home=config().home, now=now)
        row = added.webhook
        audit.record(
            session,
            account_id=owner.id,
            actor=ACTOR,
            action="webhook.added",
            subject_kind="webhook",
            subject_id=row.id,
            now=now,
        )
    if as_json:
        document({**webhook_json(row, None), "secret": added.secret})
        return
    say(f"Webhook {row.id} gets {', '.join(row.kinds)} at {row.url}.")
    say(f"Its secret, shown this once: {added.secret}")
    say(f"Next: igny8 webhooks test {row.id}")


@app.command("list")
def list_all(*, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """List the account's webhooks, each with its last delivery."""
    with reading() as session:
        found = webhooks.list_webhooks(session, account_id=account_of(session, account).id)
        lasts = {row.id: deliveries.latest(session, row) for row in found}
    if as_json:
        document([webhook_json(row, lasts[row.id]) for row in found])
        return
    if not found:
        say("No webhook yet: igny8 webhooks add URL")
        return
    rows = [(row.id, row.url, ", ".join(row.kinds), _last(lasts[row.id])) for row in found]
    table(["id", "address", "kinds", "last delivery"], rows, right=["id"])


@app.command("remove")
def remove(
    webhook_id: WebhookArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Forget an address, and what was on its way to it."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        owner = account_of(session, account)
        row = webhooks.remove(session, account_id=owner.id, webhook_id=webhook_id)
        audit.record(
            session,
            account_id=owner.id,
            actor=ACTOR,
            action="webhook.removed",
            subject_kind="webhook",
            subject_id=row.id,
            now=now,
            details={"url": row.url},
        )
    if as_json:
        document({"id": row.id, "url": row.url, "removed": True})
    else:
        say(f"Webhook {row.id} ({row.url}) is gone.")


@app.command("test")
def try_it(
    webhook_id: WebhookArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Post a signed test to a webhook now, and say what it answered; exit 1 where it did not take it."""
    from pipeline.engine.webhook_tests import post_test

    database = ready_database()
    with database.reading() as session:
        row = webhooks.get_webhook(session, account_id=account_of(session, account).id, webhook_id=webhook_id)
    tried = post_test(row, settings=config(), now=database.now())
    if as_json:
        told = {"delivery": tried.public_id, "taken": tried.taken, "answer": tried.answer}
        document({"id": row.id, "url": row.url, **told})
    elif tried.taken:
        say(f"Webhook {row.id} took it. {tried.answer}")
    if not tried.taken:
        note(f"Webhook {row.id} ({row.url}) did not take it. {tried.answer}")
        raise typer.Exit(1)


@app.command("deliveries")
def list_deliveries(
    webhook_id: WebhookArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List what was on its way to a webhook, the newest first."""
    with reading() as session:
        row = webhooks.get_webhook(session, account_id=account_of(session, account).id, webhook_id=webhook_id)
        found = deliveries.of_webhook(session, row, limit=limit)
    if as_json:
        document([delivery_json(each) for each in found])
        return
    if not found:
        say(f"Nothing was on its way to webhook {webhook_id} yet.")
        return
    rows = [(each.id, each.public_id, each.status.value, each.attempts, each.last_answer) for each in found]
    table(["id", "delivery", "status", "tries", "last answer"], rows, right=["id", "tries"])


@app.command("redeliver")
def redeliver(
    delivery_id: DeliveryArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Send a delivery again, under the same id, that has arrived or was given up."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        owner = account_of(session, account)
        row = deliveries.redeliver(session, account_id=owner.id, delivery_id=delivery_id, now=now)
        audit.record(
            session,
            account_id=owner.id,
            actor=ACTOR,
            action="delivery.redelivered",
            subject_kind="delivery",
            subject_id=row.id,
            now=now,
        )
    if as_json:
        document(delivery_json(row))
    else:
        say(f"Delivery {row.id} is on its way again while the stack runs: igny8 up")


def _last(delivery: Delivery | None) -> str:
    if delivery is None:
        return "none"
    return f"{delivery.status}, {delivery.last_answer}" if delivery.last_answer else delivery.status.value
