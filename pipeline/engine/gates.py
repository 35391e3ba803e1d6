"""Owns what stands between a question and its provider, read in the transaction that holds for the call.

One statement, which locks nothing. Never: a network call.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pipeline.ai import provider
from pipeline.ai.port import NoAdapterError, Provider
from pipeline.config import config
from pipeline.core.errors import NotReadyError
from pipeline.core.pricing import Price
from pipeline.core.providers import AI_PROVIDERS, ProviderName
from pipeline.models import IntegrationProvider
from pipeline.models.base import table_of
from pipeline.services import providers
from pipeline.services.providers import Record

#: Most providers that stay open in a process; one whose record was changed is opened anew.
_MOST_OPEN: Final = 16
_records = table_of(IntegrationProvider).c
_LOOK = select(_records.name, _records.api_key, _records.base_url, _records.is_sandbox, _records.is_enabled).where(
    _records.name == bindparam("provider")
)


@dataclass(frozen=True)
class Gate:
    """How the provider of a call is reached, as it was when the call was held for."""

    provider: str
    #: None: the provider has none, as those that need neither key nor address.
    record: Record | None


def look(session: Session, price: Price) -> Gate:
    """What stands before a call at that price now."""
    row = session.connection().execute(_LOOK, {"provider": price.provider}).one_or_none()
    return Gate(price.provider, None if row is None else Record(*row))


def refusal(gate: Gate) -> NoAdapterError | None:
    """Why the provider cannot be asked at all, with the remedy."""
    name = _recorded(gate.provider)
    why_not = None if name is None else providers.refusal(name, gate.record)
    return None if why_not is None else NoAdapterError(why_not)


@lru_cache(maxsize=_MOST_OPEN)
def adapter(name: str, record: Record | None) -> Provider:
    """The provider, opened with the key and the address of its record. NoAdapterError.

    Kept while its record is the same: a key that was changed is used from the next call on.
    """
    try:
        recorded = _recorded(name)
        if recorded is None:
            return provider(name)
        access = providers.opened(recorded, record, home=config().home)
        return provider(name, base_url=access.base_url, api_key=access.api_key)
    except NotReadyError as error:
        raise NoAdapterError(error.message) from None


def _recorded(name: str) -> ProviderName | None:
    """The provider as one that has a record; None for one that works without."""
    return next((each for each in AI_PROVIDERS if each.value == name), None)
