"""Owns the JSON schemas of the settings document, read from the settings themselves: as it is read, as it is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from pipeline.core.catalog import STAGES, ModelType
from pipeline.core.matrix import SiteSettings, StageRow
from pipeline.services.settings.fields import COLUMNS, FIELDS, GROUPS, Field
from pipeline.services.settings.incoming import REQUIRED

READ: Final = "UnifiedSettings"
SENT: Final = "UnifiedSettingsToSave"
_TIME: Final = {"type": "string", "pattern": r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$"}
_NAME: Final = {"type": ["string", "null"], "readOnly": True}
_COUNT: Final = {"type": "integer", "minimum": 0, "readOnly": True}
_READ_ONLY: Final[Mapping[str, Mapping[str, Any]]] = {
    "publishing": {
        "daily_capacity": _COUNT,
        "weekly_capacity": _COUNT,
        "monthly_capacity": _COUNT,
        "timezone": {"type": "string", "readOnly": True, "description": "IANA name of the site's zone."},
    },
}


def _value(field: Field) -> dict[str, Any]:
    """One setting: its kind and bounds."""
    schema = {key: value for key, value in field.schema.items() if key not in {"title", "default"}}
    if field.key == "automation.time":
        schema = dict(_TIME)
    if field.key == "publishing.time_slots":
        schema = {"type": "array", "items": _TIME, "maxItems": 96}
    return {**schema, "type": [schema["type"], "null"]} if field.nullable else schema


def _object(properties: Mapping[str, Any], *, required: Collection[str], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": dict(properties),
        **more,
    }


def _group(group: str, *, whole: bool) -> dict[str, Any]:
    values = {name: _value(FIELDS[f"{group}.{name}"]) for name in GROUPS[group].model_fields}
    properties = {**values, **_READ_ONLY.get(group, {})}
    return _object(properties, required=properties if whole else REQUIRED.get(group, ()))


def _stages(*, whole: bool) -> dict[str, Any]:
    """Seven rows; a column is null where it does not apply to the stage."""
    columns: dict[str, Any] = {"number": {"type": "integer", "minimum": 1, "maximum": len(STAGES)}}
    columns["name"] = {"type": "string", "readOnly": True}
    columns["has_ai"] = {"type": "boolean", "readOnly": True}
    for column in COLUMNS:
        fields = [FIELDS.get(f"stages.{stage.number}.{column}") for stage in STAGES]
        schema = _value(next(field for field in fields if field is not None))
        columns[column] = {**schema, "type": [schema["type"], "null"]} if None in fields else schema
    required = tuple(columns) if whole else ("number", *REQUIRED["stages"])
    rows = _object(columns, required=required, description="A column that does not apply to the stage is null.")
    return {"type": "array", "items": rows, "minItems": len(STAGES), "maxItems": len(STAGES)}


def _available_models() -> dict[str, Any]:
    of_type = _object({"testing": _NAME, "live": _NAME}, required=("testing", "live"))
    kinds = {kind.value: of_type for kind in ModelType}
    return _object(kinds, required=kinds, readOnly=True, description="Names of the models that are asked.")


def _document(title: str, *, whole: bool, description: str) -> dict[str, Any]:
    groups = {group: _group(group, whole=whole) for group in GROUPS}
    properties = {**groups, "stages": _stages(whole=whole), "available_models": _available_models()}
    return _object(
        properties,
        required=properties if whole else REQUIRED,
        title=title,
        description=description,
        examples=[example()],
    )


def example() -> dict[str, Any]:
    """The document of a new site in Berlin."""
    settings = SiteSettings()
    plain = settings.model_dump(mode="json")
    capacity = settings.capacity
    rows = [
        {"number": stage.number, "name": stage.name, "has_ai": stage.has_ai, **_row(settings.stages[stage.number])}
        for stage in STAGES
    ]
    capacities = {
        "daily_capacity": capacity.daily,
        "weekly_capacity": capacity.weekly,
        "monthly_capacity": capacity.monthly,
        "timezone": "Europe/Berlin",
    }
    models = {
        "text": {"testing": "Offline writer (testing)", "live": "Offline writer"},
        "image": {"testing": "Offline painter (testing)", "live": "Offline painter"},
    }
    publishing = {**plain["publishing"], **capacities}
    return {**plain, "stages": rows, "publishing": publishing, "available_models": models}


def _row(row: StageRow) -> dict[str, Any]:
    return row.model_dump(mode="json")


SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    READ: _document(READ, whole=True, description="Everything one site decides, and what is read-only beside it."),
    SENT: _document(
        SENT,
        whole=False,
        description="The document as it was read, with changes. What is not required may be left out and keeps its "
        "value; what is read-only is ignored; what is unknown is refused.",
    ),
}
