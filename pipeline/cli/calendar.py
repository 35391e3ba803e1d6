"""Owns `calendar SITE`: what stands on which day of a site, what on none, and how far the queue reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Self

import typer
from sqlalchemy.orm import Session
from typer.core import TyperGroup

from pipeline.cli.edge import account_of, ready_database
from pipeline.cli.ical import IcalOption, print_ical
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, local_instant, note, say, status, table
from pipeline.cli.stacks import stack_runs
from pipeline.core.words import counted
from pipeline.models import Site
from pipeline.services import calendar as service
from pipeline.services import settings, sites, stuck
from pipeline.services.calendar import Day, Forecast, Reason, Unscheduled
from pipeline.services.stuck import Stuck

#: What `calendar SITE` means.
_VIEW = "show"
DaysOption = Annotated[int, typer.Option("--days", min=1, max=366, help="How many days, from today at the site.")]


class CalendarCommands(TyperGroup):
    """Commands of a calendar; what is no name of one is the site whose calendar is shown."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`calendar SITE` and `calendar --days 7 SITE` are `calendar show …`; a site called as a command: by its id."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_VIEW, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=CalendarCommands)


@dataclass(frozen=True)
class View:
    """A site's calendar as it is shown."""

    site: Site
    days: Sequence[Day]
    waiting: Sequence[Unscheduled]
    #: Articles that a person must do something about.
    stuck: Sequence[Stuck]
    #: Where an article approved now would stand.
    next_slot_at: datetime | None
    #: Whether articles go out at their slots; otherwise they are ready then, for a person to publish.
    publishes_by_itself: bool
    forecast: Forecast

    @classmethod
    def of(cls, session: Session, site: Site, *, now: datetime, days: int) -> Self:
        """The calendar of the next `days` days."""
        return cls(
            site=site,
            days=service.entries(session, site, now=now, days=days),
            waiting=service.unscheduled(session, site),
            stuck=stuck.of_site(session, site),
            publishes_by_itself=settings.row_of(session, site).auto_publish_enabled,
            next_slot_at=service.predicted_slot(session, site, now=now),
            forecast=service.forecast(session, site, now=now),
        )


@app.command(_VIEW)
def show(
    site: SiteArgument,
    *,
    days: DaysOption = 14,
    as_ical: IcalOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Show a site's calendar: its days, their slots, what stands on them, what waits for one, and what needs you."""
    if as_ical:
        print_ical(site, account=account, as_json=as_json)
        return
    database = ready_database()
    with database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        found = View.of(session, row, now=database.now(), days=days)
    if as_json:
        document(calendar_json(found))
        return
    tell_calendar(found)
    if any(item.reason is Reason.WAITING for item in found.waiting) and not stack_runs(database):
        note("No stack is running: what waits gets its slots once one does (igny8 up).")


def calendar_json(view: View) -> dict[str, Any]:
    """A calendar as one JSON object; a slot without a content is free."""
    growth = view.forecast.backlog_growth_a_week
    return {
        "site_id": view.site.id,
        "timezone": view.site.timezone,
        "days": [{"date": day.date, "slots": [vars(entry) for entry in day.entries]} for day in view.days],
        "unscheduled": [vars(item) for item in view.waiting],
        "needs_you": [vars(item) for item in view.stuck],
        "next_slot_at": view.next_slot_at,
        "publishes_by_itself": view.publishes_by_itself,
        "forecast": {**asdict(view.forecast), "backlog_growth_a_week": growth},
    }


def tell_calendar(view: View) -> None:
    """A line a slot, the date on the first of its day; then what waits, and how far it all reaches."""
    rows = [
        (
            f"{day.date:%a %d %b}" if number == 0 else "",
            entry.local_time,
            entry.title or "free",
            status(entry.status) if entry.status else "",
            "pinned" if entry.pinned else "",
        )
        for day in view.days
        for number, entry in enumerate(day.entries)
    ]
    if rows:
        table(["day", "time", "content", "status", ""], rows)
    else:
        say("The calendar has no slot in these days.")
    for told in dict.fromkeys(entry.note for day in view.days for entry in day.entries if entry.note):
        note(f"Clock change: {told}.")
    for item in view.waiting:
        note(f"Not scheduled ({item.reason}): {item.title} (content {item.content_id})")
    for needy in view.stuck:
        note(f"Needs you: {needy.title} (content {needy.content_id}). {needy.why} {needy.what_to_do}")
    if view.next_slot_at is not None:
        happens = fate(publishes_by_itself=view.publishes_by_itself)
        say(f"What you approve now {happens} {local_instant(view.next_slot_at, view.site.timezone)}.")
    say(forecast_sentence(view.forecast))
    say(f"Times are those of {view.site.timezone}.")


def fate(*, publishes_by_itself: bool) -> str:
    """What becomes of an article at its slot, before the day."""
    return "publishes on" if publishes_by_itself else "is ready for you on"


def forecast_sentence(forecast: Forecast) -> str:
    """How far the queue reaches and whether it grows, such as "The queue covers 9 days; …"."""
    are = "is" if forecast.approved_a_week == 1 else "are"
    approved = f"{counted(forecast.approved_a_week, 'article')} a week {are} approved"
    supply = f"{approved}, {counted(forecast.slots_a_week, 'slot')} a week"
    growth = forecast.backlog_growth_a_week
    if growth > 0:
        trend = f"the backlog grows by {growth:g} a week"
    elif growth < 0:
        find = "finds" if growth == -1 else "find"
        trend = f"{counted(-growth, 'slot')} a week {find} no new article"
    else:
        trend = "the backlog stays as it is"
    if forecast.covers_days is None:
        wait = "waits" if forecast.queued == 1 else "wait"
        return f"{counted(forecast.queued, 'article')} {wait} and the site has no slots; {supply}: {trend}."
    return f"The queue covers {counted(forecast.covers_days, 'day')}; {supply}: {trend}."
