from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import func, select, update

from pipeline.core import money
from pipeline.core.catalog import ModelType
from pipeline.core.errors import NotFoundError, NotReadyError
from pipeline.db.session import Database
from pipeline.models import Account, AiModel, CreditEntry, SystemAiSettings, User
from pipeline.services import accounts, models
from pipeline.services import credits as ledger


def test_a_new_installation_has_account_owner_credits_and_four_priced_models(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)

    with database.reading() as session:
        assert account.name == "default"
        assert ledger.balance(session, account.id).available_ucr == money.ucr(10_000)
        assert session.scalars(select(User.role)).all() == ["owner"]
        assert session.get(SystemAiSettings, 1) is not None
        prices = [
            models.price_for(session, kind, use_testing=testing) for kind in ModelType for testing in (True, False)
        ]
        assert len({price.model for price in prices}) == 4
        assert all(price.known and price.provider == "offline" and not price.free for price in prices)


def test_initialising_twice_changes_nothing(database: Database, now: datetime) -> None:
    for _ in range(2):
        with database.transaction() as session:
            accounts.init_installation(session, now=now)

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 1
        assert session.scalar(select(func.count()).select_from(AiModel)) == 4
        assert session.scalars(select(CreditEntry.amount)).all() == [money.ucr(10_000)]


def test_initialising_again_leaves_the_chosen_live_model_alone(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
        session.execute(update(AiModel).where(AiModel.name == "offline-writer").values(name="own", provider="openai"))

    with database.transaction() as session:
        accounts.init_installation(session, now=now)

    with database.reading() as session:
        assert models.price_for(session, ModelType.TEXT, use_testing=False).model == "own"


def test_testing_costs_us_a_hundredth_of_live(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        accounts.init_installation(session, now=now)

    with database.reading() as session:
        live, testing = (models.price_for(session, ModelType.TEXT, use_testing=flag) for flag in (False, True))
        assert live.token_cost_picodollars(1_000, 1_000) == 100 * testing.token_cost_picodollars(1_000, 1_000)


def test_a_model_without_a_price_is_refused_with_the_remedy(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
        session.execute(update(AiModel).where(AiModel.name == "offline-writer").values(tokens_per_credit=None))

    with database.reading() as session, pytest.raises(NotReadyError, match=r"has no price.*Set its tokens per credit"):
        models.price_for(session, ModelType.TEXT, use_testing=False)


def test_a_missing_model_is_refused_with_the_remedy(database: Database) -> None:
    with database.reading() as session, pytest.raises(NotReadyError, match=r"no active live image model.*igny8 init"):
        models.price_for(session, ModelType.IMAGE, use_testing=False)


def test_a_size_of_its_own_price_is_frozen_with_the_model(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
        own = {"1536x1024/high": {"credits_per_image": 5}}
        session.execute(update(AiModel).where(AiModel.name == "offline-painter").values(image_prices=own))

    with database.reading() as session:
        price = models.price_for(session, ModelType.IMAGE, use_testing=False)
        assert price.image_charge_ucr("1536x1024/high") == money.ucr(5)
        assert price.image_charge_ucr("1024x1024/low") == money.ucr(1)
        assert price.image_cost_picodollars("1536x1024/high") == price.image_cost_picodollars("1024x1024/low")


@pytest.mark.parametrize("name", ["nobody", "99", "9" * 40])
def test_an_unknown_account_is_told_with_the_known_ones(database: Database, now: datetime, name: str) -> None:
    with database.transaction() as session:
        accounts.init_installation(session, now=now)

    with database.reading() as session, pytest.raises(NotFoundError, match="Accounts here: default"):
        accounts.find_account(session, name)
