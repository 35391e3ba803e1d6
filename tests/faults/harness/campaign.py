"""Owns a campaign of faults: sites started one after another, each struck at seeded instants of its run, all compared.

A site is compared with an undisturbed run of the same input; sites still under way when the next is started are
struck again with it. Every run is published as soon as it has ended, under fault as well.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from pipeline.db.session import DATABASE_AWAY
from tests.faults.harness import laws, rows
from tests.faults.harness.posts import Posts
from tests.faults.harness.processes import Processes, running_processes
from tests.faults.harness.rows import Rows
from tests.faults.harness.sampler import Sampler
from tests.faults.harness.sites import (
    MadeSite,
    RunningSite,
    at_rest,
    describe,
    make_site,
    past_first_stage,
    publish_all,
    published,
    start_run,
)
from tests.support.rest_site import RestSite
from tests.support.seven_stages import the_seven_stages

#: How long all of it may take to come to rest after the last fault.
HEAL_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
#: Those whose articles go to a site over the network; the others are published to a folder.
OVER_THE_NETWORK: Final = frozenset({"one lane", "one by one", "delays", "one by one, three lanes"})

Fault = Callable[[Processes], None]


def kill_and_restart(*names: str) -> Fault:
    """Kill -9 these at once, then start them again at once."""

    def fault(processes: Processes) -> None:
        processes.kill(*names)
        processes.restart(*names)

    return fault


class Campaign:
    """Processes under fault with their database and sites, and what undisturbed runs left in it."""

    def __init__(self, processes: Processes, posts: Posts, sampler: Sampler) -> None:
        """Nothing ran yet: `learn` does."""
        self.processes = processes
        self.database = processes.database
        self.posts = posts
        self.sampler = sampler
        self.lengths: dict[str, float] = {}
        self.expected: dict[str, Rows] = {}
        #: What is behind each site that is reached over the network.
        self.of_site: dict[int, RestSite] = {}
        #: The calendar of each site as it was when its articles were published.
        self._calendars: dict[int, Counter[tuple[Any, ...]]] = {}

    def learn(self, *variants: str) -> Self:
        """Run each variant once undisturbed; a run's length is where instants are chosen from."""
        # What mostly waits runs beside the others, which run one after the other.
        delayed = [(self.start("delays"), time.monotonic())] if "delays" in variants else []
        for variant in variants:
            if variant != "delays":
                self._finish(self.start(variant), time.monotonic())
        for site, began in delayed:
            self._finish(site, began)
        return self

    def learn_once(self, variant: str) -> None:
        """The same for one variant, where it did not run yet."""
        if variant not in self.expected:
            self.learn(variant)

    def make(self, variant: str, **given: Any) -> MadeSite:
        """A new site that does not run yet; `given` as `make_site` takes it."""
        there = self.posts.add() if variant in OVER_THE_NETWORK else None
        url = None if there is None else there.url
        made = make_site(self.database, variant, url=url, home=self.processes.config.home, **given)
        if there is not None:
            self.of_site[made.site_id] = there
        return made

    def start(self, variant: str, **given: Any) -> RunningSite:
        """A new site with its run; `given` as `make` takes it."""
        return start_run(self.database, self.make(variant, **given))

    def forget_images(self) -> None:
        """Take away the files of images: those that are drawn again would be there already."""
        shutil.rmtree(self.processes.config.home / "media", ignore_errors=True)

    def _finish(self, site: RunningSite, began: float) -> None:
        self.wait_at_rest([site])
        self.lengths[site.variant] = time.monotonic() - began
        self.expected[site.variant] = self._rows(site)
        lost = self.count_lost([site])
        assert not lost, f"{lost} calls of an undisturbed run were lost\n{self.processes.tails()}"

    def strike(
        self,
        fault: Fault,
        *,
        times: int,
        seed: str,
        variants: Sequence[str] = ("one lane", "three lanes"),
        strikes_a_site: int = 1,
    ) -> list[RunningSite]:
        """Strike `times` times, each new site of `variants` in turn at seeded instants. The sites, at rest."""
        random = Random(seed)
        struck: list[RunningSite] = []
        left = times
        for variant in cycle(variants):
            self.wait_for(lambda: self._past_first_stage(struck), struck, what="stage 1 is not over")
            length, number = self.lengths[variant], min(strikes_a_site, left)
            # One in each of as many equal parts: what was killed has a moment to come back.
            instants = [length * (part + random.random()) / number for part in range(number)]
            say(f"seed {seed!r}: {variant}, struck after {', '.join(f'{instant:.2f}' for instant in instants)} s")
            began = time.monotonic()
            struck.append(self.start(variant))
            for instant in instants:
                self.pass_time(began + instant, struck)
                fault(self.processes)
            left -= number
            if not left:
                break
        self.wait_at_rest(struck)
        say(f"{times} strikes, {self.count_lost(struck)} calls lost")
        return struck

    def pass_time(self, until: float, sites: Sequence[RunningSite]) -> None:
        """Wait until that instant of the monotonic clock, publishing what has ended: the instant is what is tested."""
        while (left := until - time.monotonic()) > 0:
            self._publish_ended(sites)
            time.sleep(min(left, _POLL_SECONDS))

    def wait_at_rest(self, sites: Sequence[RunningSite], *, seconds: float = HEAL_SECONDS) -> None:
        """Return when every run has ended and every article is on its site."""
        self.wait_for(
            lambda: len(self.resting(sites)) == len(sites), sites, what="not all is published", seconds=seconds
        )

    def wait_for(
        self,
        ask: Callable[[], bool],
        sites: Sequence[RunningSite],
        *,
        what: str,
        seconds: float = HEAL_SECONDS,
        may_die: Sequence[str] = (),
    ) -> None:
        """Publish what has ended until `ask` says yes; fails with `what`, and where all stands, where it does not.

        It fails at once where a process ends by itself, but for those that `may_die`.
        """
        deadline = time.monotonic() + seconds
        while True:
            self._publish_ended(sites)
            try:
                if ask():
                    return
            except DATABASE_AWAY:
                pass
            died = set(self.processes.died()) - set(may_die)
            assert not died, f"{died} ended by itself\n{self.processes.tails()}"
            assert time.monotonic() < deadline, f"{what}\n{self._described(sites)}\n{self.processes.tails()}"
            time.sleep(_POLL_SECONDS)

    def complaints(self, sites: Sequence[RunningSite]) -> list[str]:
        """Every way in which these sites, or the database as a whole, are not as they should be, or ever were."""
        found = [line for site in sites for line in (*self.row_complaints(site), *self.post_complaints(site))]
        seen = self.processes.journal.read()
        with self.database.reading() as session:
            found += laws.broken_laws(session) + laws.unwitnessed_calls(session, seen)
        return [*found, *self.sampler.complaints()]

    def row_complaints(self, site: RunningSite) -> list[str]:
        """How a site's rows differ from those of an undisturbed run."""
        lines = rows.differences(self.expected[site.variant], self._rows(site))
        return [f"site {site.site_id} ({site.variant}): {line}" for line in lines]

    def post_complaints(self, site: RunningSite) -> list[str]:
        """What visitors of a site see once too often, or do not see."""
        if site.site_id not in self.of_site:
            return []
        with self.database.reading() as session:
            lines = laws.wrong_posts(session, self.of_site[site.site_id], site)
        return [f"site {site.site_id} ({site.variant}): {line}" for line in lines]

    def resting(self, sites: Sequence[RunningSite]) -> list[RunningSite]:
        """Those whose run has ended and whose articles are on their site."""
        asked = [site for site in sites if site.site_id in self._calendars]
        with self.database.reading() as session:
            return published(session, asked)

    def count_lost(self, sites: Sequence[RunningSite]) -> int:
        """How many of their calls a fault made lost."""
        with self.database.reading() as session:
            return sum(rows.count_lost(session, site.site_id) for site in sites)

    def _publish_ended(self, sites: Sequence[RunningSite]) -> None:
        """Each site whose run has ended, once. A database that is away is asked again later."""
        left = [site for site in sites if site.site_id not in self._calendars]
        if not left:
            return
        try:
            with self.database.reading() as session:
                calendars = {site: rows.calendar_of(session, site.site_id) for site in at_rest(session, left)}
            for site, calendar in calendars.items():
                publish_all(self.database, site)
                self._calendars[site.site_id] = calendar
        except DATABASE_AWAY:
            return

    def _described(self, sites: Sequence[RunningSite]) -> str:
        with self.database.reading() as session:
            resting = published(session, sites)
            return "\n".join(describe(session, site) for site in sites if site not in resting)

    def _rows(self, site: RunningSite) -> Rows:
        with self.database.reading() as session:
            found: Mapping[str, Counter[tuple[Any, ...]]] = rows.rows_of(session, site.site_id)
            return {**found, "calendar": self._calendars[site.site_id]}

    def _past_first_stage(self, sites: Sequence[RunningSite]) -> bool:
        with self.database.reading() as session:
            return past_first_stage(session, sites)


@contextmanager
def running_campaign(
    home: Path,
    *,
    on: str,
    times: Mapping[str, str] | None = None,
    variants: Sequence[str] = (),
    pool: str = "threads",
) -> Iterator[Campaign]:
    """A campaign on the backend `on`, its processes ready, having learnt `variants`."""
    with (
        the_seven_stages(),
        Posts() as posts,
        running_processes(home, on=on, times=times, pool=pool) as processes,
        Sampler(processes.config.database_url) as sampler,
    ):
        yield Campaign(processes, posts, sampler).learn(*variants)


def say(line: str) -> None:
    """Shown by pytest where the test fails, or with -s."""
    print(line)  # noqa: T201 - it is meant for whoever replays the seed.
