"""Owns changing settings by dotted keys and text, as a command line gives them: `stages.4.per_run_limit=5`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from sqlalchemy.orm import Session

from pipeline.core.catalog import BY_NUMBER
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.matrix import SiteSettings
from pipeline.core.walltime import shown
from pipeline.models import Site
from pipeline.services.settings.check import checked, found_faults
from pipeline.services.settings.fields import COLUMNS, FIELDS, STAGE_NUMBERS, Field, column_applies
from pipeline.services.settings.rows import load, save

_TRUTHS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_NOTHING: Final = frozenset({"", "null", "none", "inherit"})
_STAGE_KEY_PARTS: Final = 3


def apply(session: Session, site: Site, changes: Mapping[str, str], *, now: datetime) -> SiteSettings:
    """Change some settings of a site and save the whole. InvalidValueError with every fault; then nothing is saved."""
    settings = changed(load(session, site), changes)
    save(session, site, settings, now=now)
    return settings


def changed(settings: SiteSettings, changes: Mapping[str, str]) -> SiteSettings:
    """`settings` with `changes` (dotted key -> text; an empty text empties a list or leaves a value open)."""
    data = settings.model_dump()
    faults = []
    for key, text in changes.items():
        try:
            field = _field(key)
            _put(data, field, parsed(field, text))
        except InvalidValueError as error:
            faults.append(Fault(key, error.message))
    known = {fault.field for fault in faults}
    faults += [fault for fault in found_faults(data) if fault.field not in known]
    if faults:
        raise InvalidValueError(faults)
    return checked(data)


def _put(data: dict[str, Any], field: Field, value: object) -> None:
    *groups, name = field.path
    target: Any = data
    for step in groups:
        target = target[step]
    target[name] = value


def _field(key: str) -> Field:
    if key in FIELDS:
        return FIELDS[key]
    parts = key.split(".")
    if parts[0] == "stages" and len(parts) == _STAGE_KEY_PARTS:
        _refuse_stage_key(number=parts[1], column=parts[2])
    near = get_close_matches(key, FIELDS, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`igny8 settings show SITE` lists every key."
    raise InvalidValueError(f"there is no such setting. {hint}")


def _refuse_stage_key(*, number: str, column: str) -> None:
    """Say what is wrong with a key of the matrix; a misspelt column is left to the search for near ones."""
    if number not in {str(known) for known in STAGE_NUMBERS}:
        raise InvalidValueError(f"there is no stage {shown(number)}. Use a stage from 1 to {len(STAGE_NUMBERS)}.")
    if column not in COLUMNS:
        return
    stage = BY_NUMBER[int(number)]
    columns = ", ".join(name for name in COLUMNS if column_applies(stage, name))
    raise InvalidValueError(f"{column} does not apply to stage {number}, {stage.name}. It has {columns}.")


def parsed(field: Field, text: str) -> object:
    """The value that a text means; what the models check themselves (bounds, days, times) is left to them."""
    text = text.strip()
    if field.type == "array":
        return [part.strip() for part in text.split(",") if part.strip()]
    if field.nullable and text.casefold() in _NOTHING:
        return None
    try:
        return _PARSERS[field.type](text)
    except (ValueError, KeyError):
        raise InvalidValueError(f"{shown(text)} is not allowed. Use {field.allowed}.") from None


def _whole(text: str) -> int:
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return int(text)


def _truth(text: str) -> bool:
    return _TRUTHS[text.casefold()]


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "boolean": _truth,
    "integer": _whole,
    "number": float,
    "string": str,
}
