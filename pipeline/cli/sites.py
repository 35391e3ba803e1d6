"""Owns `site add|list|show|set`. `site test|sync` are in `site_health`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli import site_connections
from pipeline.cli.calendar_changes import FollowOption, PreviewOption, note_moves, tell_preview
from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, local_instant, say, status, table
from pipeline.cli.schedule import next_run
from pipeline.cli.site_connections import CategoryOption, PasswordOption, UncheckedOption, UsernameOption
from pipeline.config import config
from pipeline.core.errors import InvalidValueError
from pipeline.models import Site
from pipeline.services import audit, calendar, content, keywords, settings, site_deletion, site_edits, sites
from pipeline.services.calendar import Changed, Follow

app = typer.Typer()

NameOption = Annotated[
    str, typer.Option("--name", help="What the site is called, 1 to 100 characters.", show_default=False)
]
ZoneOption = Annotated[
    str, typer.Option("--timezone", help="Its IANA time zone, such as Europe/Berlin.", show_default=False)
]


NewZoneOption = Annotated[str | None, typer.Option("--timezone", help="Its IANA time zone, such as Europe/Berlin.")]
NewNameOption = Annotated[str | None, typer.Option("--name", help="What the site is called, 1 to 100 characters.")]
UrlOption = Annotated[str | None, typer.Option("--url", help="Its public address.")]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        help="Where its articles go: folder (here), site (over the network), webhook (posted to an address).",
    ),
]
DeletedOption = Annotated[bool, typer.Option("--deleted", help="Those that can be restored, in place of the others.")]
_WHAT_TO_CHANGE = (
    "Say what to change: --timezone (also with --preview), --name, --url, --username, --password-stdin, --category or "
    "--target."
)


def site_json(site: Site) -> dict[str, Any]:
    """A site as every command prints it."""
    return {
        "id": site.id,
        "name": site.name,
        "timezone": site.timezone,
        "target": site.target,
        "url": site.url,
        "username": site.username,
        "category": site.category,
        "sync_status": site.sync_status,
        "last_sync_at": site.last_sync_at,
        "created_at": site.created_at,
    }


@app.command("add")
def add(
    *,
    name: NameOption,
    timezone: ZoneOption,
    url: UrlOption = None,
    username: UsernameOption = None,
    with_password: PasswordOption = False,
    category: CategoryOption = None,
    target: TargetOption = None,
    unchecked: UncheckedOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Add a site, with every setting at its default: a folder here, one over the network, or one that is told."""
    database = ready_database()
    changes = site_connections.told(url=url, username=username, with_password=with_password, category=category)
    changes |= {"target": target} if target is not None else {}
    if not unchecked:
        site_connections.try_out(changes, site=None, timezone=timezone)
    now = database.now()
    with database.transaction() as session:
        owner = account_of(session, account)
        site = sites.add_site(session, account_id=owner.id, name=name, timezone=timezone, now=now)
        audit.record(
            session,
            account_id=owner.id,
            actor=ACTOR,
            action="site.added",
            subject_kind="site",
            subject_id=site.id,
            now=now,
        )
        if changes:
            _edited(session, site, changes, follow=Follow.REFLOW, now=now)
    if as_json:
        document(site_json(site))
        return
    say(f"Site {site.id}, {site.name}, is ready in {site.timezone}.")
    say(f'Next: igny8 keywords import "{site.name}" FILE')


@app.command("list")
def list_all(
    *, deleted: DeletedOption = False, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """List the account's sites."""
    listed = site_deletion.list_deleted if deleted else sites.list_sites
    with reading() as session:
        found = listed(session, account_id=account_of(session, account).id)
    if as_json:
        document([site_json(site) for site in found])
        return
    if not found and not deleted:
        say("No site yet: igny8 site add --name NAME --timezone ZONE")
        return
    table(
        ["id", "name", "time zone", "target", "health"],
        [(site.id, site.name, site.timezone, site.target, status(site.sync_status)) for site in found],
        right=["id"],
    )


@app.command("show")
def show(site: SiteArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show a site: what it has, and when it runs next."""
    with reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        schedule = settings.row_of(session, row)
        words = {str(name): count for name, count in keywords.count_by_status(session, site=row).items()}
        articles = {str(name): count for name, count in content.count_by_status(session, site=row).items()}
    if as_json:
        document({**site_json(row), "next_run_at": schedule.next_run_at, "keywords": words, "contents": articles})
        return
    where = f", {row.url}" if row.url else ""
    who = f", user {row.username}" if row.username else ""
    say(f"{row.name} (site {row.id}, {row.timezone}, target {row.target}{where}{who})")
    say(f"Next run: {next_run(schedule, row)}")
    looked = f", looked at {local_instant(row.last_sync_at, row.timezone)}" if row.last_sync_at else ""
    say(f"Health: {row.sync_status}{looked}{f'. {row.sync_error}' if row.sync_error else ''}")
    rows = [("keywords", name, count) for name, count in words.items() if count]
    rows += [("articles", name, count) for name, count in articles.items() if count]
    table(["what", "status", "count"], rows, right=["count"])


def _edited(session: Session, site: Site, changes: dict[str, str | None], *, follow: Follow, now: datetime) -> Changed:
    """As somebody who may read the database and its key anyway."""
    home = config().home
    return site_edits.edit(session, site, changes, follow=follow, home=home, actor=ACTOR, now=now, is_trusted=True)


def _given(**values: str | None) -> dict[str, str | None]:
    return {field: value for field, value in values.items() if value is not None}


@app.command("set")
def change(
    site: SiteArgument,
    *,
    timezone: NewZoneOption = None,
    name: NewNameOption = None,
    url: UrlOption = None,
    username: UsernameOption = None,
    with_password: PasswordOption = False,
    category: CategoryOption = None,
    target: TargetOption = None,
    unchecked: UncheckedOption = False,
    follow: FollowOption = Follow.REFLOW,
    preview: PreviewOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Change a site. With another time zone, slots, pins and schedule keep their wall times."""
    changes = site_connections.told(url=url, username=username, with_password=with_password, category=category)
    changes |= _given(timezone=timezone, name=name, target=target)
    if not changes or (preview and timezone is None):
        raise InvalidValueError(_WHAT_TO_CHANGE)
    database = ready_database()
    with database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        site_connections.leave_a_receiver(changes, row, target=target)
        would_move = (
            calendar.preview(session, row, follow=follow, now=database.now(), timezone=timezone) if preview else []
        )
    if preview and timezone is not None:
        tell_preview(would_move, timezone=timezone, as_json=as_json)
        return
    if not unchecked and site_connections.CONNECTION & changes.keys():
        site_connections.try_out(changes, site=row, timezone=timezone or row.timezone)
    with database.transaction() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        changed = _edited(session, row, changes, follow=follow, now=database.now())
    note_moves(changed.moves, row.name)
    _tell_changed(row, as_json=as_json)


def _tell_changed(row: Site, *, as_json: bool) -> None:
    if as_json:
        document(site_json(row))
        return
    say(f"{row.name} is in {row.timezone} now{f', its address is {row.url}' if row.url else ''}.")
