"""A forecast says what a run would do, by the code that would do it, and does nothing: figures, caps, time, slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, func, select, update

from pipeline.config import config
from pipeline.contract import Question, Subjects, stage
from pipeline.core import usual_questions
from pipeline.core.capabilities import Capabilities
from pipeline.core.catalog import BY_NUMBER, STAGES, ModelType
from pipeline.core.errors import LiveRunError, PreflightError
from pipeline.core.money import ucr
from pipeline.core.providers import ProviderName
from pipeline.core.states import CallStatus, ClusterStatus, ContentStatus, RunStatus
from pipeline.engine.questions import Asking, Step, prepare
from pipeline.models import AiCall, AiModel, Base, Cluster, Keyword, Run, StageRun
from pipeline.services import credits as ledger
from pipeline.services import providers, runs
from pipeline.services import settings as site_settings
from pipeline.services.forecasts import Forecast, forecast, questions
from pipeline.services.forecasts.questions import questions_of
from pipeline.services.forecasts.recent import ENOUGH
from pipeline.services.forecasts.stages import Basis, Cuts
from pipeline.services.models import price_for
from pipeline.services.providers import ProviderChange
from tests.support.builders import (
    make_account,
    make_cluster,
    make_content,
    make_content_task,
    make_idea,
    make_image_prompt,
    make_keywords,
    make_site,
)
from tests.support.driver import Driver

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from pipeline.db.session import Database
    from pipeline.models import Site

pytestmark = pytest.mark.usefixtures("seven_stages")
_TEXT_STAGES = [definition for definition in STAGES if definition.model_type is ModelType.TEXT]


def _keywords(database: Database, site: Site, count: int) -> None:
    with database.transaction() as session:
        make_keywords(session, site=site, texts=[f"garden tool {number}" for number in range(count)])


def _set(database: Database, site: Site, now: datetime, **changes: str) -> None:
    with database.transaction() as session:
        given = {name.replace("__", "."): value for name, value in changes.items()}
        site_settings.apply(session, session.merge(site), given, now=now)


def _planned(session: Session) -> None:
    """The clusters that builders made for what stands below them wait for nothing."""
    session.execute(update(Cluster).values(status=ClusterStatus.PLANNED))


def _forecast(database: Database, site: Site, now: datetime) -> Forecast:
    with database.reading() as session:
        return forecast(session, site, now=now)


def _inputs(found: Forecast) -> list[tuple[int, int, int, int]]:
    return [(each.waiting, each.coming, each.taken, each.done) for each in found.stages]


def _subject(session: Session, site: Site, number: int) -> Base:
    """One row that waits for the stage."""
    if number == 1:
        return make_keywords(session, site=site, texts=["garden spade"])[0]
    if number == 2:
        return make_cluster(session, site=site, keywords=["spade", "rake"])
    return make_content_task(session, site=site) if number == 4 else make_content(session, site=site)


def _asked(session: Session, site: Site, number: int) -> Question:
    """What the stage asks about one row."""
    works, row = stage(BY_NUMBER[number].key), _subject(session, site, number)
    settings = site_settings.load(session, site)
    question = works.ask(session, Subjects(session, type(row), [row.id], site=site, settings=settings))  # type: ignore[attr-defined]  # every subject has an id
    assert isinstance(question, Question)
    return question


@pytest.mark.parametrize("number", [definition.number for definition in _TEXT_STAGES])
def test_answers_are_taken_to_be_as_long_as_the_stages_ask_for(sqlite_database: Database, number: int) -> None:
    with sqlite_database.transaction() as session:
        site = make_site(session)
        asked = _asked(session, site, number)
        content = site_settings.load(session, site).content
        guessed = usual_questions.usual(BY_NUMBER[number], batch_size=1, content=content)

    assert (guessed.most_output, guessed.useful_output) == (asked.max_output_tokens, asked.useful_output_tokens)
    assert guessed.output <= guessed.most_output


def test_the_size_of_images_is_that_of_the_stage(sqlite_database: Database) -> None:
    with sqlite_database.transaction() as session:
        site = make_site(session)
        prompt = make_image_prompt(session, content=make_content(session, site=site))
        settings = site_settings.load(session, site)
        asked = stage("prompts_to_images").ask(
            session, Subjects(session, type(prompt), [prompt.id], site=site, settings=settings)
        )

    assert not isinstance(asked, Question)
    assert (asked.width, asked.height) == (usual_questions.IMAGE_WIDTH, usual_questions.IMAGE_HEIGHT)


@pytest.mark.parametrize(
    "able", [{}, {"thinking_tokens": 4_000}, {"thinking_tokens": 900, "output_token_limit": 1_500}]
)
@pytest.mark.parametrize("max_tokens", [None, 700])
def test_the_worst_case_of_a_question_is_what_its_call_would_hold(
    database: Database, site: Site, now: datetime, max_tokens: int | None, able: dict[str, int]
) -> None:
    if max_tokens is not None:
        _set(database, site, now, ai__max_tokens=str(max_tokens))
    with database.transaction() as session:
        site = session.merge(site)
        price = replace(
            price_for(session, ModelType.TEXT, use_testing=False),
            capabilities=Capabilities(**able),  # type: ignore[arg-type]  # of the fields of this test
        )
        settings = site_settings.load(session, site)
        for definition in _TEXT_STAGES:
            asked = _asked(session, site, definition.number)
            found = questions_of(
                session, stage(definition.key), site, settings=settings, price=price, taken=1, most=1
            ).asked[0]
            held = prepare(asked, Asking(Step.ASK, 1, [1], settings, price, 1.0))

            assert (found.ask_ucr, found.least_ucr) == (held.full_ucr, held.least_ucr), definition.key


def test_questions_beyond_those_put_together_count_as_the_dearest_of_these_and_the_usual_one(
    database: Database, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MOST_PUT_TOGETHER", 2)
    with database.transaction() as session:
        site = session.merge(site)
        for title in ("Short", "A title of many more words than the other one", "Third", "Fourth"):
            make_content_task(session, site=site, title=title)
        price = price_for(session, ModelType.TEXT, use_testing=False)
        settings = site_settings.load(session, site)
        found = questions_of(session, stage("tasks_to_content"), site, settings=settings, price=price, taken=4, most=4)

    short, long, usual = (worst.both_ucr for worst in (*found.asked, found.usual))
    assert short < long
    assert found.worst_ucr == short + long + 2 * max(long, usual)


def test_what_waits_and_what_earlier_stages_would_make_goes_through_the_stages_within_their_limits(
    database: Database, site: Site, now: datetime
) -> None:
    _keywords(database, site, 100)
    with database.transaction() as session:
        make_idea(session, site=site)
        content = make_content(session, site=site, status=ContentStatus.IMAGES)
        make_image_prompt(session, content=content)
        make_content(session, site=site, status=ContentStatus.REVIEW)
        _planned(session)

    found = _forecast(database, site, now)

    # 8 keywords a cluster, 3 ideas a cluster, 3 images an article.
    assert _inputs(found) == [
        (100, 0, 100, 100), (0, 12, 10, 10), (1, 30, 31, 31),
        (0, 31, 5, 5), (0, 5, 5, 5), (1, 15, 16, 16), (1, 6, 7, 7),
    ]  # fmt: skip
    assert [round(each.calls) for each in found.stages] == [2, 10, 0, 5, 5, 16, 0]
    assert [each.calls_worst for each in found.stages] == [2 * 2 * 99, 20, 0, 10, 10, 32, 0]
    assert all(0 < each.expected_ucr <= each.worst_ucr <= each.cap_ucr for each in found.stages if each.price)
    assert {each.basis for each in found.stages if each.price} == {Basis.USUAL_FIGURES}
    assert found.stages[5].expected_ucr == ucr(16)


def test_delays_and_lanes_make_the_time(database: Database, site: Site, now: datetime) -> None:
    _keywords(database, site, 100)
    _set(database, site, now, delays__within_stage="7", delays__between_stage="11", stages__6__concurrency="4")

    found = _forecast(database, site, now)

    delays = [each.seconds_delayed for each in found.stages]
    # 100 keywords in 2 batches; 10 clusters; 30 ideas in 2 batches; 5, 5; 15 images in 4 lanes.
    assert delays == [7, 9 * 7, 7, 4 * 7, 4 * 7, 3 * 7, 0]
    assert found.seconds_between == 6 * 11
    # The models of a new installation are offline; another provider's take their time.
    assert found.stages[5].seconds == pytest.approx(4 * usual_questions.SECONDS_OFFLINE + 3 * 7)
    assert found.ends_at == now + timedelta(seconds=found.seconds)


def test_a_providers_pace_makes_the_time_longer(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        for _ in range(5):
            make_content_task(session, site=site)
        _planned(session)
        values = {"provider": "openai"}
        session.execute(update(AiModel).where(AiModel.is_default).values(values))
        change = ProviderChange(base_url="http://127.0.0.1:9/v1", requests_per_minute=2)
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)
    _set(database, site, now, delays__within_stage="0", stages__6__concurrency="32")

    found = _forecast(database, site, now)

    # 15 images, each 30 seconds after the one before, whatever the lanes; articles take longer than that by themselves.
    assert found.stages[5].seconds == 15 * 30
    assert found.stages[3].seconds == 5 * usual_questions.usual_seconds(2_200)


def test_the_worst_time_is_that_of_every_try_of_every_asking(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        for _ in range(5):
            make_content_task(session, site=site)
        _planned(session)
    _keywords(database, site, 60)
    _set(database, site, now, delays__within_stage="7", stages__1__concurrency="2", stages__3__batch_size="8")
    call = 3 * config().call_timeout_seconds + 2 * 1.1 * config().call_wait_seconds

    found = _forecast(database, site, now)

    # Two batches, of 50 and 10, in two lanes, an asking each time 2 calls and 2 that are lost; one lane closes early.
    askings = (99 + 19) / 2 + 2 * 50 - 2
    assert found.stages[0].seconds_worst == pytest.approx(askings * 4 * call)
    # Five articles of those that wait, one after the other; of images three an article.
    assert found.stages[3].seconds_worst == pytest.approx(5 * 4 * call + 4 * 7)
    assert found.stages[5].seconds_worst == pytest.approx(15 * 4 * call + 14 * 7)
    # A keyword may be a cluster by itself: not 8 but 10 clusters, not 24 but 30 ideas, eight a batch.
    assert (found.stages[2].seconds, found.stages[2].seconds_worst) == (2 * 7, 3 * 7)
    assert found.seconds_worst == sum(each.seconds_worst for each in found.stages) + found.seconds_between


def test_at_worst_every_try_takes_its_place_in_the_pace(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        make_content_task(session, site=site)
        _planned(session)
    before = _forecast(database, site, now)
    with database.transaction() as session:
        session.execute(update(AiModel).where(AiModel.is_default).values(provider="openai"))
        change = ProviderChange(base_url="http://127.0.0.1:9/v1", requests_per_minute=2)
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)

    by_requests = _forecast(database, site, now)
    with database.transaction() as session:
        change = ProviderChange(requests_per_minute=0, tokens_per_minute=1_000)
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)
    by_tokens = _forecast(database, site, now)

    # Four calls of three tries, each half a minute after the one before; or as long as its tokens take.
    waits = [found.stages[3].seconds_worst - before.stages[3].seconds_worst for found in (by_requests, by_tokens)]
    assert waits[0] == pytest.approx(12 * 30)
    assert waits[1] > 12 * 60 * 6_000 / 1_000


def test_nothing_is_written_and_nothing_locked(database: Database, site: Site, now: datetime) -> None:
    _keywords(database, site, 3)
    said: list[str] = []
    counts = [select(func.count()).select_from(table) for table in Base.metadata.sorted_tables]
    with database.reading() as session:
        before = [session.scalar(query) for query in counts]

    event.listen(database.reader, "before_cursor_execute", lambda *given: said.append(given[2]))
    with database.reading() as session:
        forecast(session, site, now=now)
        assert not session.new

    with database.reading() as session:
        assert [session.scalar(query) for query in counts] == before
    assert said
    assert all(statement.lstrip().startswith(("SELECT", "WITH", "BEGIN")) for statement in said)
    assert not any("FOR " in statement.upper().replace("FOR_", "") for statement in said)


def test_what_a_run_would_be_refused_for_its_forecast_is_too(database: Database, site: Site, now: datetime) -> None:
    _keywords(database, site, 1)
    with database.transaction() as session:
        session.execute(update(AiModel).where(AiModel.model_type == "image").values(is_active=False))
    with pytest.raises(PreflightError, match="no active live image model"):
        _forecast(database, site, now)

    with database.transaction() as session:
        session.execute(update(AiModel).values(is_active=True))
        runs.start(session, site=site, now=now)
    with pytest.raises(LiveRunError):
        _forecast(database, site, now)


def test_with_nothing_waiting_it_says_so(database: Database, site: Site, now: datetime) -> None:
    found = _forecast(database, site, now)

    assert "nothing is waiting" in (found.reason or "")
    assert found.as_json()["credits"] == {"available": "10000", "expected": "0", "worst": "0"}


def test_a_stage_that_would_not_work_says_why_as_its_run_would(database: Database, site: Site, now: datetime) -> None:
    _keywords(database, site, 1)
    with database.transaction() as session:
        make_content(session, site=site)
        make_content(session, site=site, status=ContentStatus.IMAGES)
    changes = {"stages__5__enabled": "false", "stages__2__budget_pct": "0"}
    _set(database, site, now, publishing__auto_approval_enabled="false", **changes)

    found = _forecast(database, site, now)

    assert [each.reason for each in found.stages] == [
        None, "its budget is 0 %", "nothing would wait for it", "nothing would wait for it", "images are off",
        "images are off", "waiting for people",
    ]  # fmt: skip
    # Without images, drafts and what waits for images go to review.
    assert found.stages[6].coming == 2
    assert found.slots.articles == 0


def test_a_cap_that_ends_a_stage_is_told_and_the_stages_behind_it_get_less(
    database: Database, site: Site, now: datetime
) -> None:
    with database.transaction() as session:
        for _ in range(5):
            make_content_task(session, site=site)
        _planned(session)
        have = ledger.balance(session, site.account_id).balance_ucr
        ledger.grant(session, account_id=site.account_id, amount_ucr=ucr(10) - have, key="less", kind="adjustment")
    _set(database, site, now, stages__1__budget_pct="0", stages__5__budget_pct="20")

    found = _forecast(database, site, now)

    # Images: 3 credits are theirs, one an image, so that of the 15 three are drawn: one article.
    assert [each.cap_ucr for each in found.stages[3:6]] == [ucr(4), ucr(2), ucr(3)]
    assert (found.stages[5].cuts, found.stages[5].taken, found.stages[5].done) == (Cuts.YES, 15, 3)
    assert found.stages[3].cuts is Cuts.MAYBE
    assert (found.stages[6].taken, found.slots.articles) == (1, 1)
    assert found.as_json()["stages"][5]["credits"] == {"expected": "3", "worst": "3", "cap": "3", "cap_cuts": "yes"}


def test_without_credits_no_stage_asks(database: Database, site: Site, now: datetime) -> None:
    _keywords(database, site, 1)
    with database.transaction() as session:
        have = ledger.balance(session, site.account_id).balance_ucr
        ledger.grant(session, account_id=site.account_id, amount_ucr=-have, key="none", kind="adjustment")

    found = _forecast(database, site, now)

    assert "add credits" in (found.stages[0].reason or "")
    assert sum(each.expected_ucr for each in found.stages) == 0


def _calls(database: Database, site: Site, now: datetime, count: int, **values: Any) -> None:
    """Answered calls of the site's stage 4, each of 4,000 tokens and 30 seconds; every second one with a repair."""
    with database.transaction() as session:
        price = price_for(session, ModelType.TEXT, use_testing=False)
        run = Run(account_id=site.account_id, site_id=site.id, status=RunStatus.COMPLETED, settings={}, prices={})
        run.available = 0
        session.add(run)
        session.flush()
        stage_run = StageRun(run_id=run.id, number=4, key="tasks_to_content")
        session.add(stage_run)
        session.flush()
        for number in range(count):
            for step in ("ask", "repair")[: 1 + number % 2]:
                given = {"held_amount": 0, "charged_amount": 0, "price": price.as_json(), "model": price.model} | values
                call = AiCall(account_id=site.account_id, stage_run_id=stage_run.id, key=f"{number}{step}", step=step)
                call.lane, call.status, call.answer = 1, CallStatus.SETTLED, "{}"
                call.input_tokens, call.output_tokens = 1_000, 3_000
                call.created_at, call.resolved_at = now - timedelta(seconds=30), now
                for name, value in given.items():
                    setattr(call, name, value)
                session.add(call)


