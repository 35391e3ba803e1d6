"""Owns `models list|set|retire`: the models that may be asked, what each costs us and what it costs a customer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, JsonOption
from pipeline.cli.output import document, note, say, table
from pipeline.core.capabilities import MAX_TOKENS_NAMES
from pipeline.core.catalog import ModelType
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.words import counted
from pipeline.models import AiModel
from pipeline.services import audit, model_registry
from pipeline.services.model_changes import ModelChange
from pipeline.services.models import UNKNOWN_COST, cost_is_known, price_of

app = typer.Typer()
_COSTS: Final = {
    "--cost-input": "cost_per_1k_input",
    "--cost-output": "cost_per_1k_output",
    "--cost-image": "cost_per_image",
}

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The model, as its provider calls it.", show_default=False)
]
ProviderOption = Annotated[str | None, typer.Option("--provider", help="Who has it; a new model needs one.")]
TypeOption = Annotated[ModelType | None, typer.Option("--type", help="What it makes; a new model needs one.")]
ShownOption = Annotated[str | None, typer.Option("--display-name", help="What people read; its name where not given.")]
TestingOption = Annotated[
    bool, typer.Option("--testing", help="The testing model of its type; the one before is retired.")
]
DefaultOption = Annotated[
    bool, typer.Option("--default", help="The live model of its type, for accounts that chose none.")
]
TokensOption = Annotated[
    int | None, typer.Option("--tokens-per-credit", metavar="N", help="Tokens that cost a customer one credit.")
]
CreditsOption = Annotated[
    int | None, typer.Option("--credits-per-image", metavar="N", help="Credits that one image costs a customer.")
]
InputCostOption = Annotated[
    str | None, typer.Option("--cost-input", metavar="X", help="US dollars we pay for 1,000 tokens of a prompt.")
]
OutputCostOption = Annotated[
    str | None, typer.Option("--cost-output", metavar="X", help="US dollars we pay for 1,000 tokens of an answer.")
]
ImageCostOption = Annotated[str | None, typer.Option("--cost-image", metavar="X", help="US dollars we pay an image.")]
TemperatureOption = Annotated[
    bool | None, typer.Option("--temperature/--no-temperature", help="Whether it takes a temperature.")
]
SchemaOption = Annotated[
    bool | None,
    typer.Option("--json-schema/--no-json-schema", help="Whether it keeps to a JSON schema; else its prompt has it."),
]
TokensNameOption = Annotated[
    str | None,
    typer.Option("--max-tokens-name", metavar="X", help=f"{' or '.join(MAX_TOKENS_NAMES)}, as its server wants it."),
]
LongestOption = Annotated[
    int | None, typer.Option("--output-token-limit", metavar="N", help="The most it can give; 0: nobody said.")
]
ThinkingOption = Annotated[
    int | None, typer.Option("--thinking-tokens", metavar="N", help="Tokens it may think before it writes; 0: none.")
]
FreeOption = Annotated[bool, typer.Option("--free", help="It costs customers nothing.")]


@app.command("list")
def list_all(*, as_json: JsonOption = False) -> None:
    """List every model: what it is used for, what it costs us, what it costs a customer."""
    with reading() as session:
        found = model_registry.list_models(session)
    if as_json:
        document([model_registry.described(model) for model in found])
        return
    rows = [(m.name, m.display_name, m.provider, m.model_type, _use(m), _price(m), _cost(m)) for m in found]
    table(["name", "shown as", "provider", "type", "use", "price", "our cost"], rows)


@app.command("set")
def change(
    name: NameArgument,
    *,
    provider: ProviderOption = None,
    model_type: TypeOption = None,
    display_name: ShownOption = None,
    testing: TestingOption = False,
    default: DefaultOption = False,
    tokens_per_credit: TokensOption = None,
    credits_per_image: CreditsOption = None,
    cost_input: InputCostOption = None,
    cost_output: OutputCostOption = None,
    cost_image: ImageCostOption = None,
    free: FreeOption = False,
    temperature: TemperatureOption = None,
    json_schema: SchemaOption = None,
    max_tokens_name: TokensNameOption = None,
    output_token_limit: LongestOption = None,
    thinking_tokens: ThinkingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a model, or change it; what is left out stays as it is. Runs under way keep their prices."""
    costs = _dollars({"--cost-input": cost_input, "--cost-output": cost_output, "--cost-image": cost_image})
    wanted = ModelChange(
        provider=provider,
        model_type=model_type,
        display_name=display_name,
        is_testing=testing or None,
        is_default=default or None,
        is_free=free or None,
        tokens_per_credit=tokens_per_credit,
        credits_per_image=credits_per_image,
        has_temperature=temperature,
        has_json_schema=json_schema,
        max_tokens_name=max_tokens_name,
        output_token_limit=output_token_limit,
        thinking_tokens=thinking_tokens,
        **costs,
    )
    _set(name, wanted, as_json=as_json)


