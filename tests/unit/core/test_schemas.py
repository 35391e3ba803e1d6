"""The subset of JSON schema that providers keep answers to, and what the others are told."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from pipeline.core.capabilities import Capabilities
from pipeline.core.schemas import strict_schema, told_schema


class Part(BaseModel):
    title: str = "none"
    kind: Literal["a", "b"] = "a"


class Whole(BaseModel):
    """All that pydantic says and providers refuse."""

    name: str = Field(min_length=1, max_length=5, pattern="x", title="Name")
    size: Annotated[int, Field(ge=1, le=9, multiple_of=2)] = 2
    parts: list[Part] = Field(min_length=1, max_length=3, default_factory=list)
    first: Part = Field(default_factory=Part, description="A part")
    format: str | None = None


def _objects(schema: Any) -> list[dict[str, Any]]:
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    found = [one for value in inner for one in _objects(value)]
    return [schema, *found] if isinstance(schema, dict) and schema.get("type") == "object" else found


def test_every_field_is_required_and_no_other_is_allowed() -> None:
    objects = _objects(strict_schema(Whole.model_json_schema()))

    assert [each["required"] for each in objects] == [["name", "size", "parts", "first", "format"], ["title", "kind"]]
    assert [each["additionalProperties"] for each in objects] == [False, False]


def test_no_limit_is_said_and_fields_that_are_called_like_one_stay() -> None:
    found = strict_schema(Whole.model_json_schema())

    assert found["properties"]["name"] == {"type": "string"}
    assert found["properties"]["size"] == {"type": "integer"}
    assert found["properties"]["parts"] == {"type": "array", "items": {"$ref": "#/$defs/Part"}}
    assert found["properties"]["first"] == {"$ref": "#/$defs/Part"}
    assert found["properties"]["format"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert found["$defs"]["Part"]["properties"]["kind"]["enum"] == ["a", "b"]
    assert "title" in found["$defs"]["Part"]["properties"]


def test_made_twice_it_is_the_same() -> None:
    once = strict_schema(Whole.model_json_schema())

    assert strict_schema(once) == once


def test_what_a_model_is_told_holds_the_schema() -> None:
    schema = strict_schema(Part.model_json_schema())

    assert json.dumps(schema) in told_schema(schema)


def test_a_run_that_froze_no_capabilities_has_those_of_a_current_model() -> None:
    assert Capabilities.from_json(None) == Capabilities()
    assert Capabilities.from_json({"has_temperature": False}) == Capabilities(has_temperature=False)


def test_no_answer_is_asked_for_that_is_longer_than_the_model_gives() -> None:
    assert Capabilities().room_for(9_000) == 9_000
    assert Capabilities(output_token_limit=4_096).room_for(9_000) == 4_096
    assert Capabilities(thinking_tokens=4_000).room_for(9_000) == 13_000
    assert Capabilities(thinking_tokens=4_000, output_token_limit=4_096).room_for(9_000) == 4_096
