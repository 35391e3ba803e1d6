"""Providers that fail and sites that fail in the same run: what was answered is what is charged, one post an article.

Real adapters ask a real server over HTTP, whose journal says what it billed; real publishers ask sites on loopback.
A fifth of the provider's requests, and each kind of request to a site, meet a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

import pytest
from sqlalchemy import select, update

from pipeline.config import config
from pipeline.core.money import picodollars, token_cost_picodollars
from pipeline.core.providers import ProviderName
from pipeline.core.states import CallStatus, ContentStatus, RunStatus
from pipeline.db.session import Database
from pipeline.models import AiCall, AiModel, Content, Run
from pipeline.services import providers
from pipeline.services.providers import ProviderChange
from tests.faults.harness import laws
from tests.faults.harness.fleet import fleet
from tests.faults.harness.posts import Posts
from tests.faults.harness.siege import Siege, besieged, new_database, short_home
from tests.faults.harness.sites import RunningSite, make_site, publish_all, published, start_run
from tests.support import rest_site
from tests.support.provider_server import Fault, ProviderServer, provider_server
from tests.support.rest_site import RestSite
from tests.support.seven_stages import the_seven_stages

pytestmark = [pytest.mark.timeout(600), pytest.mark.extended]
#: Dollars for a thousand tokens.
_INPUT, _OUTPUT = Decimal("0.002"), Decimal("0.008")
_REQUESTS: Final = 400
#: Each meets one request of thirty: a fifth in all.
_FAULTS: Final = (
    Fault(status=429, headers={"Retry-After": "0"}),
    Fault(status=500, headers={"Retry-After": "0"}),
    Fault(latency_seconds=6.0),
    Fault(disconnect="unanswered"),
    Fault(disconnect="cut"),
    Fault(disconnect="reset"),
)
_BLOCK: Final = 30
#: What befalls a site, each kind at each request that writes.
_SITE_FAULTS: Final = tuple(
    (request, kind)
    for request in ("POST /posts", "POST /media", "GET /posts", "POST /tags")
    for kind in ("drop", "cut", "refuse")
)
_HEAL_SECONDS: Final = 180.0


@dataclass(frozen=True)
class World:
    """A siege whose models are a real server's, and the sites that articles go to."""

    siege: Siege
    provider: ProviderServer
    posts: Posts


@pytest.fixture
def world() -> Iterator[World]:
    """Worker and beat; texts by the adapter of OpenAI, images by that of Runware."""
    patience = {"IGNY8_CALL_TIMEOUT_SECONDS": "3", "IGNY8_CALL_HARD_LIMIT_SECONDS": "10"}
    breaker = {"IGNY8_BREAKER_SECONDS": "1", "IGNY8_BREAKER_MAX_SECONDS": "2", "IGNY8_BREAKER_FAILURES": "20"}
    with (
        short_home() as home,
        the_seven_stages(),
        provider_server() as provider,
        Posts() as posts,
        fleet(home, **patience, **breaker, IGNY8_STAGES="stages") as found,
        new_database(found.config.database_url) as database,
        besieged(database, found) as siege,
    ):
        _use(database, provider)
        found.start("worker", "beat")
        yield World(siege, provider, posts)


def test_faults_of_providers_and_sites_in_one_run(world: World, seed: str) -> None:
    siege, random = world.siege, Random(f"providers {seed}")
    world.provider.faults = _deck(random)
    places = [world.posts.add() for _ in range(3)]
    for place in places:
        place.faults = _site_faults(random)
        made = make_site(siege.database, "three lanes", url=place.url, home=siege.fleet.config.home)
        siege.sites.append(start_run(siege.database, made))

    siege.heal(seconds=_HEAL_SECONDS)
    for site in siege.sites:
        publish_all(siege.database, site)
    siege.wait(lambda: _all_published(siege), what="not all is published", seconds=_HEAL_SECONDS)

    assert {_status(siege, site) for site in siege.sites} <= {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_ERRORS}
    assert _complaints(world, places) == []
    met = [asked.fault for asked in world.provider.journal]
    assert all(fault in met for fault in _FAULTS), "not every fault was met: nothing was tested"
    assert sum(not fault.times for place in places for fault in place.faults) >= len(_SITE_FAULTS)


def _use(database: Database, provider: ProviderServer) -> None:
    shared = {"is_default": True, "display_name": "x"}
    now = database.now()
    with database.transaction() as session:
        for name in ("openai", "runware"):
            change = ProviderChange(api_key="key", base_url=getattr(provider, name))
            providers.set_provider(session, ProviderName(name), change, home=config().home, now=now)
        session.execute(update(AiModel).values(is_active=False))
        text = AiModel(name="t", provider="openai", model_type="text", tokens_per_credit=10_000, **shared)
        text.cost_per_1k_input, text.cost_per_1k_output = _INPUT, _OUTPUT
        image = AiModel(name="i", provider="runware", model_type="image", credits_per_image=1, **shared)
        image.cost_per_image = Decimal("0.04")
        session.add_all([text, image])


def _deck(random: Random) -> list[Fault | None]:
    """In each block of requests every fault once, anywhere."""
    lines: list[Fault | None] = []
    while len(lines) < _REQUESTS:
        block: list[Fault | None] = [*_FAULTS, *[None] * (_BLOCK - len(_FAULTS))]
        random.shuffle(block)
        lines += block
    return lines


def _site_faults(random: Random) -> list[rest_site.Fault]:
    chosen = [rest_site.Fault(request, kind) for request, kind in _SITE_FAULTS]
    random.shuffle(chosen)
    return chosen


def _status(siege: Siege, site: RunningSite) -> RunStatus:
    with siege.database.reading() as session:
        return session.get_one(Run, site.run_id).status


def _all_published(siege: Siege) -> bool:
    with siege.database.reading() as session:
        return len(published(session, siege.sites)) == len(siege.sites)


def _complaints(world: World, places: list[RestSite]) -> list[str]:
    """All that does not hold, by the books, by the provider's journal, by the sites' own lists."""
    siege = world.siege
    with siege.database.reading() as session:
        found = laws.broken_laws(session)
        for site, place in zip(siege.sites, places, strict=True):
            found += laws.wrong_posts(session, place, site)
        calls = session.scalars(select(AiCall)).all()
        stuck = session.scalars(select(Content.id).where(Content.status == ContentStatus.NEEDS_ATTENTION)).all()
    booked = sum(call.cost_picodollars for call in calls if call.status is CallStatus.SETTLED)
    billed, lost = _billed(world.provider), sum(call.status is CallStatus.LOST for call in calls)
    if billed < booked or (billed != booked and not lost):
        found.append(f"{booked} was booked, {billed} was billed, {lost} calls were lost")
    if len(world.provider.journal) > len(calls):
        found.append(f"{len(world.provider.journal)} requests, {len(calls)} calls")
    return [*found, *siege.sampler.complaints(), *(f"content {content_id} needs a person" for content_id in stuck)]


def _billed(provider: ProviderServer) -> int:
    """The journal's own sum of what it answered whole."""
    billed = 0
    for asked in provider.journal:
        if asked.answered:
            billed += token_cost_picodollars(asked.input_tokens, _INPUT)
            billed += token_cost_picodollars(asked.output_tokens, _OUTPUT)
            billed += picodollars(asked.cost_dollars)
    return billed
