"""Owns deaths at boundaries: a process in this process, struck before or after any commit, any question, any send.

What dies here takes its message with it, as a killed worker does; whoever comes after it finds the rows alone. So that
hundreds of deaths can be looked at, each at exactly one place, time is moved by hand and nothing is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from pipeline.core.states import LIVE_RUNS, RunStatus
from tests.support.sites import Killed
from tests.support.worlds import World

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class Deaths:
    """Kills whoever comes to boundaries of these numbers; they are counted from 1, as they are come to."""

    def __init__(self, *at: int) -> None:
        self._at = frozenset(at)
        self.seen: list[str] = []
        self.died: list[str] = []
        #: Nobody dies and nothing is counted: whoever looks on is no process under fault.
        self.is_quiet = False

    def come_to(self, boundary: str) -> None:
        """Go on, or die."""
        if self.is_quiet:
            return
        self.seen.append(boundary)
        if len(self.seen) in self._at:
            self.died.append(boundary)
            raise Killed(boundary)

    def around(self, name: str, act: Callable[Given, Answer]) -> Callable[Given, Answer]:
        """The same act between two boundaries."""

        def struck(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
            self.come_to(f"before {name}")
            answer = act(*args, **kwargs)
            self.come_to(f"after {name}")
            return answer

        return struck

    def within(self, transaction: Callable[[], Any]) -> Callable[[], Any]:
        """A transaction whose commit lies between two boundaries: who dies before it has saved nothing."""

        @contextmanager
        def struck() -> Iterator[Session]:
            with transaction() as session:
                yield session
                self.come_to("before a commit")
            self.come_to("after a commit")

        return struck


def strike(world: World, *at: int) -> Deaths:
    """Let whoever works in this world die at these boundaries."""
    deaths = Deaths(*at)
    vars(world.database)["transaction"] = deaths.within(type(world.database).transaction.__get__(world.database))
    kind = type(world.provider)
    for name in ("complete_text", "draw_image"):
        vars(world.provider)[name] = deaths.around("a question", getattr(kind, name).__get__(world.provider))
    return deaths


def run_to_end(world: World, run_id: int, *, most_deaths: int = 50) -> RunStatus:
    """Beat and workers until the run ends, whoever dies meanwhile; a message dies with its worker."""
    for _ in range(most_deaths):
        try:
            return world.driver.run_to_end(run_id)
        except Killed:
            continue
    raise AssertionError(f"run {run_id} is {world.driver.status(run_id)} after {most_deaths} deaths")


def is_live(world: World, run_id: int) -> bool:
    """Whether the run has not ended."""
    return world.driver.status(run_id) in LIVE_RUNS
