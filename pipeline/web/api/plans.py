"""Owns `/plans` and `/credit-packages`: what is offered, what the account has; given and booked by administrators."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.money import credit_string, ucr
from pipeline.core.roles import Role, Scope
from pipeline.models import Account, CreditPackage, Plan
from pipeline.services import accounts, plans
from pipeline.services import credits as ledger
from pipeline.services.plan_prices import cents, price_string
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Text
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(tags=[Scope.CREDITS.value])
_PLAN: Final[dict[str, Any]] = {
    "name": "Studio",
    "description": "For a handful of sites.",
    "price": "49.00",
    "currency": "EUR",
    "most_sites": 5,
    "most_people": 10,
    "is_active": True,
}
_PACKAGE: Final[dict[str, Any]] = {
    "name": "5,000 credits",
    "credits": "5000",
    "price": "45.00",
    "currency": "EUR",
    "is_active": True,
}
_USED: Final[dict[str, Any]] = {"sites": 2, "people": 3}
_Price = Annotated[Decimal | None, Field(ge=0, description="A decimal string; null: it is not told.")]
OfAccount = Annotated[Text | None, Field(description="An account, by name or id; null: your own.", max_length=200)]


class PlanEntry(BaseModel):
    """A plan; null limits nothing."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_PLAN]})

    name: str
    description: str
    #: A month; nothing is paid here.
    price: str | None
    currency: str
    most_sites: int | None
    most_people: int | None
    is_active: bool


class Used(BaseModel):
    """What the account has of what plans limit."""

    sites: int
    people: int


class Plans(BaseModel):
    """The plans that are offered, the one that the account has, and what it uses."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_PLAN], "mine": _PLAN, "used": _USED}]})

    items: list[PlanEntry]
    #: None: nothing is limited.
    mine: PlanEntry | None
    used: Used


class PlanToSet(BaseModel):
    """A plan to add, or to change by its name; what is left out keeps its value."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PLAN, {"name": "Studio"}]})

    name: Text
    description: Text | None = None
    price: _Price = None
    currency: Text | None = None
    most_sites: int | None = None
    most_people: int | None = None
    is_active: bool | None = None


class GivenPlan(BaseModel):
    """Which plan an account is to have; null: none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"plan": "Studio"}, {"plan": None}]})

    plan: Text | None
    account: OfAccount = None


class PlanOfAccount(BaseModel):
    """The plan that an account has now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"account": "default", "plan": "Studio"}]})

    account: str
    plan: str | None


class PackageEntry(BaseModel):
    """So many credits at a price."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_PACKAGE]})

    name: str
    credits: str
    price: str | None
    currency: str
    is_active: bool


class Packages(BaseModel):
    """The packages that are offered, the smallest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_PACKAGE]}]})

    items: list[PackageEntry]


class PackageToSet(BaseModel):
    """A package to add, or to change by its name; what is left out keeps its value."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PACKAGE]})

    name: Text
    credits: Annotated[Text | None, Field(description="A decimal string; a new package needs it.")] = None
    price: _Price = None
    currency: Text | None = None
    is_active: bool | None = None


class PackageToBook(BaseModel):
    """Which package to book, for whom, and the key that it is booked once by."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"package": "5,000 credits", "key": "invoice 2026-118"}]}
    )

    package: Text
    key: Annotated[Text, Field(description="Yours, one a booking, such as the number of an invoice.")]
    account: OfAccount = None


