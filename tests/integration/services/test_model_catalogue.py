"""Models of the catalogue are added as they are listed, once; what was edited afterwards stays."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from pipeline.core.errors import ConflictError, InvalidValueError, NotFoundError
from pipeline.db.session import Database
from pipeline.models import AiModel
from pipeline.services import accounts, model_catalogue, model_registry
from pipeline.services.model_changes import ModelChange


@pytest.fixture
def made(database: Database, now: datetime) -> Database:
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
    return database


def test_every_model_of_the_list_is_added_with_cost_price_and_capabilities(made: Database, now: datetime) -> None:
    with made.transaction() as session:
        listed = [each.as_json() for each in model_catalogue.list_catalogue(session)]
        for each in listed:
            model_catalogue.add(session, each["name"], now=now)

    with made.reading() as session:
        rows = {row.name: model_registry.described(row) for row in session.scalars(select(AiModel))}
        again = model_catalogue.list_catalogue(session)
    same = set(listed[0]) - {"as_of", "check", "note", "is_added"}
    for each in listed:
        assert {name: rows[each["name"]][name] for name in same} == {name: each[name] for name in same}
        assert (rows[each["name"]]["is_active"], rows[each["name"]]["is_default"]) == (True, False)
    assert [each["is_added"] for each in listed] == [False] * len(listed)
    assert all(each.is_added for each in again)


def test_one_that_was_edited_is_not_overwritten(made: Database, now: datetime) -> None:
    with made.transaction() as session:
        model_catalogue.add(session, "gpt-6-luna", is_default=True, now=now)
        model_registry.set_model(session, "gpt-6-luna", ModelChange(cost_per_1k_input=Decimal(1)), now=now)

    with made.transaction() as session, pytest.raises(ConflictError, match="is there already and stays as it is"):
        model_catalogue.add(session, "gpt-6-luna", now=now)

    with made.reading() as session:
        assert model_registry.find_model(session, "gpt-6-luna").cost_per_1k_input == 1


def test_what_the_catalogue_does_not_have_is_told(made: Database, now: datetime) -> None:
    with made.transaction() as session:
        with pytest.raises(NotFoundError, match="igny8 models catalogue"):
            model_catalogue.add(session, "gpt-99", now=now)
        with pytest.raises(InvalidValueError, match="Use one of anthropic, openai, runware"):
            model_catalogue.list_catalogue(session, provider="acme")
        of_one = model_catalogue.list_catalogue(session, provider="runware")
    assert {each.model.provider for each in of_one} == {"runware"}
