"""Owns a soak: sites are started one after the other for so many minutes, and faults of all kinds strike all the time.

What strikes, and when, follows from the seed. Then all is left alone and must come to rest by itself. What held is
counted, and what did not is told. Never: which kinds there are; `kinds` says.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeVar

import tenacity

from pipeline.db.session import DATABASE_AWAY
from tests.faults.harness import laws, more_kinds, outside_kinds
from tests.faults.harness.campaign import Campaign
from tests.faults.harness.kinds import Kind, Strike, at_failpoint, of_backend
from tests.faults.harness.outside_kinds import SITE_FAILED, met
from tests.faults.harness.sites import RunningSite

Answer = TypeVar("Answer")
#: Imported for the kinds that it registers.
__all__ = ["Soak", "more_kinds", "outside_kinds"]

#: How the sites of a soak are worked on: each keyword alone in its batch, so that any number of deaths splits none.
VARIANTS: Final = ("one by one", "one by one, three lanes")
#: Sites that are under way at once.
_LIVE_SITES: Final = 2
#: What was struck is left alone for so long.
_REST_SECONDS: Final[dict[str, float]] = {"worker": 6.0, "beat": 4.0, "broker": 5.0, "database": 8.0, "messages": 0.0}
_USUAL_REST_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = (0.2, 2.0)
_HEAL_SECONDS: Final = 180.0
#: Deaths of an item alone, and of a publisher, are no sign of a bad one here; a provider is not left alone for long.
TIMES: Final = {
    "IGNY8_ITEM_ATTEMPTS": "1000",
    "IGNY8_PUBLISH_RETRY_MINUTES": ",".join("0" * 400),
    "IGNY8_BREAKER_SECONDS": "1",
    "IGNY8_BREAKER_MAX_SECONDS": "2",
}


@dataclass
class Law:
    """One invariant: how often it was looked at, and each breach."""

    name: str
    checked: int = 0
    broken: list[str] = field(default_factory=list)

    def check(self, complaints: list[str], *, times: int = 1) -> None:
        """It was looked at so often, and this was found."""
        self.checked += times
        self.broken += complaints


class Soak:
    """One soak. Use `run`."""

    def __init__(self, campaign: Campaign, *, seed: str, tell: Callable[[str], None]) -> None:
        """The campaign has learnt VARIANTS."""
        self.campaign = campaign
        self.injected: Counter[str] = Counter()
        self.sites: list[RunningSite] = []
        self._open: list[RunningSite] = []
        self._strike = Strike(campaign, Random(f"soak {seed}"), self.injected)
        self._tell = tell
        #: What was struck -> until when it is left alone.
        self._rests: dict[str, float] = {}
        self.ended = Law("every run ends by itself, all of it published")
        self.rows = Law("rows and credit entries are those of an undisturbed run")
        self.posts = Law("every article is visible once at its site")
        self.samples = Law("at every sample: no cap exceeded, no lease too long, one stage at a time")
        self.books = Law("at rest: the laws of the books, counts, order of stages, nothing done twice, held or leased")
        self.calls = Law("the provider was asked nothing without a call; what is settled is what it bills")
        self.processes = Law("no process ends by itself")

    @property
    def laws(self) -> list[Law]:
        """All of them."""
        return [self.ended, self.rows, self.posts, self.samples, self.books, self.calls, self.processes]

    def run(self, *, minutes: float) -> None:
        """Strike for so long, then heal, then look at everything."""
        kinds = of_backend(self.campaign.processes.backend.name)
        random, until = self._strike.random, time.monotonic() + minutes * 60
        while time.monotonic() < until:
            self._start_sites()
            self.campaign.pass_time(time.monotonic() + random.uniform(*_PAUSE_SECONDS), self._open)
            self._collect_dead()
            chosen = random.choice(kinds)
            if all(self._rests.get(name, 0.0) <= time.monotonic() for name in chosen.struck):
                self._inject(chosen)
            self._check_resting()
        self._heal()
        self._look_at_everything()

    def _inject(self, chosen: Kind) -> None:
        self._tell(chosen.name)
        self.injected[chosen.name] += chosen.strike(self._strike)
        for name in chosen.struck:
            self._leave_alone(name)

    def _leave_alone(self, name: str) -> None:
        self._rests[name] = time.monotonic() + _REST_SECONDS.get(name, _USUAL_REST_SECONDS)

    def _collect_dead(self) -> None:
        """Start again what killed itself at its failpoint; anything else that ended is a breach, and started too."""
        processes = self.campaign.processes
        for name in processes.died():
            if processes.is_armed[name] and processes.was_killed(name):
                self.injected[at_failpoint(name)] += 1
                self.processes.check([])
            else:
                self.processes.check([f"{name} ended by itself\n{processes.tail(name)}"])
            processes.restart(name)
            self._leave_alone(name)

    def _start_sites(self) -> None:
        while len(self._open) < _LIVE_SITES:
            variant = VARIANTS[len(self.sites) % len(VARIANTS)]
            site = self._asking(lambda variant=variant: self.campaign.start(variant))
            self.sites.append(site)
            self._open.append(site)

    def _check_resting(self) -> None:
        for site in self._asking(lambda: self.campaign.resting(self._open)):
            self._open.remove(site)
            self.ended.check([])
            self._compare(site)

    def _compare(self, site: RunningSite) -> None:
        self.rows.check(self._asking(lambda: self.campaign.row_complaints(site)))
        if site.site_id in self.campaign.of_site:
            self.posts.check(self._asking(lambda: self.campaign.post_complaints(site)))
        self.injected[SITE_FAILED] += met(self.campaign, site.site_id)

    def _asking(self, ask: Callable[[], Answer]) -> Answer:
        """What the database says once it is there again."""
        away = tenacity.retry_if_exception_type(DATABASE_AWAY)
        retrying = tenacity.Retrying(
            retry=away, stop=tenacity.stop_after_delay(30), wait=tenacity.wait_fixed(0.2), reraise=True
        )
        return retrying(ask)

    def _heal(self) -> None:
        """No more faults: what is down is started, and all must come to rest."""
        processes = self.campaign.processes
        self._collect_dead()
        armed = [name for name, is_armed in processes.is_armed.items() if is_armed]
        processes.kill(*armed)
        processes.restart(*armed)
        try:
            self.campaign.wait_at_rest(self._open, seconds=_HEAL_SECONDS)
        except AssertionError as stuck:
            self.ended.check([str(stuck)])
        self._check_resting()
        for site in self._open:
            self.ended.check([f"site {site.site_id} ({site.variant}) did not come to rest"])

    def _look_at_everything(self) -> None:
        campaign = self.campaign
        for site in set(self.sites) - set(self._open):
            if site.site_id in campaign.of_site:
                self.posts.check(campaign.post_complaints(site))
        self.samples.check(campaign.sampler.complaints(), times=campaign.sampler.samples)
        seen = campaign.processes.journal.read()
        with campaign.database.reading() as session:
            self.books.check(laws.broken_laws(session))
            self.calls.check(laws.unwitnessed_calls(session, seen), times=len(seen.asked))
        self.processes.check([])
