"""Worlds that engine tests start from: credits, a site, priced models of the fake provider, counting stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pipeline.core.money import ucr
from pipeline.core.states import ItemStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import Account, AiCall, AiModel, CreditEntry, Keyword, Site, StageItem, StageRun
from pipeline.services import accounts, invariants, runs, sites
from pipeline.services import credits as ledger
from pipeline.services import settings as site_settings
from tests.support import fake_provider
from tests.support.driver import Driver

TOKENS_PER_CREDIT = 100
#: Lanes of the asking stages, unless a world is made with others.
LANES = 1
_ASKING = (1, 2, 4, 5, 6)


@dataclass
class World:
    """One site ready to run, and the hands to drive it."""

    database: Database
    driver: Driver
    provider: fake_provider.FakeProvider
    account_id: int
    site_id: int

    def settings(self, changes: Mapping[str, str]) -> None:
        with self.database.transaction() as session:
            site_settings.apply(session, self.site(session), changes, now=self.driver.clock.at)

    def site(self, session: Session) -> Site:
        return session.get_one(Site, self.site_id)

    def keywords(self, texts: Iterable[str]) -> None:
        with self.database.transaction() as session:
            for text in texts:
                session.add(
                    Keyword(account_id=self.account_id, site_id=self.site_id, text=text, normalised=text, volume=0)
                )

    def start(self) -> int:
        with self.database.transaction() as session:
            started = runs.start(session, site=self.site(session), now=self.driver.clock.at)
        assert started.run_id is not None, started.reason
        assert started.stage_run_id is not None
        self.driver.send_stage(started.stage_run_id)
        return started.run_id

    def run(self) -> int:
        run_id = self.start()
        self.driver.run_to_end(run_id)
        return run_id

    def stages(self, run_id: int) -> dict[int, StageRun]:
        with self.database.reading() as session:
            return {row.number: row for row in session.scalars(select(StageRun).where(StageRun.run_id == run_id))}

    def items(self, run_id: int, number: int) -> list[StageItem]:
        with self.database.reading() as session:
            query = select(StageItem).join(StageRun).where(StageRun.run_id == run_id, StageRun.number == number)
            return list(session.scalars(query.order_by(StageItem.position)))

    def volumes(self) -> dict[str, int]:
        with self.database.reading() as session:
            return {text: volume or 0 for text, volume in session.execute(select(Keyword.text, Keyword.volume))}

    def calls(self) -> list[AiCall]:
        with self.database.reading() as session:
            return list(session.scalars(select(AiCall).order_by(AiCall.id)))

    def balance(self) -> ledger.Balance:
        with self.database.reading() as session:
            return ledger.balance(session, self.account_id)

    def set_balance(self, credits_amount: str) -> None:
        with self.database.transaction() as session:
            wanted = ucr(credits_amount) - ledger.balance(session, self.account_id).balance_ucr
            ledger.grant(
                session, account_id=self.account_id, amount_ucr=wanted, key=f"test:{wanted}", kind="adjustment"
            )

    def assert_sound(self) -> None:
        """The invariants that hold at rest."""
        with self.database.reading() as session:
            assert invariants.violations(session) == []
            account = session.get_one(Account, self.account_id)
            entries = session.scalar(
                select(func.sum(CreditEntry.amount)).where(CreditEntry.account_id == self.account_id)
            )
            assert account.balance == entries
            assert account.held == 0
            assert session.scalar(select(func.sum(StageRun.held))) in (0, None)
            leased = select(func.count()).where(StageItem.status == ItemStatus.LEASED)
            assert session.scalar(leased) == 0
            for row in session.scalars(select(StageRun).where(StageRun.status != StageRunStatus.PENDING)):
                assert row.spent + row.held + row.lost <= row.cap


def make_world(database: Database, *, settings: Mapping[str, str] | None = None, **options: Any) -> World:
    """A site in UTC with delays 0, its stages the counting ones, its models the fake provider's."""
    from tests.support import fake_stages

    fake_stages.rejected.clear()
    for definition in fake_stages.STAGES:
        _use(fake_stages, definition.key)
    driver = Driver(database, **options)
    provider = fake_provider.install()
    with database.transaction() as session:
        account = accounts.init_installation(session, now=driver.clock.at)
        session.execute(update(AiModel).values(is_active=False))
        session.add(_model("fake-text", "text", tokens_per_credit=TOKENS_PER_CREDIT))
        session.add(_model("fake-image", "image", credits_per_image=1))
        site = sites.add_site(session, account_id=account.id, name="site", timezone="UTC", now=driver.clock.at)
        world = World(database, driver, provider, account.id, site.id)
    lanes = {f"stages.{number}.concurrency": str(LANES) for number in _ASKING}
    world.settings({"delays.within_stage": "0", "delays.between_stage": "0", **lanes, **(settings or {})})
    return world


def _use(module: Any, key: str) -> None:
    """Put the counting stage in the place of whatever stage of that key was imported before."""
    from pipeline import contract

    contract._DEFINED[key] = module.KINDS[key]()


def _model(name: str, model_type: str, **prices: int) -> AiModel:
    return AiModel(name=name, display_name=name, provider="fake", model_type=model_type, is_default=True, **prices)
