"""Owns `providers test`: one cheapest call of a provider, what it proved and what it cost."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, JsonOption
from pipeline.cli.output import document, note, say
from pipeline.services import provider_tests
from pipeline.services.provider_tests import Tried

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The provider: openai, anthropic, runware or offline.", show_default=False),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="Ask this model of it, not its cheapest one.")
]


def check(name: NameArgument, *, model: ModelOption = None, as_json: JsonOption = False) -> None:
    """Ask a provider once, as cheaply as can be; tell what that proved and what it cost us. Exit 1 where it fails."""
    from pipeline.engine import provider_tests as tests

    provider_tests.checked_name(name)
    database = ready_database()
    with database.reading() as session:
        account = account_of(session, DEFAULT_ACCOUNT)
    tried = tests.run(database, name, model=model, account_id=account.id, actor=ACTOR)
    if as_json:
        document(tried.as_json())
    else:
        _show(tried)
    if not tried.works:
        if as_json:
            note(tried.error or "")
        raise typer.Exit(1)


def _show(tried: Tried) -> None:
    if tried.works:
        say(f"{tried.provider} works: {tried.model} was asked.")
    else:
        note(f"{tried.provider} failed: {tried.model} was asked. {tried.error}")
    for proved in tried.proved:
        say(f"- {proved}")
    for doubt in tried.doubts:
        say(f"- open: {doubt}")
    tokens = "" if tried.input_tokens is None else f" for {tried.input_tokens} + {tried.output_tokens} tokens"
    cost = "what it cost us is unknown" if tried.cost_usd is None else f"cost us ${tried.cost_usd}{tokens}"
    say(f"It took {tried.seconds:.1f} s and {cost}; no customer paid.")
