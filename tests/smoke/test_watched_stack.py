"""A stack that is watched: one trace from the request to the call, log lines that say what they belong to, Flower."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pipeline.core.catalog import STAGES
from pipeline.local.flower import USER
from pipeline.secrets import FLOWER_PASSWORD, read_secrets
from tests.support.processes import environ_of_home, wait_until
from tests.support.provider_server import ProviderServer, provider_server
from tests.support.trace_receiver import Collector, Told, collector

pytestmark = pytest.mark.extended

PATIENCE_SECONDS = 120
KEYWORD = "standing desk"
MODEL = "told-writer"


@dataclass
class Watched:
    """A stack in which one run was started over HTTP and came to its end, and what was seen of it."""

    home: Path
    told: dict[str, Any]
    api: httpx2.Client
    run_id: int
    request_id: str
    provider: ProviderServer
    collector: Collector

    def lines(self, process: str) -> list[dict[str, Any]]:
        """The log of a process, each line read as JSON."""
        text = (self.home / "logs" / f"{process}.log").read_text("utf-8")
        lines = text.splitlines()
        assert [line for line in lines if not line.startswith("{")] == []
        return [json.loads(line) for line in lines]

    def flower(self, path: str, **parameters: str) -> httpx2.Response:
        """What Flower answers to whoever has its password."""
        password = read_secrets(self.home)[FLOWER_PASSWORD]
        return httpx2.get(f"{self.told['flower']['url']}{path}", params=parameters, auth=(USER, password), timeout=30)


@pytest.fixture(scope="module", params=["providers are not told", "providers are told"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched") / "home"
    with provider_server() as provider, collector() as collecting:
        environ = environ_of_home(home) | {
            "IGNY8_LOG_FORMAT": "json",
            "IGNY8_TRACES_URL": collecting.url,
            "IGNY8_TRACES_TO_PROVIDERS": str(request.param == "providers are told"),
            # What the exporter itself reads: tell within a second.
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }
        command = [sys.executable, "-m", "pipeline.cli", "up", "--json"]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as up:
            try:
                told = _document(up)
                with httpx2.Client(base_url=told["web"]["url"], timeout=PATIENCE_SECONDS) as api:
                    first = api.post("/api/v1/login", json=told["first_log_in"])
                    api.headers["X-CSRF-Token"] = first.json()["csrf_token"]
                    run_id, request_id = _run(api, provider)
                    yield Watched(home, told, api, run_id, request_id, provider, collecting)
            finally:
                up.terminate()


def _document(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1].rstrip() != "}":
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    found: dict[str, Any] = json.loads("".join(lines))
    return found


def _run(api: httpx2.Client, provider: ProviderServer) -> tuple[int, str]:
    """A run whose texts are asked of the provider; its id, and that of the request that started it."""
    api.put("/api/v1/providers", json={"name": "openai", "api_key": "sk-key", "base_url": provider.openai})
    model = {"name": MODEL, "provider": "openai", "type": "text", "is_testing": True, "tokens_per_credit": 1_000}
    assert api.put("/api/v1/models", json=model).status_code == 200
    site_id = api.post("/api/v1/sites", json={"name": "Desks", "timezone": "UTC"}).json()["id"]
    settings = api.get(f"/api/v1/sites/{site_id}/unified-settings/").json()
    settings["delays"] = {"within_stage": 0, "between_stage": 0}
    for number in (1, 2, 4, 5):
        settings["stages"][number - 1]["use_testing"] = True
    saved = api.put(f"/api/v1/sites/{site_id}/unified-settings/", json=settings)
    assert saved.status_code == 200, saved.text
    api.post(f"/api/v1/sites/{site_id}/keywords", json={"keywords": [KEYWORD, "desk lamp"]})

    started = api.post(f"/api/v1/sites/{site_id}/runs", headers={"X-Request-ID": "of-a-caller"})
    run_id = started.json()["run_id"]

    def over() -> bool:
        return api.get(f"/api/v1/runs/{run_id}").json()["status"] not in {"queued", "running"}

    wait_until(over, seconds=PATIENCE_SECONDS)
    return run_id, started.headers["X-Request-ID"]


def _of_run(watched: Watched) -> list[Told]:
    """All spans of the run's trace, once its own was told."""
    run = _told_run(watched, watched.run_id)
    return [span for span in watched.collector.spans if span.trace_id == run.trace_id]


def _told_run(watched: Watched, run_id: int) -> Told:
    """The span of a run, once it was told."""

    def told() -> list[Told]:
        return [span for span in watched.collector.named("run") if span.attributes["igny8.run_id"] == run_id]

    (found,) = wait_until(told, seconds=PATIENCE_SECONDS)
    return found


