"""What the stages tell their models: a site's own words, else the account's, else the stage's; by version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.contract import _DEFINED, Question, stage
from pipeline.core.prompts import placeholders
from pipeline.db.session import Database
from pipeline.engine.contexts import load_context
from pipeline.models import Account, AuditEvent, StageRun
from pipeline.services import runs
from pipeline.services.prompts import MOST_CHARACTERS, PromptedStage
from tests.support.api import Api, Tenant
from tests.support.builders import (
    make_cluster,
    make_content,
    make_content_task,
    make_keywords,
    make_site,
    make_subjects,
)

pytestmark = pytest.mark.usefixtures("seven_stages")

PATH = "/api/v1/prompts/tasks_to_content"


def _put(api: Api, text: str, **query: Any) -> Any:
    answer = api.client.put(PATH, json={"text": text}, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _in_force(api: Api, **query: Any) -> tuple[str, str, int | None]:
    items = api.client.get("/api/v1/prompts", params=query).json()["items"]
    [entry] = [entry for entry in items if entry["stage"] == "tasks_to_content"]
    return entry["text"], entry["origin"], entry["version"]


def test_a_site_has_its_own_words_else_its_accounts_else_the_stages(api: Api) -> None:
    site = {"site_id": api.mine.site_id}
    default = _in_force(api, **site)
    _put(api, "The account's, in {language}.")
    of_account = _in_force(api, **site)
    _put(api, "The site's.", **site)
    of_site = _in_force(api, **site)
    again = [api.client.delete(PATH, params=query).json()["origin"] for query in (site, {})]

    assert (default[0].startswith("You write one article"), default[1:]) == (True, ("default", None))
    assert of_account == ("The account's, in {language}.", "account", 1)
    assert of_site == ("The site's.", "site", 1)
    assert again == ["account", "default"]
    assert _in_force(api, **site) == default


def test_every_version_stays_and_what_says_the_same_is_none(api: Api) -> None:
    _put(api, "One.")
    _put(api, "  One.\r\n")
    _put(api, "Two.")
    api.client.delete(PATH)
    api.client.delete(PATH)

    listed = api.client.get(f"{PATH}/versions").json()["items"]

    assert [(entry["version"], entry["text"]) for entry in listed] == [(3, None), (2, "Two."), (1, "One.")]
    assert listed[0]["author"].startswith("key ")
    with api.database.reading() as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["prompt.saved", "prompt.saved", "prompt.reset"]


def test_saves_at_once_are_versions_one_after_the_other(api: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: _put(api, f"Number {number}."), range(8)))

    assert sorted(entry["version"] for entry in answers) == list(range(1, 9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Write {words} in {tongue}.",
            "{words} is no placeholder of this stage. Allowed are: {language}, {min_words}.",
        ),
        ("  ", "a prompt has 1 to 20,000 characters; this has 0."),
        ("x" * (MOST_CHARACTERS + 1), "a prompt has 1 to 20,000 characters; this has 20,001."),
    ],
)
def test_what_the_stage_cannot_fill_is_refused(sqlite_api: Api, text: str, said: str) -> None:
    answer = sqlite_api.client.put(PATH, json={"text": text})

    faults = answer.json()["faults"]
    assert (answer.status_code, {fault["field"] for fault in faults}) == (422, {"text"})
    assert faults[0]["message"] == said
    assert len(faults) == 1 + text.count("{tongue}")
    assert sqlite_api.client.get(f"{PATH}/versions").json()["items"] == []


def test_braces_that_are_no_placeholder_may_stand_there(sqlite_api: Api) -> None:
    assert _put(sqlite_api, 'Answer as {"title": "…"}, in {language}.')["version"] == 1


def test_another_accounts_words_are_not_mine(api: Api) -> None:
    _put(api, "Mine.")

    theirs = api.client.get("/api/v1/prompts", headers=api.other.headers).json()["items"]

    assert {entry["origin"] for entry in theirs} == {"default"}


# What a run asks with.


def _context_prompt(database: Database, run_id: int) -> str | None:
    with database.reading() as session:
        query = select(StageRun.id).where(StageRun.run_id == run_id, StageRun.key == "tasks_to_content")
        return load_context(session, session.scalars(query).one()).prompt


def _new_run(api: Api, tenant: Tenant) -> int:
    """A run of another site of the tenant, accepted now."""
    with api.database.transaction() as session:
        site = make_site(session, account=session.get_one(Account, tenant.account_id))
        make_keywords(session, site=site, texts=["lamp"])
        started = runs.start(session, site=site, now=api.database.now())
    assert started.run_id is not None
    return started.run_id


def test_a_run_asks_with_what_was_in_force_when_it_was_accepted(api: Api) -> None:
    before = _context_prompt(api.database, api.mine.run_id)
    _put(api, "The account's.")
    later_run = _new_run(api, api.mine)
    at_start = _context_prompt(api.database, later_run)
    _put(api, "Changed since.")
    _put(api, "The site's.", site_id=api.mine.site_id)

    assert (before, at_start) == (None, "The account's.")
    assert _context_prompt(api.database, api.mine.run_id) is None
    assert _context_prompt(api.database, later_run) == "The account's."
    assert _context_prompt(api.database, api.other.run_id) is None


@pytest.mark.parametrize("which", PromptedStage)
def test_a_stage_tells_its_model_what_it_is_given(sqlite_database: Database, which: PromptedStage) -> None:
    with sqlite_database.transaction() as session:
        site = make_site(session)
        rows: list[Any] = {
            PromptedStage.KEYWORDS_TO_CLUSTERS: lambda: make_keywords(session, site=site, texts=["lamp"]),
            PromptedStage.CLUSTERS_TO_IDEAS: lambda: [make_cluster(session, site=site)],
            PromptedStage.TASKS_TO_CONTENT: lambda: [make_content_task(session, site=site)],
            PromptedStage.CONTENT_TO_PROMPTS: lambda: [make_content(session, site=site)],
        }[which]()
        subjects = make_subjects(session, rows, site=site)
        subjects.prompt = "Own words, in {language}."

        question = stage(which.value).ask(session, subjects)

    assert isinstance(question, Question)
    assert question.messages[0].content == "Own words, in en."


def test_the_stages_that_have_words_are_those_that_may_be_given_others() -> None:
    of_stages = {key: each for key, each in _DEFINED.items() if each.prompt is not None}

    assert set(of_stages) == {which.value for which in PromptedStage}
    assert {key: set(placeholders(each.prompt or "")) - set(each.placeholders) for key, each in of_stages.items()} == {
        key: set() for key in of_stages
    }


@pytest.mark.parametrize("sign", ["\\ud800", "\\u0000"])
def test_a_prompt_that_no_database_keeps_is_refused(api: Api, sign: str) -> None:
    body = f'{{"text": "x{sign}y"}}'

    answer = api.client.put(PATH, content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, "holds characters that cannot be kept. Leave them out." in answer.text) == (422, True)
    assert _in_force(api)[1] == "default"
