"""Owns `notifications [list]` and `notifications read`: what an account was told, and that somebody read it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import account_of, reading, ready_database
from pipeline.cli.groups import ListsByDefault
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, LimitOption
from pipeline.cli.output import document, say, table
from pipeline.core.errors import InvalidValueError
from pipeline.models import Delivery, Notification
from pipeline.services import deliveries, notifications
from pipeline.services.sites import is_id

app = typer.Typer(cls=ListsByDefault)

AllOption = Annotated[bool, typer.Option("--all", help="Those that were read as well.")]
PlatformOption = Annotated[
    bool, typer.Option("--platform", help="Those for whoever runs this installation, instead of an account's.")
]
WhichArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The notification, by its id; or: all.", show_default=False)
]


def notification_json(row: Notification, sent: list[Delivery]) -> dict[str, Any]:
    """A notification as every command prints it."""
    names = ("id", "kind", "message", "created_at", "read_at", "ended_at")
    told = {name: getattr(row, name) for name in names}
    ways = ("channel", "status", "attempts", "due_at", "last_answer", "delivered_at")
    return {
        **told,
        "subject": {"kind": row.subject_kind, "id": row.subject_id},
        "deliveries": [
            {"id": way.public_id, "webhook_id": way.webhook_id, **{name: getattr(way, name) for name in ways}}
            for way in sent
        ],
    }


@app.command("list")
def list_all(
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    platform: PlatformOption = False,
    include_read: AllOption = False,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List what the account was told and nobody has read yet, the newest first."""
    with reading() as session:
        found = notifications.list_notifications(
            session, account_id=_owner(session, account, platform=platform), include_read=include_read, limit=limit
        )
        sent = deliveries.of_notifications(session, [row.id for row in found])
    if as_json:
        document([notification_json(row, [way for way in sent if way.notification_id == row.id]) for row in found])
        return
    if not found:
        say("Nothing to read." if not include_read else "Nobody was told anything yet.")
        return
    rows = [(row.id, row.created_at.strftime("%Y-%m-%d %H:%M UTC"), row.kind.value, row.message) for row in found]
    table(["id", "when", "kind", "what"], rows, right=["id"])


@app.command("read")
def read(
    which: WhichArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    platform: PlatformOption = False,
    as_json: JsonOption = False,
) -> None:
    """Mark one notification, or all, as read."""
    if which != "all" and not is_id(which):
        raise InvalidValueError(f"{which!r} is no id. Give a notification's id, or: all.")
    database = ready_database()
    with database.transaction() as session:
        marked = notifications.mark_read(
            session,
            account_id=_owner(session, account, platform=platform),
            notification_id=None if which == "all" else int(which),
            now=database.now(),
        )
    if as_json:
        document({"read": marked})
    else:
        say(f"{marked} marked as read." if marked else "Nothing was unread.")


def _owner(session: Session, account: str, *, platform: bool) -> int | None:
    return None if platform else account_of(session, account).id
