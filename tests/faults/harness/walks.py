"""Owns walks: a process that kills itself at one failpoint after the other, in the order a run comes to them.

Each start of the process is armed with the next failpoint of the walk. Never: a failpoint that is passed by unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.catalog import STAGES, StageDefinition
from pipeline.core.failpoints import Name
from tests.faults.harness.campaign import Campaign, say
from tests.faults.harness.sites import RunningSite

#: How long a run may take from one failpoint to the next.
_REACH_SECONDS: Final = 40.0


@dataclass(frozen=True)
class Step:
    """A failpoint, within a task where that matters."""

    name: Name
    task: str | None = None
    nth: int = 1

    @property
    def text(self) -> str:
        """As IGNY8_FAILPOINT has it."""
        where = f"@{self.task}" if self.task else ""
        return f"{self.name}{where}:{self.nth}:kill"


def of_stage(stage: StageDefinition) -> list[Step]:
    """Every failpoint that a stage comes to, in that order; those of which only one can be met are in `elsewhere`."""
    admit, batch, finish = (f"stages.{stage.key}.{link}" for link in ("admit", "batch", "finish"))
    begun: Sequence[tuple[Name, str, int]] = [
        ("admit.uncommitted", admit, 1),
        ("admit.committed", admit, 1),
        ("take.uncommitted", batch, 1),
        ("take.committed", batch, 1),
    ]
    asked: Sequence[tuple[Name, str, int]] = [
        ("turn.uncommitted", batch, 1),
        ("turn.committed", batch, 1),
        ("call.held", batch, 1),
        ("call.sending", batch, 1),
        *([("image.written", batch, 1), ("image.stored", batch, 1)] if stage.queue == "image" else []),
        ("call.answered", batch, 1),
        # The second turn settles and keeps the first answer.
        ("turn.uncommitted", batch, 2),
        ("turn.committed", batch, 2),
        ("batch.committed", batch, 1),
    ]
    ended: Sequence[tuple[Name, str, int]] = [("finish.uncommitted", finish, 1), ("finish.committed", finish, 1)]
    return [Step(*step) for step in (*begun, *(asked if stage.has_ai else []), *ended)]


def elsewhere() -> list[Step]:
    """What a run comes to only where it was not killed just before: the ends of local slices, the next stage sent."""
    steps = []
    for stage in STAGES:
        if not stage.has_ai:
            steps.append(Step("batch.committed", f"stages.{stage.key}.batch"))
        if stage is not STAGES[-1]:
            steps.append(Step("chains.published", f"stages.{stage.key}.finish"))
    return steps


#: What a publisher comes to at a site that is reached over the network.
OF_PUBLISHER: Final = [
    Step("publication.claimed"),
    Step("site.written"),
    Step("site.shown"),
    Step("site.read_back"),
    Step("publication.uncommitted"),
    Step("publication.recorded"),
]
#: What beat comes to where stages wait for each other, and then when articles are published.
OF_BEAT: Final = [
    Step("due.selected"),
    Step("due.committed"),
    Step("chains.published"),
    Step("rows.selected"),
    Step("rows.committed"),
    Step("rows.sent"),
]

#: All of the worker's, for whoever wants any of them.
OF_WORKER: Final = [*(step for stage in STAGES for step in of_stage(stage)), *elsewhere(), *OF_PUBLISHER]


def walk(
    campaign: Campaign, steps: Iterable[Step], *, process: str = "worker", variant: str = "one by one"
) -> RunningSite:
    """Start a site and have the process killed at each step; the site, at rest after the last one."""
    processes, site = campaign.processes, None
    processes.kill(process)
    campaign.forget_images()
    for step in steps:
        processes.arm(process, step.text)
        processes.restart(process)
        site = site or campaign.start(variant)
        sites = [site]
        campaign.wait_for(
            lambda: not processes.is_running(process),
            sites,
            what=f"nothing came to {step.text}",
            seconds=_REACH_SECONDS,
            may_die=(process,),
        )
        processes.wait_killed(process)
        say(f"{process} killed at {step.text}")
    assert site is not None
    processes.arm(process, None)
    processes.restart(process)
    campaign.wait_at_rest([site])
    return site
