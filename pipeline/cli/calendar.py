"""Owns `calendar`: what stands on which day of a site, and what on none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pipeline.cli.edge import account_of, ready_database
from pipeline.cli.ical import IcalOption, print_ical
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, note, say, status, table
from pipeline.models import Site
from pipeline.services import calendar as service
from pipeline.services import sites
from pipeline.services.calendar import Day, Unscheduled

DaysOption = Annotated[int, typer.Option("--days", min=1, max=366, help="How many days, from today at the site.")]


def calendar(
    site: SiteArgument,
    *,
    days: DaysOption = 14,
    as_ical: IcalOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Show a site's calendar: its days, their slots, what stands on them, and what waits for one."""
    if as_ical:
        print_ical(site, account=account, as_json=as_json)
        return
    database = ready_database()
    with database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        found = service.entries(session, row, now=database.now(), days=days)
        waiting = service.unscheduled(session, row)
    if as_json:
        document(calendar_json(row, found, waiting))
        return
    tell_calendar(row, found, waiting)


def calendar_json(site: Site, days: Sequence[Day], waiting: Sequence[Unscheduled]) -> dict[str, Any]:
    """A calendar as one JSON object; a slot without a content is free."""
    return {
        "site_id": site.id,
        "timezone": site.timezone,
        "days": [{"date": day.date, "slots": [vars(entry) for entry in day.entries]} for day in days],
        "unscheduled": [vars(item) for item in waiting],
    }


def tell_calendar(site: Site, days: Sequence[Day], waiting: Sequence[Unscheduled]) -> None:
    """A line a slot, the date on the first of its day."""
    rows = [
        (
            f"{day.date:%a %d %b}" if number == 0 else "",
            entry.local_time,
            entry.title or "free",
            status(entry.status) if entry.status else "",
            "pinned" if entry.pinned else "",
        )
        for day in days
        for number, entry in enumerate(day.entries)
    ]
    if rows:
        table(["day", "time", "content", "status", ""], rows)
    else:
        say("The calendar has no slot in these days.")
    for item in waiting:
        note(f"Not scheduled ({item.reason}): {item.title} (content {item.content_id})")
    say(f"Times are those of {site.timezone}.")
