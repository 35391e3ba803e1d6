"""Owns seven stages that do nothing, all local: what is measured with them is the engine alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from pipeline.contract import Produced, Stage, Subjects
from pipeline.core.catalog import BY_KEY, STAGES, Calls, StageDefinition
from pipeline.core.states import KeywordStatus
from pipeline.models import Keyword


class NoOp(Stage[Keyword, Any]):
    """What the seven share."""

    subject = Keyword
    waits_as = KeywordStatus.NEW

    @property
    def definition(self) -> StageDefinition:
        """Local, whatever the catalog says."""
        return replace(BY_KEY[self.key], calls=Calls.LOCAL, model_type=None)

    def keep(self, session: Session, subjects: Subjects[Keyword], answer: Any) -> Produced | None:
        """Nothing."""


for _definition in STAGES:
    type(f"NoOp{_definition.number}", (NoOp,), {"key": _definition.key})
