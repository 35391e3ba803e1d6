"""Owns `webhooks add|list|remove|test`: the addresses that an account's notifications are posted to."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption
from pipeline.cli.output import document, note, say, table
from pipeline.config import config
from pipeline.core.alerts import ACCOUNT_KINDS
from pipeline.core.errors import PipelineError
from pipeline.models import Delivery, Webhook
from pipeline.services import audit, deliveries, webhooks

app = typer.Typer()

_LARGEST_ID: Final = 2**63 - 1
UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="The address to post to.", show_default=False)]
WebhookArgument = Annotated[
    int, typer.Argument(metavar="ID", max=_LARGEST_ID, help="The webhook, by its id.", show_default=False)
]
KindsOption = Annotated[
    str, typer.Option("--kinds", help=f"Which it gets, separated by commas; none: all of {', '.join(ACCOUNT_KINDS)}.")
]


def webhook_json(row: Webhook, last: Delivery | None) -> dict[str, Any]:
    """A webhook as every command prints it; its secret is never shown again."""
    names = ("status", "attempts", "due_at", "last_answer")
    return {
        **{name: getattr(row, name) for name in ("id", "url", "kinds", "active", "created_at")},
        "last_delivery": None if last is None else {name: getattr(last, name) for name in names},
    }


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
    from pipeline.engine import webhooks as posting
    from pipeline.secrets import decrypted

    database = ready_database()
    with database.reading() as session:
        row = webhooks.get_webhook(session, account_id=account_of(session, account).id, webhook_id=webhook_id)
    settings, public_id = config(), str(uuid.uuid4())
    told = {"id": public_id, "kind": "test", "account_id": row.account_id, "message": "This is a test of IGNY8."}
    envelope = posting.Envelope(public_id, "test", posting.encoded(told))
    secret = decrypted(row.secret, home=settings.home)
    try:
        answer = posting.send(
            row.url, envelope, secret=secret, now=database.now(), allow_private=settings.allow_private_sites
        )
        taken, said = posting.is_taken(answer), posting.told(answer)
    except PipelineError as error:
        taken, said = False, error.message
    if as_json:
        document({"id": row.id, "url": row.url, "delivery": public_id, "taken": taken, "answer": said})
    elif taken:
        say(f"Webhook {row.id} took it. {said}")
    if not taken:
        note(f"Webhook {row.id} ({row.url}) did not take it. {said}")
        raise typer.Exit(1)


def _last(delivery: Delivery | None) -> str:
    if delivery is None:
        return "none"
    return f"{delivery.status}, {delivery.last_answer}" if delivery.last_answer else delivery.status.value
