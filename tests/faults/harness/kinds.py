"""Owns the kinds of faults that a soak chooses from: each strikes once, and lets what it struck come back.

A kind is registered by its name: `@kind("a name", struck="worker")`. `struck` is what it hits: nothing is hit again
before it had a while to come back. Never: when; the soak does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.faults.harness.backends import BACKENDS
from tests.faults.harness.campaign import Campaign
from tests.faults.harness.meddling import Copier, Replayer, Thief, copier
from tests.faults.harness.processes import NAMES, SHORT_TIMES
from tests.faults.harness.walks import OF_BEAT, OF_WORKER, Step

#: Longer than a lease: whoever is held up comes back to find its work another's.
_FROZEN_SECONDS: Final = float(SHORT_TIMES["IGNY8_LEASE_SECONDS"]) + 1.0
_MEDDLED_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Strike:
    """What a kind is handed: the campaign it strikes at, the dice of the seed, and the count."""

    campaign: Campaign
    random: Random
    #: How often each kind struck.
    injected: Counter[str]


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    #: What it hits; something like `messages` where it is no process.
    struck: tuple[str, ...]
    backends: tuple[str, ...]
    strike: Callable[[Strike], int]


#: All that are registered, by name.
KINDS: dict[str, Kind] = {}


def kind(
    name: str, *, struck: str | tuple[str, ...], on: tuple[str, ...] = BACKENDS
) -> Callable[[Callable[[Strike], int | None]], Callable[[Strike], int | None]]:
    """Register a kind of fault on these backends. It gives how many faults it injected; nothing means one."""

    def register(function: Callable[[Strike], int | None]) -> Callable[[Strike], int | None]:
        def strike(given: Strike) -> int:
            number = function(given)
            return 1 if number is None else number

        hit = (struck,) if isinstance(struck, str) else struck
        assert name not in KINDS, f"there is a kind {name!r} already"
        KINDS[name] = Kind(name, hit, on, strike)
        return function

    return register


def of_backend(name: str) -> list[Kind]:
    """The kinds that strike there, in the order they were registered in."""
    return [one for one in KINDS.values() if name in one.backends]


def _kill(name: str, *names: str, on: tuple[str, ...] = BACKENDS) -> None:
    def strike(given: Strike) -> None:
        given.campaign.processes.kill(*names)
        given.campaign.processes.restart(*names)

    kind(name, struck=names, on=on)(strike)


_kill("worker killed", "worker")
_kill("beat killed", "beat")
_kill("broker killed", "broker")
_kill("broker, worker and beat killed at once", *NAMES)
_kill("database killed", "database", on=("redis", "rabbitmq"))


def _kill_at_failpoint(process: str, steps: Sequence[Step]) -> None:
    """It is killed and started anew to kill itself some time later: the soak counts that, and starts it again."""

    def strike(given: Strike) -> int:
        processes = given.campaign.processes
        processes.kill(process)
        given.injected[f"{process} killed"] += 1
        processes.arm(process, given.random.choice(steps).text)
        processes.restart(process)
        processes.arm(process, None)
        return 0

    kind(at_failpoint(process), struck=process)(strike)


def at_failpoint(process: str) -> str:
    """The kind's name."""
    return f"{process} killed by itself at a failpoint"


_kill_at_failpoint("worker", OF_WORKER)
_kill_at_failpoint("beat", OF_BEAT)


@kind("worker asked to stop", struck="worker")
def _stop_worker(given: Strike) -> None:
    given.campaign.processes.stop_child("worker")
    given.campaign.processes.restart("worker")


def _freeze(name: str, process: str, *, on: tuple[str, ...] = BACKENDS) -> None:
    def strike(given: Strike) -> None:
        go_on = given.campaign.processes.freeze(process)
        time.sleep(_FROZEN_SECONDS)
        go_on()

    kind(name, struck=process, on=on)(strike)


_freeze("worker frozen for longer than its leases", "worker")
_freeze("beat frozen", "beat")
_freeze("broker frozen", "broker", on=("embedded", "redis"))


@kind("broker loses all it has", struck="messages")
def _flush(given: Strike) -> None:
    given.campaign.processes.flush_broker()


@kind("messages lost on their way to the worker", struck="messages", on=("embedded", "redis"))
def _steal(given: Strike) -> int:
    seed = str(given.random.random())
    with Thief(given.campaign.processes, most=3, seed=seed, pause_seconds=0.1) as thief:
        time.sleep(_MEDDLED_SECONDS)
    return thief.taken


@kind("messages delivered three times, late", struck="messages")
def _copy(given: Strike) -> int:
    copies: Copier | Replayer
    with copier(given.campaign.processes, seed=str(given.random.random())) as copies:
        time.sleep(_MEDDLED_SECONDS)
        copies.give_back()
    return min(copies.seen, 1)
