"""Owns what the questions of a stage may cost at worst: those about inputs that wait are put together as a run would.

Never: asks them; writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.contract import ImageQuestion, Question, Stage, Subjects
from pipeline.core import repairs, usual_questions
from pipeline.core.catalog import Calls, ModelType, StageDefinition
from pipeline.core.matrix import SiteSettings
from pipeline.core.pricing import Price, worst_prompt_tokens
from pipeline.core.schemas import strict_schema, told_schema
from pipeline.models import Site
from pipeline.services import prompts
from pipeline.services.prompts import PromptedStage, PromptOrigin
from pipeline.services.stage_runs import subject_table, waiting

#: Questions that are put together; more of them count as the most expensive of these.
MOST_PUT_TOGETHER: Final = 10


@dataclass(frozen=True)
class Worst:
    """One question at worst, in micro-credits: asked and answered at length, asked to be repaired, the least of use."""

    ask_ucr: int
    repair_ucr: int
    least_ucr: int
    prompt_bytes: int
    #: What its repair may use of the provider's pace; none of it: an image.
    most_tokens: int = 0
    #: Inputs it is about.
    inputs: int = 1

    @property
    def askings(self) -> int:
        """How often its inputs are asked about where every repair fails too: all of them, then half, then half."""
        return 2 * self.inputs - 1

    @property
    def both_ucr(self) -> int:
        """Asked, and repaired once."""
        return self.ask_ucr + self.repair_ucr


@dataclass(frozen=True)
class Questions:
    """The questions a stage would ask: those that could be put together, and one for each of the others."""

    asked: Sequence[Worst]
    usual: Worst
    count: int
    #: How often the others are asked where every repair fails and earlier stages make as much as they may.
    other_askings: int
    #: Inputs that one of them is about, at most.
    batch_size: int = 1

    @property
    def most_askings_of_one(self) -> int:
        """How often the inputs of one question are asked about, halved until each is alone."""
        return 2 * self.batch_size - 1

    @property
    def worst_tokens(self) -> int:
        """What one call may use of the provider's pace."""
        return max(worst.most_tokens for worst in (*self.asked, self.usual))

    @property
    def worst_askings(self) -> int:
        """All of them, each batch halved until every input has been asked about alone."""
        return sum(worst.askings for worst in self.asked) + self.other_askings

    @property
    def worst_ucr(self) -> int:
        """All of those, each repaired once; half a batch counts as the whole, what was not looked at as the dearest."""
        other = max(worst.both_ucr for worst in (*self.asked, self.usual))
        return sum(worst.askings * worst.both_ucr for worst in self.asked) + self.other_askings * other

    @property
    def ask_ucr(self) -> float:
        """One of them asked at worst, on average."""
        found = [worst.ask_ucr for worst in self.asked]
        return sum(found) / len(found) if found else self.usual.ask_ucr

    @property
    def least_ucr(self) -> int:
        """What must be left for one more of them to be asked."""
        return max([worst.least_ucr for worst in self.asked] or [self.usual.least_ucr])

    @property
    def prompt_bytes(self) -> float:
        """Bytes of one prompt, on average."""
        found = [worst.prompt_bytes for worst in self.asked]
        return sum(found) / len(found) if found else self.usual.prompt_bytes


def questions_of(
    session: Session, stage: Stage[Any, Any], site: Site, *, settings: SiteSettings, price: Price, taken: int, most: int
) -> Questions:
    """The questions about `taken` inputs, `most` at worst: the first that wait are looked at, others are no dearer."""
    definition = stage.definition
    batch_size = _batch_size(definition, settings)
    count = -(-taken // batch_size)
    ids = _first_waiting(session, stage, site, limit=min(most, MOST_PUT_TOGETHER * batch_size))
    words = _words(session, definition, site)
    asked = []
    for first in range(0, len(ids), batch_size):
        batch = ids[first : first + batch_size]
        subjects = Subjects(session, stage.subject, batch, site=site, settings=settings, prompt=words)
        found = _worst(stage.ask(session, subjects), settings=settings, price=price)
        asked.append(replace(found, inputs=len(batch)))
    others = most - len(ids)
    other_askings = 2 * others - -(-others // batch_size)
    return Questions(asked, _usual(definition, settings=settings, price=price), count, other_askings, batch_size)


def _batch_size(definition: StageDefinition, settings: SiteSettings) -> int:
    """Inputs that one question is about."""
    return (settings.stages[definition.number].batch_size or 1) if definition.calls is Calls.PER_BATCH else 1


def _first_waiting(session: Session, stage: Stage[Any, Any], site: Site, *, limit: int) -> Sequence[int]:
    """In the order a run takes them."""
    columns = subject_table(stage).c
    query = select(columns.id).where(waiting(stage, site.id)).order_by(columns.times_tried, columns.id).limit(limit)
    return session.scalars(query).all()


def _words(session: Session, definition: StageDefinition, site: Site) -> str | None:
    """What the account or the site has in the place of the stage's prompt."""
    if definition.key not in {each.value for each in PromptedStage}:
        return None
    found = prompts.get_prompt(session, PromptedStage(definition.key), account_id=site.account_id, site_id=site.id)
    return None if found.origin is PromptOrigin.DEFAULT else found.text


def _worst(question: Question | ImageQuestion, *, settings: SiteSettings, price: Price) -> Worst:
    if isinstance(question, ImageQuestion):
        return _image(question.width, question.height, settings=settings, price=price)
    prompt = worst_prompt_tokens([message.content for message in question.messages]) + _schema_bytes(question.answer)
    return _text(
        prompt, question.max_output_tokens, useful=question.useful_output_tokens, settings=settings, price=price
    )


def _usual(definition: StageDefinition, *, settings: SiteSettings, price: Price) -> Worst:
    if definition.model_type is ModelType.IMAGE:
        return _image(usual_questions.IMAGE_WIDTH, usual_questions.IMAGE_HEIGHT, settings=settings, price=price)
    found = usual_questions.usual(definition, batch_size=_batch_size(definition, settings), content=settings.content)
    return _text(found.prompt_bytes, found.most_output, useful=found.useful_output, settings=settings, price=price)


def _text(prompt: int, most: int, *, useful: int, settings: SiteSettings, price: Price) -> Worst:
    """As the engine holds it: every byte of the prompt a token, thoughts, the longest answer that settings allow."""
    again, room_for = prompt + repairs.worst_bytes(most), price.capabilities.room_for
    most = room_for(min(most, max(settings.ai.max_tokens or most, useful)))
    return Worst(
        ask_ucr=price.token_charge_ucr(prompt + most),
        repair_ucr=price.token_charge_ucr(again + most),
        least_ucr=price.token_charge_ucr(prompt + min(room_for(useful), most)),
        prompt_bytes=prompt,
        most_tokens=again + most,
    )


def _image(width: int, height: int, *, settings: SiteSettings, price: Price) -> Worst:
    amount = price.image_charge_ucr(f"{width}x{height}/{settings.ai.image_quality or 'standard'}")
    return Worst(amount, amount, amount, 0)


@cache
def _schema_bytes(answer: type[BaseModel]) -> int:
    return len(told_schema(strict_schema(answer.model_json_schema())).encode())