def test_what_the_accounts_own_calls_have_needed_is_expected(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        make_content_task(session, site=site)
        _planned(session)
    _calls(database, site, now, 6)

    found = _forecast(database, site, now).stages[3]

    # Three of six answers were repaired: 1.5 calls of 4,000 tokens a question, 10,000 tokens a credit.
    assert (found.basis, found.calls, found.expected_ucr) == (Basis.RECENT_CALLS, 1.5, ucr("0.6"))
    assert found.seconds == 1.5 * 30


@pytest.mark.parametrize("case", ["too few", "another model", "another account"])
def test_calls_that_say_nothing_about_this_one_are_left_out(
    database: Database, site: Site, now: datetime, case: str
) -> None:
    with database.transaction() as session:
        make_content_task(session, site=site)
        other = make_site(session, account=make_account(session))
    whose = other if case == "another account" else site
    model = {"model": "another"} if case == "another model" else {}
    _calls(database, whose, now, ENOUGH - 1 if case == "too few" else ENOUGH, **model)

    assert _forecast(database, site, now).stages[3].basis is Basis.USUAL_FIGURES


def test_articles_take_the_slots_behind_what_waits_after_the_runs_end(
    database: Database, site: Site, now: datetime
) -> None:
    with database.transaction() as session:
        for _ in range(2):
            make_content(session, site=site, status=ContentStatus.REVIEW)
        make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=now)
        _planned(session)

    # 12:30 in Berlin on a Wednesday: 14:00 is for the one that waits.
    found = _forecast(database, site, now).as_json()["slots"]

    assert (found["articles"], found["timezone"], found["reason"]) == (2, "Europe/Berlin", None)
    assert (str(found["first"]["date"]), found["first"]["time"]) == ("2026-06-03", "18:00")
    assert (str(found["last"]["date"]), found["last"]["time"]) == ("2026-06-04", "09:00")
    assert found["first"]["at"].isoformat() == "2026-06-03T16:00:00+00:00"


