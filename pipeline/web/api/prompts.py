"""Owns `/prompts`: what the stages tell their models, of the account or of one site; saved by version, reset."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.roles import Scope
from pipeline.services import prompts, sites
from pipeline.services.prompts import InForce, PromptedStage, PromptOrigin
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Limit, OfSite
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/prompts", tags=[Scope.PROMPTS.value])
_TEXT: Final = "You write one article for a website, in `{language}`, of at least {min_words} words."
_PROMPT: Final[dict[str, Any]] = {
    "stage": "tasks_to_content",
    "name": "Tasks → Content",
    "text": _TEXT,
    "origin": "account",
    "version": 3,
    "created_at": "2026-06-03T10:30:00Z",
    "placeholders": ["language", "min_words"],
}
_VERSION: Final[dict[str, Any]] = {
    "version": 3,
    "text": _TEXT,
    "author": "key planner (igny8_ab12cd)",
    "created_at": "2026-06-03T10:30:00Z",
}

WhichStage = Annotated[PromptedStage, Path(description="The stage.", examples=["tasks_to_content"])]


class PromptEntry(BaseModel):
    """What a stage tells its model now. The data of a task follow it as JSON, the answer's shape is fixed."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_PROMPT]})

    stage: PromptedStage
    name: str
    text: str
    #: Whose words these are: the site's, the account's, or the stage's own (`default`).
    origin: PromptOrigin
    #: None: they are the stage's own.
    version: int | None
    created_at: datetime | None
    #: What may stand in the text, in braces.
    placeholders: list[str]


class Prompts(BaseModel):
    """What every stage that asks in words tells its model."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_PROMPT]}]})

    items: list[PromptEntry]


class NewPrompt(BaseModel):
    """The words that are to be in force from the next run on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": _TEXT}]})

    text: str = Field(description="1 to 20,000 characters; of placeholders only those of the stage.")


class PromptVersion(BaseModel):
    """What was saved once; without a text it was a reset."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_VERSION]})

    version: int
    text: str | None
    author: str
    created_at: datetime


class PromptVersions(BaseModel):
    """What was saved, the newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_VERSION]}]})

    items: list[PromptVersion]


@router.get("", operation_id="list_prompts", response_model=Prompts, responses=problems(401, 403, 404, 422))
@reads(Scope.PROMPTS, whole_account=True)
def list_all(unit: Unit, site_id: OfSite = None) -> dict[str, Any]:
    """List what each stage tells its model, for the account or for one site, and whose words these are."""
    _require_site(unit, site_id)
    found = [
        prompts.get_prompt(unit.session, which, account_id=unit.account_id, site_id=site_id) for which in PromptedStage
    ]
    return {"items": found}


@router.get(
    "/{stage}/versions",
    operation_id="list_prompt_versions",
    response_model=PromptVersions,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.PROMPTS, whole_account=True)
def versions(unit: Unit, stage: WhichStage, site_id: OfSite = None, limit: Limit = 50) -> dict[str, Any]:
    """List what was saved for the account, or for one site, the newest first."""
    _require_site(unit, site_id)
    found = prompts.list_versions(unit.session, stage, account_id=unit.account_id, site_id=site_id, limit=limit)
    return {"items": found}


@router.put(
    "/{stage}", operation_id="save_prompt", response_model=PromptEntry, responses=problems(401, 403, 404, 413, 422)
)
@writes(Scope.PROMPTS, whole_account=True)
def save(unit: Unit, stage: WhichStage, new: NewPrompt, site_id: OfSite = None) -> InForce:
    """Save other words for the account, or for one site; runs that are accepted from now on ask with them."""
    return _saved(unit, stage, new.text, site_id)


@router.delete(
    "/{stage}", operation_id="reset_prompt", response_model=PromptEntry, responses=problems(401, 403, 404, 422)
)
@writes(Scope.PROMPTS, whole_account=True)
def reset(unit: Unit, stage: WhichStage, site_id: OfSite = None) -> InForce:
    """Go back: a site to its account's words, an account to the stage's own. What was saved stays a version."""
    return _saved(unit, stage, None, site_id)


def _saved(unit: Unit, stage: PromptedStage, text: str | None, site_id: int | None) -> InForce:
    _require_site(unit, site_id)
    return prompts.save(
        unit.session,
        stage,
        text,
        account_id=unit.account_id,
        site_id=site_id,
        actor=unit.caller.actor,
        now=unit.now,
    )


def _require_site(unit: Unit, site_id: int | None) -> None:
    if site_id is not None:
        sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
