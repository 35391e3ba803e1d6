"""Owns what each setting is called and what it allows, read from the models of `pipeline.core.matrix`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel

from pipeline.core.catalog import BY_NUMBER, STAGES, Calls, StageDefinition
from pipeline.core.defaults import CREDIT_VALUE_ALLOWED, AccountDefaults, SystemDefaults
from pipeline.core.matrix import Ai, Automation, ContentContext, Delays, Publishing, StageRow
from pipeline.core.preferences import Preferences

GROUPS: Final[Mapping[str, type[BaseModel]]] = {
    "automation": Automation,
    "delays": Delays,
    "publishing": Publishing,
    "ai": Ai,
    "content": ContentContext,
}
_TIMES: Final = frozenset({"automation.time", "publishing.time_slots"})
_TIME: Final = "a time HH:MM from 00:00 to 23:59"
#: Values of a JSON schema that say what is allowed, by its type.
_WORDS: Final = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "a text"}


@dataclass(frozen=True)
class Field:
    """One setting: its dotted key and the JSON schema of its value."""

    key: str
    schema: Mapping[str, Any]
    #: Whether nothing is a value: inherit, or unset.
    nullable: bool

    @property
    def path(self) -> tuple[str | int, ...]:
        """Its key as the steps down to it; the number of a stage is a number."""
        return tuple(int(part) if part.isdecimal() else part for part in self.key.split("."))

    @property
    def type(self) -> str:
        """`boolean, integer, number, string` or `array`."""
        return str(self.schema["type"])

    @cached_property
    def allowed(self) -> str:
        """What may stand here, to follow "Use "."""
        text = self._allowed()
        return f"{text}, or nothing to leave it open" if self.nullable else text

    def _allowed(self) -> str:
        if self.type == "array":
            return self._allowed_list()
        if self.key in _TIMES:
            return _TIME
        if self.key == "timezone":
            return "an IANA name such as Europe/Berlin"
        if self.key == "credit_value_usd":
            return CREDIT_VALUE_ALLOWED
        if "enum" in self.schema:
            return "one of " + ", ".join(self.schema["enum"])
        return _WORDS[self.type] + self._bounds()

    def _allowed_list(self) -> str:
        if self.key in _TIMES:
            return "at most 96 times HH:MM, separated by commas (none: nothing is scheduled)"
        if "enum" in self.schema["items"]:
            return "days out of " + ", ".join(self.schema["items"]["enum"]) + ", separated by commas"
        return f"at most {self.schema['maxItems']:,} dates YYYY-MM-DD, separated by commas"

    def _bounds(self) -> str:
        low, high = self.schema.get("minimum"), self.schema.get("maximum")
        if low is not None:
            return f" from {low:,} to {high:,}"
        shortest, longest = self.schema.get("minLength", 0), self.schema.get("maxLength")
        return "" if longest is None else f" of {f'{shortest} to' if shortest else 'at most'} {longest:,} characters"


def column_applies(stage: StageDefinition, column: str) -> bool:
    """Whether a column of the matrix means anything for the stage."""
    if column in {"use_testing", "budget_pct"}:
        return stage.has_ai
    if column == "batch_size":
        return stage.batch_size is not None
    return column != "concurrency" or stage.calls is not Calls.LOCAL


def _plain(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema without its null alternative, and whether it had one."""
    choices = schema.get("anyOf", [schema])
    kinds = [choice for choice in choices if choice.get("type") != "null"]
    return kinds[0], len(kinds) < len(choices)


def _properties(model: type[BaseModel]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    for name, schema in model.model_json_schema()["properties"].items():
        yield name, *_plain(schema)


def _fields() -> Iterator[Field]:
    for group, model in GROUPS.items():
        for name, schema, nullable in _properties(model):
            yield Field(f"{group}.{name}", schema, nullable)
    for stage in STAGES:
        for column, schema, _ in _properties(StageRow):
            if column_applies(stage, column):
                yield Field(f"stages.{stage.number}.{column}", schema, nullable=False)


def _below(model: type[BaseModel], prefix: str = "") -> Iterator[Field]:
    """Every value of a model of groups, by its dotted key."""
    for name, schema, nullable in _properties(model):
        group = model.model_fields[name].annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            yield from _below(group, f"{prefix}{name}.")
        else:
            yield Field(f"{prefix}{name}", schema, nullable)


#: Every setting of a site there is, by its dotted key.
FIELDS: Final[Mapping[str, Field]] = {field.key: field for field in _fields()}
#: What an account decides for its sites, and what the system decides for all of them.
ACCOUNT_FIELDS: Final[Mapping[str, Field]] = {field.key: field for field in _below(AccountDefaults)}
SYSTEM_FIELDS: Final[Mapping[str, Field]] = {field.key: field for field in _below(SystemDefaults)}
#: What one person prefers.
PREFERENCES: Final[Mapping[str, Field]] = {field.key: field for field in _below(Preferences)}
#: The columns of the matrix, whichever stage they apply to.
COLUMNS: Final[tuple[str, ...]] = tuple(StageRow.model_fields)
STAGE_NUMBERS: Final = tuple(BY_NUMBER)
