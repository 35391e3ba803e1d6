"""Owns what a measurement starts from: a database with sites whose keywords wait, and the settings it is run by."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from benchmarks.asking_stages import PROVIDER
from pipeline.core.catalog import STAGES
from pipeline.core.money import ucr
from pipeline.core.states import KeywordStatus
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.models import Account, AiModel, Keyword
from pipeline.services import accounts, sites
from pipeline.services import credits as ledger
from pipeline.services import settings as site_settings

#: Of both kinds, so that every stage has one with a price; the asking stages ask a text in all of them.
_QUICK_MODELS: Final = (
    {"name": "at-once", "display_name": "At once", "model_type": "text", "tokens_per_credit": 10_000},
    {"name": "at-once-images", "display_name": "At once, images", "model_type": "image", "credits_per_image": 1},
)


@dataclass(frozen=True)
class Variant:
    """One way to run the seven stages."""

    #: The module that defines them.
    stages_module: str
    batch_size: int
    #: Stages without a budget cannot ask: they are left out there.
    left_out: tuple[int, ...] = ()
    #: Most subjects of a local stage in one transaction: the installation's setting.
    local_slice: int = 100
    #: Whether every site has an account of its own; else one account's row is what all lanes queue for.
    own_accounts: bool = False

    @property
    def stage_count(self) -> int:
        """How many of the seven work."""
        return len(STAGES) - len(self.left_out)

    def settings(self) -> dict[str, str]:
        """No delays, no limits."""
        chosen = {"delays.within_stage": "0", "delays.between_stage": "0"}
        for stage in STAGES:
            chosen[f"stages.{stage.number}.per_run_limit"] = "0"
            if stage.batch_size is not None:
                chosen[f"stages.{stage.number}.batch_size"] = str(self.batch_size)
            if stage.number in self.left_out:
                chosen[f"stages.{stage.number}.enabled"] = "false"
        return chosen


LOCAL_SINGLE: Final = Variant("benchmarks.noop_stages", batch_size=1, local_slice=1)
LOCAL_BATCH_OF_ONE: Final = Variant("benchmarks.noop_stages", batch_size=1)
LOCAL_SET: Final = Variant("benchmarks.noop_stages", batch_size=20)
ASKING: Final = Variant("benchmarks.asking_stages", batch_size=1, left_out=(3, 7))
ASKING_APART: Final = replace(ASKING, own_accounts=True)


def use_stages(module: str) -> None:
    """Make this process's stages those of `module`, whatever was imported before."""
    importlib.reload(importlib.import_module(module))


def make_world(database: Database, variant: Variant, *, site_count: int, items: int) -> list[int]:
    """Ids of new sites, `items` keywords each; all of one account, or each of its own."""
    upgrade(database)
    use_stages(variant.stages_module)
    now = database.now()
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)
        session.execute(update(AiModel).values(is_active=False))
        for model in _QUICK_MODELS:
            session.add(AiModel(**model, provider=PROVIDER, is_default=True, is_testing=False))
        made, rows = [], []
        for number in range(site_count):
            owner = _another_account(session, number, now) if variant.own_accounts else account.id
            site = sites.add_site(session, account_id=owner, name=f"site {number}", timezone="UTC", now=now)
            site_settings.apply(session, site, variant.settings(), now=now)
            made.append(site.id)
            rows += [_keyword(owner, site.id, number) for number in range(items)]
        session.execute(insert(Keyword), rows)
    return made


def _another_account(session: Session, number: int, now: datetime) -> int:
    account = Account(name=f"account {number}", created_at=now)
    session.add(account)
    session.flush()
    ledger.grant(session, account_id=account.id, amount_ucr=ucr(10_000), key=f"grant:account {number}", now=now)
    return account.id


def _keyword(account_id: int, site_id: int, number: int) -> dict[str, object]:
    text = f"keyword {number}"
    owner = {"account_id": account_id, "site_id": site_id}
    return {**owner, "text": text, "normalised": text, "status": KeywordStatus.NEW}
