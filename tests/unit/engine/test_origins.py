"""What a message says of itself: for people, for log lines, for traces; no work needs it."""

from __future__ import annotations

from pipeline.engine.dispatch import Chain
from pipeline.engine.origins import Origin, named, origin_of

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_every_link_of_a_chain_says_the_run_in_words_and_headers() -> None:
    links = Chain(7, "tasks_to_content", admitted=False, origin=Origin(12, TRACE)).links()

    assert [link.options["argsrepr"] for link in links] == [
        "run 12, stage 4 (Tasks → Content)",
        "run 12, stage 4 (Tasks → Content), lane 1, ticket 0",
        "run 12, stage 4 (Tasks → Content)",
    ]
    assert [link.options["headers"] for link in links] == [{"igny8_run": 12, "traceparent": TRACE}] * 3
    assert [link.args for link in links] == [(7,), (7, 1, 0), (7,)]


def test_a_run_without_a_trace_sends_none() -> None:
    (link,) = Chain(7, "tasks_to_content", admitted=True, origin=Origin(12)).links()

    assert link.options["headers"] == {"igny8_run": 12}


def test_a_message_of_an_older_version_says_nothing() -> None:
    assert origin_of({}) is None
    assert origin_of({"igny8_run": 12, "traceparent": TRACE}) == Origin(12, TRACE)


def test_arguments_are_named_by_what_they_are() -> None:
    assert named("stages.tasks_to_content.batch", [7, 2, 5]) == {
        "stage": "tasks_to_content", "stage_run_id": 7, "lane": 2, "ticket": 5,
    }  # fmt: skip
    assert named("stages.tasks_to_content.finish", [7]) == {"stage": "tasks_to_content", "stage_run_id": 7}
    assert named("publications.publish", [3]) == {"publication_id": 3}
    assert named("pipeline.canary", []) == {}
