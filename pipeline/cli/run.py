"""Owns `run`: accept a run of a site, and with `--wait` see it through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from sqlalchemy.orm import Session

from pipeline import tracing
from pipeline.cli.edge import account_of, load_stages, ready_database
from pipeline.cli.failures import INTERRUPTED
from pipeline.cli.forecast import tell_forecast
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, note, say
from pipeline.cli.stacks import FRESH, Workforce, stack_runs
from pipeline.cli.watch import watch
from pipeline.config import config
from pipeline.core.errors import ConflictError, Fault, InvalidValueError, LiveRunError, PipelineError
from pipeline.core.states import RunStatus
from pipeline.db.session import Database
from pipeline.models import Run
from pipeline.services import runs, sites
from pipeline.services.runs import Started

#: How a run ends that a waiting command calls a success.
GOOD: Final = (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_ERRORS)

_JUST_KILLED: Final = (
    f"If every process was killed just now, this is known {FRESH.total_seconds():g} s later: start again then, "
    "and it is taken up."
)

WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait", help="Show its progress until it ends; exit 1 unless it completes, be it with failed items."
    ),
]

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Spend and start nothing: say what it would do, cost and last.")
]


@dataclass(frozen=True)
class Accepted:
    """What became of a request to run, and whether the queue knows of it."""

    started: Started
    sent: bool


def run(
    site: SiteArgument,
    *,
    wait: WaitOption = False,
    dry_run: DryRunOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Run a site through the seven stages, or with --dry-run only say what that would do, cost and last.

    Without --wait the run is accepted and done by the stack that runs, or by the next one. With it, a stack is started
    for as long as the run takes where none is running, and a live run that was left behind is gone on with.
    """
    load_stages()
    if dry_run:
        _refuse_to_wait(wait=wait)
        tell_forecast(site, account=account, as_json=as_json)
        return

    def start(session: Session, now: datetime) -> Started:
        row = sites.find_site(session, account_of(session, account).id, site)
        return runs.start(session, site=row, now=now)

    database = ready_database()
    if not wait:
        tell_accepted(accept(database, start), as_json=as_json)
        return
    require_broker()
    try:
        started = accept(database, start, send=False)
    except LiveRunError as error:
        started = _taken_up(database, error)
    if started.started.run_id is None:
        tell_accepted(started, as_json=as_json)
        return
    report = see_through(database, started.started, as_json=as_json)
    if as_json:
        document(report)
    if report["status"] not in GOOD:
        raise typer.Exit(1)


def _refuse_to_wait(*, wait: bool) -> None:
    if wait:
        raise InvalidValueError([Fault("--dry-run", "it starts nothing to wait for. Leave one of the two out.")])


def _taken_up(database: Database, live: LiveRunError) -> Accepted:
    """The live run in the place of another one, where nobody works on it. LiveRunError, or ConflictError if paused."""
    if stack_runs(database):
        raise ConflictError(f"{live.message} {_JUST_KILLED}") from None
    with database.reading() as session:
        if session.get_one(Run, live.run_id).status is RunStatus.PAUSED:
            told = f"The site already has a live run ({live.run_id}), which is paused."
            raise ConflictError(f"{told} Resume it: igny8 resume {live.run_id}. Then start again: it is taken up.")
    note(f"Run {live.run_id} of this site is live, and nobody works on it: going on with that one.")
    return Accepted(Started(live.run_id, None, None), sent=False)


def accept(database: Database, start: Callable[[Session, datetime], Started], *, send: bool = True) -> Accepted:
    """Start a run in one transaction and, after its commit, send its first stage."""
    from pipeline.engine.dispatch import publish_stage
    from pipeline.engine.task_contexts import start_traces

    start_traces("cli")
    with tracing.span("igny8 run"):
        with database.transaction() as session:
            started = start(session, database.now())
        if not send or started.stage_run_id is None:
            return Accepted(started, sent=False)
        return Accepted(started, sent=publish_stage(database, started.stage_run_id))


def tell_accepted(accepted: Accepted, *, as_json: bool) -> None:
    """Say that the run was accepted, or why there is none."""
    started = accepted.started
    if started.run_id is None:
        if as_json:
            document({"run_id": None, "status": None, "reason": started.reason})
            return
        say(f"Nothing to do: {started.reason}.")
        return
    if not accepted.sent:
        note(f"The broker cannot be reached: run {started.run_id} begins once it can be and a stack runs (igny8 up).")
    if as_json:
        document({"run_id": started.run_id, "status": RunStatus.QUEUED})
        return
    say(f"Run {started.run_id} is queued. igny8 run-show {started.run_id} shows how far it is.")


def see_through(database: Database, started: Started, *, as_json: bool) -> dict[str, Any]:
    """Watch a run to its end with somebody who works on it; its last report. Ctrl-C leaves the run and exits 130."""
    with Workforce(database) as workforce:
        return follow(database, started, workforce, as_json=as_json)


def follow(database: Database, started: Started, workforce: Workforce, *, as_json: bool) -> dict[str, Any]:
    """The same, with a workforce that outlives the run."""
    from pipeline.engine.dispatch import publish_stage

    run_id = started.run_id or 0
    try:
        _ensure(workforce, run_id)
        if started.stage_run_id is not None:
            publish_stage(database, started.stage_run_id)
        return watch(database, run_id, tend=workforce.ensure, stderr=as_json)
    except KeyboardInterrupt:
        who = "The running stack goes on with it" if workforce.is_elsewhere else "igny8 up goes on with it"
        note(f"Stopped watching. Run {run_id} stays in the database. {who}; igny8 cancel {run_id} ends it.")
        raise typer.Exit(INTERRUPTED) from None


def require_broker() -> None:
    """NotReadyError where the broker that was given does not answer; the embedded one is started when it is needed."""
    from pipeline.local.stack import use_broker

    if not config().embedded:
        use_broker(config())


def _ensure(workforce: Workforce, run_id: int) -> None:
    try:
        workforce.ensure()
    except PipelineError:
        note(f"Run {run_id} stays queued: igny8 up goes on with it, once what follows is put right.")
        raise
