"""Owns what an answer costs: what the provider said it used, where that can be true, else an estimate that says so.

Pure: no database, no network. Never: more than the rows can hold; whether an answer is of use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pipeline.ai.port import TextReply, TextRequest
from pipeline.engine.questions import Prepared
from pipeline.engine.readings import MOST_CHARACTERS, as_stored
from pipeline.services.credits import Settlement

USAGE_MISSING: Final = "usage_missing"
_BYTES_PER_TOKEN: Final = 4
#: What providers count beyond what was sent and asked for: roles, tools, the end of an answer. More is nonsense.
TOLERANCE: Final = 1_000
#: Ten thousand dollars for one call are a fault of whoever says so.
_MOST_PICODOLLARS: Final = 10**16


def settlement_of(prepared: Prepared, reply: TextReply) -> Settlement:
    """What a text reply costs; usage the provider did not say, or that cannot be, is estimated from the bytes."""
    text = reply.text if isinstance(reply.text, str) else ""
    # No prompt is of no tokens, and neither is an answer that says something.
    said_input = _believed(reply.input_tokens, least=1, most=prepared.prompt_tokens)
    said_output = _believed(reply.output_tokens, least=1 if text else 0, most=_most_output(prepared))
    missing = said_input is None or said_output is None
    input_tokens = -(-prepared.prompt_tokens // _BYTES_PER_TOKEN) if said_input is None else said_input
    output_tokens = _estimated_output(prepared, text) if said_output is None else said_output
    price, own_cost = prepared.price, _believed_cost(reply.cost_picodollars)
    return Settlement(
        answer=as_stored(text, reply.finish),
        charge_ucr=price.token_charge_ucr(input_tokens + output_tokens),
        cost_picodollars=_bounded(price.token_cost_picodollars, input_tokens, output_tokens, own=own_cost),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        flags=(USAGE_MISSING,) if missing else (),
    )


def image_settlement(prepared: Prepared, answer: str, cost_picodollars: int | None) -> Settlement:
    """What one image costs: the catalog's price, the provider's own cost where it says one."""
    image_format, own_cost = prepared.image_format, _believed_cost(cost_picodollars)
    cost = _bounded(prepared.price.image_cost_picodollars, image_format, own=own_cost)
    return Settlement(answer=answer, charge_ucr=prepared.price.image_charge_ucr(image_format), cost_picodollars=cost)


def _believed(tokens: Any, *, least: int, most: int) -> int | None:
    """A token is at least a byte of the prompt, and no answer is longer than was asked for."""
    return tokens if type(tokens) is int and least <= tokens <= most + TOLERANCE else None


def _believed_cost(picodollars: Any) -> int | None:
    return picodollars if type(picodollars) is int and 0 <= picodollars <= _MOST_PICODOLLARS else None


def _bounded(cost_of: Callable[..., int], *used: Any, own: int | None) -> int:
    """The provider's own cost, else that of the catalog; rows and sums hold it, whatever the catalog says."""
    return min(cost_of(*used), _MOST_PICODOLLARS) if own is None else own


def _most_output(prepared: Prepared) -> int:
    assert isinstance(prepared.request, TextRequest)  # noqa: S101 - asked of texts only
    return prepared.request.max_output_tokens


def _estimated_output(prepared: Prepared, text: str) -> int:
    """Never more than was asked for: nobody is charged for megabytes that no usage vouches for."""
    estimate = -(-len(text[:MOST_CHARACTERS].encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
    return min(estimate, _most_output(prepared))
