"""Owns the shape and bounds of what one person prefers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt

from pipeline.core.calendar import parse_timezone
from pipeline.core.errors import InvalidValueError
from pipeline.core.matrix import Group


def _zone(name: str) -> str:
    try:
        return parse_timezone(name).key
    except InvalidValueError as error:
        raise ValueError(error.message) from None


class Preferences(Group):
    """How pages look to one person; whatever was never chosen is at its default."""

    theme: Literal["system", "light", "dark"] = "system"
    #: Rows of a list.
    page_size: Annotated[StrictInt, Field(ge=10, le=200)] = 50
    #: In which zone instants are shown; None: in the site's.
    timezone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] | None = None
