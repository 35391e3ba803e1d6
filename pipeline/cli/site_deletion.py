"""Owns `site delete|restore`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, note, say
from pipeline.cli.sites import site_json
from pipeline.services import site_deletion, sites
from pipeline.services.site_deletion import Deletion, Drafts

DraftsOption = Annotated[
    Drafts | None,
    typer.Option("--drafts", help="Articles that are not published: have them back on a restore, or delete them too."),
]


def delete(
    site: SiteArgument,
    *,
    drafts: DraftsOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Delete a site: its live run is cancelled, its slots are free. For 30 days it can be restored."""
    database = ready_database()
    with database.transaction() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        done = site_deletion.delete(session, row, drafts=drafts, actor=ACTOR, now=database.now())
    if as_json:
        document(_told(done))
        return
    had = done.had
    say(
        f"{row.name} is deleted, with {had.keywords} keywords, {had.ideas} ideas and {had.drafts} unpublished articles."
    )
    if done.cancelled_run_id is not None:
        note(f"Run {done.cancelled_run_id} was cancelled.")
    if had.published:
        note(f"{had.published} published articles stay on the site.")
    say(f"Until {done.cleared_after:%Y-%m-%d} it can be restored: igny8 site restore {row.id}")


def restore(site: SiteArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Have a deleted site back; its schedule and its calendar go on from now."""
    database = ready_database()
    with database.transaction() as session:
        row = site_deletion.find_deleted(session, account_of(session, account).id, site)
        site_deletion.restore(session, row, actor=ACTOR, now=database.now())
    if as_json:
        document(site_json(row))
        return
    say(f"{row.name} is back. Its articles take their slots again within a minute, while the stack is up.")


def _told(done: Deletion) -> dict[str, object]:
    return {
        "site_id": done.site.id,
        "deleted_at": done.deleted_at,
        "cleared_after": done.cleared_after,
        "cancelled_run_id": done.cancelled_run_id,
        "unscheduled": done.unscheduled,
        "drafts": done.drafts,
        "had": asdict(done.had),
    }
