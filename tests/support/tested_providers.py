"""An installation whose providers are a server of the tests' own, to be tested with `providers test`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from pipeline.config import config
from pipeline.core.catalog import ModelType
from pipeline.core.providers import ProviderName
from pipeline.engine import provider_tests
from pipeline.models import Account
from pipeline.services import accounts, model_registry, providers
from pipeline.services.model_changes import ModelChange
from pipeline.services.providers import ProviderChange
from tests.support.provider_server import ProviderServer, provider_server

if TYPE_CHECKING:
    from pipeline.db.session import Database
    from pipeline.services.provider_tests import Tried

KEY = "sk-planted-0123456789abcdef"


@contextmanager
def answering_server() -> Iterator[ProviderServer]:
    """A server that answers a test as it is wanted."""
    with provider_server() as served:
        served.writer = lambda *_: '{"works": true}'
        yield served


def make_providers(database: Database, server: ProviderServer) -> None:
    """OpenAI with two texts and an image, Anthropic, Runware: each with a key, at the server."""
    now = database.now()
    cheap, dear = Decimal("0.001"), Decimal("0.002")
    text: dict[str, Any] = {"model_type": ModelType.TEXT, "tokens_per_credit": 100}
    image: dict[str, Any] = {"model_type": ModelType.IMAGE, "credits_per_image": 1, "cost_per_image": Decimal("0.04")}
    low = {"1024x1024/low": {"credits_per_image": 1, "cost_per_image": "0.011"}}
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
        for name, provider, change in (
            ("dear", "openai", {**text, "cost_per_1k_input": dear, "cost_per_1k_output": dear}),
            ("cheap", "openai", {**text, "cost_per_1k_input": cheap, "cost_per_1k_output": cheap}),
            ("gpt-image-1", "openai", {**image, "image_prices": low}),
            ("claude", "anthropic", {**text, "cost_per_1k_input": dear, "cost_per_1k_output": dear}),
            ("flux", "runware", image),
        ):
            model_registry.set_model(session, name, ModelChange(provider=provider, **change), now=now)
        for provider in ("openai", "anthropic", "runware"):
            wanted = ProviderChange(api_key=KEY, base_url=getattr(server, provider))
            providers.set_provider(session, ProviderName(provider), wanted, home=config().home, now=now)


def tried_of(database: Database, name: str, model: str | None = None) -> Tried:
    """Test a provider, as a person of the first account."""
    with database.reading() as session:
        account_id = session.scalars(select(Account.id).order_by(Account.id)).first() or 0
    return provider_tests.run(database, name, model=model, account_id=account_id, actor="tester")
