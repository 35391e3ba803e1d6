"""Owns what a change of settings or zone does to a calendar: shown beforehand, then followed or not.

The change and what it moves are one transaction. Whatever a person saves comes through here, by command or over HTTP.
Lock order: site, calendar, settings' row, publication, content, slot. Never: commits; touches a site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.calendar import parse_timezone
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.matrix import SiteSettings
from pipeline.models import Site
from pipeline.services import audit
from pipeline.services import settings as site_settings
from pipeline.services.calendar import anchors, dealing, leaving, rows, undo_records
from pipeline.services.calendar.dealing import Item
from pipeline.services.calendar.reflow import Move, alone, keep, moves_of, reflow
from pipeline.services.calendar.rules import SlotRules, read_state
from pipeline.services.calendar.spots import Spot
from pipeline.services.settings import Page


class Follow(StrEnum):
    """What becomes of scheduled items when slots change."""

    #: They are dealt onto the new slots, in their order.
    REFLOW = "reflow"
    #: They stay where they are; what comes later gets the new slots.
    KEEP = "keep"


@dataclass(frozen=True)
class Changed:
    """What a change did to the calendar."""

    moves: Sequence[Move]
    #: Of `undo`; None: the calendar's settings are as before.
    undo_id: int | None


def preview(
    session: Session,
    site: Site,
    *,
    follow: Follow,
    now: datetime,
    settings: SiteSettings | None = None,
    timezone: str | None = None,
) -> Sequence[Move]:
    """What would move, and whereto, with these settings or this zone; nothing is changed and nothing locked."""
    wanted = read_state(session, site.id).wanted
    rules = _proposed(wanted, settings, timezone)
    if rules == wanted:
        return ()
    items = dealing.read(session, site.id, now=now, lock=False)
    deal = dealing.deal if follow is Follow.REFLOW else dealing.keep
    return moves_of(items, deal(items, rules, now=now))


def lock_settings(session: Session, *, account_id: int, site_id: int) -> Page:
    """Lock the account's site of that id, its calendar, then its settings: in this order, as an undo does.

    NotFoundError where the account has no such site.
    """
    own = select(Site.id).where(Site.account_id == account_id, Site.id == site_id, Site.deleted_at.is_(None))
    is_locked = rows.lock_site_and_alone(session, account_id=account_id, site_id=site_id)
    if not is_locked and session.scalar(own) is not None:
        rows.make(session, site_id, read_state(session, site_id).wanted)
        rows.lock_alone(session, site_id)
    return site_settings.lock_page(session, account_id=account_id, site_id=site_id)


def save_settings(
    session: Session, page: Page, settings: SiteSettings, *, follow: Follow, actor: str, now: datetime
) -> Changed:
    """Save settings that were checked on a page of `lock_settings`; what they say already is not saved again.

    The calendar follows where its days, times or skipped dates changed. Auto-publish that is switched on again leaves
    what became due meanwhile to people.
    """
    old, site = page.settings, page.site
    differences = site_settings.differences(old, settings)
    if not differences:
        return Changed((), None)
    before = None if old.publishing == settings.publishing else _begin(session, site, now=now)
    site_settings.write(session, site, page.row, settings, now=now)
    audit.record(
        session,
        account_id=site.account_id,
        actor=actor,
        action="settings.changed",
        subject_kind="site",
        subject_id=site.id,
        now=now,
        details=differences,
    )
    if before is None:
        return Changed((), None)
    if settings.publishing.auto_publish_enabled and not old.publishing.auto_publish_enabled:
        leaving.leave_to_people(session, site.id, now=now)
    return _follow(session, site, before, follow=follow, actor=actor, now=now)


def set_timezone(session: Session, site: Site, timezone: str, *, follow: Follow, actor: str, now: datetime) -> Changed:
    """Change a site's zone: slots and pins keep their wall time, the schedule its own; the next run is computed anew.

    Raises InvalidValueError for an unknown zone.
    """
    _require_zone(timezone)
    before = alone(session, site.id, now=now)
    rows.require_site(session, site.id)
    row = site_settings.locked_row_of(session, site)
    anchors.re_anchor(session, site.id, now=now)
    session.refresh(site)  # Its zone may have been changed while the lock was waited for.
    old, site.timezone = site.timezone, timezone
    row.next_run_at = site_settings.next_run_at(row, site, now=now)
    audit.record(
        session,
        account_id=site.account_id,
        actor=actor,
        action="site.timezone_changed",
        subject_kind="site",
        subject_id=site.id,
        now=now,
        details={"before": old, "after": timezone, "calendar": follow.value},
    )
    session.flush()
    return _follow(session, site, before, follow=follow, actor=actor, now=now)


def _begin(session: Session, site: Site, *, now: datetime) -> SlotRules:
    """Be alone at a calendar whose slots are those of the zone's rules in use."""
    rules = alone(session, site.id, now=now)
    anchors.re_anchor(session, site.id, now=now)
    return rules


def _follow(session: Session, site: Site, before: SlotRules, *, follow: Follow, actor: str, now: datetime) -> Changed:
    after = read_state(session, site.id).wanted
    if after == before:
        return Changed((), None)
    stood = dealing.read(session, site.id, now=now, lock=False)
    moves = (reflow if follow is Follow.REFLOW else keep)(session, site, now=now)
    change = undo_records.Change(before=before, after=after, stayed=_but(stood, moves))
    record = undo_records.remember_change(session, site, moves, change=change, actor=actor, now=now)
    return Changed(moves, record.id)


def _but(stood: Sequence[Item], moves: Sequence[Move]) -> dict[int, Spot]:
    """Where those stood that did not move."""
    moved = {move.content_id for move in moves}
    return {item.content_id: item.spot for item in stood if item.content_id not in moved}


def _proposed(rules: SlotRules, settings: SiteSettings | None, timezone: str | None) -> SlotRules:
    zone = rules.zone
    if timezone is not None:
        _require_zone(timezone)
        zone = timezone
    if settings is None:
        return SlotRules(zone, rules.days, rules.time_slots, rules.skip_dates)
    publishing = settings.publishing
    return SlotRules(zone, tuple(publishing.publish_days), tuple(publishing.time_slots), tuple(publishing.skip_dates))


def _require_zone(timezone: str) -> None:
    try:
        parse_timezone(timezone)
    except InvalidValueError as error:
        raise InvalidValueError([Fault("timezone", error.message)]) from None
