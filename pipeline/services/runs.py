"""Owns runs as people see them: start, retry, look up.

Never: commits; publishes (the caller sends `Started.stage_run_id` after its commit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.contract import stage
from pipeline.core import money
from pipeline.core.catalog import STAGES
from pipeline.core.errors import ConflictError, LiveRunError, NotFoundError, NotReadyError
from pipeline.core.matrix import IMAGES_OFF, SiteSettings
from pipeline.core.states import LIVE_RUNS, ItemStatus, StageRunStatus
from pipeline.models import Run, Site, StageItem, StageRun
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_missing
from pipeline.services import credits as ledger
from pipeline.services import decisions
from pipeline.services import models as ai_models
from pipeline.services import settings as site_settings
from pipeline.services.stage_runs import subject_table, waiting

NOTHING_WAITS = "nothing is waiting in any stage that is switched on"
_NOT_RETRIED = "nothing failed here in the run that is retried"
_run, _stage_runs = table_of(Run).c, table_of(StageRun)
#: A stage run that is yet to come.
_PENDING: Mapping[str, Any] = {
    "status": StageRunStatus.PENDING,
    "reason": None,
    "due_at": None,
    "sends": 0,
    "finished_at": None,
}


@dataclass(frozen=True)
class Started:
    """A run that was accepted, and the stage run to send after the commit; or why there is none."""

    run_id: int | None
    stage_run_id: int | None
    reason: str | None


def start(
    session: Session, *, site: Site, now: datetime, origin: str = "manual", scheduled_for: datetime | None = None
) -> Started:
    """Accept a run of the site, its settings, prices and available credits frozen.

    LiveRunError while one is live; NotReadyError where a stage that is on has no model or no price. With nothing
    waiting there is no run, only a recorded decision.
    """
    _refuse_while_live(session, site)
    settings, origins = _frozen(session, site)
    if not _any_input(session, site, settings):
        decisions.record(session, site, kind="skipped", reason=NOTHING_WAITS, scheduled_for=scheduled_for, now=now)
        return Started(None, None, NOTHING_WAITS)
    draft = {
        **_draft(session, site, settings, origins, now=now),
        "origin": origin,
        "scheduled_for": scheduled_for,
        "prices": _prices(session, settings),
    }
    run_id, first = _insert(session, draft, settings, now=now)
    decisions.record(session, site, kind="started", reason=origin, scheduled_for=scheduled_for, run_id=run_id, now=now)
    return Started(run_id, first, None)


def retry(session: Session, run: Run, *, now: datetime) -> Started:
    """A new run of exactly the items that failed in `run`; limits do not apply.

    ConflictError where none failed, all has moved on since, or a run is live.
    """
    site = session.get_one(Site, run.site_id)
    _refuse_while_live(session, site)
    if run.status in LIVE_RUNS:
        raise LiveRunError(run.id)
    failed = _wait_again(session, run)
    settings, origins = _frozen(session, site)
    draft = {
        **_draft(session, site, settings, origins, now=now),
        "origin": "retry",
        "retry_of": run.id,
        "prices": _prices(session, settings, only=failed),
    }
    again, first = _insert(session, draft, settings, now=now, only=failed)
    decisions.record(session, site, kind="started", reason=f"retry of run {run.id}", run_id=again, now=now)
    return Started(again, first, None)


def get_run(session: Session, *, account_id: int, run_id: int) -> Run:
    """The account's run of that id; NotFoundError."""
    run = session.scalars(select(Run).where(Run.id == run_id, Run.account_id == account_id)).one_or_none()
    if run is None:
        raise NotFoundError(f"There is no run {run_id}. `igny8 runs` lists yours.")
    return run


def list_runs(session: Session, *, account_id: int, site_id: int | None = None, limit: int = 50) -> list[Run]:
    """The account's runs, newest first."""
    query = select(Run).where(Run.account_id == account_id).order_by(Run.id.desc()).limit(limit)
    return list(session.scalars(query if site_id is None else query.where(Run.site_id == site_id)))


def live_run_id(session: Session, site_id: int) -> int | None:
    """The site's live run, if any."""
    return session.scalar(select(Run.id).where(Run.site_id == site_id, Run.status.in_(LIVE_RUNS)))


def _refuse_while_live(session: Session, site: Site) -> None:
    live = live_run_id(session, site.id)
    if live is not None:
        raise LiveRunError(live)


def _frozen(session: Session, site: Site) -> tuple[SiteSettings, dict[str, Any]]:
    settings = site_settings.load(session, site)
    resolved = site_settings.resolve_ai(session, site)
    return settings.model_copy(update={"ai": resolved.values}), dict(resolved.origins)


