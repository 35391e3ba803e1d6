"""Owns the smallest world the ledger needs: an account with credits, a running run, stage runs with caps, calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast

from sqlalchemy import delete
from sqlalchemy.orm import Session

from pipeline.ai.port import Message, TextRequest
from pipeline.core.catalog import STAGES, ModelType
from pipeline.core.matrix import SiteSettings
from pipeline.core.pricing import Price
from pipeline.core.states import CallStatus, RunStatus, StageRunStatus
from pipeline.engine.contexts import StageContext
from pipeline.engine.lanes import Grip
from pipeline.engine.questions import Prepared, Step
from pipeline.models import Account, AiCall, AuditEvent, CreditEntry, Run, Site, StageRun
from pipeline.services import credits as ledger

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
#: One token costs one micro-credit: amounts are tokens.
PRICE = Price(model_id=1, model="m", provider="fake", model_type=ModelType.TEXT, tokens_per_credit=1_000_000)
_numbers = count(1)


@dataclass(frozen=True)
class LedgerWorld:
    """Ids of one account and of the stage runs of its one run."""

    account_id: int
    stage_run_ids: tuple[int, ...]


def make_ledger(session: Session, *, balance: int, caps: Sequence[int]) -> LedgerWorld:
    """An account with `balance` micro-credits and a running run with a stage run a cap."""
    number = next(_numbers)
    account = Account(name=f"account {number}")
    session.add(account)
    session.flush()
    ledger.grant(session, account_id=account.id, amount_ucr=balance, key=f"grant:{number}", now=NOW)
    site = Site(account_id=account.id, name=f"site {number}", timezone="UTC")
    session.add(site)
    session.flush()
    run = Run(
        account_id=account.id, site_id=site.id, status=RunStatus.RUNNING, settings={}, prices={}, available=balance
    )
    session.add(run)
    session.flush()
    rows = [
        StageRun(run_id=run.id, number=line.number, key=line.key, cap=cap, status=StageRunStatus.RUNNING)
        for line, cap in zip(STAGES, caps, strict=False)
    ]
    session.add_all(rows)
    session.flush()
    return LedgerWorld(account.id, tuple(row.id for row in rows))


def empty(session: Session) -> None:
    """Take away every row that `make_ledger` and its calls made."""
    for table in (AuditEvent, CreditEntry, AiCall, StageRun, Run, Site, Account):
        session.execute(delete(table))


def open_call(
    session: Session,
    world: LedgerWorld,
    *,
    stage: int = 0,
    lane: int = 1,
    amount: int,
    status: CallStatus = CallStatus.DISPATCHED,
) -> ledger.CallHandle | ledger.Refused:
    """Hold `amount` and write the call, as one transaction does; the refusal where it is refused."""
    stage_run_id = world.stage_run_ids[stage]
    held = ledger.hold(
        session, account_id=world.account_id, stage_run_id=stage_run_id, full_ucr=amount, least_ucr=amount
    )
    if isinstance(held, ledger.Refused):
        return held
    row = AiCall(
        account_id=world.account_id,
        stage_run_id=stage_run_id,
        key=f"key {next(_numbers)}",
        step="ask",
        lane=lane,
        status=status,
        held_amount=held.amount_ucr,
        price={},
    )
    session.add(row)
    session.flush()
    return ledger.CallHandle.of(row)


def prepared(*, prompt: int, useful: int, most: int) -> Prepared:
    """A question of `prompt` tokens that wants `most` tokens of answer, and at least `useful`; priced by PRICE."""
    key = f"key {next(_numbers)}"
    request = TextRequest(
        model="m",
        messages=(Message("user", "q"),),
        schema={},
        schema_name="answer",
        max_output_tokens=most,
        temperature=0.0,
        timeout_seconds=1.0,
        call_key=key,
    )
    question = cast("Any", None)  # What was asked has no part in what is held.
    return Prepared(question, Step.ASK, key, request, PRICE, prompt, prompt + most, prompt + useful)


def context(world: LedgerWorld, stage: int) -> StageContext:
    """What `gateway.reserve` reads of a stage run."""
    nothing = cast("Any", None)  # It reads no stage and no site.
    return StageContext(
        world.stage_run_ids[stage], world.account_id, nothing, nothing, SiteSettings(), PRICE, unavailable_since=None
    )


def grip(world: LedgerWorld, stage: int, lane: int) -> Grip:
    """A lane in hand."""
    return Grip(world.stage_run_ids[stage], lane, 1, 0, NOW, NOW, None, RunStatus.RUNNING)