@app.command("retire")
def retire(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Have a model asked no more; runs under way still ask it. `models set NAME` makes it active again."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        model = model_registry.retire(session, name, now=now)
        _record(session, model, "model.retired", now=now)
    if as_json:
        document(model_registry.described(model))
        return
    say(f"{model.name} is retired.")


def _set(name: str, wanted: ModelChange, *, as_json: bool) -> None:
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        done = model_registry.set_model(session, name, wanted, now=now)
        _record(session, done.model, "model.set", now=now)
    model = done.model
    if as_json:
        document(model_registry.described(model))
    else:
        say(f"{model.name} ({model.provider}, {model.model_type}): {_use(model)}; {_price(model)}.")
    if done.displaced:
        then = "no longer the default" if done.displaced.is_active else "retired"
        note(f"{done.displaced.name} had this place before and is {then}.")
    if not price_of(model).known:
        unit = "--tokens-per-credit" if model.model_type == ModelType.TEXT else "--credits-per-image"
        note(f"{model.name} has no price, and nothing is asked without one. Give it one with {unit} N, or --free.")
    if not cost_is_known(model):
        costs = "--cost-input and --cost-output" if model.model_type == ModelType.TEXT else "--cost-image"
        note(f"{model.name}: {UNKNOWN_COST}. Give it with {costs}.")


def _record(session: Session, model: AiModel, action: str, *, now: datetime) -> None:
    audit.record(
        session,
        account_id=account_of(session, DEFAULT_ACCOUNT).id,
        actor=ACTOR,
        action=action,
        subject_kind="model",
        subject_id=model.id,
        now=now,
        details=model_registry.told(model),
    )


def _dollars(texts: dict[str, str | None]) -> dict[str, Any]:
    """The costs of a change by their fields, from the texts of their options."""
    found: dict[str, Decimal | None] = {}
    faults = []
    for option, text in texts.items():
        try:
            found[_COSTS[option]] = None if text is None else Decimal(text)
        except InvalidOperation:
            faults.append(Fault(option, f"{text!r} is no number. Use US dollars, such as 0.0006."))
    if faults:
        raise InvalidValueError(faults)
    return found


def _use(model: AiModel) -> str:
    if not model.is_active:
        return "retired"
    return "testing" if model.is_testing else "live, the default" if model.is_default else "live, may be chosen"


def _price(model: AiModel) -> str:
    if model.is_free:
        return "free"
    if model.model_type == ModelType.TEXT:
        return "no price" if model.tokens_per_credit is None else f"{model.tokens_per_credit:,} tokens a credit"
    return "no price" if model.credits_per_image is None else f"{counted(model.credits_per_image, 'credit')} an image"


def _cost(model: AiModel) -> str:
    if not cost_is_known(model):
        return "unknown: reports count 0"
    shown = model_registry.cost_string
    if model.model_type == ModelType.TEXT:
        both = (shown(model.cost_per_1k_input), shown(model.cost_per_1k_output))
        return "" if both == (None, None) else f"${both[0] or 0} in, ${both[1] or 0} out for 1,000 tokens"
    return "" if model.cost_per_image is None else f"${shown(model.cost_per_image)} an image"
