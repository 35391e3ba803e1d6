"""Owns starting runs, of one site or of many at once: what is read for all, decided for each, inserted together.

A handful of statements, however many sites there are. Never: commits; publishes; chooses the sites.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.contract import stage
from pipeline.core import money
from pipeline.core.catalog import STAGES, StageDefinition
from pipeline.core.errors import LiveRunError, NotReadyError
from pipeline.core.matrix import IMAGES_OFF, SiteSettings
from pipeline.core.states import LIVE_RUNS, StageRunStatus
from pipeline.models import Account, Run, Site, SiteAutomationSettings, StageRun
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_rows
from pipeline.models.selecting import is_one_of, written_out
from pipeline.services import decisions, run_traces
from pipeline.services import settings as site_settings
from pipeline.services.preflight import Preflight
from pipeline.services.settings import Frozen
from pipeline.services.stage_runs import subject_table

NOTHING_WAITS = "nothing is waiting in any stage that is switched on"
_stage_runs = table_of(StageRun)


@dataclass(frozen=True)
class Wanted:
    """A run that is asked for: its site with the settings row; the instant, where a schedule asks."""

    site: Site
    row: SiteAutomationSettings
    scheduled_for: datetime | None = None


@dataclass(frozen=True)
class Started:
    """A run that was accepted, and the stage run to send after the commit; or why there is none."""

    run_id: int | None
    stage_run_id: int | None
    reason: str | None


#: An error says why the run was refused; with nothing waiting there is no run, only a recorded decision.
Outcome: TypeAlias = Started | LiveRunError | NotReadyError


def start_many(session: Session, wanted: Sequence[Wanted], *, origin: str, now: datetime) -> list[Outcome]:
    """Accept a run of each site, its settings, prices and available credits frozen; what came of each, in order.

    No site is asked for twice. IntegrityError where somebody else starts a run of one of several at the same time:
    the transaction is lost then.
    """
    known = _known(session, wanted)
    verdicts = [known.verdict(each, origin=origin, now=now) for each in wanted]
    firsts = insert_runs(session, [verdict for verdict in verdicts if isinstance(verdict, Run)], now=now)
    return [_recorded(session, each, verdict, firsts, now=now) for each, verdict in zip(wanted, verdicts, strict=True)]


def would_start(session: Session, wanted: Wanted, *, now: datetime) -> Run | Outcome:
    """The run that `start_many` would make of it now, not inserted; or why there would be none."""
    return _known(session, [wanted]).verdict(wanted, origin="manual", now=now)


def live_runs(session: Session, site_ids: Sequence[int]) -> dict[int, int]:
    """Site -> its live run, of those that have one."""
    is_live = Run.status.in_([written_out(status) for status in LIVE_RUNS])
    query = select(Run.site_id, Run.id).where(is_one_of(session, Run.site_id, site_ids), is_live)
    return {row.site_id: row.id for row in session.execute(query)}


def available_ucr(session: Session, account_ids: Collection[int]) -> dict[int, int]:
    """What each account can still hold, in micro-credits."""
    free = (Account.balance - Account.held).label("free")
    query = select(Account.id, free).where(is_one_of(session, Account.id, account_ids))
    return {row.id: row.free for row in session.execute(query)}


def make_run(site: Site, frozen: Frozen, *, prices: Mapping[str, Any], available: int, **values: Any) -> Run:
    """A run, not yet added, with what it carries for ever."""
    settings = {"site": frozen.settings.model_dump(mode="json"), "ai_origins": dict(frozen.origins)}
    owner = {"account_id": site.account_id, "site_id": site.id}
    run = Run(**owner, settings=settings, prices=dict(prices), available=available, **values)
    # What was just written down need not be read back.
    run.__dict__["site_settings"] = frozen.settings
    return run


def insert_runs(
    session: Session, runs: Sequence[Run], *, now: datetime, only: Collection[str] | None = None
) -> dict[int, int]:
    """The runs with their seven stage runs; run -> the first stage run that is to work, which is due.

    `only`: the other stages rest. LiveRunError where the one run of a site that has a live one is asked for.
    """
    if not runs:
        return {}
    for run in runs:
        run_traces.begin(run)
    try:
        with session.begin_nested():
            session.add_all(runs)
    except IntegrityError:
        if len(runs) > 1:
            raise
        raise LiveRunError(live_runs(session, [runs[0].site_id]).get(runs[0].site_id, 0)) from None
    insert_rows(session, _stage_runs, [row for run in runs for row in _stage_rows(run, now=now, only=only)])
    due = select(_stage_runs.c.run_id, _stage_runs.c.id).where(
        is_one_of(session, _stage_runs.c.run_id, [run.id for run in runs]), _stage_runs.c.due_at.is_not(None)
    )
    return {row.run_id: row.id for row in session.execute(due)}


@dataclass(frozen=True)
class _Known:
    """What was read about the sites that runs are asked for."""

    live: Mapping[int, int]
    frozen: Mapping[int, Frozen] | NotReadyError
    #: Sites with an input for a stage that may work.
    fed: Collection[int]
    available: Mapping[int, int]
    preflight: Preflight

    def verdict(self, wanted: Wanted, *, origin: str, now: datetime) -> Run | Outcome:
        """The run to insert, or why there is none."""
        site = wanted.site
        if site.id in self.live:
            return LiveRunError(self.live[site.id])
        if isinstance(self.frozen, NotReadyError):
            return self.frozen
        if site.id not in self.fed:
            return Started(None, None, NOTHING_WAITS)
        frozen = self.frozen[site.id]
        try:
            prices = self.preflight.prices(frozen)
        except NotReadyError as error:
            return error
        told = {"origin": origin, "scheduled_for": wanted.scheduled_for, "created_at": now}
        return make_run(site, frozen, prices=prices, available=self.available[site.account_id], **told)


def _known(session: Session, wanted: Sequence[Wanted]) -> _Known:
    live, preflight = live_runs(session, [each.site.id for each in wanted]), Preflight(session)
    free = [each for each in wanted if each.site.id not in live]
    try:
        frozen = site_settings.freeze(session, [each.row for each in free])
    except NotReadyError as error:
        return _Known(live, error, (), {}, preflight)
    fed = _sites_with_input(session, {site_id: found.settings for site_id, found in frozen.items()})
    return _Known(live, frozen, fed, available_ucr(session, {each.site.account_id for each in free}), preflight)


def _sites_with_input(session: Session, settings: Mapping[int, SiteSettings]) -> set[int]:
    """The sites where a stage that may work has an input. Asked stage by stage about those that none was found for."""
    fed: set[int] = set()
    for definition in STAGES:
        asked = [site_id for site_id, of in settings.items() if site_id not in fed and _may_take(definition, of)]
        if not asked:
            continue
        works = stage(definition.key)
        waits = (subject_table(works).c.site_id == Site.id) & works.waiting
        query = select(Site.id).where(is_one_of(session, Site.id, asked), select(literal(1)).where(waits).exists())
        fed.update(session.scalars(query))
    return fed


def _may_take(definition: StageDefinition, settings: SiteSettings) -> bool:
    """Whether the stage would take what waits for it, or move it on."""
    off, needed = settings.off_reason(definition.number), stage(definition.key).needed_setting
    unfunded = definition.has_ai and not settings.stages[definition.number].budget_pct
    return off in {None, IMAGES_OFF} and not (unfunded and off is None) and (needed is None or needed.is_on(settings))


def _stage_rows(run: Run, *, now: datetime, only: Collection[str] | None) -> list[dict[str, Any]]:
    settings, due_at = run.site_settings, now + timedelta(seconds=config().resend_seconds)
    rows: list[dict[str, Any]] = []
    works_before = False
    for definition in STAGES:
        rests = only is not None and definition.key not in only
        is_first, works_before = not rests and not works_before, works_before or not rests
        row = {
            "run_id": run.id,
            "number": definition.number,
            "key": definition.key,
            "status": StageRunStatus.SKIPPED if rests else StageRunStatus.PENDING,
            "reason": "nothing failed here in the run that is retried" if rests else None,
            "cap": money.share_ucr(max(0, run.available), settings.stages[definition.number].budget_pct or 0),
            "due_at": due_at if is_first else None,
            "sends": int(is_first),
            "finished_at": now if rests else None,
        }
        rows.append(row)
    return rows


def _recorded(
    session: Session, wanted: Wanted, verdict: Run | Outcome, firsts: Mapping[int, int], *, now: datetime
) -> Outcome:
    """What came of it; a start, and a run of nothing, are decisions."""
    told: dict[str, Any] = {"scheduled_for": wanted.scheduled_for, "now": now}
    if isinstance(verdict, Run):
        decisions.record(session, wanted.site, kind="started", reason=verdict.origin, run_id=verdict.id, **told)
        return Started(verdict.id, firsts[verdict.id], None)
    if isinstance(verdict, Started):
        decisions.record(session, wanted.site, kind="skipped", reason=NOTHING_WAITS, **told)
    return verdict
