"""Owns the sentence about a value of the wrong shape: what is wrong with it, and what to use instead.

A validator says of what kind a fault is and where its limits lie; its own words are for programmers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final


@dataclass(frozen=True)
class Refusal:
    """Two sentences for a person."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        """Both, as they stand behind the name of a field."""
        return f"{self.problem} {self.remedy}"


_WHOLE: Final = Refusal("this is no whole number.", "Use a whole number, such as 7.")
_NUMBER: Final = Refusal("this is no number.", "Use a number, such as 0.5.")
_TEXT: Final = Refusal("this is no text.", "Use a text.")
_SWITCH: Final = Refusal("this is neither true nor false.", "Use true or false.")
_LIST: Final = Refusal("this is no list.", "Use a list, in square brackets.")
_OBJECT: Final = Refusal("this is no object.", "Use an object: names with values, in braces.")
_DATE: Final = Refusal("this is no date.", "Use YYYY-MM-DD, such as 2026-06-05.")
_INSTANT: Final = Refusal("this is no instant.", "Use ISO 8601, such as 2026-06-05T14:00:00Z.")
_ZONELESS: Final = Refusal("this instant says no zone.", "Add one, such as Z or +02:00.")
_CHOICE: Final = Refusal("this is not among what is allowed.", "Use {expected}.")
_OTHER: Final = Refusal("this value is not allowed.", "Look up what is, in the description of the operation.")

#: What a kind of fault begins with decides, unless the kind itself is named below.
_FAMILIES: Final[Mapping[str, Refusal]] = {
    "bool_": _SWITCH,
    "dataclass_": _OBJECT,
    "date_": _DATE,
    "datetime_": _INSTANT,
    "decimal_": _NUMBER,
    "dict_": _OBJECT,
    "float_": _NUMBER,
    "int_": _WHOLE,
    "list_": _LIST,
    "mapping_": _OBJECT,
    "model_": _OBJECT,
    "set_": _LIST,
    "string_": _TEXT,
    "tuple_": _LIST,
}
_KINDS: Final[Mapping[str, Refusal]] = {
    "enum": _CHOICE,
    "extra_forbidden": Refusal("there is no such field here.", "Leave it out."),
    "finite_number": _NUMBER,
    "greater_than": Refusal("it is too small.", "Use more than {gt}."),
    "greater_than_equal": Refusal("it is too small.", "Use {ge} or more."),
    "int_parsing_size": Refusal("it is too large.", "Use a number of fewer digits."),
    "invalid_key": Refusal("a name in it is no text.", "Use texts as names."),
    "less_than": Refusal("it is too large.", "Use less than {lt}."),
    "less_than_equal": Refusal("it is too large.", "Use {le} or less."),
    "literal_error": _CHOICE,
    "missing": Refusal("it is missing.", "Add it."),
    "multiple_of": Refusal("it does not go up in the right steps.", "Use a multiple of {multiple_of}."),
    "none_required": Refusal("nothing may stand here.", "Use null, or leave it out."),
    "string_pattern_mismatch": Refusal("it is not written as it has to be.", "Look at the example of the operation."),
    "string_too_long": Refusal("it is too long.", "Use {max_length} characters or fewer."),
    "string_too_short": Refusal("it is too short.", "Use {min_length} characters or more."),
    "string_unicode": Refusal("it holds signs that cannot be read.", "Write it as UTF-8."),
    "timezone_aware": _ZONELESS,
    "timezone_offset": _ZONELESS,
    "too_long": Refusal("it has too many entries.", "Use {max_length} or fewer."),
    "too_short": Refusal("it has too few entries.", "Use {min_length} or more."),
}


#: A day is no size.
_OF_DAYS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("it is too early.", "Use {ge} or later."),
    "less_than_equal": ("it is too late.", "Use {le} or earlier."),
}


def refusal(kind: str, limits: Mapping[str, Any]) -> Refusal:
    """What to say of a fault of this kind; `limits` are the numbers and words that belong to it."""
    found = _KINDS.get(kind) or next((told for begin, told in _FAMILIES.items() if kind.startswith(begin)), _OTHER)
    if kind in _OF_DAYS and any(isinstance(limit, date) for limit in limits.values()):
        return Refusal(*(sentence.format_map(limits) for sentence in _OF_DAYS[kind]))
    if kind == "string_too_short" and limits.get("min_length") == 1:
        return Refusal("it is empty.", "Fill it in.")
    return Refusal(found.problem, found.remedy.format_map(dict(_readable(limits))))


def _readable(limits: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Large numbers with their thousands apart."""
    for name, value in limits.items():
        yield name, f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
