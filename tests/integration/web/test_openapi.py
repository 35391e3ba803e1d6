"""What the API says of itself: complete, with examples; and schemathesis takes it at its word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from jsonschema_rs import validator_for
from schemathesis import checks

from pipeline.core.roles import Role
from pipeline.web.settings_schema import READ, SCHEMAS, SENT
from tests.support.api import Api, the_app

SCHEMA = the_app().openapi()
OPERATIONS = {
    operation["operationId"]: operation for operations in SCHEMA["paths"].values() for operation in operations.values()
}
#: What every answer has to keep, whatever was sent.
PROMISES = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


def _schemas(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas of what is sent and of what is answered."""
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for described in [*bodies, *operation["responses"].values()]:
        for kind, media in described.get("content", {}).items():
            if kind.endswith("json"):
                choices = media["schema"].get("anyOf", [media["schema"]])
                yield from (choice for choice in choices if choice != {"type": "null"})


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema["$ref"].rpartition("/")[2]
    found: dict[str, Any] = SCHEMA["components"]["schemas"][name]
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_explained(name: str) -> None:
    operation = OPERATIONS[name]

    assert operation["description"].endswith(".")
    assert operation["summary"]
    assert len(operation["tags"]) == 1
    assert all(parameter.get("description") for parameter in operation.get("parameters", ()))
    assert ("security" in operation) == ({"401", "403"} <= set(operation["responses"]))


@pytest.mark.parametrize("name", OPERATIONS)
def test_all_that_is_sent_or_answered_has_an_example_that_fits(name: str) -> None:
    for schema in _schemas(OPERATIONS[name]):
        resolved = _resolved(schema)
        validator = validator_for({**resolved, "components": SCHEMA["components"]})

        assert resolved["examples"]
        assert all(validator.is_valid(example) for example in resolved["examples"])


def test_no_two_models_have_one_name() -> None:
    """Where they have, the module stands in both names, and generators of clients take neither."""
    assert [name for name in SCHEMA["components"]["schemas"] if "__" in name] == []


def test_the_settings_that_are_read_are_those_that_may_be_sent(sqlite_api: Api) -> None:
    found = sqlite_api.client.get(sqlite_api.settings_path).json()

    assert [validator_for(dict(SCHEMAS[name])).is_valid(found) for name in (READ, SENT)] == [True, True]


def test_what_the_description_promises_is_kept_whatever_is_sent(sqlite_api: Api, *, at_length: bool) -> None:
    described = schemathesis.openapi.from_asgi("/api/v1/openapi.json", the_app()).include(path_regex="^/api/")
    mine, headers = sqlite_api.mine, sqlite_api.key(Role.PLATFORM_ADMIN)
    asked = {"operations": set[str](), "statuses": set[int]()}

    def ask(case: Any) -> None:
        for name, an_id in mine.ids.items():
            # Half of the time an id that is there: else all would be 404.
            if name in case.path_parameters and crc32(str(case.path_parameters[name]).encode()) % 2:
                case.path_parameters[name] = an_id
        answer = case.call(headers=headers)
        asked["operations"].add(case.operation.definition.raw["operationId"])
        asked["statuses"].add(answer.status_code)
        case.validate_response(answer, checks=PROMISES)

    for result in described.get_all_operations():
        strategy = result.ok().as_strategy()
        seed(20260603)(
            settings(
                max_examples=25 if at_length else 10,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=strategy)(ask))
        )()

    assert asked["operations"] == set(OPERATIONS) - {"health", "live", "read_feed"}
    assert {200, 201, 404, 409, 422} <= asked["statuses"]
