"""Owns the way from a request's messages to its data: the last JSON block a user message holds."""

from __future__ import annotations

import re
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.ai.port import RequestRefusedError, TextRequest

Answer = dict[str, object]

_BLOCK = re.compile(r"^```json[ \t]*\r?\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Data(BaseModel):
    """The data of a question; what a prompt adds beyond it is not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Site(Data):
    """Whom the site is written for."""

    language: str | None = None
    audience: str | None = None
    tone: str | None = None


DataType = TypeVar("DataType", bound=Data)


def read_data(request: TextRequest, data_type: type[DataType]) -> DataType:
    """The question's data: the last block that reads as `data_type`. Raises RequestRefusedError without one.

    A repair may quote other JSON below the question, so blocks that are something else are passed over.
    """
    for message in reversed(request.messages):
        if message.role != "user":
            continue
        for block in reversed(_BLOCK.findall(message.content)):
            try:
                return data_type.model_validate_json(block)
            except ValidationError:
                continue
    wanted = ", ".join(data_type.model_fields)
    raise RequestRefusedError(
        f"The offline testing model found no data for {request.schema_name!r} in the messages. "
        f"End a user message with one ```json block that holds: {wanted}."
    )


def attempt(request: TextRequest) -> int:
    """How many answers to this question were already turned down."""
    return sum(message.role == "assistant" for message in request.messages)
