"""Owns the forecast of a run: what Run Now would do at this moment, said without doing it.

It refuses what Run Now would refuse, by the same code. Never: writes, locks, asks a provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from pipeline.contract import stage
from pipeline.core import money
from pipeline.core.catalog import STAGES, StageDefinition
from pipeline.core.errors import PipelineError
from pipeline.core.pricing import Price
from pipeline.models import Run, Site
from pipeline.services import run_starts
from pipeline.services import settings as site_settings
from pipeline.services.forecasts.flow import Flow
from pipeline.services.forecasts.paces import Pace, paces
from pipeline.services.forecasts.questions import questions_of
from pipeline.services.forecasts.recent import Recent, recent_calls
from pipeline.services.forecasts.slots import SlotForecast, slots_of
from pipeline.services.forecasts.stages import StageForecast, asking_stage, local_stage
from pipeline.services.run_starts import Started, Wanted

_NOTHING_WAITS = "nothing would wait for it"
_NO_CREDITS = "the account has no credits available; add credits, then run again"


@dataclass(frozen=True)
class Forecast:
    """A run that was not started: its stages, and what they come to. `reason`: why there would be no run."""

    site: Site
    at: datetime
    ends_at: datetime
    available_ucr: int
    slots: SlotForecast
    reason: str | None = None
    stages: tuple[StageForecast, ...] = ()
    #: Between the stages.
    seconds_between: float = 0
    seconds: float = field(default=0)
    seconds_worst: float = field(default=0)

    def as_json(self) -> dict[str, Any]:
        """The one document of the command and the API; credits are decimal strings."""
        return {
            "site_id": self.site.id,
            "site": self.site.name,
            "reason": self.reason,
            "stages": [each.as_json() for each in self.stages],
            "calls": {
                "expected": sum(round(each.calls) for each in self.stages),
                "worst": sum(each.calls_worst for each in self.stages),
            },
            "credits": {
                "available": money.credit_string(self.available_ucr),
                "expected": money.credit_string(sum(each.expected_ucr for each in self.stages)),
                "worst": money.credit_string(sum(each.worst_ucr for each in self.stages)),
            },
            "seconds": {
                "expected": round(self.seconds, 1),
                "worst": round(self.seconds_worst, 1),
                "delays": round(self.seconds_between + sum(each.seconds_delayed for each in self.stages), 1),
            },
            "ends_at": self.ends_at,
            "slots": self.slots.as_json(),
        }


@dataclass(frozen=True)
class _Known:
    """What calls have lately needed, by stage and model, and how fast providers may be asked."""

    recent: Mapping[tuple[int, str], Recent]
    paces: Mapping[str, Pace]


def forecast(session: Session, site: Site, *, now: datetime) -> Forecast:
    """What a run of the site would do if it began now. Raises what `runs.start` would: LiveRunError, PreflightError."""
    found = run_starts.would_start(session, Wanted(site, site_settings.row_of(session, site)), now=now)
    if isinstance(found, PipelineError):
        raise found
    if isinstance(found, Started):
        nothing = SlotForecast(0, site.timezone)
        available = run_starts.available_ucr(session, [site.account_id])[site.account_id]
        return Forecast(site, now, now, available, nothing, reason=found.reason)
    return _of_run(session, site, found, now=now)


def _of_run(session: Session, site: Site, run: Run, *, now: datetime) -> Forecast:
    flow, known = Flow(session, site, run.site_settings), _Known(recent_calls(session, site.account_id), paces(session))
    stages = tuple(_stage(session, site, definition, run=run, flow=flow, known=known) for definition in STAGES)
    # A stage that does not work is passed without a delay, and nothing follows the last one.
    between = sum(each.reason is None for each in stages[:-1]) * run.site_settings.delays.between_stage
    seconds = sum(each.seconds for each in stages) + between
    ends_at = now + timedelta(seconds=seconds)
    articles = stages[-1].done
    return Forecast(
        site=site,
        at=now,
        ends_at=ends_at,
        available_ucr=run.available,
        slots=slots_of(session, site, articles=articles, now=now, ends_at=ends_at),
        stages=stages,
        seconds_between=between,
        seconds=seconds,
        seconds_worst=sum(each.seconds_worst for each in stages) + between,
    )


def _stage(
    session: Session,
    site: Site,
    definition: StageDefinition,
    *,
    run: Run,
    flow: Flow,
    known: _Known,
) -> StageForecast:
    """What the stage would do with what waits for it then; what comes of it is in the flow afterwards."""
    number, settings = definition.number, run.site_settings
    row, inputs = settings.stages[number], flow.inputs(number)
    waiting, coming = flow.waiting[number], flow.coming[number]
    reason = _why_not(definition, run, inputs=max(inputs, flow.most[number]))
    if reason is not None:
        flow.bypass(number, reason)
        return StageForecast(definition, reason, waiting, coming)
    taken = min(inputs, row.per_run_limit or inputs)
    most = max(taken, min(flow.most[number], row.per_run_limit or flow.most[number]))
    if not definition.has_ai:
        found = local_stage(definition, settings=settings, waiting=waiting, coming=coming, taken=taken, most=most)
    else:
        price = Price.from_json(run.prices[str(number)])
        found = asking_stage(
            definition,
            settings=settings,
            price=price,
            questions=questions_of(
                session, stage(definition.key), site, settings=settings, price=price, taken=taken, most=most
            ),
            recent=known.recent.get((number, price.model)),
            pace=known.paces.get(price.provider, Pace()),
            cap_ucr=money.share_ucr(max(0, run.available), row.budget_pct or 0),
            taken=taken,
            most=most,
            waiting=waiting,
            coming=coming,
        )
    flow.work(number, found.done, most=most)
    return found


def _why_not(definition: StageDefinition, run: Run, *, inputs: int) -> str | None:
    """Why the stage would not work, in the order in which its admission asks."""
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
