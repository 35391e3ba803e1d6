"""Owns checking settings as a whole: every fault at once, each with its dotted key and what is allowed there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.matrix import SiteSettings
from pipeline.core.shapes import refusal
from pipeline.core.walltime import shown
from pipeline.services.settings.fields import FIELDS, Field

BUDGETS: Final = "stages.budget_pct"
_MOST_PERCENT: Final = 100


def checked(data: Mapping[str, Any]) -> SiteSettings:
    """The settings that `data` (groups of values, stages by number) says; InvalidValueError with every fault."""
    faults = found_faults(data)
    if faults:
        raise InvalidValueError(faults)
    return SiteSettings.model_validate(data)


def found_faults(data: Mapping[str, Any]) -> list[Fault]:
    """Every fault of `data`, none twice; the sum of the budgets is told even where single values are wrong."""
    faults: dict[str, Fault] = {}
    try:
        SiteSettings.model_validate(data)
    except ValidationError as error:
        for detail in error.errors():
            fault = fault_of(detail)
            faults.setdefault(fault.field, fault)
    faults.pop("", None)
    over = _budget_fault(data.get("stages"))
    return [*faults.values(), *([over] if over else [])]


def fault_of(detail: Mapping[str, Any], fields: Mapping[str, Field] = FIELDS) -> Fault:
    """One sentence out of one of pydantic's errors about one of the fields."""
    steps = [str(step) for step in detail["loc"]]
    field = fields.get(".".join(steps)) or fields.get(".".join(steps[:-1]))
    if detail["type"] == "value_error":
        return Fault(".".join(steps) if field is None else field.key, _sentence(str(detail["ctx"]["error"])))
    if field is None:
        return Fault(".".join(steps), str(refusal(detail["type"], detail.get("ctx") or {})))
    return Fault(field.key, f"{shown(detail['input'])} is not allowed. Use {field.allowed}.")


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _budget_fault(rows: object) -> Fault | None:
    """The fault of budgets that add up to more than a hundred percent; stages that are off count too."""
    if not isinstance(rows, Mapping):
        return None
    budgets = [row.get("budget_pct") for row in rows.values() if isinstance(row, Mapping)]
    total = sum(pct for pct in budgets if isinstance(pct, int) and 0 <= pct <= _MOST_PERCENT)
    if total <= _MOST_PERCENT:
        return None
    return Fault(
        BUDGETS,
        f"the budgets of all AI stages add up to {total} %; at most {_MOST_PERCENT} % is allowed "
        "(stages that are switched off count too). Lower one of them.",
    )
