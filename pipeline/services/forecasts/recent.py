"""Owns what an account's recent calls have needed, by stage and model, and what a site's last keywords came to.

Never: writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from pipeline.core import usual_questions
from pipeline.core.states import CallStatus, KeywordStatus
from pipeline.models import AiCall, Keyword, StageRun

#: Calls, of all stages together, and keywords that are looked back at.
#: Fewer questions than `ENOUGH` of a stage say nothing.
LOOKED_AT: Final = 2_000
ENOUGH: Final = 5
_ENOUGH_KEYWORDS: Final = 50
#: Stage number and model.
_Kind: TypeAlias = tuple[int, str]


@dataclass(frozen=True)
class Recent:
    """What the questions of one stage have lately needed of one model, repairs included."""

    questions: int
    #: Calls and tokens a question, seconds a call.
    calls: float
    tokens: float
    seconds: float


def recent_calls(session: Session, account_id: int) -> Mapping[_Kind, Recent]:
    """What the account's last answered calls have needed; a stage and model with too few of them is left out."""
    found: dict[_Kind, list[tuple[str, int, float]]] = defaultdict(list)
    query = (
        select(
            StageRun.number,
            AiCall.model,
            AiCall.step,
            func.coalesce(AiCall.input_tokens, 0) + func.coalesce(AiCall.output_tokens, 0),
            AiCall.created_at,
            AiCall.resolved_at,
        )
        .join(StageRun, StageRun.id == AiCall.stage_run_id)
        .where(AiCall.account_id == account_id, AiCall.resolved_at.is_not(None), AiCall.status == CallStatus.SETTLED)
        .order_by(AiCall.resolved_at.desc())
        .limit(LOOKED_AT)
    )
    for number, model, step, tokens, began, ended in session.execute(query):
        found[number, model].append((step, tokens, max(0.0, ((ended or began) - began).total_seconds())))
    return {kind: _summed(calls) for kind, calls in found.items() if _questions(calls) >= ENOUGH}


def clusters_a_keyword(session: Session, site_id: int) -> float:
    """How many clusters a site's last keywords have come to, each; the usual where it has clustered too few."""
    clustered = (
        select(Keyword.cluster_id)
        .where(Keyword.site_id == site_id, Keyword.status == KeywordStatus.CLUSTERED, Keyword.deleted_at.is_(None))
        .order_by(Keyword.id.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    query = select(func.count(), func.count(distinct(clustered.c.cluster_id))).select_from(clustered)
    placed, made = session.execute(query).one()
    return min(1.0, made / placed) if placed >= _ENOUGH_KEYWORDS else 1 / usual_questions.KEYWORDS_A_CLUSTER


def _questions(calls: list[tuple[str, int, float]]) -> int:
    return sum(step == "ask" for step, _, _ in calls)


def _summed(calls: list[tuple[str, int, float]]) -> Recent:
    questions = _questions(calls)
    return Recent(
        questions=questions,
        calls=len(calls) / questions,
        tokens=sum(tokens for _, tokens, _ in calls) / questions,
        seconds=sum(seconds for _, _, seconds in calls) / len(calls),
    )
