"""Owns the stages of `asking_stages` before a model that takes its time: as long as one of the real ones, cut short."""

from __future__ import annotations

import time
from typing import Final

from benchmarks import asking_stages
from benchmarks.asking_stages import PROVIDER, AtOnce
from pipeline.ai import ADAPTERS
from pipeline.ai.port import TextReply, TextRequest

__all__ = ["asking_stages"]
#: How long each call takes.
CALL_SECONDS: Final = 0.2


class InTime(AtOnce):
    """The same answer, later."""

    def complete_text(self, request: TextRequest) -> TextReply:
        """Wait, then answer."""
        time.sleep(CALL_SECONDS)
        return super().complete_text(request)


ADAPTERS[PROVIDER] = lambda _connection: InTime()