def _draft(
    session: Session, site: Site, settings: SiteSettings, origins: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """What every run of the site freezes now."""
    return {
        "account_id": site.account_id,
        "site_id": site.id,
        "settings": {"site": settings.model_dump(mode="json"), "ai_origins": origins},
        "available": ledger.balance(session, site.account_id).available_ucr,
        "created_at": now,
    }


def _prices(session: Session, settings: SiteSettings, *, only: set[str] | None = None) -> dict[str, Any]:
    """A frozen price for each AI stage that may work; NotReadyError names every one that is missing."""
    prices, faults = {}, []
    for definition in STAGES:
        row = settings.stages[definition.number]
        works = (
            definition.key in only
            if only is not None
            else settings.off_reason(definition.number) is None and row.budget_pct
        )
        model_type = stage(definition.key).definition.model_type
        if model_type is None or not works:
            continue
        try:
            price = ai_models.price_for(session, model_type, use_testing=bool(row.use_testing))
        except NotReadyError as error:
            faults.append(f"{definition.name}: {error.message}")
        else:
            prices[str(definition.number)] = price.as_json()
    if faults:
        raise NotReadyError("\n".join(faults))
    return prices


def _insert(
    session: Session, draft: Mapping[str, Any], settings: SiteSettings, *, now: datetime, only: set[str] | None = None
) -> tuple[int, int]:
    """The run with its seven stage runs; the first that is to work is due. Their ids."""
    run_id = session.execute(insert_missing(session, Run).returning(_run.id), draft).scalar_one_or_none()
    if run_id is None:
        raise LiveRunError(live_run_id(session, draft["site_id"]) or 0)
    rows = []
    for definition in STAGES:
        cap = money.share_ucr(max(0, draft["available"]), settings.stages[definition.number].budget_pct or 0)
        row = {"run_id": run_id, "number": definition.number, "key": definition.key, "cap": cap, **_PENDING}
        if only is not None and definition.key not in only:
            row |= {"status": StageRunStatus.SKIPPED, "reason": _NOT_RETRIED, "finished_at": now}
        rows.append(row)
    first = next(row for row in rows if row["status"] is StageRunStatus.PENDING)
    first |= {"due_at": now + timedelta(seconds=config().resend_seconds), "sends": 1}
    session.connection().execute(insert(_stage_runs), rows)
    of_first = select(_stage_runs.c.id).where(_stage_runs.c.run_id == run_id, _stage_runs.c.number == first["number"])
    return run_id, session.execute(of_first).scalar_one()


def _any_input(session: Session, site: Site, settings: SiteSettings) -> bool:
    for definition in STAGES:
        works = stage(definition.key)
        off = settings.off_reason(definition.number)
        unfunded = works.definition.has_ai and not settings.stages[definition.number].budget_pct
        needed = works.needed_setting
        if (
            off not in {None, IMAGES_OFF}
            or (unfunded and off is None)
            or (needed is not None and not needed.is_on(settings))
        ):
            continue
        if session.scalar(select(select(literal(1)).where(waiting(works, site.id)).exists())):
            return True
    return False


def _failed(session: Session, run: Run) -> dict[str, list[int]]:
    rows = session.execute(
        select(StageRun.key, StageItem.subject_id)
        .join(StageItem, StageItem.stage_run_id == StageRun.id)
        .where(StageRun.run_id == run.id, StageItem.status == ItemStatus.FAILED)
        .order_by(StageRun.number, StageItem.position)
    )
    failed: dict[str, list[int]] = {}
    for key, subject_id in rows:
        failed.setdefault(key, []).append(subject_id)
    return failed


def _wait_again(session: Session, run: Run) -> set[str]:
    """Let what failed wait again, as far as it stands where it was left. The stages that have any; ConflictError."""
    failed = _failed(session, run)
    if not failed:
        raise ConflictError(f"Nothing failed in run {run.id}: there is nothing to retry. Start a new run instead.")
    again = {key for key, subject_ids in failed.items() if _reopen(session, key, subject_ids)}
    if not again:
        raise ConflictError(
            f"What failed in run {run.id} has moved on since: there is nothing to retry. Start a new run instead."
        )
    return again


def _reopen(session: Session, key: str, subject_ids: list[int]) -> bool:
    definition = stage(key)
    columns = subject_table(definition).c
    left_there = columns.status.in_((definition.given_up_as, definition.waits_as))
    statement = update(subject_table(definition)).where(columns.id.in_(subject_ids), left_there)
    values = {"status": definition.waits_as, "times_tried": 0}
    return bool(session.connection().execute(statement.values(values)).rowcount)


def count_waiting(session: Session, site_id: int) -> dict[str, int]:
    """How many rows wait for each stage."""
    found = {}
    for definition in STAGES:
        query = select(func.count()).where(waiting(stage(definition.key), site_id))
        found[definition.key] = session.scalar(query) or 0
    return found
