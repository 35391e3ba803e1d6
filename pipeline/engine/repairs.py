"""Owns whether a repair can be paid: one that cannot be held whole shows its model less of the useless answer.

Never: writes.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from pipeline.core.money import shown
from pipeline.engine import gateway, questions
from pipeline.engine.contexts import StageContext
from pipeline.engine.questions import Prepared
from pipeline.engine.results import Result, Unpaid
from pipeline.services import credits as ledger


def affordable(session: Session, context: StageContext, result: Result, repair: Prepared) -> Prepared:
    """The repair as far as stage and account have room for it once nothing else is held, down to the errors alone.

    Raises `Unpaid` where not even that fits although its question asked anew would: one bad answer ends no stage.
    """
    room = ledger.room_ucr(session, account_id=context.account_id, stage_run_id=context.stage_run_id)
    fitted = questions.shown_within(repair, room)
    if not result.work.asked.prepared.least_ucr <= room < fitted.least_ucr:
        return fitted
    if gateway.stored_answer(session, fitted) is not None:
        return fitted
    raise Unpaid(
        result,
        f"its repair could not be paid: that needs up to {shown(fitted.least_ucr)} credits, {shown(room)} are left",
    )
