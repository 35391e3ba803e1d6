"""Traces: nothing where nobody asks for them; ids that any process finds; a sentence where they cannot be had."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipeline import tracing
from tests.support.trace_receiver import Collector, collector

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOW = datetime(2026, 11, 4, 10, tzinfo=UTC)


@pytest.fixture
def told() -> Iterator[Collector]:
    """This process tells its traces."""
    with collector() as found:
        tracing.start("test", url=found.url)
        yield found
        tracing.stop()


def test_without_a_collector_nothing_is_told_and_nothing_is_imported() -> None:
    program = (
        "import sys; from pipeline import tracing; tracing.start('x', url=None)\n"
        "with tracing.span('a') as span: span.set({'b': 1}); assert tracing.traceparent() is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert shown.stdout.strip() == "[]"


def test_without_opentelemetry_it_is_said_and_the_process_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pipeline.tracing.engine", None)

    with caplog.at_level(logging.ERROR):
        tracing.start("test", url="http://127.0.0.1:4318/v1/traces")

    assert not tracing.is_on()
    assert "pip install 'igny8-pipeline[tracing]'" in caplog.text


def test_the_span_of_a_row_is_the_same_for_whoever_asks_and_no_other_rows() -> None:
    of_run, of_stage = tracing.of_run(PARENT, 7), tracing.of_stage_run(PARENT, 7)

    assert of_run == tracing.of_run(PARENT, 7)
    assert len({PARENT, of_run, of_stage, tracing.of_run(PARENT, 8)}) == 4
    assert {each.split("-")[1] for each in (of_run, of_stage) if each} == {PARENT.split("-")[1]}
    assert tracing.of_run(None, 7) is None
    assert tracing.of_run("what a stranger wrote", 7) is None


def test_a_span_that_is_over_is_told_under_its_own_id(told: Collector) -> None:
    own = tracing.of_run(PARENT, 7)
    with tracing.span("child", parent=own) as child:
        child.fail("Kind")
    over = {"begun": NOW, "ended": NOW + timedelta(hours=2), "attributes": {"igny8.run_id": 7}}
    tracing.tell("run", own=own, parent=PARENT, **over)
    tracing.stop()

    spans = {span.name: span for span in told.spans}
    assert (spans["run"].seconds, spans["run"].attributes) == (7200, {"igny8.run_id": 7})
    assert spans["run"].parent_id == PARENT.split("-")[2]
    assert spans["child"].parent_id == spans["run"].span_id
    assert {span.trace_id for span in spans.values()} == {PARENT.split("-")[1]}
    assert (spans["child"].failed, spans["child"].attributes) == (True, {"error.type": "Kind"})


def test_a_span_points_at_one_of_another_trace(told: Collector) -> None:
    run = tracing.of_run(PARENT, 7)
    with tracing.span("publication"):
        tracing.link(run, {"igny8.run_id": 7})
        tracing.link(None, {})
        tracing.link("what a stranger wrote", {})
    tracing.stop()

    (span,) = told.spans
    assert run is not None
    assert span.links == {(run.split("-")[1], run.split("-")[2])}
    assert span.trace_id != run.split("-")[1]


def test_what_an_error_says_is_not_told(told: Collector) -> None:
    with pytest.raises(ValueError, match="of a customer"), tracing.span("fails"):
        raise ValueError("the words of a customer")
    tracing.stop()

    (span,) = told.spans
    assert (span.failed, span.attributes) == (True, {"error.type": "ValueError"})
    assert all(b"customer" not in body for body in told.bodies)


def test_a_run_whose_sampler_said_no_is_told_nowhere(told: Collector) -> None:
    unsampled = PARENT.removesuffix("01") + "00"
    with tracing.span("child", parent=tracing.of_run(unsampled, 7)):
        pass
    tracing.stop()

    assert told.spans == []


def test_a_process_of_a_pool_tells_what_it_does_too() -> None:
    program = (
        "import os, sys; from pipeline import tracing; tracing.start('x', url=sys.argv[1])\n"
        "with tracing.span('before the fork'): pass\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    with tracing.span('in the child'): pass\n"
        "    tracing.stop(); os._exit(0)\n"
        "os.waitpid(child, 0); tracing.stop()"
    )
    with collector() as found:
        subprocess.run([sys.executable, "-c", program, found.url], check=True)

    assert sorted(span.name for span in found.spans) == ["before the fork", "in the child"]


def test_a_collector_that_is_away_is_not_waited_for() -> None:
    """Nobody listens at the port of a server that has ended."""
    with collector() as gone:
        pass
    program = (
        "import sys; from pipeline import tracing; tracing.start('x', url=sys.argv[1])\n"
        "with tracing.span('lost'): pass\n"
        "print('done')"
    )

    command = [sys.executable, "-c", program, gone.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "done\n")
