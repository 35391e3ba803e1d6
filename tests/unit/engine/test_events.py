from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pipeline.engine.app import app
from pipeline.engine.events import GuardedDispatcher


class Recorder(GuardedDispatcher):
    """Keeps what would go to the broker, and gives other threads every chance in between."""

    def __init__(self) -> None:
        super().__init__(app=app, enabled=False, buffer_group=["task"], buffer_limit=5)
        self.enabled = True
        self.published: deque[str] = deque()

    def _publish(self, event: list[dict[str, Any]], *_args: Any, **_options: Any) -> None:
        self.published.extend(each["uuid"] for each in event)
        threading.Event().wait(0.0005)


@pytest.fixture
def _many_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_many_switches")
def test_no_event_is_lost_between_threads_that_send_and_one_that_flushes() -> None:
    recorder = Recorder()
    sent = [f"{thread}-{number}" for thread in range(4) for number in range(100)]

    with ThreadPoolExecutor(4) as pool:
        for uuid in sent:
            pool.submit(recorder.send, "task-succeeded", uuid=uuid)
        for _ in range(50):
            recorder.flush()
    recorder.flush()

    assert sorted(recorder.published) == sorted(sent)


def test_app_uses_the_guarded_dispatcher() -> None:
    assert app.events.dispatcher_cls is GuardedDispatcher
