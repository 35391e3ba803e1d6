"""Owns how far runs are, of any number of runs in one statement: what those who watch them are shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from pipeline.core.catalog import BY_KEY
from pipeline.core.money import credit_string
from pipeline.core.states import LIVE_RUNS, ItemStatus, RunStatus
from pipeline.models import Run, StageItem, StageRun

_COUNTED: Final = (ItemStatus.DONE, ItemStatus.FAILED, ItemStatus.SKIPPED, ItemStatus.RELEASED)
_ID_CHARACTERS: Final = 16


@dataclass(frozen=True)
class Watched:
    """A run that somebody watches, with the account it was looked up in."""

    account_id: int
    run_id: int


@dataclass(frozen=True)
class Progress:
    """How far a run is: `told` as it is sent; two that say the same have one `id`."""

    status: RunStatus
    told: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return self.status not in LIVE_RUNS

    @cached_property
    def text(self) -> str:
        """What it says, as one line of JSON."""
        return json.dumps(self.told, separators=(",", ":"))

    @cached_property
    def id(self) -> str:
        """What it says, hashed: any process can tell by it whether a listener has seen it."""
        return sha256(self.text.encode()).hexdigest()[:_ID_CHARACTERS]


def progress_of(session: Session, watched: Collection[Watched]) -> dict[Watched, Progress]:
    """How far each run is now; one that is not there, or another account's, is left out. One statement."""
    found: dict[Watched, Progress] = {}
    if not watched:
        return found
    rows = session.execute(_query(watched))
    for (account_id, run_id), of_run in groupby(rows, key=lambda row: (row.account_id, row.run_id)):
        key = Watched(account_id, run_id)
        if key in watched:
            found[key] = _progress(list(of_run))
    return found


def _query(watched: Collection[Watched]) -> Select[Any]:
    """A row for every status of items of every stage of the runs; a stage without items has one without a count."""
    runs, accounts = {each.run_id for each in watched}, {each.account_id for each in watched}
    own = StageRun.run_id.in_(runs)
    counts = (
        select(StageItem.stage_run_id, StageItem.status.label("item_status"), func.count().label("counted"))
        .where(StageItem.stage_run_id.in_(select(StageRun.id).where(own)))
        .group_by(StageItem.stage_run_id, StageItem.status)
        .subquery()
    )
    of_run: list[Any] = [Run.account_id, Run.id.label("run_id"), Run.status, Run.reason]
    of_stage = (StageRun.number, StageRun.key, StageRun.status, StageRun.reason, StageRun.spent, StageRun.held)
    return (
        select(*of_run, *(column.label(f"stage_{column.key}") for column in of_stage))
        .add_columns(counts.c.item_status, counts.c.counted)
        .join(StageRun, StageRun.run_id == Run.id)
        .outerjoin(counts, counts.c.stage_run_id == StageRun.id)
        .where(own, Run.id.in_(runs), Run.account_id.in_(accounts))
        .order_by(Run.id, StageRun.number)
    )


def _progress(rows: list[Row[Any]]) -> Progress:
    stages = [list(of_stage) for _, of_stage in groupby(rows, key=lambda row: row.stage_number)]
    first = rows[0]
    told = {
        "run_id": first.run_id,
        "status": first.status.value,
        "reason": first.reason,
        "credits_spent": credit_string(sum(of_stage[0].stage_spent for of_stage in stages)),
        "credits_held": credit_string(sum(of_stage[0].stage_held for of_stage in stages)),
        "stages": [_stage(of_stage) for of_stage in stages],
    }
    return Progress(first.status, told)


def _stage(rows: Iterable[Row[Any]]) -> dict[str, Any]:
    rows = list(rows)
    counts = {row.item_status: row.counted for row in rows if row.item_status is not None}
    first = rows[0]
    return {
        "number": first.stage_number,
        "key": first.stage_key,
        "name": BY_KEY[first.stage_key].name,
        "status": first.stage_status.value,
        "reason": first.stage_reason,
        "inputs": sum(counts.values()),
        **{status.value: counts.get(status, 0) for status in _COUNTED},
        "credits_spent": credit_string(first.stage_spent),
    }
