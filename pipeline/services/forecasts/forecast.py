"""Owns the forecast of a run: what Run Now would do at this moment, said without doing it.

It refuses what Run Now would refuse, by the same code. Never: writes, locks, asks a provider.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from pipeline.core import money
from pipeline.core.catalog import STAGES
from pipeline.core.errors import PipelineError
from pipeline.models import Run, Site
from pipeline.services import run_starts
from pipeline.services import settings as site_settings
from pipeline.services.forecasts.flow import Flow
from pipeline.services.forecasts.playing import Known, play
from pipeline.services.forecasts.slots import SlotForecast, slots_of
from pipeline.services.forecasts.stages import StageForecast
from pipeline.services.run_starts import Started, Wanted


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
    flow, known = Flow(session, site, run.site_settings), Known.of(session, site.account_id)
    stages = tuple(play(session, site, definition, run=run, flow=flow, known=known) for definition in STAGES)
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
