"""Owns runs as people see them: start, retry, look up.

Never: commits; publishes (the caller sends `Started.stage_run_id` after its commit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import func, literal, select, update
from sqlalchemy.orm import Session

from pipeline.contract import stage
from pipeline.core.catalog import STAGES
from pipeline.core.errors import ConflictError, LiveRunError, NotFoundError, PipelineError
from pipeline.core.states import LIVE_RUNS, ItemStatus, RunStatus
from pipeline.models import Run, Site, StageItem, StageRun
from pipeline.services import credits as ledger
from pipeline.services import decisions, run_starts, sites
from pipeline.services import settings as site_settings
from pipeline.services.listing import Page, page
from pipeline.services.preflight import Preflight
from pipeline.services.run_starts import NOTHING_WAITS, Started, Wanted
from pipeline.services.stage_runs import subject_table, waiting

__all__ = [
    "NOTHING_WAITS",
    "Part",
    "Started",
    "count_waiting",
    "get_run",
    "list_runs",
    "live_run_id",
    "oldest_first",
    "retry",
    "start",
]
_UNBOUNDED: Final[Mapping[str, int]] = MappingProxyType({})


def start(
    session: Session, *, site: Site, now: datetime, origin: str = "manual", scheduled_for: datetime | None = None
) -> Started:
    """Accept a run of the site, its settings, prices and available credits frozen.

    LiveRunError while one is live; PreflightError names all that its stages would miss to ask. With nothing
    waiting there is no run, only a recorded decision.
    """
    sites.lock_site(session, site)
    wanted = Wanted(site, site_settings.row_of(session, site), scheduled_for)
    (outcome,) = run_starts.start_many(session, [wanted], origin=origin, now=now)
    if isinstance(outcome, PipelineError):
        raise outcome
    return outcome


@dataclass(frozen=True)
class Part:
    """Of what failed in a run, only one stage's (1 to 7), or one item of it; without either, all."""

    number: int | None = None
    subject_id: int | None = None


_ALL: Final = Part()


def retry(session: Session, run: Run, *, part: Part = _ALL, now: datetime) -> Started:
    """A new run of exactly the items that failed in `run`, or in a part of it; limits do not apply.

    ConflictError where none failed, all has moved on since, or a run is live.
    """
    site = session.get_one(Site, run.site_id)
    sites.lock_site(session, site)
    _refuse_while_live(session, site)
    if run.status in LIVE_RUNS:
        raise LiveRunError(run.id)
    failed = _wait_again(session, run, part)
    frozen = site_settings.freeze(session, [site_settings.row_of(session, site)])[site.id]
    prices = Preflight(session).prices(frozen, only=failed)
    available = ledger.balance(session, run.account_id).available_ucr
    told = {"origin": "retry", "retry_of": run.id, "created_at": now}
    again = run_starts.make_run(site, frozen, prices=prices, available=available, **told)
    first = run_starts.insert_runs(session, [again], now=now, only=failed)[again.id]
    decisions.record(
        session, site, kind="started", reason=f"retry of run {run.id}{_of(part)}", run_id=again.id, now=now
    )
    return Started(again.id, first, None)


def get_run(session: Session, *, account_id: int, run_id: int) -> Run:
    """The account's run of that id, that of a deleted site too: what it cost stays to be seen. NotFoundError."""
    run = session.scalars(select(Run).where(Run.id == run_id, Run.account_id == account_id)).one_or_none()
    if run is None:
        raise NotFoundError(f"There is no run {run_id}. `igny8 runs` lists yours.")
    return run


