"""Commands on what a run left behind: retry, lineage, publish now, the exit code of a run that ended badly."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.cli import run as run_command
from pipeline.core.states import ContentStatus, ItemStatus, KeywordStatus, RunStatus
from pipeline.db.session import Database
from pipeline.models import Keyword, Run, Site, StageItem, StageRun
from tests.integration.cli.conftest import Igny8
from tests.support.builders import make_content


def _content(database: Database, status: ContentStatus) -> int:
    with database.transaction() as session:
        return make_content(session, site=session.scalars(select(Site)).one(), status=status).id


def test_an_approved_article_is_published_now_without_a_stack(igny8: Igny8, ready: Database, home: Path) -> None:
    content_id = _content(ready, ContentStatus.APPROVED)

    published = igny8("publish", str(content_id), "--now", "--json")

    assert published.code == 0, published.err
    assert published.json["status"] == "published"
    assert len(list((home / "sites").glob("1-desks/*/index.html"))) >= 1


def test_an_article_is_shown_with_all_it_came_from(igny8: Igny8, ready: Database) -> None:
    content_id = _content(ready, ContentStatus.DRAFT)

    lineage = igny8("content", "show", str(content_id), "--lineage", "--json").json["lineage"]

    assert {"task", "idea", "cluster", "keywords"} <= set(lineage)


def test_what_failed_in_a_run_is_retried(igny8: Igny8, ready: Database) -> None:
    igny8("keywords", "add", "Desks", "desk")
    igny8("run", "Desks")
    igny8("cancel", "1")
    with ready.transaction() as session:
        stage_run = session.scalars(select(StageRun).where(StageRun.number == 1)).one()
        session.add(StageItem(stage_run_id=stage_run.id, position=1, subject_id=1, status=ItemStatus.FAILED))
        session.get_one(Keyword, 1).status = KeywordStatus.NEEDS_ATTENTION

    retried = igny8("retry", "1", "--json")

    assert retried.code == 0, retried.err
    assert retried.json == {"run_id": 2, "status": "queued"}
    with ready.reading() as session:
        assert session.get_one(Run, 2).retry_of == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (RunStatus.COMPLETED, 0),
        (RunStatus.COMPLETED_WITH_ERRORS, 0),
        (RunStatus.BUDGET_EXHAUSTED, 1),
        (RunStatus.ACCOUNT_EXHAUSTED, 1),
        (RunStatus.PROVIDER_UNAVAILABLE, 1),
        (RunStatus.FAILED, 1),
        (RunStatus.CANCELLED, 1),
    ],
)
def test_a_waited_for_run_says_by_its_exit_code_whether_it_completed(
    igny8: Igny8, ready: Database, monkeypatch: pytest.MonkeyPatch, status: RunStatus, code: int
) -> None:
    igny8("keywords", "add", "Desks", "desk")
    monkeypatch.setattr(run_command, "see_through", lambda *_, **__: {"run_id": 1, "status": status.value})

    waited = igny8("run", "Desks", "--wait", "--json")

    assert (waited.code, waited.json["status"]) == (code, status)
