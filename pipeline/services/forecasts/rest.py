"""Owns what is still ahead of a run that lives: how long it will last, and what it will spend.

It is the forecast, played from where the run is: what has ended is left out, the stage that works has what is left of
its inputs and its cap. Never: writes, locks, asks a provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from pipeline.core.catalog import STAGES
from pipeline.core.states import ItemStatus, StageRunStatus
from pipeline.models import Run, Site, StageRun
from pipeline.services.forecasts.flow import Flow
from pipeline.services.forecasts.playing import Known, Left, play
from pipeline.services.forecasts.stages import StageForecast
from pipeline.services.stage_runs import item_counts

_OPEN: Final = (ItemStatus.PENDING, ItemStatus.LEASED)


@dataclass(frozen=True)
class Rest:
    """What is expected of a run from `at` on; micro-credits."""

    at: datetime
    ends_at: datetime
    expected_ucr: int


def rest_of(session: Session, run: Run, site: Site, rows: Sequence[StageRun], *, now: datetime) -> Rest:
    """What is ahead of the run, whose stage runs these are."""
    found = list(_stages(session, run, site, rows))
    # A stage that does not work is passed without a delay, and nothing follows the last one.
    between = sum(each.reason is None for each in found[:-1]) * run.site_settings.delays.between_stage
    seconds = sum(each.seconds for each in found) + between
    expected = sum(each.expected_ucr for each in found)
    return Rest(at=now, ends_at=now + timedelta(seconds=seconds), expected_ucr=expected)


def _stages(session: Session, run: Run, site: Site, rows: Sequence[StageRun]) -> Iterator[StageForecast]:
    counts = item_counts(session, [row.id for row in rows])
    flow, known = Flow(session, site, run.site_settings), Known.of(session, site.account_id)
    for row, definition in zip(rows, STAGES, strict=True):
        if row.finished_at is not None:
            continue
        left = None
        if row.status is not StageRunStatus.PENDING or run.retry_of is not None:
            left = Left(sum(counts[row.id].get(status, 0) for status in _OPEN), max(0, row.cap - row.spent - row.lost))
        yield play(session, site, definition, run=run, flow=flow, known=known, left=left)
