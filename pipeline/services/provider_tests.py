"""Owns the books of a provider's test: which model is asked, the call's row, what it came to.

It is the platform's own call: no stage run, nothing held of a customer and nothing charged; our cost is booked like any
other. Never: asks; commits.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.catalog import ModelType
from pipeline.core.errors import Fault, InvalidValueError, NotReadyError
from pipeline.core.money import dollar_string
from pipeline.core.pricing import Price
from pipeline.core.providers import AI_PROVIDERS, ProviderName
from pipeline.core.states import CallStatus
from pipeline.models import AiCall, AiModel
from pipeline.services import audit, model_registry, providers
from pipeline.services import credits as ledger
from pipeline.services.credits import CallHandle, Settlement
from pipeline.services.models import price_of
from pipeline.services.providers import Access

#: The provider that needs no key and no network.
OFFLINE: Final = "offline"
#: What stands in the row of the call, in the place of which asking it is.
STEP: Final = "test"
#: Nobody waits so long for a test: what is still open then was left by a process that is gone.
_ABANDONED_AFTER: Final = timedelta(minutes=15)


@dataclass(frozen=True)
class Begun:
    """A test whose call is written as dispatched: it may be sent once that is committed."""

    price: Price
    access: Access = field(repr=False)
    call: CallHandle
    key: str


@dataclass(frozen=True)
class Tried:
    """What a test came to: what it proved, what it leaves open, or why it failed and what to do."""

    provider: str
    model: str
    model_type: ModelType
    call_id: int
    status: CallStatus
    proved: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    error: str | None = None
    cost_picodollars: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 0
    #: Until when runs leave the model alone, since its calls failed; None: they ask it.
    alone_until: datetime | None = None

    @property
    def works(self) -> bool:
        """Whether the provider answered as it should."""
        return self.error is None

    @property
    def cost_usd(self) -> str | None:
        """What it cost us; None: nobody knows whether it was billed."""
        return None if self.status is CallStatus.LOST else dollar_string(self.cost_picodollars)

    def as_json(self) -> dict[str, Any]:
        """For commands and the API; what it cost us is a decimal string in US dollars, None where it is unknown."""
        told = asdict(self)
        del told["cost_picodollars"]
        return {**told, "works": self.works, "cost_usd": self.cost_usd, "seconds": round(self.seconds, 3)}


def checked_name(name: str) -> str:
    """The provider of that name, if it has models; InvalidValueError names those that have."""
    known = sorted({OFFLINE, *(each.value for each in AI_PROVIDERS)})
    if name not in known:
        told = f"{name[:50]!r} has no models that could be asked. Use one of {', '.join(known)}."
        raise InvalidValueError([Fault("name", told)])
    return name


def begin(
    session: Session,
    name: str,
    *,
    model: str | None,
    parameters: Callable[[Price], dict[str, Any]],
    account_id: int,
    actor: str,
    home: Path,
    now: datetime,
) -> Begun:
    """Write the call of a test as dispatched, with the parameters it would be sent with.

    NotReadyError: no model, no price, no key. NotFoundError: no such model.
    """
    _resolve_abandoned(session, now=now)
    row = _model_of(session, name) if model is None else _named(session, name, model)
    price = price_of(row)
    if not price.known:
        raise NotReadyError(
            f"The model {row.name!r} has no price, and nothing is asked without one. "
            f"Set it: igny8 models set {row.name}"
        )
    access = _access(session, name, home=home)
    key = uuid.uuid4().hex
    call = ledger.open_call(session, _call_row(price, parameters(price), key=key, account_id=account_id, now=now))
    audit.record(
        session,
        account_id=account_id,
        actor=actor,
        action="provider.tested",
        subject_kind="call",
        subject_id=call.id,
        now=now,
        details={"name": name, "model": row.name},
    )
    return Begun(price, access, call, key)


def answered(session: Session, begun: Begun, settlement: Settlement, *, now: datetime) -> None:
    """Store the answer and book our cost; nobody is charged."""
    ledger.settle(session, begun.call, replace(settlement, charge_ucr=0), now=now)


def refused(session: Session, begun: Begun, error: str, *, now: datetime) -> None:
    """The provider did not take it: nothing was billed."""
    ledger.void(session, begun.call, error=error, now=now)


def lost(session: Session, begun: Begun, error: str, *, now: datetime) -> None:
    """Nobody knows what became of it."""
    ledger.lose(session, begun.call, error=error, now=now)


def without_key(text: str, access: Access) -> str:
    """What a provider said, without the key where it repeats it."""
    return text.replace(access.api_key, "…") if access.api_key else text


def _model_of(session: Session, name: str) -> AiModel:
    """The provider's cheapest active model that has a price, a text model before an image model. NotReadyError."""
    query = select(AiModel).where(AiModel.provider == name, AiModel.is_active)
    found = [row for row in session.scalars(query.order_by(AiModel.id)) if price_of(row).known]
    if not found:
        raise NotReadyError(
            f"{name} has no active model with a price: nothing could be asked. `igny8 models catalogue --provider "
            f"{name}` lists some to add."
        )
    return min(found, key=_cheapness)


def _cheapness(row: AiModel) -> tuple[bool, int]:
    price = price_of(row)
    if price.model_type is ModelType.TEXT:
        return False, price.token_cost_picodollars(1_000, 1_000)
    costs = [price.image_cost_picodollars(image_format) for image_format in price.by_format]
    return True, min([*costs, price.image_cost_picodollars("")])


def _named(session: Session, name: str, model: str) -> AiModel:
    row = model_registry.find_model(session, model)
    if row.provider != name:
        raise InvalidValueError([Fault("model", f"{row.name} is a model of {row.provider}, not of {name}.")])
    return row


def _access(session: Session, name: str, *, home: Path) -> Access:
    if name == OFFLINE:
        return Access(api_key="", base_url=None, is_sandbox=False)
    return providers.access_of(session, ProviderName(name), home=home)


def _call_row(price: Price, parameters: dict[str, Any], *, key: str, account_id: int, now: datetime) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "stage_run_id": None,
        "key": key,
        "step": STEP,
        "lane": 0,
        "status": CallStatus.DISPATCHED,
        "held_amount": 0,
        "charged_amount": 0,
        "cost_picodollars": 0,
        "price": price.as_json(),
        "model": price.model,
        "is_testing": price.testing,
        "credit_value_microdollars": price.credit_value_microdollars,
        "parameters": parameters,
        "flags": [],
        "created_at": now,
    }


def _resolve_abandoned(session: Session, *, now: datetime) -> None:
    is_left = (AiCall.step == STEP, AiCall.status.in_(ledger.OPEN_CALLS), AiCall.created_at < now - _ABANDONED_AFTER)
    for row in session.scalars(select(AiCall).where(AiCall.stage_run_id.is_(None), *is_left)):
        ledger.lose(session, CallHandle.of(row), error="its process was gone", now=now)
