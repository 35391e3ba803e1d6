from __future__ import annotations

import pytest

from pipeline.cli.eta import StageView, clock, seconds_left


def _stage(status: str, **values: float | None) -> StageView:
    given = {"inputs": 0, "finished": 0, "waiting": 0, "limit": 0, "elapsed_seconds": None, **values}
    return StageView(status=status, **given)  # type: ignore[arg-type]  # numbers all of them


def test_nothing_is_guessed_before_the_first_item_is_done() -> None:
    assert seconds_left([_stage("running", inputs=10, elapsed_seconds=3), _stage("pending")]) is None


def test_a_running_stage_goes_on_at_its_own_pace() -> None:
    assert seconds_left([_stage("running", inputs=10, finished=4, elapsed_seconds=8)]) == 12


def test_a_stage_to_come_is_taken_to_cost_what_came() -> None:
    running = _stage("running", inputs=10, finished=10, elapsed_seconds=20)

    assert seconds_left([running, _stage("pending", waiting=3)]) == 20
    assert seconds_left([running, _stage("pending", waiting=3, limit=5)]) == 10


def test_what_is_done_or_skipped_takes_no_more_time() -> None:
    done = _stage("completed", inputs=10, finished=10, elapsed_seconds=20)

    assert seconds_left([done, _stage("skipped")]) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (93_900, "26:05:00")]
)
def test_seconds_are_shown_as_minutes(seconds: float, text: str) -> None:
    assert clock(seconds) == text
