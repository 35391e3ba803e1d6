"""Owns `calendar move|pin|unpin|swap|unschedule|schedule|undo`: what people do to a calendar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from pipeline.cli.calendar import app
from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, ContentArgument, JsonOption, SiteArgument
from pipeline.cli.output import document, local_instant, note, say
from pipeline.core.calendar import WallTime, clock_change_note, parse_wall_time
from pipeline.core.words import counted
from pipeline.models import Site
from pipeline.services import calendar as service
from pipeline.services import content, sites
from pipeline.services.calendar import Action, Move

__all__ = ["app", "move_json", "move_sentence", "note_of"]

_WHEN = "YYYY-MM-DD HH:MM"
OtherArgument = Annotated[
    int, typer.Argument(metavar="OTHER", max=2**63 - 1, help="The other content, by its id.", show_default=False)
]
ToOption = Annotated[
    str, typer.Option("--to", metavar=_WHEN, help="The date and time at the site to move it to.", show_default=False)
]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar=_WHEN, help="The date and time at the site.", show_default=False)
]

UndoOption = Annotated[
    int | None,
    typer.Option(
        "--id",
        metavar="NUMBER",
        min=1,
        max=2**63 - 1,
        help="Which action, by the `undo_id` that it told; the last one by default.",
        show_default=False,
    ),
]


def move_json(move: Move, timezone: str) -> dict[str, Any]:
    """A move as one JSON object; an instant that is null stands for no slot."""
    return {
        "content_id": move.content_id,
        "title": move.title,
        "was_at": move.was_at,
        "now_at": move.now_at,
        "pinned": move.now is not None and move.now.pinned,
        "note": note_of(move, timezone),
    }


def move_sentence(move: Move, timezone: str) -> str:
    """Where something went: "Oak: Wed 2026-11-04 14:00 → Thu 2026-11-05 09:00"."""
    was = local_instant(move.was_at, timezone) or "no slot"
    now = local_instant(move.now_at, timezone) or "no slot"
    pinned = ", pinned" if move.now is not None and move.now.pinned else ""
    return f"{move.title} (content {move.content_id}): {was} → {now}{pinned}"


def note_of(move: Move, timezone: str) -> str | None:
    """What a clock change does to its new place."""
    return None if move.now is None else clock_change_note(move.now.slot, timezone)


@app.command("move")
def move(
    content_id: ContentArgument, *, to: ToOption, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Move scheduled content to a free slot, or to any time of the site, where it is pinned."""
    _act(service.move, content_id, account=account, as_json=as_json, to=parse_wall_time(to))


@app.command("pin")
def pin(
    content_id: ContentArgument,
    *,
    at: AtOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Pin content where it stands, or at a time of the site: no change of settings moves it from there."""
    _act(service.pin, content_id, account=account, as_json=as_json, to=_wall_time(at))


@app.command("unpin")
def unpin(
    content_id: ContentArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Let content move with the settings again; what stands beside the slots takes the next free one."""
    _act(service.unpin, content_id, account=account, as_json=as_json)


@app.command("swap")
def swap(
    content_id: ContentArgument,
    other_id: OtherArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Let two scheduled contents of a site change places."""
    _act(service.swap, content_id, other_id, account=account, as_json=as_json)


@app.command("unschedule")
def unschedule(
    content_id: ContentArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Take content off the calendar and hold it back until somebody schedules it."""
    _act(service.unschedule, content_id, account=account, as_json=as_json)


@app.command("schedule")
def schedule(
    content_id: ContentArgument,
    *,
    at: AtOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Put approved or ready content on the next free slot, or at a time of the site."""
    _act(service.schedule, content_id, account=account, as_json=as_json, to=_wall_time(at))


@app.command("undo")
def undo(
    site: SiteArgument,
    *,
    undo_id: UndoOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Take back the last action on a site's calendar, as a whole: moves, pins, changed settings, a changed zone."""
    database = ready_database()
    with database.transaction() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        undone = service.undo(session, row, actor=ACTOR, now=database.now(), undo_id=undo_id)
    if as_json:
        told = {"undo_id": undone.id, "action": undone.action, "at": undone.at, "moves": len(undone.moves)}
        document({"site_id": row.id, "undone": told})
        return
    moved = counted(len(undone.moves), "article")
    say(f"Undone: {undone.action} on {local_instant(undone.at, row.timezone)}, {moved}.")


def _act(
    action: Callable[..., Action], *content_ids: int, account: str, as_json: bool, **given: WallTime | None
) -> None:
    """Do it in one transaction, and say what moved."""
    database = ready_database()
    with database.transaction() as session:
        owner = account_of(session, account)
        contents = [content.get_content(session, account_id=owner.id, content_id=number) for number in content_ids]
        site = sites.get_site(session, account_id=owner.id, site_id=contents[0].site_id)
        done = action(session, *contents, actor=ACTOR, now=database.now(), **given)
    _tell(done, site, as_json=as_json)


def _tell(done: Action, site: Site, *, as_json: bool) -> None:
    if as_json:
        moves = [move_json(move, site.timezone) for move in done.moves]
        document({"site_id": site.id, "timezone": site.timezone, "undo_id": done.undo_id, "moves": moves})
        return
    for moved in done.moves:
        say(move_sentence(moved, site.timezone))
        if told := note_of(moved, site.timezone):
            note(f"Clock change: {told}.")


def _wall_time(text: str | None) -> WallTime | None:
    return None if text is None else parse_wall_time(text)
