from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from pipeline import logs


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_line_carries_the_context_of_its_task_and_its_own_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs(log_format="json")
    logs.bind_task(task_id="t-1", task_name="stages.x.batch")

    logs.get_logger("pipeline.x").info("batch_done", items=2)

    (line,) = lines(capsys)
    assert (line["event"], line["items"]) == ("batch_done", 2)
    assert (line["task_id"], line["task"], line["level"], line["logger"]) == (
        "t-1",
        "stages.x.batch",
        "info",
        "pipeline.x",
    )


def test_line_of_a_library_looks_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs(log_format="json")
    logs.bind_task(task_id="t-1", task_name="x")

    logging.getLogger("celery.worker").warning("lost %s", "it")

    (line,) = lines(capsys)
    assert (line["event"], line["task_id"], line["logger"]) == ("lost it", "t-1", "celery.worker")


def test_arguments_that_celery_hangs_on_its_lines_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs(log_format="json")

    logging.getLogger("celery.app.trace").error("failed", extra={"data": {"kwargs": "secret"}})

    assert "data" not in lines(capsys)[0]


def test_chatty_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs(log_format="json")

    logging.getLogger("kombu.connection").info("hello")

    assert lines(capsys) == []


def test_context_ends_with_its_task(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs(log_format="json")
    logs.bind_task(task_id="t-1", task_name="x")

    logs.unbind()
    logs.get_logger("pipeline.x").info("after")

    assert "task_id" not in lines(capsys)[0]


def test_exception_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs(log_format="json")

    try:
        int("broken")
    except ValueError:
        logs.get_logger("pipeline.x").exception("it_failed")

    (line,) = lines(capsys)
    assert "ValueError: invalid literal" in line["exception"]


def test_console_shows_an_exception_without_the_values_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs()
    credential = "gehe" + "im"

    try:
        int(credential[:0])
    except ValueError:
        logs.get_logger("pipeline.x").exception("it_failed")

    shown = capsys.readouterr().err
    assert "ValueError" in shown
    assert "geheim" not in shown


def test_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logs()

    logs.get_logger("pipeline.x").info("batch_done", items=2)

    assert "batch_done" in capsys.readouterr().err