def test_one_trace_goes_from_the_request_to_the_call(watched: Watched) -> None:
    spans = {span.span_id: span for span in _of_run(watched)}
    calls = [span for span in spans.values() if span.name == f"call {MODEL}"]

    assert calls
    for call in calls:
        batch = spans[call.parent_id]
        stage = spans[batch.parent_id]
        run = spans[stage.parent_id]
        request = spans[run.parent_id]
        assert batch.name == f"stages.{stage.attributes['igny8.stage']}.batch"
        assert (batch.attributes["igny8.run_id"], batch.attributes["igny8.lane"]) == (watched.run_id, 1)
        assert [each.service for each in (call, batch, stage, run, request)] == ["igny8-worker"] * 4 + ["igny8-web"]
        assert request.name == "POST /api/v1/sites/{site_id}/runs"
        assert call.attributes["gen_ai.provider.name"] == "openai"
        assert call.attributes["gen_ai.usage.input_tokens"] > 0
        assert call.attributes["igny8.credits"] > 0
    (run,) = [span for span in spans.values() if span.name == "run"]
    stages = [span for span in spans.values() if span.name.startswith("stage ")]
    assert sorted(span.name for span in stages) == [f"stage {stage.number} {stage.key}" for stage in STAGES]
    assert {span.parent_id for span in stages} == {run.span_id}
    assert run.attributes["igny8.status"] == "completed"
    assert run.seconds >= max(span.seconds for span in stages)


def test_beat_and_publications_are_told_too(watched: Watched) -> None:
    """A lane that is due again is sent by beat: its span is below the stage's, whose trace it read from the row."""
    site_id = watched.api.get(f"/api/v1/runs/{watched.run_id}").json()["site_id"]
    settings = watched.api.get(f"/api/v1/sites/{site_id}/unified-settings/").json()
    settings["delays"] = {"within_stage": 0, "between_stage": 1}
    watched.api.put(f"/api/v1/sites/{site_id}/unified-settings/", json=settings)
    watched.api.post(f"/api/v1/sites/{site_id}/keywords", json={"keywords": ["office chair"]})
    run_id = watched.api.post(f"/api/v1/sites/{site_id}/runs").json()["run_id"]
    run = _told_run(watched, run_id)
    sent = wait_until(
        lambda: [span for span in watched.collector.named("send ") if span.service == "igny8-beat"], seconds=10
    )
    assert {span.trace_id for span in sent} == {run.trace_id}

    article = watched.api.get(f"/api/v1/sites/{site_id}/content").json()["items"][0]["id"]
    publish = [sys.executable, "-m", "pipeline.cli", "publish", str(article), "--now"]
    subprocess.run(publish, env=environ_of_home(watched.home), check=True, capture_output=True)
    placed = wait_until(lambda: watched.collector.named("publications.publish"), seconds=10)
    assert placed[0].attributes["igny8.publication_id"] > 0
    assert placed[0].trace_id != run.trace_id
    assert placed[0].links <= {(span.trace_id, span.span_id) for span in watched.collector.named("run")}
    assert len(placed[0].links) == 1


def test_a_trace_holds_no_content(watched: Watched) -> None:
    _of_run(watched)
    told = b"".join(watched.collector.bodies)

    assert [word for word in (KEYWORD, "desk lamp", "sk-key", "Desks") if word.encode() in told] == []


def test_a_provider_is_told_of_the_trace_only_where_that_is_wanted(
    watched: Watched, request: pytest.FixtureRequest
) -> None:
    headers = [{name.lower(): value for name, value in each.headers.items()} for each in watched.provider.journal]
    traces = {each.get("traceparent", "--").split("-")[1] for each in headers}

    assert headers
    if "providers are told" in request.node.name:
        assert _of_run(watched)[0].trace_id in traces
        assert "" not in traces
    else:
        assert traces == {""}


@pytest.mark.parametrize("process", ["worker", "beat", "web", "flower"])
def test_every_line_of_every_process_is_json(watched: Watched, process: str) -> None:
    assert all({"event", "level", "timestamp"} <= set(line) for line in watched.lines(process))


def test_lines_of_a_worker_say_what_they_belong_to(watched: Watched) -> None:
    lines = watched.lines("worker")
    calls = [line for line in lines if line["event"] == "call.answered" and line["run_id"] == watched.run_id]
    ends = {line["event"]: line for line in lines if line["event"] in {"stage.ended", "run.ended"}}

    assert {line["stage"] for line in calls} >= {"keywords_to_clusters", "tasks_to_content"}
    assert all(line["items"] and line["task_id"] and line["lane"] and line["stage_run_id"] for line in calls)
    assert all(line["task"] == f"stages.{line['stage']}.batch" for line in calls)
    assert set(ends) == {"stage.ended", "run.ended"}


def test_an_answer_says_the_id_of_its_request_and_takes_no_callers(watched: Watched) -> None:
    assert re.fullmatch("[0-9a-f]{32}", watched.request_id)
    (sent,) = [span for span in _of_run(watched) if span.name.startswith("POST ")]
    assert sent.attributes["igny8.request_id"] == watched.request_id


def test_flower_shows_the_run_in_the_place_of_bare_ids(watched: Watched) -> None:
    start = f"run {watched.run_id}, stage "

    def shown() -> set[tuple[str, str]]:
        tasks = watched.flower("/api/tasks", limit="1000").json().values()
        return {(task["name"], task["args"]) for task in tasks if (task["args"] or "").startswith(start)}

    words = wait_until(shown, seconds=10)

    assert ("stages.tasks_to_content.batch", f"{start}4 (Tasks → Content), lane 1, ticket 0") in words
    assert ("stages.tasks_to_content.finish", f"{start}4 (Tasks → Content)") in words
