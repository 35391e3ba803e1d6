"""Owns the table of contents of the command line: which command is where."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from pipeline.cli import (
    account,
    account_end,
    api_keys,
    author_profiles,
    backup,
    calendar_feed,
    calendar_moves,
    content,
    credit,
    defaults,
    demo,
    doctor,
    installation,
    keys,
    keyword_library,
    keywords,
    model_catalogue,
    models,
    notifications,
    plans,
    preferences,
    processes,
    prompts,
    provider_tests,
    providers,
    publishing,
    report,
    reviews,
    run,
    runs,
    schedule,
    settings,
    site_deletion,
    site_health,
    sites,
    users,
    versions,
    webhooks,
)
from pipeline.cli.failures import Commands

app = typer.Typer(
    name="igny8",
    cls=Commands,
    help="From a keyword file to published articles: seven stages, one command.",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def igny8(
    context: typer.Context,
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False,  # noqa: ARG001 - `Commands.main` takes it, wherever it stands; here it is explained
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """From a keyword file to published articles: seven stages, one command."""
    _keep_quiet()
    if show_version:
        typer.echo(f"igny8-pipeline {version('igny8-pipeline')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def _keep_quiet() -> None:
    """A command speaks in sentences; log lines of what it uses would only stand between them."""
    from pipeline.config import config
    from pipeline.logs import configure_logs

    configure_logs(log_format=config().log_format, log_level="ERROR")


def _group(name: str, module_app: typer.Typer, text: str) -> None:
    app.add_typer(module_app, name=name, help=text)


app.command("demo")(demo.demo)
app.command("init")(installation.init)
app.command("up")(processes.up)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.back_up)
app.command("restore")(backup.restore)
_group("site", sites.app, "Sites: add one, list them, show one, check whether it is well, delete one.")
sites.app.command("test")(site_health.check)
sites.app.command("sync")(site_health.check_all)
sites.app.command("delete")(site_deletion.delete)
sites.app.command("restore")(site_deletion.restore)
_group("keywords", keywords.app, "Keywords of a site: import a file, add, list, delete.")
_group(
    "keyword-library",
    keyword_library.app,
    "Keywords to begin with: list, show, take some for a site, import, remove.",
)
_group("settings", settings.app, "Settings of a site: show, set, preset, reset.")
_group("prompts", prompts.app, "What the stages tell their models: list, show, set, reset.")
_group(
    "author-profiles",
    author_profiles.app,
    "Whom sites may write as: list, show, add, edit, delete, restore, choose one for a site.",
)
app.command("run")(run.run)
app.command("runs")(runs.runs)
app.command("run-show")(runs.run_show)
app.command("pause")(runs.pause)
app.command("resume")(runs.resume)
app.command("cancel")(runs.cancel)
app.command("retry")(runs.retry)
_group("schedule", schedule.app, "The schedule of a site: show, pause, resume.")
app.command("decisions")(schedule.decisions)
_group("calendar", calendar_moves.app, "The calendar of a site: show it, move what stands on it, undo.")
calendar_moves.app.command("feed")(calendar_feed.feed)
_group("content", content.app, "Articles: list a site's, show one, decide about it, edit it.")
content.app.command("approve")(reviews.approve)
content.app.command("reject")(reviews.reject)
content.app.command("edit")(reviews.edit)
content.app.command("withdraw")(reviews.withdraw)
content.app.command("delete")(reviews.delete)
content.app.command("versions")(versions.versions)
content.app.command("restore")(versions.restore)
app.command("publish")(publishing.publish)
_group("credits", credit.app, "Credits of an account: show, every movement, grant, refund.")
_group("plans", plans.plans_app, "Plans, which limit sites and people: list, set, give one to an account.")
_group("credit-packages", plans.packages_app, "Packages of credits: list, set, book one for an account.")
app.command("report")(report.report)
_group("account", account.app, "Accounts: add one, export or erase one.")
account.app.command("export")(account_end.export)
account.app.command("erase")(account_end.erase)
_group("api-keys", api_keys.app, "API keys of an account: create, list, rotate, revoke.")
_group("users", users.app, "People of an account: add, list, disable, enable, password, role, sites.")
_group("preferences", preferences.app, "What a person prefers in how pages look: show, set.")
_group("account-settings", defaults.of_account, "What an account decides for its sites: show, set.")
_group("system-settings", defaults.of_system, "What the system decides for all accounts: show, set.")
_group("models", models.app, "Models that may be asked, with cost and price: list, set, retire; a catalogue.")
models.app.command("catalogue")(model_catalogue.list_all)
models.app.command("add-from-catalogue")(model_catalogue.add)
_group("providers", providers.app, "Providers of models, payments, e-mail: list, set, test.")
providers.app.command("test")(provider_tests.check)
_group("keys", keys.app, "Keys that secrets are encrypted with: rotate.")
_group("notifications", notifications.app, "What an account was told: list, mark as read.")
_group("webhooks", webhooks.app, "Addresses that notifications are posted to: add, list, remove, test; what arrived.")
_group("db", installation.db_app, "The database.")
app.command("worker")(processes.worker)
app.command("beat")(processes.beat)
app.command("flower")(processes.flower)
app.command("web")(processes.web)
