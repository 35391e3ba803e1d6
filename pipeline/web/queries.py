"""Owns what may stand behind the `?` of an address: a parameter that means nothing is refused, as in a body.

It is most likely a wanted one misspelt, and what it was to prevent would happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from pipeline.core.errors import Fault, InvalidValueError


def refuse_unknown(sent: Mapping[str, Any], route: object) -> None:
    """InvalidValueError that names every parameter which the operation does not have."""
    if not sent or not isinstance(route, APIRoute):
        return
    known = frozenset(_names(route.dependant))
    faults = [Fault(name, _told(name, known)) for name in sent if name not in known]
    if faults:
        raise InvalidValueError(faults)


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for below in dependant.dependencies:
        yield from _names(below)


def _told(name: str, known: frozenset[str]) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f"Did you mean {close[0]}?" if close else "Leave it out."
    return f"there is no such parameter here. {meant}"
