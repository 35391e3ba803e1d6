"""Owns plans and credit packages: what is offered, which plan an account has, and whether it has room for more.

Nothing is paid here: a price is told, and whoever runs the installation gives a plan and books a package.
Lock order: account. Never: commits; takes money.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, Fault, InvalidValueError, NotFoundError
from pipeline.core.money import credit_string
from pipeline.core.normal import display_text
from pipeline.models import Account, CreditPackage, Plan, Site, User
from pipeline.services import audit
from pipeline.services import credits as ledger

MOST_NAME_CHARACTERS: Final = 100
MOST_DESCRIPTION_CHARACTERS: Final = 1_000
MOST_PRICE_CENTS: Final = 100_000_000
MOST_OF_ANYTHING: Final = 100_000
MOST_AMOUNT_UCR: Final = 10**16
#: Of the key that a booking is made once by.
MOST_KEY_CHARACTERS: Final = 60
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_BOUNDS: Final = {
    "price_cents": (0, MOST_PRICE_CENTS),
    "most_sites": (1, MOST_OF_ANYTHING),
    "most_people": (1, MOST_OF_ANYTHING),
    "amount": (1, MOST_AMOUNT_UCR),
}
#: As people and programs send them, where that differs from the column.
_SENT_AS: Final = {"price_cents": "price", "amount": "credits"}


def list_plans(session: Session, *, retired: bool = False) -> Sequence[Plan]:
    """What is offered, the cheapest first; with `retired` all there are."""
    query = select(Plan).order_by(Plan.price_cents.is_(None), Plan.price_cents, Plan.id)
    return session.scalars(query if retired else query.where(Plan.is_active)).all()


def list_packages(session: Session, *, retired: bool = False) -> Sequence[CreditPackage]:
    """The packages that are offered, the smallest first; with `retired` all there are."""
    query = select(CreditPackage).order_by(CreditPackage.amount, CreditPackage.id)
    return session.scalars(query if retired else query.where(CreditPackage.is_active)).all()


def plan_of(session: Session, account_id: int) -> Plan | None:
    """The account's plan; None: it has none, and nothing is limited."""
    return session.scalar(select(Plan).join(Account, Account.plan_id == Plan.id).where(Account.id == account_id))


def used_of(session: Session, account_id: int) -> dict[str, int]:
    """How many sites and people the account has, by the name of what limits them."""
    sites = select(func.count()).select_from(Site).where(Site.account_id == account_id, Site.deleted_at.is_(None))
    people = select(func.count()).select_from(User).where(User.account_id == account_id, User.disabled_at.is_(None))
    return {"most_sites": session.scalar(sites) or 0, "most_people": session.scalar(people) or 0}


def require_room(session: Session, account_id: int, limit: str) -> None:
    """ConflictError where the account has as many as its plan allows; `limit`: `most_sites` or `most_people`."""
    plan = plan_of(session, account_id)
    most = None if plan is None else getattr(plan, limit)
    if plan is None or most is None:
        return
    # Of two that come at once, the second sees what the first has added.
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True))
    if used_of(session, account_id)[limit] >= most:
        what = "sites" if limit == "most_sites" else "people who may log in"
        raise ConflictError(
            f"The plan {plan.name} has room for {most:,} {what}. Let one go first, or ask for a larger plan."
        )


def set_plan(session: Session, name: str, changes: Mapping[str, Any], *, by: int, actor: str, now: datetime) -> Plan:
    """Add a plan, or change the one of that name; what is left out keeps its value, None takes a limit away.

    `by`: the account whose audit log has it. InvalidValueError names every fault.
    """
    row: Plan = _set(session, Plan, name, changes, now=now)
    _record(session, row, "plan.set", account_id=by, actor=actor, now=now)
    return row


def set_package(
    session: Session, name: str, changes: Mapping[str, Any], *, by: int, actor: str, now: datetime
) -> CreditPackage:
    """Add a package, or change the one of that name, likewise; a new one says how many credits it has."""
    row: CreditPackage = _set(session, CreditPackage, name, changes, now=now)
    _record(session, row, "credit_package.set", account_id=by, actor=actor, now=now)
    return row


