"""Owns `providers list|set`: the providers that the platform is a customer of."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, JsonOption
from pipeline.cli.output import document, say, table
from pipeline.config import config
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.providers import ProviderName
from pipeline.models import IntegrationProvider
from pipeline.services import audit, provider_health, providers
from pipeline.services.providers import MAX_KEY_CHARACTERS, ProviderChange

app = typer.Typer()

NameArgument = Annotated[
    ProviderName, typer.Argument(metavar="NAME", help=f"One of {', '.join(ProviderName)}.", show_default=False)
]
KeyOption = Annotated[bool, typer.Option("--api-key-stdin", help="Read its key from standard input.")]
ForgetOption = Annotated[bool, typer.Option("--forget-api-key", help="Forget its key.")]
UrlOption = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="Ask at this address; empty: the provider's own.", show_default=""),
]
SandboxOption = Annotated[
    bool | None,
    typer.Option("--sandbox/--live", help="Only play, or in earnest; payments and mail only.", show_default=False),
]
RequestsOption = Annotated[
    int | None,
    typer.Option(
        "--requests-per-minute",
        metavar="N",
        help="Most requests a minute of all workers; 0: any number.",
        show_default=False,
    ),
]
TokensOption = Annotated[
    int | None,
    typer.Option(
        "--tokens-per-minute",
        metavar="N",
        help="Most tokens a minute of all workers; 0: any number.",
        show_default=False,
    ),
]
EnabledOption = Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it is asked at all.")]


@app.command("list")
def list_all(*, as_json: JsonOption = False) -> None:
    """List the providers: whether each has a key, where it is asked, its pace, and which models fail now."""
    database = ready_database()
    now = database.now()
    with database.reading() as session:
        found = providers.list_providers(session, now=now)
        troubles = provider_health.troubles(session, now=now)
    if as_json:
        document([{**providers.described(row), "troubles": provider_health.told(troubles, row.name)} for row in found])
        return
    rows = [
        (
            row.name,
            "yes" if row.api_key else "",
            row.base_url,
            _mode(row),
            "yes" if row.is_enabled else "no",
            _pace(row),
        )
        for row in found
    ]
    table(["provider", "key", "address", "mode", "enabled", "pace"], rows)
    for each in troubles:
        say(f"{each.name}: {each.sentence}.")


@app.command("set")
def change(
    name: NameArgument,
    *,
    with_key: KeyOption = False,
    forget_key: ForgetOption = False,
    base_url: UrlOption = None,
    sandbox: SandboxOption = None,
    enabled: EnabledOption = None,
    requests_per_minute: RequestsOption = None,
    tokens_per_minute: TokensOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a provider its key, its address, its mode, its pace; what is left out stays as it is."""
    if with_key and forget_key:
        raise InvalidValueError([Fault("--api-key-stdin", "give a key or forget it, not both.")])
    key = _read_key() if with_key else "" if forget_key else None
    wanted = ProviderChange(
        api_key=key,
        base_url=base_url,
        is_sandbox=sandbox,
        is_enabled=enabled,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )
    row = _save(name, wanted, key_given=with_key)
    if as_json:
        document(providers.described(row))
        return
    key_told = "a key" if row.api_key else "no key"
    address = row.base_url or "its own address"
    say(f"{row.name} has {key_told}, is asked at {address}, mode {_mode(row)}{_told_pace(row)}.")


def _save(name: ProviderName, wanted: ProviderChange, *, key_given: bool) -> IntegrationProvider:
    """Change it, and note in the audit trail that it was."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        account = account_of(session, DEFAULT_ACCOUNT)
        # Whoever is here may read the database and its key.
        row = providers.set_provider(session, name, wanted, home=config().home, now=now, is_trusted=True)
        audit.record(
            session,
            account_id=account.id,
            actor=ACTOR,
            action="provider.set",
            subject_kind="provider",
            subject_id=row.id,
            now=now,
            details=providers.audited(row, key_given=key_given),
        )
    return row


def _read_key() -> str:
    """The key on standard input; InvalidValueError where nothing stands there."""
    key = sys.stdin.read(2 * MAX_KEY_CHARACTERS).strip()
    if not key:
        raise InvalidValueError([Fault("--api-key-stdin", "nothing came on standard input. Pipe the key into it.")])
    return key


def _mode(row: IntegrationProvider) -> str:
    return "sandbox" if row.is_sandbox else "live"


def _pace(row: IntegrationProvider) -> str:
    """Its pace in a cell."""
    limits = [(row.requests_per_minute, "request"), (row.tokens_per_minute, "token")]
    return ", ".join(f"{limit:,} {what}{'' if limit == 1 else 's'}/min" for limit, what in limits if limit)


def _told_pace(row: IntegrationProvider) -> str:
    return f", at most {_pace(row)}" if _pace(row) else ""
