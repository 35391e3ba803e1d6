"""Owns `settings show|set|preset|reset`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from pipeline.cli.calendar_changes import FollowOption, PreviewOption, note_moves, tell_preview
from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, ChangesArgument, JsonOption, SiteArgument
from pipeline.cli.output import document, say, setting, table
from pipeline.cli.schedule import next_run
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.matrix import SiteSettings
from pipeline.core.presets import LIMITS, Preset, preset_of, with_preset
from pipeline.services import calendar, settings, sites
from pipeline.services.calendar import Follow
from pipeline.services.settings import ResolvedAi

app = typer.Typer()

ResolvedOption = Annotated[
    bool, typer.Option("--resolved", help="Only what a site may leave open: what counts, and who decided it.")
]
PresetArgument = Annotated[Preset, typer.Argument(metavar="PRESET", help=f"One of {', '.join(Preset)}.")]


@app.command("show")
def show(
    site: SiteArgument,
    *,
    only_resolved: ResolvedOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Show every setting of a site, by the key that `settings set` takes."""
    if only_resolved:
        _show_resolved(site, account, as_json=as_json)
        return
    with reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        found = settings.document(session, row)
        resolved = settings.resolve_ai(session, row)
        schedule = settings.row_of(session, row)
    if as_json:
        document(found)
        return
    _tell_stages(found["stages"])
    say(f"Per-run limits: {preset_of(settings.settings_of(schedule)).capitalize()}")
    for group in ("automation", "delays", "publishing", "content"):
        table([group, ""], _lines(group, found[group]))
    table(["ai", "", "from"], _ai_lines(resolved))
    say(f"Next run: {next_run(schedule, row)}")


def _show_resolved(site: str, account: str, *, as_json: bool) -> None:
    with reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        found = settings.resolved_of(session, row)
    if as_json:
        document({group: {name: of._asdict() for name, of in values.items()} for group, values in found.items()})
        return
    lines = [
        (f"{group}.{name}", setting(of.value), of.source.value)
        for group, values in found.items()
        for name, of in values.items()
    ]
    table(["setting", "", "from"], lines)


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
    wanted = parsed_changes(changes)

    def changed(stored: SiteSettings) -> SiteSettings:
        return settings.changed(stored, wanted)

    if preview:
        _tell_preview(account, site, changed, follow=follow, as_json=as_json)
        return
    found = _save(account, site, changed, follow=follow)
    if as_json:
        document(found)
        return
    for key in wanted:
        say(f"{key} = {setting(_at(found, key))}")


@app.command("preset")
def preset(
    site: SiteArgument, name: PresetArgument, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False
) -> None:
    """Set the per-run limits of stages 4 to 7 by a preset; nothing else changes."""
    found = _save(account, site, lambda stored: with_preset(stored, name), follow=Follow.REFLOW)
    if as_json:
        document(found)
        return
    for number in LIMITS[name]:
        key = f"stages.{number}.per_run_limit"
        say(f"{key} = {setting(_at(found, key))}")


@app.command("reset")
def reset(
    site: SiteArgument,
    *,
    follow: FollowOption = Follow.REFLOW,
    preview: PreviewOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Give every setting of a site its default, as a new site has it. The calendar follows its slots."""
    if preview:
        _tell_preview(account, site, lambda _: SiteSettings(), follow=follow, as_json=as_json)
        return
    found = _save(account, site, lambda _: SiteSettings(), follow=follow)
    if as_json:
        document(found)
        return
    say("Every setting has its default now.")


def _save(
    account: str, site: str, change_of: Callable[[SiteSettings], SiteSettings], *, follow: Follow
) -> dict[str, Any]:
    """Save what becomes of a site's settings, the calendar following; the document as it is then."""
    database = ready_database()
    with database.transaction() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        page = calendar.lock_settings(session, account_id=row.account_id, site_id=row.id)
        new = change_of(page.settings)
        changed = calendar.save_settings(session, page, new, follow=follow, actor=ACTOR, now=database.now())
    note_moves(changed.moves, page.site.name)
    return page.document()


def _tell_preview(
    account: str, site: str, change_of: Callable[[SiteSettings], SiteSettings], *, follow: Follow, as_json: bool
) -> None:
    database = ready_database()
    with database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        new = change_of(settings.load(session, row))
        would_move = calendar.preview(session, row, follow=follow, now=database.now(), settings=new)
    tell_preview(would_move, timezone=row.timezone, as_json=as_json)


def parsed_changes(changes: Sequence[str]) -> dict[str, str]:
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
    rows = [(f"stages.{row['number']}", row["name"], *(setting(row[column]) for column in columns)) for row in stages]
    table(["stage", "", *columns], rows, right=columns)


def _lines(group: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{group}.{name}", setting(value)) for name, value in values.items()]


def _ai_lines(resolved: ResolvedAi) -> list[tuple[str, str, str]]:
    values = resolved.values.model_dump()
    return [(f"ai.{name}", setting(value), resolved.origins[name].value) for name, value in values.items()]


def _at(found: Mapping[str, Any], key: str) -> object:
    group, _, rest = key.partition(".")
    if group != "stages":
        return found[group][rest]
    number, _, column = rest.partition(".")
    return found["stages"][int(number) - 1][column]
