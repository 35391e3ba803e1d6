"""Whatever of a wrong shape is sent to whatever operation, it is refused in sentences of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.core.roles import Role
from tests.support.api import Api, the_app

SCHEMA = the_app().openapi()
#: What the validator says to programmers.
_OF_THE_VALIDATOR = re.compile(r"\bInput\b|Extra inputs|String should|List should|Field required|Value error|pydantic")
#: None of these fits everywhere; each is sent in the place of every field at once.
_WRONG: tuple[Any, ...] = ({"x": [1]}, [[{}]], "\x00?", "x" * 70_000, 10**30, -1.5, None, "")


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in SCHEMA["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/api/") and not path.endswith(("/events", "/import")):
                yield method.upper(), path, operation


def _body(operation: dict[str, Any], wrong: Any) -> Any:
    """Every field of the operation's body, each of them wrong, and one that it does not have."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema = content["schema"]
    choices = [schema, *schema.get("anyOf", ())]
    name = next(choice["$ref"] for choice in choices if "$ref" in choice).rpartition("/")[2]
    fields = SCHEMA["components"]["schemas"][name]["properties"]
    return dict.fromkeys([*fields, "no_such_field"], wrong)


def _told(api: Api, headers: dict[str, str], wrong: Any) -> Iterator[tuple[str, str]]:
    """Operation and message of every fault that is told where this value stands everywhere."""
    for method, path, operation in _operations():
        queries = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        answers = [
            api.client.request(
                method,
                path.format(**api.mine.in_paths),
                json=_body(operation, wrong),
                params=dict.fromkeys(queries, "" if isinstance(wrong, dict | list) else str(wrong)[:500]),
                headers=headers,
            )
        ]
        if "{" in path:
            broken = path.format(**dict.fromkeys(api.mine.in_paths, "0x"))
            answers.append(api.client.request(method, broken, headers=headers))
        for answer in answers:
            assert answer.status_code < 500, (method, path, answer.text)
            if answer.status_code == 422:
                problem = answer.json()
                yield operation["operationId"], problem["detail"]
                yield from ((operation["operationId"], fault["message"]) for fault in problem["faults"])


@pytest.mark.parametrize("wrong", _WRONG, ids=lambda value: str(type(value).__name__))
def test_no_fault_is_told_in_the_validators_words(sqlite_api: Api, wrong: Any) -> None:
    headers = sqlite_api.key(Role.PLATFORM_ADMIN)

    told = list(_told(sqlite_api, headers, wrong))

    assert [each for each in told if _OF_THE_VALIDATOR.search(each[1])] == []
    assert [each for each in told if not each[1].endswith((".", "!"))] == []
    assert len({operation for operation, _ in told}) > 60


@pytest.mark.parametrize(
    ("method", "path", "sent", "fault"),
    [
        (
            "POST",
            "/api/v1/sites",
            {"name": 7, "timezone": "UTC"},
            {"field": "name", "message": "this is no text. Use a text."},
        ),
        (
            "POST",
            "/api/v1/content/1/move",
            {"to": "tomorrow"},
            {
                "field": "to",
                "message": "this is no date with a time. Use YYYY-MM-DD HH:MM, such as 2026-06-05 14:00.",
            },
        ),
        (
            "DELETE",
            "/api/v1/sites/1?draft=keep",
            None,
            {"field": "draft", "message": "there is no such parameter here. Did you mean drafts?"},
        ),
        (
            "GET",
            "/api/v1/credits?colour=blue",
            None,
            {"field": "colour", "message": "there is no such parameter here. Leave it out."},
        ),
        (
            "GET",
            "/api/v1/runs?limit=0",
            None,
            {"field": "limit", "message": "it is too small. Use 1 or more."},
        ),
        (
            "GET",
            "/api/v1/audit?action=Run!",
            None,
            {
                "field": "action",
                "message": "this names no action. Use small letters, points and underscores, such as run.paused.",
            },
        ),
    ],
)
def test_a_fault_says_what_is_wrong_and_what_to_use(
    sqlite_api: Api, method: str, path: str, sent: Any, fault: dict[str, str]
) -> None:
    answer = sqlite_api.client.request(method, path, json=sent)

    assert answer.status_code == 422
    assert answer.json()["faults"] == [fault]
    assert answer.json()["detail"] == f"{fault['field']}: {fault['message']}"