def give(session: Session, account: Account, plan_name: str | None, *, actor: str, now: datetime) -> Plan | None:
    """Let the account have that plan; None: no plan. NotFoundError where there is none of the name.

    What it has already stays, also where that is more than the plan allows.
    """
    plan = None if plan_name is None else _named(session, Plan, plan_name)
    account.plan_id = None if plan is None else plan.id
    session.flush()
    audit.record(
        session,
        account_id=account.id,
        actor=actor,
        action="plan.given",
        subject_kind="account",
        subject_id=account.id,
        now=now,
        details={"plan": None if plan is None else plan.name},
    )
    return plan


def book(session: Session, account: Account, package_name: str, *, key: str, actor: str, now: datetime) -> bool:
    """Book a package's credits for the account, once a `key`. False: that was booked before, and nothing changed.

    InvalidValueError for the key; NotFoundError where no such package is offered.
    """
    if not 1 <= len(key) <= MOST_KEY_CHARACTERS:
        raise InvalidValueError([Fault("key", f"it has 1 to {MOST_KEY_CHARACTERS} characters: the invoice, say.")])
    package = _named(session, CreditPackage, package_name)
    if not package.is_active:
        raise ConflictError(f"The package {package.name} is not offered any more. Choose another one.")
    booked = ledger.grant(
        session,
        account_id=account.id,
        amount_ucr=package.amount,
        key=f"package:{account.id}:{key}",
        kind="purchase",
        note=f"{package.name} ({key})",
        now=now,
    )
    if booked:
        audit.record(
            session,
            account_id=account.id,
            actor=actor,
            action="credits.package_booked",
            subject_kind="account",
            subject_id=account.id,
            now=now,
            details={"package": package.name, "credits": credit_string(package.amount), "key": key},
        )
    return booked


def _named(session: Session, model: type[Any], name: str) -> Any:
    row = session.scalar(select(model).where(model.name == display_text(name)))
    if row is None:
        what, command = ("plan", "plans") if model is Plan else ("credit package", "credit-packages")
        raise NotFoundError(f"There is no {what} {name!r}. `igny8 {command} list` lists them.")
    return row


def _set(session: Session, model: type[Any], name: str, changes: Mapping[str, Any], *, now: datetime) -> Any:
    name = display_text(name)
    row = session.scalar(select(model).where(model.name == name).with_for_update())
    faults = list(_faults(model, name, changes, is_new=row is None))
    if faults:
        raise InvalidValueError(faults)
    if row is None:
        row = model(name=name, created_at=now)
        session.add(row)
    for column, value in changes.items():
        setattr(row, column, value)
    session.flush()
    return row


def _faults(model: type[Any], name: str, changes: Mapping[str, Any], *, is_new: bool) -> Iterator[Fault]:
    if not 1 <= len(name) <= MOST_NAME_CHARACTERS:
        yield Fault("name", f"a name has 1 to {MOST_NAME_CHARACTERS} characters; this one has {len(name)}.")
    if model is CreditPackage and changes.get("amount") is None and (is_new or "amount" in changes):
        yield Fault("credits", "a package says how many credits it has. Give a number above 0.")
    description = changes.get("description") or ""
    if len(description) > MOST_DESCRIPTION_CHARACTERS:
        told = f"it has {len(description):,} characters; at most {MOST_DESCRIPTION_CHARACTERS:,} may be."
        yield Fault("description", told)
    if "currency" in changes and not _CURRENCY.fullmatch(changes["currency"] or ""):
        yield Fault("currency", "it is written in three capitals, such as USD or EUR.")
    for column, (least, most) in _BOUNDS.items():
        value = changes.get(column)
        if value is not None and not least <= value <= most:
            yield Fault(_SENT_AS.get(column, column), "it is too small or too large to be kept. Give another number.")


def _record(
    session: Session, row: Plan | CreditPackage, action: str, *, account_id: int, actor: str, now: datetime
) -> None:
    audit.record(
        session,
        account_id=account_id,
        actor=actor,
        action=action,
        subject_kind="plan" if isinstance(row, Plan) else "credit_package",
        subject_id=row.id,
        now=now,
        details={"name": row.name, "is_active": row.is_active},
    )