def list_runs(
    session: Session,
    *,
    account_id: int,
    site_id: int | None = None,
    status: RunStatus | None = None,
    origin: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[Run]:
    """The account's runs, newest first; with `before_id` only those that are older. None of a deleted site.

    `origin`: who started them: `manual`, `scheduled` or `retry`.
    """
    own = (Run.account_id == account_id, sites.of_a_site_that_is_there(Run.site_id))
    query = select(Run).where(*own).order_by(Run.id.desc()).limit(limit)
    if status is not None:
        query = query.where(Run.status == status)
    if origin is not None:
        query = query.where(Run.origin == origin)
    if before_id is not None:
        query = query.where(Run.id < before_id)
    return list(session.scalars(query if site_id is None else query.where(Run.site_id == site_id)))


def oldest_first(
    session: Session, *, account_id: int, site_id: int | None = None, after_id: int = 0, limit: int = 50
) -> Page[Run]:
    """The account's runs in the order they were started, from behind `after_id`. None of a deleted site."""
    there = sites.of_a_site_that_is_there(Run.site_id)
    where = [Run.account_id == account_id, there, *([] if site_id is None else [Run.site_id == site_id])]
    return page(session, Run, *where, after_id=after_id, limit=limit)


def live_run_id(session: Session, site_id: int) -> int | None:
    """The site's live run, if any."""
    return session.scalar(select(Run.id).where(Run.site_id == site_id, Run.status.in_(LIVE_RUNS)))


def _refuse_while_live(session: Session, site: Site) -> None:
    live = live_run_id(session, site.id)
    if live is not None:
        raise LiveRunError(live)


def _of(part: Part) -> str:
    """What of the run is retried, for people."""
    if part.number is None:
        return ""
    return f", stage {part.number}" + ("" if part.subject_id is None else f", item {part.subject_id}")


def _failed(session: Session, run: Run, part: Part) -> dict[str, list[int]]:
    query = (
        select(StageRun.key, StageItem.subject_id)
        .join(StageItem, StageItem.stage_run_id == StageRun.id)
        .where(StageRun.run_id == run.id, StageItem.status == ItemStatus.FAILED)
        .order_by(StageRun.number, StageItem.position)
    )
    if part.number is not None:
        query = query.where(StageRun.number == part.number)
    if part.subject_id is not None:
        query = query.where(StageItem.subject_id == part.subject_id)
    failed: dict[str, list[int]] = {}
    for key, subject_id in session.execute(query):
        failed.setdefault(key, []).append(subject_id)
    return failed


def _wait_again(session: Session, run: Run, part: Part) -> set[str]:
    """Let what failed wait again, as far as it stands where it was left. The stages that have any; ConflictError."""
    failed, where = _failed(session, run, part), f"run {run.id}{_of(part)}"
    if not failed:
        raise ConflictError(f"Nothing failed in {where}: there is nothing to retry. Start a new run instead.")
    again = {key for key, subject_ids in failed.items() if _reopen(session, key, subject_ids)}
    if not again:
        raise ConflictError(
            f"What failed in {where} has moved on since: there is nothing to retry. Start a new run instead."
        )
    return again


def _reopen(session: Session, key: str, subject_ids: list[int]) -> bool:
    definition = stage(key)
    columns = subject_table(definition).c
    left_there = columns.status.in_((definition.given_up_as, definition.waits_as))
    statement = update(subject_table(definition)).where(columns.id.in_(subject_ids), left_there)
    if "deleted_at" in columns:
        statement = statement.where(columns.deleted_at.is_(None))
    values = {"status": definition.waits_as, "times_tried": 0}
    return bool(session.connection().execute(statement.values(values)).rowcount)


def count_waiting(session: Session, site_id: int, *, up_to: Mapping[str, int] = _UNBOUNDED) -> dict[str, int]:
    """How many rows wait for each stage; counting ends where `up_to` has a number for it."""
    found = {}
    for definition in STAGES:
        rows = select(literal(1)).where(waiting(stage(definition.key), site_id))
        counted = rows.limit(up_to[definition.key]) if definition.key in up_to else rows
        found[definition.key] = session.scalar(select(func.count()).select_from(counted.subquery())) or 0
    return found
