"""Owns `/providers/{name}/test`: one cheapest call of a provider, what it proved and what it cost."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.catalog import ModelType
from pipeline.core.roles import Role, Scope
from pipeline.core.states import CallStatus
from pipeline.engine import provider_tests
from pipeline.services.model_changes import MAX_NAME_CHARACTERS
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Text
from pipeline.web.operations import Steps, writes_in_steps

router = APIRouter(prefix="/providers/{name}", tags=[Scope.PROVIDERS.value])
_EXAMPLE: Final[dict[str, Any]] = {
    "provider": "openai",
    "model": "gpt-4.1-nano",
    "model_type": "text",
    "call_id": 4711,
    "status": "settled",
    "works": True,
    "proved": ["it is reached", "it takes the key", "it says what was used"],
    "doubts": [],
    "error": None,
    "cost_usd": "0.0000062",
    "input_tokens": 42,
    "output_tokens": 5,
    "seconds": 0.81,
    "alone_until": None,
}
Name = Annotated[
    str,
    Path(max_length=32, description="The provider: openai, anthropic, runware or offline.", examples=["offline"]),
]


class TestToMake(BaseModel):
    """Which of its models is asked; null or left out: the cheapest."""

    # A class of this name is no test of ours.
    __test__ = False
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"model": None}]})

    model: Annotated[Text, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)] | None = None


class ProviderTest(BaseModel):
    """What a test came to. It is a call of the platform's own: no customer is charged."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    provider: str
    model: str
    model_type: ModelType
    call_id: int
    #: `settled`: it answered; `voided`: it did not take the request; `lost`: nobody knows.
    status: CallStatus
    works: bool
    proved: list[str]
    #: What the answer leaves open.
    doubts: list[str]
    #: Why it failed, and what to do.
    error: str | None
    #: What it cost us; None: it was lost, and nobody knows whether it was billed.
    cost_usd: str | None
    input_tokens: int | None
    output_tokens: int | None
    seconds: float
    #: Until when runs leave the model alone, since its calls failed; None: they ask it.
    alone_until: datetime | None


@router.post(
    "/test",
    operation_id="test_provider",
    response_model=ProviderTest,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes_in_steps(Scope.PROVIDERS, role=Role.PLATFORM_ADMIN)
def ask_once(steps: Steps, name: Name, given: TestToMake | None = None) -> dict[str, Any]:
    """Ask a provider once, as cheaply as can be; tell what that proved and what it cost."""
    with steps.reading() as unit:
        account_id, actor, database = unit.account_id, unit.caller.actor, unit.backend.database()
    tried = provider_tests.run(database, name, model=given.model if given else None, account_id=account_id, actor=actor)
    return tried.as_json()