class BookedPackage(BaseModel):
    """What an account has after a package was booked."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"is_new": True, "balance": "14942.6", "available": "14941.1"}]}
    )

    #: False: that key was booked before, and nothing changed.
    is_new: bool
    balance: str
    available: str


@router.get("/plans", operation_id="list_plans", response_model=Plans, responses=problems(401, 403))
@reads(Scope.CREDITS, whole_account=True)
def list_plans(unit: Unit) -> Plans:
    """List the plans that are offered, the one of the account, and what of it is used."""
    mine, used = plans.plan_of(unit.session, unit.account_id), plans.used_of(unit.session, unit.account_id)
    return Plans(
        items=[_plan(row) for row in plans.list_plans(unit.session)],
        mine=None if mine is None else _plan(mine),
        used=Used(sites=used["most_sites"], people=used["most_people"]),
    )


@router.put("/plans", operation_id="set_plan", response_model=PlanEntry, responses=problems(401, 403, 409, 413, 422))
@writes(Scope.CREDITS, role=Role.PLATFORM_ADMIN)
def set_plan(unit: Unit, sent: PlanToSet) -> PlanEntry:
    """Add a plan, or change the one of that name; for platform administrators. Who has it is limited from then on."""
    changes = _changes(sent, never_null=("description", "currency", "is_active"))
    by: dict[str, Any] = {"by": unit.account_id, "actor": unit.caller.actor, "now": unit.now}
    return _plan(plans.set_plan(unit.session, sent.name, changes, **by))


@router.post(
    "/plans/give", operation_id="give_plan", response_model=PlanOfAccount, responses=problems(401, 403, 404, 413, 422)
)
@writes(Scope.CREDITS, role=Role.PLATFORM_ADMIN)
def give(unit: Unit, given: GivenPlan) -> PlanOfAccount:
    """Let an account have a plan, or none; for platform administrators. What it has already stays."""
    account = _account(unit, given.account)
    plan = plans.give(unit.session, account, given.plan, actor=unit.caller.actor, now=unit.now)
    return PlanOfAccount(account=account.name, plan=None if plan is None else plan.name)


@router.get("/credit-packages", operation_id="list_packages", response_model=Packages, responses=problems(401, 403))
@reads(Scope.CREDITS, whole_account=True)
def list_packages(unit: Unit) -> Packages:
    """List the packages of credits that are offered."""
    return Packages(items=[_package(row) for row in plans.list_packages(unit.session)])


@router.put(
    "/credit-packages",
    operation_id="set_package",
    response_model=PackageEntry,
    responses=problems(401, 403, 409, 413, 422),
)
@writes(Scope.CREDITS, role=Role.PLATFORM_ADMIN)
def set_package(unit: Unit, sent: PackageToSet) -> PackageEntry:
    """Add a package, or change the one of that name; for platform administrators."""
    changes = _changes(sent, never_null=("currency", "is_active"))
    if "credits" in changes:
        changes["amount"] = None if changes["credits"] is None else ucr(changes["credits"])
        del changes["credits"]
    by: dict[str, Any] = {"by": unit.account_id, "actor": unit.caller.actor, "now": unit.now}
    return _package(plans.set_package(unit.session, sent.name, changes, **by))


@router.post(
    "/credit-packages/book",
    operation_id="book_package",
    response_model=BookedPackage,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.CREDITS, role=Role.PLATFORM_ADMIN)
def book(unit: Unit, sent: PackageToBook) -> BookedPackage:
    """Book a package's credits for an account, once a key; for platform administrators. Nothing is paid here."""
    account = _account(unit, sent.account)
    is_new = plans.book(
        unit.session, account, sent.package, key=sent.key.strip(), actor=unit.caller.actor, now=unit.now
    )
    now = ledger.balance(unit.session, account.id)
    amounts = {"balance": credit_string(now.balance_ucr), "available": credit_string(now.available_ucr)}
    return BookedPackage(is_new=is_new, **amounts)


def _account(unit: Unit, name_or_id: str | None) -> Account:
    if name_or_id is None:
        return unit.session.get_one(Account, unit.account_id)
    return accounts.find_account(unit.session, name_or_id)


def _changes(sent: BaseModel, *, never_null: tuple[str, ...]) -> dict[str, Any]:
    """What was sent, by column; a null where there is none says nothing."""
    given: Mapping[str, Any] = sent.model_dump(exclude_unset=True, exclude={"name"})
    changes = {name: value for name, value in given.items() if value is not None or name not in never_null}
    if "price" in changes:
        changes["price_cents"] = cents(changes.pop("price"))
    return changes


def _plan(row: Plan) -> PlanEntry:
    names = [name for name in PlanEntry.model_fields if name != "price"]
    return PlanEntry(price=price_string(row.price_cents), **{name: getattr(row, name) for name in names})


def _package(row: CreditPackage) -> PackageEntry:
    named = {name: getattr(row, name) for name in ("name", "currency", "is_active")}
    return PackageEntry(price=price_string(row.price_cents), credits=credit_string(row.amount), **named)
