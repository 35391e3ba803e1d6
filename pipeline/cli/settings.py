"""Owns `settings show|set`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from pipeline.cli.calendar_changes import FollowOption, PreviewOption, note_moves, tell_preview
from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, say, table
from pipeline.cli.schedule import next_run
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.models import Site
from pipeline.services import audit, calendar, settings, sites
from pipeline.services.calendar import Changed, Follow
from pipeline.services.settings import ResolvedAi

app = typer.Typer()

ChangesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="KEY=VALUE...", help="Such as stages.4.per_run_limit=5 or delays.within_stage=0.", show_default=False
    ),
]


@app.command("show")
def show(site: SiteArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show every setting of a site, by the key that `settings set` takes."""
    with reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        found = settings.document(session, row)
        resolved = settings.resolve_ai(session, row)
        schedule = settings.row_of(session, row)
    if as_json:
        document(found)
        return
    _tell_stages(found["stages"])
    for group in ("automation", "delays", "publishing", "content"):
        table([group, ""], _lines(group, found[group]))
    table(["ai", "", "from"], _ai_lines(resolved))
    say(f"Next run: {next_run(schedule, row)}")


@app.command("set")
def change(
    site: SiteArgument,
    changes: ChangesArgument,
    *,
    follow: FollowOption = Follow.REFLOW,
    preview: PreviewOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Change settings of a site: all of them, or none where one is wrong. The calendar follows its slots."""
    wanted = _parsed(changes)
    database = ready_database()
    if preview:
        with database.reading() as session:
            row = sites.find_site(session, account_of(session, account).id, site)
            new = settings.changed(settings.load(session, row), wanted)
            would_move = calendar.preview(session, row, follow=follow, now=database.now(), settings=new)
        tell_preview(would_move, timezone=row.timezone, as_json=as_json)
        return
    with database.transaction() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        changed = _apply(session, row, wanted, follow=follow, now=database.now())
        found = settings.document(session, row)
    note_moves(changed.moves, row.name)
    if as_json:
        document(found)
        return
    for key in wanted:
        say(f"{key} = {_shown(_at(found, key))}")


def _apply(session: Session, site: Site, wanted: Mapping[str, str], *, follow: Follow, now: datetime) -> Changed:
    """Change, and have the calendar follow where its slots changed."""
    new = settings.changed(settings.load(session, site), wanted)
    changed = calendar.save_settings(session, site, new, follow=follow, actor=ACTOR, now=now)
    audit.record(
        session,
        account_id=site.account_id,
        actor=ACTOR,
        action="settings.changed",
        subject_kind="site",
        subject_id=site.id,
        now=now,
        details=dict(wanted),
    )
    return changed


def _parsed(changes: Sequence[str]) -> dict[str, str]:
    """The changes by key; InvalidValueError for what is no KEY=VALUE, and for a key that comes twice."""
    wanted: dict[str, str] = {}
    faults = []
    for change_text in changes:
        key, equals, value = change_text.partition("=")
        key = key.strip()
        if not equals or not key:
            faults.append(Fault(change_text, "a change is KEY=VALUE, such as delays.within_stage=0."))
        elif key in wanted:
            faults.append(Fault(key, "it is given twice. Give every key once."))
        wanted[key] = value
    if faults:
        raise InvalidValueError(faults)
    return wanted


def _tell_stages(stages: Sequence[Mapping[str, Any]]) -> None:
    columns = ("enabled", "batch_size", "per_run_limit", "use_testing", "budget_pct", "concurrency")
    rows = [(f"stages.{row['number']}", row["name"], *(_shown(row[column]) for column in columns)) for row in stages]
    table(["stage", "", *columns], rows, right=columns)


def _lines(group: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{group}.{name}", _shown(value)) for name, value in values.items()]


def _ai_lines(resolved: ResolvedAi) -> list[tuple[str, str, str]]:
    values = resolved.values.model_dump()
    return [(f"ai.{name}", _shown(value), resolved.origins[name].value) for name, value in values.items()]


def _at(found: Mapping[str, Any], key: str) -> object:
    group, _, rest = key.partition(".")
    if group != "stages":
        return found[group][rest]
    number, _, column = rest.partition(".")
    return found["stages"][int(number) - 1][column]


def _shown(value: object) -> str:
    """A value as `settings set` would take it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "(none)"
    return "–" if value is None else str(value)
