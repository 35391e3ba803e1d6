"""Owns one stage of a run that is played without doing it: with what waits for it then, or what is left of it.

Never: writes, locks, asks a provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from sqlalchemy.orm import Session

from pipeline.contract import stage
from pipeline.core import money
from pipeline.core.catalog import StageDefinition
from pipeline.core.pricing import Price
from pipeline.models import Run, Site
from pipeline.services.forecasts.flow import Flow
from pipeline.services.forecasts.paces import Pace, paces
from pipeline.services.forecasts.questions import questions_of
from pipeline.services.forecasts.recent import Recent, recent_calls
from pipeline.services.forecasts.stages import StageForecast, asking_stage, local_stage

_NOTHING_WAITS: Final = "nothing would wait for it"
_NO_CREDITS: Final = "the account has no credits available; add credits, then run again"
_ALL_DONE: Final = "all its inputs are done"


@dataclass(frozen=True)
class Known:
    """What calls have lately needed, by stage and model, and how fast providers may be asked."""

    recent: Mapping[tuple[int, str], Recent]
    paces: Mapping[str, Pace]

    @classmethod
    def of(cls, session: Session, account_id: int) -> Self:
        """What is known of an account's calls, and of everybody's providers."""
        return cls(recent_calls(session, account_id), paces(session))


@dataclass(frozen=True)
class Left:
    """What a stage that has begun still has to do: inputs that are not closed, and micro-credits under its cap."""

    inputs: int
    cap_ucr: int


def play(
    session: Session,
    site: Site,
    definition: StageDefinition,
    *,
    run: Run,
    flow: Flow,
    known: Known,
    left: Left | None = None,
) -> StageForecast:
    """What the stage would do with what waits for it then; what comes of it is in the flow afterwards.

    `left`: it has begun, and does no more than that.
    """
    number, settings = definition.number, run.site_settings
    row, waiting, coming = settings.stages[number], flow.waiting[number], flow.coming[number]
    reason = _why_not(definition, run, flow) if left is None else _why_over(left)
    if reason is not None:
        flow.bypass(number, reason)
        return StageForecast(definition, reason, waiting, coming)
    taken, most = (left.inputs, left.inputs) if left else _within(row.per_run_limit, flow, number)
    inputs = {"waiting": waiting, "coming": coming, "taken": taken, "most": most}
    if definition.has_ai:
        cap_ucr = left.cap_ucr if left else money.share_ucr(max(0, run.available), row.budget_pct or 0)
        found = _asking(session, site, definition, run=run, known=known, cap_ucr=cap_ucr, inputs=inputs)
    else:
        found = local_stage(definition, settings=settings, **inputs)
    flow.work(number, found.done, most=most)
    return found


def _asking(
    session: Session,
    site: Site,
    definition: StageDefinition,
    *,
    run: Run,
    known: Known,
    cap_ucr: int,
    inputs: dict[str, int],
) -> StageForecast:
    settings, price = run.site_settings, Price.from_json(run.prices[str(definition.number)])
    counts = {"taken": inputs["taken"], "most": inputs["most"]}
    return asking_stage(
        definition,
        settings=settings,
        price=price,
        questions=questions_of(session, stage(definition.key), site, settings=settings, price=price, **counts),
        recent=known.recent.get((definition.number, price.model)),
        pace=known.paces.get(price.provider, Pace()),
        cap_ucr=cap_ucr,
        **inputs,
    )


def _within(limit: int | None, flow: Flow, number: int) -> tuple[int, int]:
    """How many inputs a stage takes that has not begun, and how many at most."""
    inputs, most = flow.inputs(number), flow.most[number]
    taken = min(inputs, limit or inputs)
    return taken, max(taken, min(most, limit or most))


def _why_not(definition: StageDefinition, run: Run, flow: Flow) -> str | None:
    """Why the stage would not work, in the order in which its admission asks."""
    inputs = max(flow.inputs(definition.number), flow.most[definition.number])
    settings, needed = run.site_settings, stage(definition.key).needed_setting
    off = settings.off_reason(definition.number)
    if off is not None:
        return off
    if needed is not None and not needed.is_on(settings):
        return needed.reason
    if definition.has_ai and not settings.stages[definition.number].budget_pct:
        return "its budget is 0 %"
    if not inputs:
        return _NOTHING_WAITS
    return _NO_CREDITS if definition.has_ai and run.available <= 0 else None


def _why_over(left: Left) -> str | None:
    return None if left.inputs else _ALL_DONE
