"""Owns runs as people see them: start, retry, look up.

Never: commits; publishes (the caller sends `Started.stage_run_id` after its commit).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.contract import stage
from pipeline.core import money
from pipeline.core.catalog import STAGES
from pipeline.core.errors import ConflictError, LiveRunError, NotFoundError, NotReadyError
from pipeline.core.matrix import IMAGES_OFF, SiteSettings
from pipeline.core.states import LIVE_RUNS, ItemStatus, StageRunStatus
from pipeline.models import Run, Site, StageItem, StageRun
from pipeline.services import credits as ledger
from pipeline.services import decisions
from pipeline.services import models as ai_models
from pipeline.services import settings as site_settings
from pipeline.services.stage_runs import subject_table, waiting

NOTHING_WAITS = "nothing is waiting in any stage that is switched on"


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
    run = Run(
        account_id=site.account_id,
        site_id=site.id,
        origin=origin,
        scheduled_for=scheduled_for,
        settings={"site": settings.model_dump(mode="json"), "ai_origins": origins},
        prices=_prices(session, settings),
        available=_available(session, site.account_id),
        created_at=now,
    )
    first = _insert(session, run, settings, now=now)
    decisions.record(session, site, kind="started", reason=origin, scheduled_for=scheduled_for, run_id=run.id, now=now)
    return Started(run.id, first, None)


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
    again = Run(
        account_id=run.account_id,
        site_id=run.site_id,
        origin="retry",
        retry_of=run.id,
        settings={"site": settings.model_dump(mode="json"), "ai_origins": origins},
        prices=_prices(session, settings, only=failed),
        available=_available(session, run.account_id),
        created_at=now,
    )
    first = _insert(session, again, settings, now=now, only=failed)
    decisions.record(session, site, kind="started", reason=f"retry of run {run.id}", run_id=again.id, now=now)
    return Started(again.id, first, None)


def get_run(session: Session, *, account_id: int, run_id: int) -> Run:
    """The account's run of that id; NotFoundError."""
    run = session.scalars(select(Run).where(Run.id == run_id, Run.account_id == account_id)).one_or_none()
    if run is None:
        raise NotFoundError(f"There is no run {run_id}. `igny8 runs` lists yours.")
    return run


def list_runs(
    session: Session, *, account_id: int, site_id: int | None = None, before_id: int | None = None, limit: int = 50
) -> list[Run]:
    """The account's runs, newest first; with `before_id` only those that are older."""
    query = select(Run).where(Run.account_id == account_id).order_by(Run.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(Run.id < before_id)
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


def _available(session: Session, account_id: int) -> int:
    return ledger.balance(session, account_id).available_ucr


def _insert(session: Session, run: Run, settings: SiteSettings, *, now: datetime, only: set[str] | None = None) -> int:
    """The run with its seven stage runs; the first that is to work is due. Its id."""
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:
        raise LiveRunError(live_run_id(session, run.site_id) or 0) from None
    rows = []
    for definition in STAGES:
        cap = money.share_ucr(max(0, run.available), settings.stages[definition.number].budget_pct or 0)
        row = StageRun(run_id=run.id, number=definition.number, key=definition.key, cap=cap)
        if only is not None and definition.key not in only:
            row.status, row.reason, row.finished_at = (
                StageRunStatus.SKIPPED,
                "nothing failed here in the run that is retried",
                now,
            )
        rows.append(row)
    first = next(row for row in rows if row.status is not StageRunStatus.SKIPPED)
    first.due_at, first.sends = now + timedelta(seconds=config().resend_seconds), 1
    session.add_all(rows)
    session.flush()
    return first.id


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
