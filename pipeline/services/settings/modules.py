"""Owns which modules are on: for everybody, and for an account (plan 2.2)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.core.modules import Module
from pipeline.models import AccountModuleSwitch, GlobalModuleSwitch
from pipeline.services.settings.resolution import Decided, decide


def system_modules(session: Session) -> dict[str, bool]:
    """Every module, and whether it is on for everybody; one that nobody switched is."""
    rows = {row.module: row.is_enabled for row in session.scalars(select(GlobalModuleSwitch))}
    return {module.value: rows.get(module.value, True) for module in Module}


def account_modules(session: Session, account_id: int) -> dict[str, bool | None]:
    """Every module, and what the account says of it; None: nothing."""
    query = select(AccountModuleSwitch).where(AccountModuleSwitch.account_id == account_id)
    rows = {row.module: row.is_enabled for row in session.scalars(query)}
    return {module.value: rows.get(module.value) for module in Module}


def resolved_modules(session: Session, account_id: int) -> dict[str, Decided]:
    """Every module: whether it is on for the account, and who decided that. What is off for everybody stays off."""
    system, account = system_modules(session), account_modules(session, account_id)
    return {name: decide(account=account[name] if is_on else None, system=is_on) for name, is_on in system.items()}


def switch_system(session: Session, wanted: Mapping[str, bool]) -> None:
    """Switch modules for everybody."""
    for name, is_enabled in wanted.items():
        session.merge(GlobalModuleSwitch(module=Module(name).value, is_enabled=is_enabled))
    session.flush()


def switch_account(session: Session, account_id: int, wanted: Mapping[str, bool | None]) -> None:
    """Switch modules of an account; None leaves one to the system again."""
    mine = AccountModuleSwitch.account_id == account_id
    for name, is_enabled in wanted.items():
        module = Module(name).value
        row = session.scalar(select(AccountModuleSwitch).where(mine, AccountModuleSwitch.module == module))
        if is_enabled is None:
            session.execute(delete(AccountModuleSwitch).where(mine, AccountModuleSwitch.module == module))
        elif row is None:
            session.add(AccountModuleSwitch(account_id=account_id, module=module, is_enabled=is_enabled))
        else:
            row.is_enabled = is_enabled
    session.flush()
