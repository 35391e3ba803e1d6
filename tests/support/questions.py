"""Owns reading a question back as a model does: the data at the end of the user's message."""

from __future__ import annotations

import json
from typing import Any

from pipeline.contract import ImageQuestion, Question


def data_of(question: Question | ImageQuestion) -> dict[str, Any]:
    """The data of a text question."""
    assert isinstance(question, Question)
    assert [message.role for message in question.messages] == ["system", "user"]
    lines = question.messages[-1].content.splitlines()
    assert (lines[-3], lines[-1]) == ("```json", "```")
    data: dict[str, Any] = json.loads(lines[-2])
    return data


def instructions_of(question: Question | ImageQuestion) -> str:
    """The system's message of a text question."""
    assert isinstance(question, Question)
    return question.messages[0].content
