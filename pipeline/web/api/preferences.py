"""Owns `/preferences`: what the person who asks prefers."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from pipeline.core.errors import ConflictError
from pipeline.core.preferences import Preferences
from pipeline.core.roles import Role, Scope
from pipeline.services import settings
from pipeline.web.answers import problems
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/preferences", tags=[Scope.SETTINGS.value])
_EXAMPLE: Final[dict[str, Any]] = {"theme": "dark", "page_size": 50, "timezone": "Europe/Berlin"}


class PersonalPreferences(BaseModel):
    """How pages look to whoever asks."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    theme: str
    #: Rows of a list.
    page_size: int
    #: In which zone instants are shown; None: in the site's.
    timezone: str | None


class PreferencesToSave(BaseModel):
    """What is to change; what is left out stays, null gives back the default."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"theme": "dark"}, _EXAMPLE]})

    theme: Literal["system", "light", "dark"] | None = None
    page_size: Annotated[StrictInt, Field(ge=10, le=200, description="Rows of a list.")] | None = None
    timezone: Annotated[str, Field(max_length=64, description="IANA name, such as Europe/Berlin.")] | None = None


@router.get("", operation_id="get_preferences", response_model=PersonalPreferences, responses=problems(401, 403, 409))
@reads(Scope.SETTINGS)
def show(unit: Unit) -> Preferences:
    """Read what the person who asks prefers; a key that is nobody's has no preferences."""
    return settings.load_preferences(unit.session, _person(unit))


@router.put(
    "",
    operation_id="put_preferences",
    response_model=PersonalPreferences,
    responses=problems(401, 403, 409, 413, 422),
)
@writes(Scope.SETTINGS, role=Role.VIEWER)
def save(unit: Unit, sent: PreferencesToSave) -> Preferences:
    """Change what the person who asks prefers."""
    changes = sent.model_dump(exclude_unset=True)
    return settings.save_preferences(unit.session, account_id=unit.account_id, user_id=_person(unit), changes=changes)


def _person(unit: Unit) -> int:
    """Who asks; ConflictError where it is a program."""
    if unit.caller.user_id is None:
        raise ConflictError("This key is the account's own, and nobody's: it has no preferences. Ask as a person.")
    return unit.caller.user_id
