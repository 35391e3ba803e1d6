"""Owns a worker's stages for tests of its process: the seven, with a slow offline provider that keeps a journal.

`IGNY8_TEST_LATENCY_SECONDS` says how slow. Where `IGNY8_TEST_HANG` names a file that is not there, the next request
makes it and is never answered. The journal (`IGNY8_TEST_JOURNAL`) has each request's key, and which process sent it.
"""

from __future__ import annotations

import os
import time

from pipeline.ai import ADAPTERS, Connection
from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import ImageReply, ImageRequest, TextReply, TextRequest
from stages import *  # noqa: F403 - importing them is what registers them.

JOURNAL_VARIABLE = "IGNY8_TEST_JOURNAL"
LATENCY_VARIABLE = "IGNY8_TEST_LATENCY_SECONDS"
HANG_VARIABLE = "IGNY8_TEST_HANG"
_FOR_EVER = 86_400


class SlowProvider:
    """The offline provider behind a journal."""

    name = "offline"

    def __init__(self) -> None:
        self._provider = OfflineProvider(latency_seconds=float(os.environ.get(LATENCY_VARIABLE, "0.1")))
        self._journal = os.open(os.environ[JOURNAL_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def complete_text(self, request: TextRequest) -> TextReply:
        self._note(request.call_key)
        return self._provider.complete_text(request)

    def draw_image(self, request: ImageRequest) -> ImageReply:
        self._note(request.call_key)
        return self._provider.draw_image(request)

    def _note(self, call_key: str) -> None:
        # One write of one line: appends of several processes do not mix.
        os.write(self._journal, f"{call_key} {os.getpid()}\n".encode())
        hang = os.environ.get(HANG_VARIABLE)
        if hang and not os.path.exists(hang):  # noqa: PTH110 - one more line of nothing
            os.close(os.open(hang, os.O_CREAT | os.O_EXCL))
            time.sleep(_FOR_EVER)


def _slow(_connection: Connection) -> SlowProvider:
    return SlowProvider()


ADAPTERS["offline"] = _slow
