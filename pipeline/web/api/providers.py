"""Owns `/providers`: the providers that the platform is a customer of; a key goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pipeline.config import config
from pipeline.core.providers import MASK, ProviderName
from pipeline.core.roles import Role, Scope
from pipeline.models import IntegrationProvider
from pipeline.net import MOST_URL_CHARACTERS
from pipeline.services import audit, provider_health, providers
from pipeline.services.providers import MAX_REQUESTS_PER_MINUTE, MAX_TOKENS_PER_MINUTE, ProviderChange
from pipeline.web.answers import problems
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/providers", tags=[Scope.PROVIDERS.value])
_EXAMPLE: Final[dict[str, Any]] = {
    "name": "openai",
    "api_key": MASK,
    "base_url": None,
    "is_sandbox": False,
    "is_enabled": True,
    "requests_per_minute": 500,
    "tokens_per_minute": None,
    "updated_at": "2026-06-03T10:30:00Z",
    "troubles": [],
}
_TROUBLE: Final[dict[str, Any]] = {
    "model": "gpt-4.1",
    "state": "open",
    "failures": 5,
    "failing_since": "2026-06-03T10:30:00Z",
    "next_try_at": "2026-06-03T10:31:00Z",
    "error": "the provider answered 503",
}


class Trouble(BaseModel):
    """A model of the provider whose last calls failed, or a pace that keeps all waiting for over a minute."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TROUBLE]})

    #: Empty: all of them (`paced`).
    model: str
    #: `failing`: it is still asked; `open`: it is left alone; `half_open`: one call is tried; `paced`: calls wait.
    state: Literal["failing", "open", "half_open", "paced"]
    #: In a row.
    failures: int
    failing_since: datetime | None
    #: None: it is asked now.
    next_try_at: datetime | None
    #: What was said last.
    error: str | None


class Provider(BaseModel):
    """A provider; a mask stands in the place of its key."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: ProviderName
    #: None: it has no key.
    api_key: str | None
    #: None: its own address.
    base_url: str | None
    #: Whether it only plays.
    is_sandbox: bool
    is_enabled: bool
    #: The most that all workers together send; None: any number.
    requests_per_minute: int | None
    tokens_per_minute: int | None
    updated_at: datetime
    #: Its models whose last calls failed, and a pace that keeps calls waiting.
    troubles: list[Trouble]


class Providers(BaseModel):
    """Every provider there may be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[Provider]


class ProviderToSet(BaseModel):
    """What is to change of a provider; what is left out or null stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"name": "openai", "api_key": "sk-…", "is_sandbox": False}]},
    )

    name: ProviderName
    api_key: (
        Annotated[SecretStr, Field(description="Its key; the mask keeps the present one, an empty text forgets it.")]
        | None
    ) = None
    base_url: (
        Annotated[
            str,
            Field(
                max_length=MOST_URL_CHARACTERS,
                description="Where it is asked; an empty text: its own address. Another host needs the key with it.",
            ),
        ]
        | None
    ) = None
    is_sandbox: bool | None = None
    is_enabled: bool | None = None
    requests_per_minute: (
        Annotated[int, Field(ge=0, le=MAX_REQUESTS_PER_MINUTE, description="The most of all workers; 0: any number.")]
        | None
    ) = None
    tokens_per_minute: (
        Annotated[int, Field(ge=0, le=MAX_TOKENS_PER_MINUTE, description="The most of all workers; 0: any number.")]
        | None
    ) = None
    troubles: Annotated[list[Any] | None, Field(description="Read-only: sent back, it is ignored.")] = None
    updated_at: Annotated[datetime | None, Field(description="Read-only: sent back, it is ignored.")] = None


@router.get("", operation_id="list_providers", response_model=Providers, responses=problems(401, 403))
@reads(Scope.PROVIDERS, role=Role.PLATFORM_ADMIN)
def list_all(unit: Unit) -> dict[str, Any]:
    """List every provider: whether it has a key, where it is asked, its pace, and which models fail now."""
    return {"items": [_shown(unit, row) for row in providers.list_providers(unit.session, now=unit.now)]}


@router.put("", operation_id="set_provider", response_model=Provider, responses=problems(401, 403, 409, 413, 422))
@writes(Scope.PROVIDERS, role=Role.PLATFORM_ADMIN)
def change(unit: Unit, given: ProviderToSet) -> dict[str, Any]:
    """Give a provider its key, address, mode and pace. What was read may be sent back: the mask changes nothing."""
    key = None if given.api_key is None else given.api_key.get_secret_value()
    wanted = ProviderChange(
        api_key=key,
        base_url=given.base_url,
        is_sandbox=given.is_sandbox,
        is_enabled=given.is_enabled,
        requests_per_minute=given.requests_per_minute,
        tokens_per_minute=given.tokens_per_minute,
    )
    row = providers.set_provider(unit.session, given.name, wanted, home=config().home, now=unit.now)
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action="provider.set",
        subject_kind="provider",
        subject_id=row.id,
        now=unit.now,
        details=providers.audited(row, key_given=key not in {None, "", MASK}),
    )
    return _shown(unit, row)


def _shown(unit: Unit, row: IntegrationProvider) -> dict[str, Any]:
    troubles = provider_health.troubles(unit.session, now=unit.now)
    return {**providers.described(row), "troubles": provider_health.told(troubles, row.name)}
