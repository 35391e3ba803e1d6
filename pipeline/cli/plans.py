"""Owns `plans list|set|give` and `credit-packages list|set|book`: what is offered, who has what. Nothing is paid."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption
from pipeline.cli.output import document, say, table
from pipeline.core.money import credit_string, shown, ucr
from pipeline.models import CreditPackage, Plan
from pipeline.services import credits as ledger
from pipeline.services import plans
from pipeline.services.plan_prices import cents, price_string

plans_app = typer.Typer()
packages_app = typer.Typer()

PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="Its name.", show_default=False)]
GivenArgument = Annotated[str | None, typer.Argument(metavar="PLAN", help="Its name; without it, none.")]
PackageArgument = Annotated[str, typer.Argument(metavar="PACKAGE", help="Its name.", show_default=False)]
TextOption = Annotated[str | None, typer.Option("--description", help="What people read of it.")]
PriceOption = Annotated[str | None, typer.Option("--price", metavar="X", help="What it costs, such as 49 or 49.50.")]
CurrencyOption = Annotated[str | None, typer.Option("--currency", help="Three capitals, such as USD.")]
SitesOption = Annotated[int | None, typer.Option("--most-sites", min=0, help="Sites it has room for; 0: any number.")]
PeopleOption = Annotated[
    int | None, typer.Option("--most-people", min=0, help="People it has room for; 0: any number.")
]
ActiveOption = Annotated[bool | None, typer.Option("--offered/--retired", help="Whether it is offered.")]
CreditsOption = Annotated[str | None, typer.Option("--credits", metavar="X", help="How many credits it has.")]
KeyOption = Annotated[
    str,
    typer.Option("--key", help="Book it once: a second booking of the same key changes nothing.", show_default=False),
]


@plans_app.command("list")
def list_plans(*, as_json: JsonOption = False) -> None:
    """List every plan, also those that are not offered any more."""
    with reading() as session:
        found = plans.list_plans(session, retired=True)
    if as_json:
        document([plan_json(row) for row in found])
        return
    if not found:
        say("No plan yet, and nothing is limited: igny8 plans set NAME --most-sites 3")
        return
    rows = [(row.name, _price(row), row.most_sites, row.most_people, _offered(row)) for row in found]
    table(["plan", "a month", "sites", "people", ""], rows, right=["sites", "people"])


@plans_app.command("set")
def set_plan(
    plan: PlanArgument,
    *,
    description: TextOption = None,
    price: PriceOption = None,
    currency: CurrencyOption = None,
    most_sites: SitesOption = None,
    most_people: PeopleOption = None,
    offered: ActiveOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Add a plan, or change it; what is left out stays as it is."""
    limits = {"most_sites": most_sites, "most_people": most_people}
    changes = {
        **_said(description=description, price_cents=cents(price), currency=currency, is_active=offered),
        **{name: most or None for name, most in limits.items() if most is not None},
    }
    database = ready_database()
    with database.transaction() as session:
        by = account_of(session, account).id
        row = plans.set_plan(session, plan, changes, by=by, actor=ACTOR, now=database.now())
    if as_json:
        document(plan_json(row))
        return
    say(f"The plan {row.name} is set. Next: igny8 plans give {row.name!r} --account NAME")


@plans_app.command("give")
def give(plan: GivenArgument = None, *, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Let an account have a plan; without one, nothing is limited."""
    database = ready_database()
    with database.transaction() as session:
        owner = account_of(session, account)
        row = plans.give(session, owner, plan, actor=ACTOR, now=database.now())
    if as_json:
        document({"account": owner.name, "plan": None if row is None else row.name})
        return
    say(f"{owner.name} has {'no plan' if row is None else f'the plan {row.name}'} now.")


@packages_app.command("list")
def list_packages(*, as_json: JsonOption = False) -> None:
    """List every package of credits, also those that are not offered any more."""
    with reading() as session:
        found = plans.list_packages(session, retired=True)
    if as_json:
        document([package_json(row) for row in found])
        return
    if not found:
        say("No package yet: igny8 credit-packages set NAME --credits 5000")
        return
    rows = [(row.name, shown(row.amount), _price(row), _offered(row)) for row in found]
    table(["package", "credits", "price", ""], rows, right=["credits"])


@packages_app.command("set")
def set_package(
    package: PackageArgument,
    *,
    amount: CreditsOption = None,
    price: PriceOption = None,
    currency: CurrencyOption = None,
    offered: ActiveOption = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Add a package of credits, or change it; what is left out stays as it is."""
    amount_ucr = None if amount is None else ucr(amount)
    changes = _said(amount=amount_ucr, price_cents=cents(price), currency=currency, is_active=offered)
    database = ready_database()
    with database.transaction() as session:
        by = account_of(session, account).id
        row = plans.set_package(session, package, changes, by=by, actor=ACTOR, now=database.now())
    if as_json:
        document(package_json(row))
        return
    say(f"The package {row.name} is set: {shown(row.amount)} credits.")


@packages_app.command("book")
def book(
    package: PackageArgument,
    *,
    key: KeyOption,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Book a package's credits for an account, once a key. Nothing is paid here."""
    database = ready_database()
    with database.transaction() as session:
        owner = account_of(session, account)
        is_new = plans.book(session, owner, package, key=key.strip(), actor=ACTOR, now=database.now())
        found = ledger.balance(session, owner.id)
    if as_json:
        amounts = {"balance": credit_string(found.balance_ucr), "available": credit_string(found.available_ucr)}
        document({"account": owner.name, "is_new": is_new, **amounts})
        return
    told = "is booked" if is_new else "was booked under this key before: nothing was changed"
    say(f"{package} {told}. {owner.name} has {shown(found.available_ucr)} credits available.")


def plan_json(row: Plan) -> dict[str, Any]:
    """A plan as every command prints it."""
    names = ("name", "description", "currency", "most_sites", "most_people", "is_active")
    return {**{name: getattr(row, name) for name in names}, "price": price_string(row.price_cents)}


def package_json(row: CreditPackage) -> dict[str, Any]:
    """A package as every command prints it."""
    told = {"name": row.name, "credits": credit_string(row.amount), "price": price_string(row.price_cents)}
    return {**told, "currency": row.currency, "is_active": row.is_active}


def _said(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _price(row: Plan | CreditPackage) -> str:
    price = price_string(row.price_cents)
    return "" if price is None else f"{price} {row.currency}"


def _offered(row: Plan | CreditPackage) -> str:
    return "" if row.is_active else "retired"
