"""Owns what the API says of its answers: which problems an operation may answer, and what a problem looks like."""

from __future__ import annotations

from typing import Any, Final

MEDIA_TYPE: Final = "application/problem+json"
SCHEMA_NAME: Final = "Problem"
_REASONS: Final = {
    401: "No key and no log-in, or one that is not known, was revoked or is over.",
    403: "Role, scopes or sites do not reach so far; or a change that no page of this installation sent.",
    404: "It is not there, or not yours.",
    409: "Something else is already happening, such as a live run: its id is in `run_id`.",
    412: "It was changed meanwhile: `etag` says what it is now.",
    413: "The body is larger than 1 MB; a file of keywords: than 64 MiB.",
    422: "At least one value is not allowed: `faults` has every one, with its field.",
    429: "Too many requests: `Retry-After` says for how many seconds to wait.",
    503: "The database cannot be read.",
}
PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "What the status means."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "The sentence for a person."},
        "faults": {
            "type": "array",
            "description": "Every value that is wrong.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "run_id": {"type": "integer", "description": "The live run that is in the way."},
        "etag": {"type": "string", "description": "The ETag of what there is now."},
    },
    "examples": [
        {
            "type": "about:blank",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "stages.4.per_run_limit: -1 is not allowed. Use a whole number from 0 to 100,000.",
            "faults": [
                {
                    "field": "stages.4.per_run_limit",
                    "message": "-1 is not allowed. Use a whole number from 0 to 100,000.",
                }
            ],
        }
    ],
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer, as FastAPI wants them in `responses`."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{SCHEMA_NAME}"}}}
    return {status: {"description": _REASONS[status], "content": content} for status in statuses}
