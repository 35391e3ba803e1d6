"""Owns the subset of JSON schema that providers keep answers to, and the words for models that keep to none.

In the subset every field is required and no other is allowed; lengths, counts and ranges are not said. Whoever reads an
answer enforces them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

#: What providers refuse or ignore in a schema.
_UNSAID: Final = frozenset(
    {
        "default",
        "examples",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "patternProperties",
        "propertyNames",
        "title",
        "unevaluatedProperties",
        "uniqueItems",
    }
)
#: Keys whose values are schemas by names that are not keywords.
_NAMED: Final = frozenset({"properties", "$defs", "definitions"})


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in the providers' subset; made once more of what it made, it is the same."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    found = {key: _strict(key, value) for key, value in schema.items() if key not in _UNSAID}
    if "oneOf" in found:
        found["anyOf"] = found.pop("oneOf")
        found.pop("discriminator", None)
    if found.get("type") == "object" or "properties" in found:
        found["required"] = list(found.setdefault("properties", {}))
        found["additionalProperties"] = False
    return found


def _strict(key: str, value: Any) -> Any:
    if key in _NAMED and isinstance(value, Mapping):
        return {name: strict_schema(inner) for name, inner in value.items()}
    if key in {"const", "enum", "required"}:
        return value
    if isinstance(value, Mapping):
        return strict_schema(value)
    if isinstance(value, list):
        return [strict_schema(inner) if isinstance(inner, Mapping) else inner for inner in value]
    return value


def told_schema(schema: Mapping[str, Any]) -> str:
    """What a model is told that cannot be given a schema."""
    return (
        "Answer with one JSON document and nothing else: no fence, no word before or after it. "
        f"It keeps to this JSON schema: {json.dumps(schema, ensure_ascii=False)}"
    )
