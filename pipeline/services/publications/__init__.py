"""Owns a publication's way to its site and off it: wanted, claimed, carried out by others, finalised or put off.

Claim and end are two transactions with the site between them. A ticket ties them together: whoever claimed last may
write, so a publisher that was thought dead writes nothing. Never: commits; talks to a site.
"""

from pipeline.services.publications.ahead import any_to_draft, make_due
from pipeline.services.publications.claiming import claim
from pipeline.services.publications.claims import Claim, Limits, Work
from pipeline.services.publications.outcomes import (
    disown,
    finalise,
    give_up,
    look_again,
    renew,
    set_aside,
    taken_away,
    try_later,
)
from pipeline.services.publications.wishes import of_content, of_contents, publish_now

__all__ = [
    "Claim",
    "Limits",
    "Work",
    "any_to_draft",
    "claim",
    "disown",
    "finalise",
    "give_up",
    "look_again",
    "make_due",
    "of_content",
    "of_contents",
    "publish_now",
    "renew",
    "set_aside",
    "taken_away",
    "try_later",
]
