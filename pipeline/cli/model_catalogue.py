"""Owns `models catalogue|add-from-catalogue`: a starting list of models with cost and price, and adding one of it."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.ai.catalogue import CHECK, CatalogueModel, written
from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, JsonOption
from pipeline.cli.output import document, note, say, table
from pipeline.core.catalog import ModelType
from pipeline.core.words import counted
from pipeline.services import audit, model_catalogue, model_registry
from pipeline.services.model_registry import cost_string

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The model, as the catalogue lists it.", show_default=False)
]
ProviderOption = Annotated[str | None, typer.Option("--provider", help="Only this provider's models.")]
TestingOption = Annotated[
    bool, typer.Option("--testing", help="The testing model of its type; the one before is retired.")
]
DefaultOption = Annotated[
    bool, typer.Option("--default", help="The live model of its type, for accounts that chose none.")
]
_COLUMNS = ("name", "shown as", "provider", "type", "our cost", "suggested price", "as of", "")


def list_all(*, provider: ProviderOption = None, as_json: JsonOption = False) -> None:
    """List models that could be added, with what they cost us and a price: check against your provider's price list."""
    with reading() as session:
        found = model_catalogue.list_catalogue(session, provider=provider)
    if as_json:
        document([each.as_json() for each in found])
        return
    table(_COLUMNS, [(*_cells(each.model), "added" if each.is_added else "") for each in found])
    say()
    say(f"Written on {written()}: {CHECK}. igny8 models add-from-catalogue NAME adds one.")


def add(
    name: NameArgument, *, testing: TestingOption = False, default: DefaultOption = False, as_json: JsonOption = False
) -> None:
    """Add a model of the catalogue with its cost, its suggested price and what it can; one that is there stays."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        done = model_catalogue.add(session, name, is_testing=testing, is_default=default, now=now)
        audit.record(
            session,
            account_id=account_of(session, DEFAULT_ACCOUNT).id,
            actor=ACTOR,
            action="model.set",
            subject_kind="model",
            subject_id=done.model.id,
            now=now,
            details=model_registry.told(done.model),
        )
    if as_json:
        document(model_registry.described(done.model))
    else:
        say(f"{done.model.name} was added. Its cost and price are those of the catalogue: {CHECK}.")
    if done.displaced:
        then = "no longer the default" if done.displaced.is_active else "retired"
        note(f"{done.displaced.name} had this place before and is {then}.")


def _cells(model: CatalogueModel) -> tuple[object, ...]:
    told = (model.name, model.display_name, model.provider, model.model_type)
    if model.model_type is ModelType.TEXT:
        cost = f"${cost_string(model.cost_per_1k_input)} in, ${cost_string(model.cost_per_1k_output)} out for 1,000"
        return (*told, cost, f"{model.tokens_per_credit:,} tokens a credit", model.as_of)
    by_format = ", by format" if model.image_prices else ""
    price = f"{counted(model.credits_per_image or 0, 'credit')} an image{by_format}"
    return (*told, f"${cost_string(model.cost_per_image)} an image", price, model.as_of)
