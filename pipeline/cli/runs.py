"""Owns `runs`, `run-show` and what people do to a run: pause, resume, cancel, retry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import ACTOR, account_of, load_stages, reading, ready_database
from pipeline.cli.options import (
    DEFAULT_ACCOUNT,
    LARGEST_ID,
    AccountOption,
    CsvOption,
    JsonOption,
    LimitOption,
    RunArgument,
)
from pipeline.cli.output import csv_rows, document, local_instant, say, status, table
from pipeline.cli.run import accept, tell_accepted
from pipeline.cli.run_table import print_report
from pipeline.core.errors import InvalidValueError
from pipeline.core.states import RunStatus
from pipeline.models import Run
from pipeline.services import exports, reports, run_control, sites
from pipeline.services import runs as service

OptionalSite = Annotated[
    str | None, typer.Argument(metavar="[SITE]", help="Only this site's, by name or id.", show_default=False)
]

StatusOption = Annotated[RunStatus | None, typer.Option("--status", help="Only runs of this status.")]
StageOption = Annotated[int | None, typer.Option("--stage", min=1, max=7, help="Only what failed in this stage.")]
ItemOption = Annotated[
    int | None, typer.Option("--item", min=1, max=LARGEST_ID, help="Only this item of the stage, by its subject's id.")
]


def runs(
    site: OptionalSite = None,
    *,
    with_status: StatusOption = None,
    limit: LimitOption = 20,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """List runs, the newest first."""
    with reading() as session:
        owner = account_of(session, account)
        site_id = None if site is None else sites.find_site(session, owner.id, site).id
        if as_csv:
            csv_rows(session, exports.of_runs(owner.id, site_id=site_id), as_json=as_json)
            return
        found = service.list_runs(session, account_id=owner.id, site_id=site_id, status=with_status, limit=limit)
        names = {row.id: row for row in sites.list_sites(session, account_id=owner.id)}
    if as_json:
        document([_json(run) for run in found])
        return
    rows = [
        (
            run.id,
            names[run.site_id].name,
            status(run.status),
            run.origin,
            local_instant(run.created_at, names[run.site_id].timezone),
            run.reason or "",
        )
        for run in found
    ]
    table(["run", "site", "status", "origin", "started", "reason"], rows, right=["run"])


def run_show(run: RunArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show a run: its seven stages, what they did, what they cost."""
    with reading() as session:
        row = service.get_run(session, account_id=account_of(session, account).id, run_id=run)
        report = reports.run_report(session, row.id)
    if as_json:
        document(report)
        return
    print_report(report)


def pause(run: RunArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Pause a run: nothing new is begun, what was paid for is kept."""
    _act(run, account, run_control.pause, as_json=as_json)


def resume(run: RunArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Go on with a paused run."""
    _act(run, account, run_control.resume, as_json=as_json)


def cancel(run: RunArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Cancel a run: answers that still arrive are kept, nothing else is begun."""
    _act(run, account, run_control.cancel, as_json=as_json)


def retry(
    run: RunArgument,
    *,
    stage: StageOption = None,
    item: ItemOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Start a new run of exactly the items that failed in a run, in one of its stages, or of one of them."""
    if item is not None and stage is None:
        raise InvalidValueError("An item is named together with its stage: give --stage too.")
    load_stages()

    def start(session: Session, now: datetime) -> service.Started:
        row = service.get_run(session, account_id=account_of(session, account).id, run_id=run)
        return service.retry(session, row, part=service.Part(stage, item), now=now)

    tell_accepted(accept(ready_database(), start), as_json=as_json)


def _act(run_id: int, account: str, action: Callable[..., None], *, as_json: bool) -> None:
    database = ready_database()
    with database.transaction() as session:
        run = service.get_run(session, account_id=account_of(session, account).id, run_id=run_id)
        action(session, run, actor=ACTOR, now=database.now())
    if as_json:
        document({"run_id": run.id, "status": run.status})
        return
    say(f"Run {run.id} is {run.status}.")


def _json(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "site_id": run.site_id,
        "status": run.status,
        "origin": run.origin,
        "reason": run.reason,
        "scheduled_for": run.scheduled_for,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }
