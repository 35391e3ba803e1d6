"""`docs/settings.md` names every setting, with the default and the bounds that the code has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from pydantic import BaseModel
from typer.main import get_command

from pipeline.cli.app import app
from pipeline.config import Config, environment_name
from pipeline.core.catalog import STAGES
from pipeline.core.defaults import AccountDefaults, AccountModules, SystemDefaults, SystemModules
from pipeline.core.matrix import Group, SiteSettings, StageRow
from pipeline.core.modules import Module
from pipeline.core.preferences import Preferences
from pipeline.models import SystemAiSettings
from pipeline.models.base import table_of
from pipeline.services.settings import ACCOUNT_FIELDS, FIELDS, PREFERENCES, SYSTEM_FIELDS, Field
from pipeline.web.api.models import ModelToSet
from pipeline.web.api.providers import ProviderToSet
from tests.support.documents import named_rows, sections, unticked
from tests.support.sources import ROOT, modules

_DOCUMENT = "settings.md"
_NONE = "–"
#: Defaults that are made of other settings.
_MADE = {"IGNY8_DATABASE_URL": "sqlite:///<home>/igny8.db"}


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "(none)"
    return _NONE if value is None else str(value)


def _defaults() -> dict[str, object]:
    groups = SiteSettings().model_dump()
    return {f"{group}.{name}": value for group in groups if group != "stages" for name, value in groups[group].items()}


def _section(name: str) -> dict[str, list[str]]:
    return named_rows(sections(_DOCUMENT)[name])


def test_every_setting_of_a_site_stands_there_with_its_default() -> None:
    documented = {key: unticked(default) for key, (default, _, _) in _section("Site settings").items()}

    assert documented == {key: _written(value) for key, value in _defaults().items()}


def test_what_a_setting_of_a_site_allows_is_what_the_command_says() -> None:
    documented = {key: allowed for key, (_, allowed, _) in _section("Site settings").items()}

    assert documented == {key: field.allowed for key, field in FIELDS.items() if not key.startswith("stages.")}


def test_the_matrix_stands_there_with_its_defaults_and_bounds() -> None:
    rows = SiteSettings().stages
    expected = {}
    for column in StageRow.model_fields:
        keys = {stage.number: f"stages.{stage.number}.{column}" for stage in STAGES}
        cells = [_written(getattr(rows[number], column)) if key in FIELDS else _NONE for number, key in keys.items()]
        expected[column] = [*cells, next(FIELDS[key].allowed for key in keys.values() if key in FIELDS)]

    assert {column: cells[:-1] for column, cells in _section("The stage matrix").items()} == expected


@pytest.mark.parametrize(
    ("section", "defaults", "fields"),
    [
        ("Account settings", AccountDefaults(), ACCOUNT_FIELDS),
        ("System settings", SystemDefaults(), SYSTEM_FIELDS),
        ("Preferences", Preferences(), PREFERENCES),
    ],
)
def test_every_setting_of_account_system_and_person_stands_there_with_default_and_bounds(
    section: str, defaults: Group, fields: Mapping[str, Field]
) -> None:
    documented = {key: (unticked(default), allowed) for key, (default, allowed, _) in _section(section).items()}

    expected = {}
    for key, field in fields.items():
        value: Any = defaults.model_dump()
        for step in key.split("."):
            value = value[step]
        expected[key] = (_written(value), field.allowed)
    assert documented == expected


def test_the_systems_row_begins_with_the_documented_defaults() -> None:
    columns = {column.name: column.default for column in table_of(SystemAiSettings).columns if column.name != "id"}

    defaults = SystemDefaults()
    kept = defaults.ai.model_dump() | {"credit_value_usd": defaults.credit_value_usd}
    assert {name: str(default.arg) for name, default in columns.items() if default is not None} == {
        name: str(value) for name, value in kept.items()
    }


def test_every_module_is_a_setting_of_account_and_system() -> None:
    modules = [module.value for module in Module]

    assert list(AccountModules.model_fields) == list(SystemModules.model_fields) == modules


@pytest.mark.parametrize(
    ("section", "change", "others"),
    # Those that are read only are no settings.
    [
        ("Models", ModelToSet, {"id", "retired_at", "is_active"}),
        ("Providers", ProviderToSet, {"name", "updated_at", "troubles"}),
    ],
)
def test_every_field_of_a_model_and_of_a_provider_stands_there(
    section: str, change: type[BaseModel], others: set[str]
) -> None:
    assert set(_section(section)) == set(change.model_fields) - others


@pytest.mark.parametrize("group", ["models", "providers"])
def test_every_option_of_a_model_and_of_a_provider_stands_there(group: str) -> None:
    command: Any = get_command(app)
    found = command.commands[group].commands["set"].params
    options = {word for parameter in found for word in (*parameter.opts, *parameter.secondary_opts)}

    text = sections(_DOCUMENT)[group.capitalize()]
    assert {option for option in options if option.startswith("--") and f"`{option}`" not in text} == {"--json"}


@pytest.mark.parametrize(("section", "change"), [("Models", ModelToSet), ("Providers", ProviderToSet)])
def test_every_bound_of_a_model_and_of_a_provider_stands_there(section: str, change: type[BaseModel]) -> None:
    rows = _section(section)
    bounds = {
        (name, f"{schema[limit]:,}")
        for name, field in change.model_json_schema()["properties"].items()
        for schema in field.get("anyOf", [field])
        for limit in ("minimum", "maximum", "maxLength")
        if limit in schema and name in rows
    }

    # These are told by their words and their form: none that fits is too long.
    told_otherwise = {("provider", "32"), ("max_tokens_name", "32"), ("base_url", "2,000")}
    assert {(name, bound) for name, bound in bounds - told_otherwise if bound not in rows[name][2]} == set()


def _bounds(schema: Mapping[str, Any]) -> str | None:
    """What a variable allows, in words; None: a text, whose form is told beside it."""
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if schema["type"] == "array" and schema["items"]["type"] == "integer":
        return f"whole numbers from {schema['items']['minimum']:,} to {schema['items']['maximum']:,}, at least one"
    if schema["type"] == "integer":
        return f"a whole number from {schema['minimum']:,} to {schema['maximum']:,}"
    if schema["type"] == "number":
        return f"a number above {schema['exclusiveMinimum']:,}, at most {schema['maximum']:,}"
    return "true or false" if schema["type"] == "boolean" else None


def test_every_bound_of_the_environment_stands_there() -> None:
    documented = {name: allowed for name, (allowed,) in _section("Environment, bounds").items()}
    schemas = {
        environment_name(key): next(choice for choice in schema.get("anyOf", [schema]) if choice.get("type") != "null")
        for key, schema in Config.model_json_schema()["properties"].items()
    }

    def told(name: str) -> str | None:
        of_many = (allowed for pattern, allowed in documented.items() if fnmatchcase(name, pattern))
        return documented.get(name) or next(of_many, None)

    assert {name: told(name) for name in schemas} == {name: _bounds(schema) for name, schema in schemas.items()}
    assert [row for row in documented if "*" not in row and row not in schemas] == []


def test_every_variable_of_the_environment_stands_there_with_its_default() -> None:
    documented = {name: unticked(default) for name, (default, _) in _section("Environment").items()}

    assert documented == {
        name: _MADE.get(name, _written(field.default))
        for name, field in ((environment_name(key), field) for key, field in Config.model_fields.items())
    }


def test_every_variable_is_read_somewhere() -> None:
    readers = [*modules(), ROOT / "celeryconfig.py"]
    code = "\n".join(path.read_text("utf-8") for path in readers)
    read = {key for key in Config.model_fields if re.search(rf"(?:config|config\(\)|settings|self)\.{key}\b", code)}

    assert {environment_name(key) for key in set(Config.model_fields) - read} == set()
