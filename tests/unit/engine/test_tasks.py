from __future__ import annotations

import pytest

import celeryconfig
from pipeline.core.catalog import STAGES
from pipeline.engine import tasks
from pipeline.engine.app import app
from pipeline.engine.dispatch import Chain
from pipeline.engine.outcomes import GoOn


def test_every_stage_has_three_tasks_named_by_its_key() -> None:
    wanted = {f"stages.{stage.key}.{link}" for stage in STAGES for link in ("admit", "batch", "finish")}

    assert wanted == {name for name in app.tasks if name.startswith("stages.")}
    assert tasks.canary.name == "pipeline.canary"


def test_a_batch_goes_to_the_queue_that_the_catalog_says() -> None:
    routes = {stage.key: celeryconfig.task_routes[f"stages.{stage.key}.batch"]["queue"] for stage in STAGES}

    assert routes == {stage.key: stage.queue for stage in STAGES}


def test_the_lanes_beside_the_first_are_sent_as_soon_as_they_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Chain] = []
    monkeypatch.setattr("pipeline.engine.executor.admit", lambda _database, _id: GoOn(lanes=2))
    monkeypatch.setattr("pipeline.engine.dispatch.publish", lambda chains: sent.extend(chains) or len(sent))

    app.tasks["stages.tasks_to_content.admit"].apply(args=(7,))

    assert sent == [Chain(7, "tasks_to_content", admitted=True, lane=number, ticket=0) for number in (2, 3)]


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (Chain(7, "ideas_to_tasks", admitted=False), ["admit", "batch", "finish"]),
        (Chain(7, "ideas_to_tasks", admitted=True), ["finish"]),
        (Chain(7, "ideas_to_tasks", admitted=True, lane=2, ticket=5), ["batch", "finish"]),
    ],
)
def test_a_chain_has_immutable_links_and_carries_ids_only(message: Chain, names: list[str]) -> None:
    links = message.links()

    assert [link.task for link in links] == [f"stages.ideas_to_tasks.{name}" for name in names]
    assert [dict(link) for link in links] == [
        dict(app.signature(link.task, args=link.args, immutable=True)) for link in links
    ]
    assert all(isinstance(value, int) for link in links for value in link.args)
