"""A site's run through the adapters over real HTTP, with faults: what we booked is what the journal billed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from pipeline.ai import ADAPTERS, Connection
from pipeline.config import config
from pipeline.core.money import picodollars, token_cost_picodollars
from pipeline.core.providers import ProviderName
from pipeline.core.states import CallStatus, RunStatus
from pipeline.db.session import Database
from pipeline.engine import gates
from pipeline.models import AiCall, AiModel, Keyword, Site
from pipeline.services import accounts, invariants, providers, runs, sites
from pipeline.services import settings as site_settings
from pipeline.services.providers import ProviderChange
from tests.support.driver import Driver
from tests.support.provider_server import Fault, ProviderServer

COST = {"cost_per_1k_input": Decimal("0.002"), "cost_per_1k_output": Decimal("0.008")}
COST_OF_IMAGE = Decimal("0.04")
#: Each 2 of 40 requests.
FAULTS = (
    Fault(status=429, headers={"Retry-After": "0"}),
    Fault(status=500, headers={"Retry-After": "0"}),
    Fault(disconnect="unanswered"),
    Fault(disconnect="cut"),
)
SETTINGS = {
    "delays.within_stage": "0",
    "delays.between_stage": "0",
    "stages.4.per_run_limit": "3",
    **{f"stages.{number}.concurrency": "1" for number in (1, 2, 4, 5, 6)},
}


@pytest.fixture(autouse=True)
def _no_adapter_stays() -> Iterator[None]:
    yield
    gates.adapter.cache_clear()


def _script() -> list[Fault | None]:
    """Faults among ordinary requests, the same in every run."""
    lines = [*FAULTS, *FAULTS, *[None] * 32]
    random.Random(5).shuffle(lines)
    return lines


def _reached(name: str, address: str, driver: Driver, database: Database) -> None:
    """Have a provider asked at an address, whoever reads it."""
    opened = ADAPTERS[name]
    ADAPTERS[name] = lambda _: opened(Connection(base_url=address, api_key="key"))
    gates.adapter.cache_clear()
    with database.transaction() as session:
        change = ProviderChange(api_key="key", base_url=address)
        providers.set_provider(session, ProviderName(name), change, home=config().home, now=driver.clock.at)


def _site(database: Database, driver: Driver, *, texts: str, images: str) -> int:
    with database.transaction() as session:
        account = accounts.init_installation(session, now=driver.clock.at)
        session.execute(update(AiModel).values(is_active=False))
        shared = {"is_default": True, "display_name": "x"}
        text = AiModel(name="t", provider=texts, model_type="text", tokens_per_credit=10_000, **shared, **COST)
        image = AiModel(name="i", provider=images, model_type="image", credits_per_image=1, **shared)
        image.cost_per_image = COST_OF_IMAGE
        session.add_all([text, image])
        site = sites.add_site(session, account_id=account.id, name="site", timezone="UTC", now=driver.clock.at)
        site_settings.apply(session, site, SETTINGS, now=driver.clock.at)
        for number in range(6):
            words = f"oak desk {number}"
            session.add(Keyword(account_id=account.id, site_id=site.id, text=words, normalised=words, volume=10))
        return site.id


@pytest.mark.usefixtures("seven_stages")
def test_a_run_with_faults_books_what_the_journal_billed(database: Database, server: ProviderServer) -> None:
    # Each pair on one database: what adapters say is the same on both.
    texts, images = ("openai", "runware") if database.is_sqlite else ("anthropic", "openai")
    driver = Driver(database)
    for name in {texts, images}:
        _reached(name, getattr(server, name), driver, database)
    site_id = _site(database, driver, texts=texts, images=images)
    server.faults = _script()

    with database.transaction() as session:
        started = runs.start(session, site=session.get_one(Site, site_id), now=driver.clock.at)
    assert started.run_id is not None
    assert started.stage_run_id is not None
    driver.send_stage(started.stage_run_id)
    status = driver.run_to_end(started.run_id)

    with database.reading() as session:
        calls = session.scalars(select(AiCall)).all()
        assert invariants.violations(session) == []
    assert status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_ERRORS}
    assert {call.status for call in calls} == {CallStatus.SETTLED, CallStatus.VOIDED, CallStatus.LOST}
    assert len(server.journal) == len(calls)
    booked = sum(call.cost_picodollars for call in calls if call.status is CallStatus.SETTLED)
    assert booked == _billed(server, images) > 0


def _billed(server: ProviderServer, images: str) -> int:
    """The journal's own sum of what it answered."""
    billed = 0
    for asked in server.journal:
        if not asked.answered:
            continue
        billed += token_cost_picodollars(asked.input_tokens, COST["cost_per_1k_input"])
        billed += token_cost_picodollars(asked.output_tokens, COST["cost_per_1k_output"])
        billed += picodollars(asked.cost_dollars)
        billed += picodollars(COST_OF_IMAGE) if images == "openai" and "images" in asked.path else 0
    return billed
