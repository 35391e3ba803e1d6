"""Owns what a slice knows of its stage run, read once: the stage, the site, the frozen settings and price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, select
from sqlalchemy.orm import Session

from pipeline.contract import Stage, Subjects, stage
from pipeline.core.catalog import StageDefinition
from pipeline.core.matrix import SiteSettings, StageRow
from pipeline.core.pricing import Price
from pipeline.models import Run, Site, StageRun
from pipeline.models.frozen import FROZEN_SETTINGS, origins_of, settings_of
from pipeline.services.prompts import in_force
from pipeline.services.stage_runs import subject_table


@dataclass(frozen=True)
class StageContext:
    """One stage run as its lanes see it."""

    stage_run_id: int
    account_id: int
    stage: Stage[Any, Any]
    site: Site
    settings: SiteSettings
    price: Price | None
    #: The account's own words in the place of the stage's prompt, as they were when the run was accepted.
    prompt: str | None = field(default=None, kw_only=True)
    #: Since when its provider has been down, as read at the start of the slice.
    unavailable_since: datetime | None
    #: AI parameter -> who decided it, as the run has it.
    origins: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    @property
    def definition(self) -> StageDefinition:
        """Its line of the catalog."""
        return self.stage.definition

    @property
    def row(self) -> StageRow:
        """Its row of the matrix."""
        return self.settings.stages[self.definition.number]

    def subjects(self, session: Session, ids: Sequence[int]) -> Subjects[Any]:
        """The subjects of a claim, for the stage."""
        return Subjects(session, self.stage.subject, ids, site=self.site, settings=self.settings, prompt=self.prompt)

    def still_waiting(self, session: Session, ids: Sequence[int], *, lock: bool) -> list[int]:
        """Those of `ids` that still wait for the stage, in the same order; locked where the stage is about to write."""
        query = _still_waiting(self.stage, lock=lock)
        found = set(session.connection().execute(query, {"ids": ids}).scalars())
        return [subject_id for subject_id in ids if subject_id in found]


@cache
def _still_waiting(stage: Stage[Any, Any], *, lock: bool) -> Select[Any]:
    columns = subject_table(stage).c
    ids: BindParameter[Any] = bindparam("ids", expanding=True)
    query = select(columns.id).where(columns.id.in_(ids), columns.status == stage.waits_as)
    return query.with_for_update(key_share=True) if lock else query


_CONTEXT = (
    select(
        StageRun.id,
        StageRun.number,
        StageRun.key,
        StageRun.unavailable_since,
        Run.account_id,
        Run.prices,
        FROZEN_SETTINGS,
        in_force().label("prompt"),
        Site,
    )
    .select_from(StageRun)
    .join(Run, Run.id == StageRun.run_id)
    .join(Site, Site.id == Run.site_id)
    .where(StageRun.id == bindparam("this"))
)


def load_context(session: Session, stage_run_id: int) -> StageContext:
    """Read the stage run, its run and its site."""
    row = session.execute(_CONTEXT, {"this": stage_run_id}).one()
    price = row.prices.get(str(row.number))
    return StageContext(
        stage_run_id=row.id,
        account_id=row.account_id,
        stage=stage(row.key),
        site=row.Site,
        settings=settings_of(row.frozen),
        price=Price.from_json(price) if price else None,
        prompt=row.prompt,
        unavailable_since=row.unavailable_since,
        origins=origins_of(row.frozen),
    )
