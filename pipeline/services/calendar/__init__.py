"""Owns a site's publishing calendar: slots as rows, who gets them, and what happens when they change.

Never: commits; talks to a site.
"""

from pipeline.services.calendar.allocation import fill, refill, schedule_next
from pipeline.services.calendar.anchors import Outdated, outdated, re_anchor
from pipeline.services.calendar.changes import Changed, Follow, lock_settings, preview, save_settings, set_timezone
from pipeline.services.calendar.clearing import clear
from pipeline.services.calendar.forecast import Forecast, forecast
from pipeline.services.calendar.ical import ical
from pipeline.services.calendar.leaving import free_slot, leave_to_people
from pipeline.services.calendar.moves import Action, move, pin, schedule, swap, unpin, unschedule
from pipeline.services.calendar.reflow import Move, keep, reflow
from pipeline.services.calendar.spots import Spot
from pipeline.services.calendar.undoing import undo
from pipeline.services.calendar.view import Day, Entry, Reason, Unscheduled, entries, predicted_slot, unscheduled

__all__ = [
    "Action",
    "Changed",
    "Day",
    "Entry",
    "Follow",
    "Forecast",
    "Move",
    "Outdated",
    "Reason",
    "Spot",
    "Unscheduled",
    "clear",
    "entries",
    "fill",
    "forecast",
    "free_slot",
    "ical",
    "keep",
    "leave_to_people",
    "lock_settings",
    "move",
    "outdated",
    "pin",
    "predicted_slot",
    "preview",
    "re_anchor",
    "refill",
    "reflow",
    "save_settings",
    "schedule",
    "schedule_next",
    "set_timezone",
    "swap",
    "undo",
    "unpin",
    "unschedule",
    "unscheduled",
]
