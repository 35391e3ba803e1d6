"""Owns how the API describes itself: what FastAPI cannot know of is added to what it finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from pipeline.web.answers import PROBLEM_SCHEMA, SCHEMA_NAME, problems
from pipeline.web.cookies import COOKIE, FORGERY_HEADER
from pipeline.web.settings_schema import SCHEMAS as SETTINGS_SCHEMAS

DESCRIPTION: Final = (
    "Keywords to published articles. Send an API key as `Authorization: Bearer KEY`; `igny8 api-keys create` makes "
    "one. People log in instead (`POST /login`). Ids are integers, instants ISO 8601 in UTC, credits decimal strings. "
    "What is refused is answered with a problem document (RFC 9457) that names every wrong field."
)
_KEY: Final = "apiKey"
_LOG_IN: Final = "logIn"
_SCHEMES: Final = {
    _KEY: {"type": "http", "scheme": "bearer", "description": "An API key."},
    _LOG_IN: {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"Who logged in. Changes need `csrf_token` of `GET /me` as the header {FORGERY_HEADER} besides.",
    },
}


def describe(app: FastAPI, *, public: Collection[str]) -> None:
    """Let `app` describe itself so; operations at the paths in `public` take anybody."""

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = _completed(found, public=public)
        return app.openapi_schema

    # FastAPI's documented way to extend the description is to replace this method.
    vars(app)["openapi"] = schema


def _completed(found: dict[str, Any], *, public: Collection[str]) -> dict[str, Any]:
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name, examples in _examples(BaseModel):
        if name in schemas:
            schemas[name]["examples"] = examples  # FastAPI leaves out what is null, and with it what is required.
    schemas.update({SCHEMA_NAME: PROBLEM_SCHEMA, **SETTINGS_SCHEMAS})
    components["securitySchemes"] = _SCHEMES
    for path, operation in _operations(found):
        if path not in public:
            operation["security"] = [{_KEY: []}, {_LOG_IN: []}]
            # Whoever is known is counted, and may send a parameter that there is not.
            operation["responses"] |= {str(status): told for status, told in problems(422, 429).items()}
    return found


def _examples(parent: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """Name and examples of every model of this package."""
    for model in parent.__subclasses__():
        extra = model.model_config.get("json_schema_extra")
        if model.__module__.startswith(__package__) and isinstance(extra, dict):
            yield model.__name__, extra["examples"]
        yield from _examples(model)


def _operations(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in found["paths"].items():
        for operation in operations.values():
            yield path, operation
