"""Owns what passes between the steps of an asking slice: claimed work, what its question brought, a stage's verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pipeline.ai.port import TextRequest
from pipeline.contract import ImageQuestion
from pipeline.engine.gateway import Answered, Dispatched, Settling, Stored
from pipeline.engine.items import Item
from pipeline.engine.questions import Step
from pipeline.engine.readings import MORE_ROOM, UselessAnswerError, is_cut_in_thoughts, read_image, read_text, told


@dataclass(frozen=True)
class Work:
    """Claimed items with their question, its hold committed or its answer found."""

    items: list[Item]
    asked: Dispatched | Stored


@dataclass(frozen=True)
class Result:
    """What a question brought: a readable answer, or why it is of no use."""

    work: Work
    answered: Answered
    answer: Any
    fault: str | None
    #: Whether it is asked no more, whatever is wrong.
    is_final: bool = False

    @property
    def needs_repair(self) -> bool:
        """Whether it is to be asked once more, with what was wrong."""
        return self.fault is not None and not self.is_final and self.work.asked.prepared.step is Step.ASK

    @property
    def refusal(self) -> str:
        """Why its items are refused, for people: what was wrong with it and, where there is a remedy, that."""
        prepared = self.work.asked.prepared
        request, why = prepared.request, f"the answer could not be used: {self.fault}"
        if isinstance(request, TextRequest) and is_cut_in_thoughts(self.answered.answer, request.max_output_tokens):
            return f"{why}. {MORE_ROOM.format(model=prepared.price.model)}"
        return why

    @property
    def subject_ids(self) -> list[int]:
        """What the question was about."""
        return [item.subject_id for item in self.work.items]

    @property
    def settling(self) -> Settling | None:
        """The call to settle; None: it was settled before."""
        call, settlement = self.answered.call, self.answered.settlement
        if call is None or settlement is None:
            return None
        return Settling(call, settlement if self.fault is None else settlement.wasted)


class Rejected(Exception):  # noqa: N818 - a verdict that rolls the transaction back
    """The stage rejected the answer before it wrote anything."""

    def __init__(self, result: Result, why: str) -> None:
        super().__init__(why)
        self.verdict = Result(result.work, result.answered, None, told(why))


class Unpaid(Rejected):
    """A useless answer whose repair cannot be paid: it is refused as it is, its items before the money."""

    def __init__(self, result: Result, why: str) -> None:
        super().__init__(result, why)
        self.verdict = replace(result, fault=f"{result.fault}; {why}", is_final=True)


def read(work: Work, answered: Answered) -> Result:
    """The answer as its question wants it, or what is wrong with it."""
    question = work.asked.prepared.question
    try:
        read_as = read_image if isinstance(question, ImageQuestion) else partial(read_text, question)
        return Result(work, answered, read_as(answered.answer), None)
    except UselessAnswerError as error:
        return Result(work, answered, None, str(error))
