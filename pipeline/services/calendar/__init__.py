"""Owns a site's publishing calendar: slots as rows, who gets them, and what happens when they change.

Never: commits; talks to a site.
"""

from pipeline.services.calendar.allocation import fill, refill, schedule_next
from pipeline.services.calendar.ical import ical
from pipeline.services.calendar.leaving import free_slot
from pipeline.services.calendar.reflow import Move, keep, reflow
from pipeline.services.calendar.view import Day, Entry, Reason, Unscheduled, entries, predicted_slot, unscheduled

__all__ = [
    "Day",
    "Entry",
    "Move",
    "Reason",
    "Unscheduled",
    "entries",
    "fill",
    "free_slot",
    "ical",
    "keep",
    "predicted_slot",
    "refill",
    "reflow",
    "schedule_next",
    "unscheduled",
]
