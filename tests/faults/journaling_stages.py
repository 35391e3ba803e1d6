"""Owns the worker's stages under fault: the seven, with an offline provider that writes down each request it gets.

The journal is the provider's own witness: it is written before the answer and knows nothing of the database.
"""

from __future__ import annotations

import os
from typing import Final

from pipeline.ai import ADAPTERS, Connection
from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import ImageReply, ImageRequest, TextReply, TextRequest
from stages import *  # noqa: F403 - importing them is what registers them.
from tests.faults.harness import JOURNAL_VARIABLE

#: Long enough that most of a run is calls under way: there a kill costs something.
LATENCY_SECONDS: Final = 0.15


class JournalingProvider:
    """The offline provider behind a journal."""

    name = "offline"

    def __init__(self) -> None:
        self._provider = OfflineProvider(latency_seconds=LATENCY_SECONDS)
        self._journal = os.open(os.environ[JOURNAL_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def complete_text(self, request: TextRequest) -> TextReply:
        self._note(request.call_key)
        return self._provider.complete_text(request)

    def draw_image(self, request: ImageRequest) -> ImageReply:
        self._note(request.call_key)
        return self._provider.draw_image(request)

    def _note(self, call_key: str) -> None:
        # One write of one line: appends of several threads do not mix, and the page cache outlives a kill -9.
        os.write(self._journal, f"{call_key}\n".encode())


def _journaling(_connection: Connection) -> JournalingProvider:
    return JournalingProvider()


ADAPTERS["offline"] = _journaling