def test_without_slots_approved_articles_are_told_to_wait(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        make_content(session, site=site, status=ContentStatus.REVIEW)
        _planned(session)
    _set(database, site, now, publishing__time_slots="")

    found = _forecast(database, site, now).slots

    assert (found.articles, found.first) == (1, None)
    assert "no publishing day or no time" in (found.reason or "")


def test_a_run_then_does_what_was_forecast(database: Database, site: Site) -> None:
    driver = Driver(database)
    _keywords(database, site, 40)
    _set(database, site, driver.clock.at, stages__2__per_run_limit="2", stages__4__per_run_limit="2")

    for _ in range(2):
        foreseen = _forecast(database, site, driver.clock.at)
        with database.transaction() as session:
            started = runs.start(session, site=session.merge(site), now=driver.clock.at)
            assert started.run_id is not None
            assert started.stage_run_id is not None
        driver.send_stage(started.stage_run_id)
        driver.run_to_end(started.run_id)
        with database.reading() as session:
            run = session.get_one(Run, started.run_id)
            spent = session.scalars(
                select(StageRun.spent).where(StageRun.run_id == run.id).order_by(StageRun.number)
            ).all()
        assert all(paid <= each.worst_ucr for paid, each in zip(spent, foreseen.stages, strict=True))
        assert [bool(paid) for paid in spent] == [each.expected_ucr > 0 for each in foreseen.stages]
        _keywords_again(database, site)
    assert run.finished_at is not None
    # At this clock calls take no time, as those of the first run have shown: what is left are the delays.
    assert (foreseen.stages[5].basis, foreseen.stages[5].calls) == (Basis.RECENT_CALLS, 6)
    assert foreseen.stages[5].seconds == foreseen.stages[5].seconds_delayed == 5 * 3
    took = (run.finished_at - run.created_at).total_seconds()
    assert took == foreseen.seconds_between + sum(each.seconds_delayed for each in foreseen.stages)


def _keywords_again(database: Database, site: Site) -> None:
    with database.transaction() as session:
        number = session.scalar(select(func.count()).select_from(Keyword)) or 0
        make_keywords(session, site=session.merge(site), texts=[f"kitchen knife {number + n}" for n in range(40)])
