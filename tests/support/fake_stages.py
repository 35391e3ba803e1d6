"""Seven stages that do nothing but count: every keep raises its keyword's volume by one, so a stage done twice shows.

What else one does is written in the first word of the keyword: `boom`, `boom-ask`, `reject`, `reject-once`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.contract import AnswerRejected, ImageQuestion, Message, Produced, Question, Stage, Subjects
from pipeline.core.catalog import STAGES, ModelType
from pipeline.core.states import KeywordStatus
from pipeline.models import Keyword

rejected: Counter[str] = Counter()


class Texts(BaseModel):
    model_config = ConfigDict(extra="forbid")

    texts: list[str]


class Counting(Stage[Keyword, Any]):
    """What the seven share."""

    subject = Keyword
    waits_as = KeywordStatus.NEW

    def ask(self, session: Session, subjects: Subjects[Keyword]) -> Question | ImageQuestion:  # noqa: ARG002 - as the contract has it
        texts = [keyword.text for keyword in subjects]
        if any(text.startswith("boom-ask") for text in texts):
            raise RuntimeError("ask broke")
        if self.definition.model_type is ModelType.IMAGE:
            return ImageQuestion(texts[0], 64, 64)
        return Question((Message("user", json.dumps({"texts": texts})),), Texts, "texts", 100, 20)

    def keep(self, session: Session, subjects: Subjects[Keyword], answer: Any) -> Produced | None:  # noqa: ARG002 - it counts, whatever the answer
        for keyword in subjects:
            mode = keyword.text.split(maxsplit=1)[0]
            if mode == "boom":
                raise RuntimeError("keep broke")
            rejected[keyword.text] += 1
            if mode == "reject" or (mode == "reject-once" and rejected[keyword.text] == 1):
                raise AnswerRejected("it is not good enough")
        session.execute(update(Keyword).where(Keyword.id.in_(subjects.ids)).values(volume=Keyword.volume + 1))
        return {subject_id: [subject_id] for subject_id in subjects.ids}


#: Kept here: a class that nothing names is gone once the registry is given back to the real stages.
KINDS = {
    definition.key: type(f"Counting{definition.number}", (Counting,), {"key": definition.key}) for definition in STAGES
}
