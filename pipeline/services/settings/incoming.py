"""Owns a document that is sent back: laid over what is stored, with every fault at once.

What plan 3.2 shows has to be there; what came later may be left out and keeps its value. What is read-only is accepted
and ignored, what is unknown refused. Never: saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

from pipeline.core.catalog import BY_NUMBER, STAGES, StageDefinition
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.matrix import SiteSettings
from pipeline.core.normal import is_storable
from pipeline.core.walltime import shown
from pipeline.services.settings.check import checked, found_faults
from pipeline.services.settings.fields import COLUMNS, FIELDS, GROUPS, Field

#: Read-only beside the groups, in a group, in a row of the matrix.
READ_ONLY: Final = {
    "": ("available_models",),
    "publishing": ("daily_capacity", "weekly_capacity", "monthly_capacity", "timezone"),
    "stages": ("number", "name", "has_ai"),
}
#: What the plan's document has: a whole one says all of it.
REQUIRED: Final = {
    "automation": ("enabled", "frequency", "time"),
    "delays": ("within_stage", "between_stage"),
    "publishing": ("auto_approval_enabled", "auto_publish_enabled", "publish_days", "time_slots"),
    "stages": ("enabled", "batch_size", "per_run_limit", "use_testing", "budget_pct"),
}
_MISSING: Final = "it is missing. Send the whole document as it was read, with your changes in it."
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
}
#: So many unknown names, or rows of the matrix, are looked at.
_MOST_TOLD: Final = 20
_MOST_CHARACTERS: Final = 100


def laid_over(stored: SiteSettings, sent: Mapping[str, Any]) -> SiteSettings:
    """The settings that `sent` makes of `stored`. InvalidValueError with every fault, each by its dotted name."""
    data = stored.model_dump()
    faults = [*_unknown("", sent, known=(*GROUPS, "stages", *READ_ONLY[""]))]
    for group in GROUPS:
        faults += _lay_group(data[group], sent, group)
    faults += _lay_stages(data["stages"], sent)
    told = {fault.field for fault in faults}
    faults += [fault for fault in found_faults(data) if fault.field not in told]
    if faults:
        raise InvalidValueError(faults)
    return checked(data)


def _lay_group(values: dict[str, Any], sent: Mapping[str, Any], group: str) -> Iterator[Fault]:
    required = REQUIRED.get(group, ())
    if group not in sent:
        if required:
            yield Fault(group, _MISSING)
        return
    given = sent[group]
    if not isinstance(given, Mapping):
        yield Fault(group, f"{shown(given)} is not allowed. Use an object of its settings.")
        return
    yield from _unknown(f"{group}.", given, known=(*values, *READ_ONLY.get(group, ())))
    for name in values:
        if name in given:
            yield from _lay(values, FIELDS[f"{group}.{name}"], given[name])
        elif name in required:
            yield Fault(f"{group}.{name}", _MISSING)


def _lay_stages(rows: dict[int, dict[str, Any]], sent: Mapping[str, Any]) -> Iterator[Fault]:
    if "stages" not in sent:
        yield Fault("stages", _MISSING)
        return
    given = sent["stages"]
    if not isinstance(given, Sequence) or isinstance(given, str):
        yield Fault("stages", f"{shown(given)} is not allowed. Use a list of the seven stages' rows.")
        return
    seen: set[int] = set()
    for place, row in enumerate(given[:_MOST_TOLD], start=1):
        number = row.get("number") if isinstance(row, Mapping) else None
        if not isinstance(row, Mapping) or type(number) is not int or number not in BY_NUMBER:
            yield Fault("stages.number", f"row {place} has no stage's number. Use each number from 1 to {len(STAGES)}.")
        elif number in seen:
            yield Fault(f"stages.{number}", "it is there twice. Send every stage once.")
        else:
            seen.add(number)
            yield from _lay_row(rows[number], row, BY_NUMBER[number])
    if len(given) > _MOST_TOLD:
        yield Fault("stages", f"{len(given)} rows are too many. Send every stage once.")
    yield from (Fault(f"stages.{number}", _MISSING) for number in sorted(rows.keys() - seen))


def _lay_row(values: dict[str, Any], given: Mapping[str, Any], stage: StageDefinition) -> Iterator[Fault]:
    key = f"stages.{stage.number}"
    yield from _unknown(f"{key}.", given, known=(*COLUMNS, *READ_ONLY["stages"]))
    for column in COLUMNS:
        field = FIELDS.get(f"{key}.{column}")
        if field is None:
            if given.get(column) is not None:
                yield Fault(f"{key}.{column}", f"it does not apply to stage {stage.number}, {stage.name}. Use null.")
        elif column in given:
            yield from _lay(values, field, given[column])
        elif column in REQUIRED["stages"]:
            yield Fault(field.key, _MISSING)


def _lay(values: dict[str, Any], field: Field, value: Any) -> Iterator[Fault]:
    """Put a value of the right kind; whether it is within its bounds is found with all others."""
    if isinstance(value, str) and not is_storable(value):
        yield Fault(field.key, f"{shown(value)} holds characters that cannot be kept. Leave them out.")
    elif not _fits(field, value):
        yield Fault(field.key, f"{shown(value)} is not allowed. Use {field.allowed}.")
    else:
        values[str(field.path[-1])] = value


def _fits(field: Field, value: Any) -> bool:
    """JSON has kinds, and a text is no number: "5" is refused."""
    if value is None:
        return field.nullable
    if field.type == "array":
        return isinstance(value, list) and all(isinstance(entry, str) and is_storable(entry) for entry in value)
    kinds = _KINDS[field.type]
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _unknown(prefix: str, given: Mapping[str, Any], *, known: Sequence[str]) -> Iterator[Fault]:
    strange = [name for name in given if name not in known]
    for name in islice(strange, _MOST_TOLD):
        short = name[:_MOST_CHARACTERS]
        near = get_close_matches(short, known, n=1, cutoff=0.6)
        hint = f"Did you mean {prefix}{near[0]}?" if near else "Leave it out."
        yield Fault(f"{prefix}{short}", f"there is no such setting. {hint}")
    if len(strange) > _MOST_TOLD:
        yield Fault(prefix.removesuffix(".") or "body", f"{len(strange)} names in it are unknown. Leave them out.")
