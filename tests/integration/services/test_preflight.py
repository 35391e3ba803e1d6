"""Everything that a run would miss to ask is told at once, before anything is spent: Run Now and schedules alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.ai import ADAPTERS
from pipeline.config import config
from pipeline.core.catalog import ModelType
from pipeline.core.errors import PreflightError
from pipeline.core.providers import ProviderName
from pipeline.models import AiModel, Decision, Run, StageRun
from pipeline.services import model_registry, providers, runs, schedules
from pipeline.services import settings as site_settings
from pipeline.services.model_changes import ModelChange
from pipeline.services.providers import ProviderChange
from tests.support.builders import make_idea, make_keywords

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.db.session import Database
    from pipeline.models import Site

_TEXT_STAGES = ("Keywords → Clusters", "Clusters → Ideas", "Tasks → Content", "Content → Prompts")


@pytest.fixture(autouse=True)
def _adapters() -> None:
    """Providers that somebody knows how to ask; nobody is asked here."""
    for name in ("openai", "anthropic", "runware"):
        ADAPTERS[name] = ADAPTERS["offline"]


def _model(database: Database, now: datetime, name: str, provider: str, kind: ModelType, **change: Any) -> None:
    with database.transaction() as session:
        wanted = ModelChange(provider=provider, model_type=kind, is_default=True, **change)
        model_registry.set_model(session, name, wanted, now=now)


def _start(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        make_keywords(session, site=site, texts=["one"])
    with database.transaction() as session:
        runs.start(session, site=site, now=now)


def _faults(database: Database, site: Site, now: datetime) -> dict[str, str]:
    with pytest.raises(PreflightError) as refused:
        _start(database, site, now)
    return {fault.field: fault.message for fault in refused.value.faults}


def _count(database: Database, model: Any) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_every_stage_and_everything_it_misses_is_told_at_once_and_nothing_is_written(
    database: Database, site: Site, now: datetime
) -> None:
    _model(database, now, "gpt", "openai", ModelType.TEXT)
    with database.transaction() as session:
        session.execute(update(AiModel).where(AiModel.model_type == "image").values(is_active=False))

    faults = _faults(database, site, now)

    texts = {f"stages.{number}.{what}" for number in (1, 2, 4, 5) for what in ("price", "key")}
    assert set(faults) == {*texts, "stages.6.model"}
    assert faults["stages.4.key"].startswith("Tasks → Content: There is no key for openai.")
    assert "igny8 models set gpt --tokens-per-credit N" in faults["stages.1.price"]
    assert faults["stages.6.model"].startswith("Prompts → Images: There is no active live image model.")
    assert (_count(database, Run), _count(database, StageRun), _count(database, Decision)) == (0, 0, 0)


@pytest.mark.parametrize("given", [{"api_key": "sk-0123"}, {"base_url": "http://127.0.0.1:9/v1"}], ids=list)
def test_a_key_that_is_given_or_a_server_that_needs_none_lets_the_run_start(
    database: Database, site: Site, now: datetime, given: dict[str, str]
) -> None:
    _model(database, now, "gpt", "openai", ModelType.TEXT, tokens_per_credit=100)
    with database.transaction() as session:
        change = ProviderChange(**given)
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)

    _start(database, site, now)

    assert _count(database, Run) == 1


def test_a_provider_that_is_switched_off_is_missing_as_much_as_its_key(
    database: Database, site: Site, now: datetime
) -> None:
    _model(database, now, "gpt", "openai", ModelType.TEXT, tokens_per_credit=100)
    with database.transaction() as session:
        change = ProviderChange(api_key="sk-0123", is_enabled=False)
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)

    assert "openai is switched off" in _faults(database, site, now)["stages.1.key"]


def test_a_model_of_a_provider_that_makes_no_such_thing_is_told(database: Database, site: Site, now: datetime) -> None:
    _model(database, now, "claude", "anthropic", ModelType.IMAGE, credits_per_image=1)

    faults = _faults(database, site, now)

    assert "anthropic, which makes no images" in faults["stages.6.capability"]


def test_a_model_that_nobody_knows_how_to_ask_is_told(
    database: Database, site: Site, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _model(database, now, "gpt", "openai", ModelType.TEXT, tokens_per_credit=100)
    monkeypatch.delitem(ADAPTERS, "openai")

    assert "openai, which nobody here knows how to ask" in _faults(database, site, now)["stages.2.model"]


def test_a_stage_that_cannot_work_in_this_run_needs_nothing(database: Database, site: Site, now: datetime) -> None:
    _model(database, now, "gpt", "openai", ModelType.TEXT)
    with database.transaction() as session:
        off = {f"stages.{number}.enabled": "false" for number in (2, 4, 5)} | {"stages.1.budget_pct": "0"}
        site_settings.apply(session, session.merge(site), off, now=now)
        make_idea(session, site=site)

    _start(database, site, now)

    assert _count(database, Run) == 1


def test_a_scheduled_start_is_a_recorded_skip_that_says_all_of_it(
    database: Database, site: Site, now: datetime
) -> None:
    _model(database, now, "gpt", "openai", ModelType.TEXT)
    with database.transaction() as session:
        make_keywords(session, site=site, texts=["one"])
        site_settings.apply(session, session.merge(site), {"automation.enabled": "true"}, now=now)
        at = site_settings.row_of(session, site).next_run_at
        assert at is not None

    with database.transaction() as session:
        to_send = schedules.start_chunk(session, now=at, limit=10, queued=False)

    with database.reading() as session:
        (decision,) = session.scalars(select(Decision))
    assert (to_send, decision.kind, decision.scheduled_for, _count(database, Run)) == ([], "skipped", at, 0)
    assert all(f"{name}: There is no key for openai" in decision.reason for name in _TEXT_STAGES)
    assert all(f"{name}: The live text model 'gpt' has no price" in decision.reason for name in _TEXT_STAGES)


def test_a_model_whose_longest_answer_is_of_no_use_to_a_stage_is_told_for_that_stage(
    database: Database, site: Site, now: datetime
) -> None:
    _model(database, now, "small", "offline", ModelType.TEXT, tokens_per_credit=100, output_token_limit=1_500)

    faults = _faults(database, site, now)

    assert list(faults) == ["stages.4.capability"]
    assert "answers with at most 1,500 tokens; 2,000 are needed" in faults["stages.4.capability"]


def test_a_model_that_thinks_most_of_what_it_can_give_away_is_told_for_that_stage(
    database: Database, site: Site, now: datetime
) -> None:
    able = {"output_token_limit": 5_500, "thinking_tokens": 4_000}
    _model(database, now, "thinker", "offline", ModelType.TEXT, tokens_per_credit=100, **able)

    faults = _faults(database, site, now)

    assert list(faults) == ["stages.4.capability"]
    assert "6,000 are needed here, 4,000 of them for its thoughts" in faults["stages.4.capability"]
