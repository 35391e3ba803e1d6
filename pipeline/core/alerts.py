"""Owns the kinds of things that people are told without having asked."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class NotificationKind(StrEnum):
    """What a notification tells of."""

    #: A run ended failed or provider_unavailable.
    RUN_FAILED = "run_failed"
    #: At the end of a run little was left to hold.
    CREDITS_LOW = "credits_low"
    #: The site does not answer, or cannot be written to.
    SITE_FAILING = "site_failing"
    #: Articles wait for a person to approve them.
    REVIEW_WAITING = "review_waiting"
    #: An article was not published, not brought up to date or not taken away, and no longer will be by itself.
    PUBLICATION_STUCK = "publication_stuck"
    #: A schedule paused itself.
    AUTOMATION_PAUSED = "automation_paused"
    #: Rows break a law they keep together; for whoever runs the installation.
    BOOKS_WRONG = "books_wrong"


#: What happens again and again rather than lasts: once a person has read of it, the next time is told anew.
HAPPENINGS: Final = frozenset({NotificationKind.RUN_FAILED, NotificationKind.BOOKS_WRONG})
#: What an account may have delivered; the others are for whoever runs the installation.
ACCOUNT_KINDS: Final = tuple(kind for kind in NotificationKind if kind is not NotificationKind.BOOKS_WRONG)
