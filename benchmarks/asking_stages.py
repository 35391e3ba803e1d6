"""Owns seven stages that ask a model which answers at once, and keep nothing: a hold and a stored answer an item."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy.orm import Session

from pipeline.ai import ADAPTERS
from pipeline.ai.port import ImageReply, ImageRequest, TextReply, TextRequest
from pipeline.contract import Message, Produced, Question, Stage, Subjects
from pipeline.core.catalog import BY_KEY, STAGES, Calls, ModelType, StageDefinition
from pipeline.core.states import KeywordStatus
from pipeline.models import Keyword

PROVIDER: Final = "benchmark"


class Word(BaseModel):
    """The smallest answer."""

    word: str


class AtOnce:
    """A provider without a network."""

    name = PROVIDER

    def complete_text(self, request: TextRequest) -> TextReply:  # noqa: ARG002 - as the port has it
        """Always the same."""
        return TextReply('{"word": "yes"}', input_tokens=20, output_tokens=5, finish="stop")

    def draw_image(self, request: ImageRequest) -> ImageReply:
        """Is not asked for."""
        raise NotImplementedError


class Asking(Stage[Keyword, Any]):
    """What the seven share."""

    subject = Keyword
    waits_as = KeywordStatus.NEW

    @cached_property
    def definition(self) -> StageDefinition:
        """One text question an item, whatever the catalog says."""
        return replace(BY_KEY[self.key], calls=Calls.PER_ITEM, model_type=ModelType.TEXT)

    def ask(self, session: Session, subjects: Subjects[Keyword]) -> Question:  # noqa: ARG002 - as the contract has it
        """A short question that reads no row."""
        return Question((Message("user", f"Is {subjects.ids[0]} a number?"),), Word, "word", 100, 20)

    def keep(self, session: Session, subjects: Subjects[Keyword], answer: Any) -> Produced | None:
        """Nothing."""


ADAPTERS[PROVIDER] = lambda _connection: AtOnce()
for _definition in STAGES:
    type(f"Asking{_definition.number}", (Asking,), {"key": _definition.key})
