"""Owns a campaign of kills: sites started one after another, each struck at a seeded instant of its run, all compared.

A site is compared with an undisturbed run of the same input; sites still under way when the next is started are
struck again with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from random import Random
from typing import Final

from sqlalchemy import func, select

from pipeline.core.states import CallStatus
from pipeline.db.session import Database
from pipeline.models import Account, AiCall, StageRun
from pipeline.services.invariants import violations
from tests.faults.harness import rows
from tests.faults.harness.processes import Processes
from tests.faults.harness.rows import Rows
from tests.faults.harness.sites import RunningSite, at_rest, describe, past_first_stage, start_site

#: How long all of it may take to come to rest after the last fault.
HEAL_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05

Fault = Callable[[Processes], None]


def kill_and_restart(*names: str) -> Fault:
    """Kill -9 these at once, then start them again at once."""

    def fault(processes: Processes) -> None:
        processes.kill(*names)
        processes.restart(*names)

    return fault


class Campaign:
    """Processes under fault with their database, and what undisturbed runs left in it."""

    def __init__(self, processes: Processes, database: Database) -> None:
        """Run each variant once undisturbed; a run's length is where instants are chosen from."""
        self.processes = processes
        self.database = database
        self.lengths: dict[str, float] = {}
        self.expected: dict[str, Rows] = {}
        delayed = self._started("delays")  # it mostly waits: the others run meanwhile, one after the other.
        for variant in ("one lane", "three lanes"):
            self._finish(*self._started(variant))
        self._finish(*delayed)

    def _started(self, variant: str) -> tuple[RunningSite, float]:
        return start_site(self.database, variant), time.monotonic()

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
            self._wait(lambda: self._past_first_stage(struck), struck, what="stage 1 is not over")
            length, number = self.lengths[variant], min(strikes_a_site, left)
            # One in each of as many equal parts: what was killed has a moment to come back.
            instants = [length * (part + random.random()) / number for part in range(number)]
            _say(f"seed {seed!r}: {variant}, struck after {', '.join(f'{instant:.2f}' for instant in instants)} s")
            began = time.monotonic()
            struck.append(start_site(self.database, variant))
            for instant in instants:
                time.sleep(max(0.0, began + instant - time.monotonic()))  # the instant is what is tested.
                fault(self.processes)
            left -= number
            if not left:
                break
        self.wait_at_rest(struck)
        _say(f"{times} strikes, {self.count_lost(struck)} calls lost")
        return struck

    def wait_at_rest(self, sites: Sequence[RunningSite]) -> None:
        """Return when every run has ended and every article has its slot."""
        self._wait(lambda: len(self._at_rest(sites)) == len(sites), sites, what="not all runs have ended")

    def complaints(self, sites: Sequence[RunningSite]) -> list[str]:
        """Every way in which these sites, or the database as a whole, are not as they should be."""
        found = []
        for site in sites:
            lines = rows.differences(self.expected[site.variant], self._rows(site))
            found += [f"site {site.site_id} ({site.variant}): {line}" for line in lines]
        return [*found, *self._broken_laws(), *self._unwitnessed_requests()]

    def count_lost(self, sites: Sequence[RunningSite]) -> int:
        """How many of their calls a fault made lost."""
        with self.database.reading() as session:
            return sum(rows.count_lost(session, site.site_id) for site in sites)

    def _broken_laws(self) -> list[str]:
        with self.database.reading() as session:
            held = session.scalar(select(func.sum(Account.held))), session.scalar(select(func.sum(StageRun.held)))
            return [*violations(session), *([f"at rest {held} is held"] if any(held) else [])]

    def _unwitnessed_requests(self) -> list[str]:
        """The provider saw no request that no call stands for, and answered each settled call."""
        seen = Counter(self.processes.journal.read_text(encoding="ascii").split())
        with self.database.reading() as session:
            calls = dict(session.execute(select(AiCall.key, func.count()).group_by(AiCall.key)).all())
            settled = session.scalars(select(AiCall.key).where(AiCall.status == CallStatus.SETTLED)).all()
        beyond = [f"the provider saw {key} {seen[key]} times, {calls.get(key, 0)} calls" for key in seen
                  if seen[key] > calls.get(key, 0)]  # fmt: skip
        return [*beyond, *(f"a settled call {key} never reached the provider" for key in settled if key not in seen)]

    def _wait(self, ask: Callable[[], bool], sites: Sequence[RunningSite], *, what: str) -> None:
        deadline = time.monotonic() + HEAL_SECONDS
        while not ask():
            died = self.processes.died()
            assert not died, f"{died} ended by itself\n{self.processes.tails()}"
            assert time.monotonic() < deadline, f"{what}\n{self._described(sites)}\n{self.processes.tails()}"
            time.sleep(_POLL_SECONDS)

    def _described(self, sites: Sequence[RunningSite]) -> str:
        resting = self._at_rest(sites)
        with self.database.reading() as session:
            return "\n".join(describe(session, site) for site in sites if site not in resting)

    def _rows(self, site: RunningSite) -> Rows:
        with self.database.reading() as session:
            return rows.rows_of(session, site.site_id)

    def _at_rest(self, sites: Sequence[RunningSite]) -> list[RunningSite]:
        with self.database.reading() as session:
            return at_rest(session, sites)

    def _past_first_stage(self, sites: Sequence[RunningSite]) -> bool:
        with self.database.reading() as session:
            return past_first_stage(session, sites)


def _say(line: str) -> None:
    """Shown by pytest where the test fails, or with -s."""
    print(line)  # noqa: T201 - it is meant for whoever replays the seed.
