"""What commands say and do when something is in the way: a stack that goes away, a pause, Ctrl-C, a damaged file."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.cli import main, publishing
from pipeline.cli import run as run_command
from pipeline.cli.demo import Story, _run
from pipeline.cli.stacks import Workforce
from pipeline.core.states import ContentStatus, RunStatus
from pipeline.db.session import Database
from pipeline.local.locks import StackRunningError
from pipeline.models import Run, Site
from pipeline.services.keywords import ImportReport
from tests.integration.cli.conftest import Igny8
from tests.support.builders import make_content


def test_an_article_is_published_although_the_stack_stops_before_it_takes_it(
    igny8: Igny8, ready: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ready.transaction() as session:
        site = session.scalars(select(Site)).one()
        content_id = make_content(session, site=site, status=ContentStatus.APPROVED).id
    looks = iter((True, True, False))
    monkeypatch.setattr(publishing, "stack_runs", lambda _: next(looks))

    published = igny8("publish", str(content_id), "--now", "--json")

    assert published.code == 0, published.err
    assert published.json["status"] == "published"


def test_a_demo_goes_on_with_a_run_that_was_paused(
    igny8: Igny8, ready: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (("keywords", "add", "Desks", "desk"), ("run", "Desks"), ("pause", "1")):
        assert igny8(*arguments).code == 0
    with ready.reading() as session:
        site = session.scalars(select(Site)).one()
    seen: list[RunStatus] = []

    def follow(*_: Any, **__: Any) -> dict[str, Any]:
        with ready.reading() as session:
            seen.append(session.get_one(Run, 1).status)
        return {"status": "completed"}

    monkeypatch.setattr("pipeline.cli.demo.follow", follow)

    _run(ready, Story(site, ImportReport()), as_json=False)

    assert seen == [RunStatus.RUNNING]


def test_ctrl_c_while_the_own_stack_starts_names_no_running_stack(
    igny8: Igny8, ready: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    igny8("keywords", "add", "Desks", "desk")
    monkeypatch.setattr("pipeline.local.stack.EmbeddedStack.__enter__", _interrupted)

    stopped = igny8("run", "Desks", "--wait")

    assert stopped.code == 130
    assert "igny8 up goes on with it" in stopped.err
    assert "running stack goes on" not in stopped.err


def test_ctrl_c_beside_a_running_stack_says_that_it_goes_on(
    igny8: Igny8, ready: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    igny8("keywords", "add", "Desks", "desk")
    monkeypatch.setattr("pipeline.cli.stacks.stack_runs", lambda _: True)
    monkeypatch.setattr(run_command, "watch", _interrupted)

    stopped = igny8("run", "Desks", "--wait")

    assert stopped.code == 130
    assert "The running stack goes on with it" in stopped.err


def test_a_stack_that_was_quicker_is_somebody_elses(
    ready: Database, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quicker(_: object) -> None:
        raise StackRunningError(home, None)

    monkeypatch.setattr("pipeline.local.stack.EmbeddedStack.__enter__", quicker)
    workforce = Workforce(ready)

    workforce.ensure()

    assert workforce.is_elsewhere


def test_ctrl_c_while_the_program_loads_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def interrupted(name: str, *more: Any, **named: Any) -> Any:
        if name == "pipeline.cli.app":
            raise KeyboardInterrupt
        return load(name, *more, **named)

    monkeypatch.delitem(sys.modules, "pipeline.cli.app", raising=False)
    monkeypatch.setattr(builtins, "__import__", interrupted)

    assert main(["runs"]) == 130


def test_a_damaged_database_file_is_told_with_its_remedy(igny8: Igny8, ready: Database, home: Path) -> None:
    ready.dispose()
    (home / "igny8.db").write_bytes(b"no database at all " * 1000)

    failed = igny8("runs")

    assert failed.code == 1
    assert "put back a backup" in failed.err


def test_markup_is_no_keyword_however_it_comes(igny8: Igny8, ready: Database) -> None:
    refused = igny8("keywords", "add", "Desks", "<b>desk</b>")

    assert refused.code == 2
    assert "contains markup" in refused.err
    assert igny8("keywords", "list", "Desks", "--json").json == []


def _interrupted(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt
