"""Owns which modules are switched off: by the platform for everybody, by an account for itself (plan 2.2)."""

from __future__ import annotations

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.modules import Module
from pipeline.models.base import AccountId, Base, Id, word_check

_MODULES = [module.value for module in Module]


class GlobalModuleSwitch(Base):
    """The plan's GlobalModuleSettings: a module without a row is on."""

    __tablename__ = "global_module_switches"
    __table_args__ = (word_check("module", _MODULES),)

    module: Mapped[str] = mapped_column(String(16), primary_key=True)
    is_enabled: Mapped[bool]


class AccountModuleSwitch(Base):
    """The plan's ModuleEnableSettings: a module without a row is as the platform has it."""

    __tablename__ = "account_module_switches"
    __table_args__ = (UniqueConstraint("account_id", "module"), word_check("module", _MODULES))

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    module: Mapped[str] = mapped_column(String(16))
    is_enabled: Mapped[bool]
