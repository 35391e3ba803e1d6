"""Owns accounts, and what a new installation has: one account with owner and credits, the offline models."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.catalog import ModelType
from pipeline.core.errors import Fault, InvalidValueError, NotFoundError
from pipeline.core.money import ucr
from pipeline.core.normal import display_text
from pipeline.models import Account, AiModel, SystemAiSettings, User
from pipeline.services import credits as ledger
from pipeline.services import providers

DEFAULT_ACCOUNT: Final = "default"
OWNER_EMAIL: Final = "owner@localhost"
WELCOME_CREDITS: Final = 10_000
PROVIDER: Final = "offline"
MAX_NAME_CHARACTERS: Final = 100
#: Ids are 64 bits.
_ID_DIGITS: Final = 18


def init_installation(session: Session, *, now: datetime) -> Account:
    """Make what is missing of account, owner, credits, offline models, providers, system settings; return the account.

    May be called any number of times: nothing that exists is changed.
    """
    account = _default_account(session, now)
    if session.scalar(select(User.id).where(User.email == OWNER_EMAIL)) is None:
        owner = User(account_id=account.id, email=OWNER_EMAIL, name="Owner", role="owner", created_at=now)
        owner.is_platform_admin = True
        session.add(owner)
    amount = ucr(WELCOME_CREDITS)
    ledger.grant(
        session, account_id=account.id, amount_ucr=amount, key="grant:welcome", note="Welcome credits", now=now
    )
    if session.get(SystemAiSettings, 1) is None:
        session.add(SystemAiSettings(id=1))
    _add_offline_models(session)
    providers.add_missing(session, now=now)
    session.flush()
    session.refresh(account)
    return account


def find_account(session: Session, name_or_id: str = DEFAULT_ACCOUNT) -> Account:
    """The account of that name, or of that id; NotFoundError with the names there are."""
    account = session.scalar(select(Account).where(Account.name == name_or_id))
    if account is None and name_or_id.isascii() and name_or_id.isdecimal() and len(name_or_id) <= _ID_DIGITS:
        account = session.get(Account, int(name_or_id))
    if account is None:
        names = session.scalars(select(Account.name).order_by(Account.id).limit(10)).all()
        known = f"Accounts here: {', '.join(names)}." if names else "Run `igny8 init` first."
        raise NotFoundError(f"There is no account {name_or_id!r}. {known}")
    return account


def add_account(session: Session, *, name: str, now: datetime) -> Account:
    """Add an account without credits. InvalidValueError where its name is none, or taken."""
    name = display_text(name)
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        told = f"an account's name has 1 to {MAX_NAME_CHARACTERS} characters; this one has {len(name)}."
        raise InvalidValueError([Fault("name", told)])
    if session.scalar(select(Account.id).where(Account.name == name)) is not None:
        raise InvalidValueError([Fault("name", f"there is an account called {name!r} already. Choose another name.")])
    account = Account(name=name, created_at=now)
    session.add(account)
    session.flush()
    return account


def _default_account(session: Session, now: datetime) -> Account:
    account = session.scalar(select(Account).where(Account.name == DEFAULT_ACCOUNT))
    if account is None:
        account = Account(name=DEFAULT_ACCOUNT, created_at=now)
        session.add(account)
        session.flush()
    return account


def _add_offline_models(session: Session) -> None:
    """Four priced models: text and image, testing (a hundredth of the cost) and live until one is chosen."""
    names = set(session.scalars(select(AiModel.name).where(AiModel.provider == PROVIDER)))
    taken = set(session.execute(select(AiModel.model_type, AiModel.is_testing).where(AiModel.is_active)))
    for model in (*_writers(), *_painters()):
        if model.name in names:
            continue
        # Where another model has the place already, this one is only there to be chosen.
        model.is_active = (model.model_type, model.is_testing) not in taken
        session.add(model)


def _writers() -> tuple[AiModel, AiModel]:
    live = AiModel(
        name="offline-writer",
        display_name="Offline writer",
        provider=PROVIDER,
        model_type=ModelType.TEXT.value,
        is_testing=False,
        is_default=True,
        cost_per_1k_input=Decimal("0.0002"),
        cost_per_1k_output=Decimal("0.0006"),
        tokens_per_credit=10_000,
    )
    testing = AiModel(
        name="offline-writer-testing",
        display_name="Offline writer (testing)",
        provider=PROVIDER,
        model_type=ModelType.TEXT.value,
        is_testing=True,
        is_default=False,
        cost_per_1k_input=Decimal("0.000002"),
        cost_per_1k_output=Decimal("0.000006"),
        tokens_per_credit=100_000,
    )
    return live, testing


def _painters() -> tuple[AiModel, AiModel]:
    live = AiModel(
        name="offline-painter",
        display_name="Offline painter",
        provider=PROVIDER,
        model_type=ModelType.IMAGE.value,
        is_testing=False,
        is_default=True,
        cost_per_image=Decimal("0.004"),
        credits_per_image=1,
    )
    testing = AiModel(
        name="offline-painter-testing",
        display_name="Offline painter (testing)",
        provider=PROVIDER,
        model_type=ModelType.IMAGE.value,
        is_testing=True,
        is_default=False,
        cost_per_image=Decimal("0.00004"),
        credits_per_image=1,
    )
    return live, testing
