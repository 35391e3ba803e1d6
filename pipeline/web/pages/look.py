"""Owns how pages are made of templates: the environment, and how values are written for people.

Never: the database; decides what is shown.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.core.money import UCR_PER_CREDIT
from pipeline.core.money import shown as credits_shown
from pipeline.web.pages.tables import Tables

#: A colour, an icon and a word are always together: status of the product -> status of the design.
_TONES: Final = {
    "queued": "pending",
    "pending": "pending",
    "running": "running",
    "paused": "paused",
    "cancelling": "budget",
    "completed": "done",
    "completed_with_errors": "failed",
    "budget_exhausted": "budget",
    "account_exhausted": "budget",
    "provider_unavailable": "failed",
    "failed": "failed",
    "cancelled": "skipped",
    "skipped": "skipped",
    "done": "done",
    "released": "pending",
    "leased": "running",
    "review": "paused",
    "ready": "paused",
    "publishing": "running",
    "published": "done",
    "needs_attention": "failed",
    "rejected": "skipped",
    "deleted": "skipped",
}
_ICONS: Final = {
    "pending": "clock",
    "running": "loader",
    "done": "check",
    "skipped": "skip",
    "failed": "x",
    "budget": "coins",
    "paused": "pause",
}
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400


def render(template: str, **values: Any) -> str:
    """A template filled in; an unknown name in it is an error."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=[Tables],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "credits": credits_shown,
        "decimal": decimal,
        "whole_credits": whole_credits,
        "instant": instant,
        "span": span,
        "about": about,
        "clock": clock,
        "second": second,
        "words": words,
        "tone": tone,
        "plural": plural,
        "begun": begun,
    }
    environment.tests["same_as"] = lambda one, other: one is other
    environment.globals |= {"icon": icon, "badge": badge}
    return environment


def icon(name: str, extra: str = "") -> Markup:
    """A picture of the sprite."""
    return Markup(  # noqa: S704 - both are ours
        f'<svg class="icon {extra}" aria-hidden="true" width="20" height="20">'
        f'<use href="/static/icons.svg#{name}"/></svg>'
    )


def badge(status: str, text: str | None = None) -> Markup:
    """A status as colour, icon and word."""
    of = tone(status)
    return Markup('<span class="st st-{}">{}{}</span>').format(of, icon(_ICONS[of]), text or words(status).capitalize())


def tone(status: str) -> str:
    """How the design calls what the product calls so."""
    return _TONES.get(status, "pending")


def words(status: str) -> str:
    """A status for people."""
    return str(status).replace("_", " ")


def whole_credits(amount_ucr: int) -> str:
    """Credits without decimals, rounded down: nobody is promised more than there is."""
    return f"{amount_ucr // UCR_PER_CREDIT:,}"


def decimal(credit_string: str) -> str:
    """Credits as the API tells them, with one decimal."""
    return f"{Decimal(credit_string):,.1f}"


def instant(at: datetime | None, zone: str) -> str:
    """`Thu 19 Nov, 02:00` on the clock of the zone; the year where it is another one than is usual is not told."""
    if at is None:
        return "-"
    there = at.astimezone(ZoneInfo(zone))
    return f"{there:%a} {there.day} {there:%b, %H:%M}"


def span(length: timedelta | float) -> str:
    """`38 s`, `3 min 12 s`, `15 h 30 min`, `9 days`."""
    seconds = int(length.total_seconds() if isinstance(length, timedelta) else length)
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return _two(seconds, _MINUTE, "min", 1, "s")
    if seconds < 2 * _DAY:
        return _two(seconds, _HOUR, "h", _MINUTE, "min")
    return f"{seconds // _DAY} days"


def about(length: timedelta) -> str:
    """An estimate: `about 38 s`, `about 14 min`, `about 15 h 30 min`; whole minutes, rounded up."""
    seconds = max(1, int(length.total_seconds()))
    return f"about {span(seconds if seconds < _MINUTE else -(-seconds // _MINUTE) * _MINUTE)}"


def clock(at: datetime, zone: str, now: datetime) -> str:
    """`10:44` on the clock of the zone; the day too where it is another one there."""
    there = at.astimezone(ZoneInfo(zone))
    return f"{there:%H:%M}" if there.date() == now.astimezone(ZoneInfo(zone)).date() else instant(at, zone)


def second(at: datetime, zone: str) -> str:
    """`10:30:12`, as logs tell it."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M:%S}"


def begun(sentence: str) -> str:
    """With a capital, and names in it as they are written."""
    return sentence[:1].upper() + sentence[1:]


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 article`, `3 articles`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large} {large_name}{f' {rest} {small_name}' if rest else ''}"
