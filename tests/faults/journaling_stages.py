"""Owns the worker's stages under fault: the seven, with an offline provider that keeps a journal of its own.

The journal is the provider's own witness: what it was asked, what it answered, what it bills.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from typing import Final

from pipeline.ai import ADAPTERS, Connection
from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import (
    ImageReply,
    ImageRequest,
    OutcomeUnknownError,
    TextReply,
    TextRequest,
    ThrottledError,
    UnavailableError,
)
from stages import *  # noqa: F403 - importing them is what registers them.
from tests.faults.harness import EATING_VARIABLE, JOURNAL_VARIABLE, LATENCY_VARIABLE
from tests.faults.harness.provider_journal import (
    IMAGE_COST,
    INPUT_TOKEN_COST,
    OUTPUT_TOKEN_COST,
    Billed,
    Fault,
    JournalWriter,
)

#: Long enough that most of a run is calls under way: there a kill costs something.
LATENCY_SECONDS: Final = float(os.environ.get(LATENCY_VARIABLE, "0.15"))
EATING: Final = os.environ.get(EATING_VARIABLE)
_MEBIBYTE: Final = 1_048_576
_MOST_MEBIBYTES: Final = 2_000


def eat() -> None:
    """Take memory until there is none: the process is killed, or is told so with a MemoryError."""
    taken = [b"x" * _MEBIBYTE for _ in range(_MOST_MEBIBYTES)]
    raise MemoryError(f"{len(taken)} MiB were there all the same")


class JournalingProvider:
    """The offline provider behind a journal."""

    name = "offline"

    def __init__(self) -> None:
        self._provider = OfflineProvider(latency_seconds=LATENCY_SECONDS)
        self._journal = JournalWriter(os.environ[JOURNAL_VARIABLE])

    def complete_text(self, request: TextRequest) -> TextReply:
        self._journal.asked(request.call_key)
        fault = self._refuse()
        if EATING and request.schema_name == "article" and EATING in request.messages[-1].content:
            eat()
        reply = self._provider.complete_text(request)
        cost = (reply.input_tokens or 0) * INPUT_TOKEN_COST + (reply.output_tokens or 0) * OUTPUT_TOKEN_COST
        self._journal.answered(request.call_key, Billed(reply.input_tokens, reply.output_tokens, cost))
        _lose(fault)
        return replace(reply, cost_picodollars=cost)

    def draw_image(self, request: ImageRequest) -> ImageReply:
        self._journal.asked(request.call_key)
        fault = self._refuse()
        reply = self._provider.draw_image(request)
        self._journal.answered(request.call_key, Billed(None, None, IMAGE_COST))
        _lose(fault)
        return replace(reply, cost_picodollars=IMAGE_COST)

    def _refuse(self) -> Fault | None:
        """Fail now, where that is what the test wants; else what becomes of the answer."""
        fault = self._journal.fault()
        if fault == "busy":
            raise ThrottledError("it is busy", retry_after_seconds=0.1)
        if fault == "down":
            raise UnavailableError("it is down", retry_after_seconds=0.1)
        if fault == "silent":
            raise OutcomeUnknownError("it did not answer")
        return fault


def _lose(fault: Fault | None) -> None:
    if fault == "unheard":
        raise OutcomeUnknownError("its answer broke off")


@cache
def _provider(_process: int) -> JournalingProvider:
    return JournalingProvider()


def _journaling(_connection: Connection) -> JournalingProvider:
    return _provider(os.getpid())


ADAPTERS["offline"] = _journaling
