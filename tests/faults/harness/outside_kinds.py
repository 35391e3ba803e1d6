"""Owns further kinds of faults of a soak: the provider and the sites misbehave.

Imported for what it registers. What a site is told to do it does when it is asked next: the soak counts what it met.
"""

from __future__ import annotations

import time
from typing import Final

from tests.faults.harness.campaign import Campaign
from tests.faults.harness.kinds import Strike, kind
from tests.faults.harness.provider_journal import FAULTS
from tests.support.rest_site import Fault, RestSite

#: What a site did when it was told to; counted by the soak.
SITE_FAILED: Final = "site refuses, or its answer is lost"
_AT_ONCE: Final = 3
_WAIT_SECONDS: Final = 2.0
_LATEST_SITES: Final = 2
_REQUESTS: Final = ("POST /posts", "POST /media", "GET /posts", "POST /tags")
_KINDS: Final = ("drop", "cut", "refuse")


@kind("provider is busy, down, or its answer is lost", struck="provider")
def _fail_provider(given: Strike) -> int:
    """So many of the next questions meet it; what nobody met within two seconds is taken back."""
    journal = given.campaign.processes.journal
    for _ in range(_AT_ONCE):
        journal.plant(given.random.choice(FAULTS))
    time.sleep(_WAIT_SECONDS)
    return _AT_ONCE - journal.take_back()


@kind(SITE_FAILED, struck="site")
def _fail_site(given: Strike) -> int:
    places = list(given.campaign.of_site.values())[-_LATEST_SITES:]
    given.random.choice(places).faults.append(Fault(given.random.choice(_REQUESTS), given.random.choice(_KINDS)))
    return 0


def met(campaign: Campaign, site_id: int) -> int:
    """How many of its faults a site met."""
    place: RestSite | None = campaign.of_site.get(site_id)
    return 0 if place is None else sum(not fault.times for fault in place.faults)
