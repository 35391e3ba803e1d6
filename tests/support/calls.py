"""Owns a call of a tenant's run that was answered and charged."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from pipeline.core.states import CallStatus
from pipeline.models import AiCall, StageRun
from pipeline.services import credits as ledger
from pipeline.services.credits import CallHandle, Settlement
from tests.support.api import Api, Tenant

CREDIT = 1_000_000
AT = datetime(2026, 6, 3, 12, tzinfo=UTC)


def settled_call(api: Api, tenant: Tenant, *, charge: int, cost: int = 0) -> int:
    """A settled call of stage 4 of the tenant's run."""
    with api.database.transaction() as session:
        of_run = select(StageRun).where(StageRun.run_id == tenant.run_id, StageRun.number == 4)
        stage_run = session.scalars(of_run).one()
        if tenant is api.other:  # Only the first account was welcomed with credits.
            ledger.grant(session, account_id=tenant.account_id, amount_ucr=charge, key="grant:other", now=AT)
            stage_run.cap = charge
            session.flush()
        held = ledger.hold(
            session, account_id=tenant.account_id, stage_run_id=stage_run.id, full_ucr=charge, least_ucr=charge
        )
        assert isinstance(held, ledger.Held)
        row = AiCall(
            account_id=tenant.account_id, stage_run_id=stage_run.id, key=f"key {charge}", step="ask", lane=1,
            status=CallStatus.DISPATCHED, held_amount=charge, price={}, model="writer",
        )  # fmt: skip
        session.add(row)
        session.flush()
        ledger.settle(session, CallHandle.of(row), Settlement("answer", charge, cost, 10, 5), now=AT)
    return row.id
