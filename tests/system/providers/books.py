"""Owns the comparison of two sets of books: the calls that were written down here, and what the servers say they did.

A request and its call are told by the call's key, which every adapter sends. Calls of one key follow each other, so the
first request belongs to the first call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar

from pipeline.core.states import CallStatus
from pipeline.models import AiCall
from tests.system.providers.director import Asked
from tests.system.providers.installation import IMAGE_PICODOLLARS, INPUT_PICODOLLARS, OUTPUT_PICODOLLARS
from tests.system.providers.servers import Served

_PICODOLLARS: Final = 10**12
_DONE: Final = 200
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Line:
    """One request, its call, and what its server says of it."""

    asked: Asked
    call: AiCall
    served: Served
    #: What the server made of it costs, in picodollars: nothing where it made nothing.
    cost: int
    #: Input and output tokens that the server says were used, of a text.
    usage: tuple[int, int] | None

    @property
    def is_lost(self) -> bool:
        """Whether nobody here knows what became of it."""
        return self.call.status is CallStatus.LOST

    def __str__(self) -> str:
        """For the person who looks why a test failed."""
        met = f"{self.asked.met.fault} {'on the wire' if self.asked.met.on_the_wire else ''}" if self.asked.met else "-"
        return f"{self.asked.request_id} {self.asked.provider} met {met}: {self.call.status} {self.call.flags}"


def paired(
    asked: Sequence[Asked], calls: Iterable[AiCall], served: Iterable[Served], key_of: Callable[[AiCall], str]
) -> list[Line]:
    """Every request with its call and the server's entry. AssertionError where one has none, or has two."""
    by_id = grouped(served, lambda entry: entry.request_id)
    calls_of = grouped(calls, key_of)
    requests_of = grouped(asked, sent_key)
    assert {key: len(found) for key, found in requests_of.items()} == {k: len(found) for k, found in calls_of.items()}
    assert {request_id: len(found) for request_id, found in by_id.items()} == {one.request_id: 1 for one in asked}
    return [
        _line(request, call, by_id[request.request_id][0])
        for key, requests in requests_of.items()
        for request, call in zip(requests, calls_of[key], strict=True)
    ]


def grouped(things: Iterable[Thing], key_of: Callable[[Thing], str]) -> dict[str, list[Thing]]:
    """Things by their key, in the order in which they came."""
    found: dict[str, list[Thing]] = defaultdict(list)
    for thing in things:
        found[key_of(thing)].append(thing)
    return found


def sent_key(asked: Asked) -> str:
    """The key that the request brought."""
    if asked.provider == "runware":
        return str(asked.body[0]["taskUUID"])
    return asked.headers["idempotency-key"]


def cost_of(asked: Asked, served: Served | None) -> int:
    """What the server made of a request costs, in picodollars: nothing where it made nothing."""
    if served is None or served.status != _DONE:
        return 0
    usage = _usage(served)
    if usage is not None:
        return usage[0] * INPUT_PICODOLLARS + usage[1] * OUTPUT_PICODOLLARS
    if asked.provider == "runware":
        images = (served.answer or {}).get("data", ())
        return int(sum((Decimal(image["cost"]) for image in images), Decimal(0)) * _PICODOLLARS)
    return IMAGE_PICODOLLARS


def _line(asked: Asked, call: AiCall, served: Served) -> Line:
    return Line(asked, call, served, cost_of(asked, served), _usage(served))


def _usage(served: Served) -> tuple[int, int] | None:
    """Tokens in and out, by the names of either provider; None where it made no text."""
    said: Mapping[str, Any] = (served.answer or {}).get("usage", {})
    if served.status != _DONE or not said:
        return None
    return (
        said.get("prompt_tokens", said.get("input_tokens")),
        said.get("completion_tokens", said.get("output_tokens")),
    )
