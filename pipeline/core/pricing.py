"""Owns what a call may cost at worst and what it did cost, from prices frozen on the run.

Never reads a model's row: a `Price` is the copy that a run, and then each call, carries for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pipeline.core import money
from pipeline.core.capabilities import Capabilities
from pipeline.core.catalog import ModelType


@dataclass(frozen=True)
class ImagePrice:
    """Price and cost of one image of one size and quality."""

    credits_per_image: int
    cost_per_image: Decimal


@dataclass(frozen=True)
class Price:
    """What one model charges and costs. `free` is explicit: a missing price is not a price of nothing."""

    model_id: int
    model: str
    provider: str
    model_type: ModelType
    free: bool = False
    #: Whether it is the testing model of its type: reports keep its calls apart.
    testing: bool = False
    #: What one credit is worth in reports, in millionths of a US dollar.
    credit_value_microdollars: int = money.CREDIT_VALUE_MICRODOLLARS
    #: Tokens that cost one credit.
    tokens_per_credit: int | None = None
    credits_per_image: int | None = None
    cost_per_1k_input: Decimal = Decimal(0)
    cost_per_1k_output: Decimal = Decimal(0)
    cost_per_image: Decimal = Decimal(0)
    #: `"1024x1024/high"` -> its own price; without an entry the model's own counts.
    by_format: Mapping[str, ImagePrice] = field(default_factory=dict)
    #: False: nobody said what it costs us, and its costs count as nothing.
    cost_known: bool = True
    #: What the model takes and gives: frozen with its price.
    capabilities: Capabilities = field(default_factory=Capabilities)

    @property
    def known(self) -> bool:
        """Whether a call may be made at all: no price, no call."""
        if self.free:
            return True
        return (self.tokens_per_credit if self.model_type is ModelType.TEXT else self.credits_per_image) is not None

    def token_charge_ucr(self, tokens: int) -> int:
        """Micro-credits for `tokens` (input and output together)."""
        if self.free or self.tokens_per_credit is None:
            return 0
        return money.token_charge_ucr(tokens, self.tokens_per_credit)

    def token_cost_picodollars(self, input_tokens: int, output_tokens: int) -> int:
        """Our cost of one text call."""
        return money.token_cost_picodollars(input_tokens, self.cost_per_1k_input) + money.token_cost_picodollars(
            output_tokens, self.cost_per_1k_output
        )

    def image_charge_ucr(self, image_format: str) -> int:
        """Micro-credits for one image of `image_format` ("WxH/quality")."""
        if self.free:
            return 0
        own = self.by_format.get(image_format)
        return (own.credits_per_image if own else self.credits_per_image or 0) * money.UCR_PER_CREDIT

    def image_cost_picodollars(self, image_format: str) -> int:
        """Our cost of one image of `image_format`."""
        own = self.by_format.get(image_format)
        return money.picodollars(own.cost_per_image if own else self.cost_per_image)

    def output_tokens_for(self, amount_ucr: int, prompt_tokens: int) -> int:
        """How many output tokens `amount_ucr` can hold after the prompt; negative where not even the prompt fits."""
        if self.free or self.tokens_per_credit is None:
            return 2**31
        return amount_ucr * self.tokens_per_credit // money.UCR_PER_CREDIT - prompt_tokens

    def as_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {
            "model_id": self.model_id,
            "model": self.model,
            "provider": self.provider,
            "model_type": self.model_type.value,
            "free": self.free,
            "testing": self.testing,
            "credit_value_microdollars": self.credit_value_microdollars,
            "tokens_per_credit": self.tokens_per_credit,
            "credits_per_image": self.credits_per_image,
            "cost_per_1k_input": str(self.cost_per_1k_input),
            "cost_per_1k_output": str(self.cost_per_1k_output),
            "cost_per_image": str(self.cost_per_image),
            "by_format": {k: [v.credits_per_image, str(v.cost_per_image)] for k, v in self.by_format.items()},
            "cost_known": self.cost_known,
            "capabilities": self.capabilities.as_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Price:
        """The price that `as_json` wrote."""
        return cls(
            model_id=data["model_id"],
            model=data["model"],
            provider=data["provider"],
            model_type=ModelType(data["model_type"]),
            free=data["free"],
            # Runs that began before these were frozen have neither.
            testing=data.get("testing", False),
            credit_value_microdollars=data.get("credit_value_microdollars", money.CREDIT_VALUE_MICRODOLLARS),
            tokens_per_credit=data["tokens_per_credit"],
            credits_per_image=data["credits_per_image"],
            cost_per_1k_input=Decimal(data["cost_per_1k_input"]),
            cost_per_1k_output=Decimal(data["cost_per_1k_output"]),
            cost_per_image=Decimal(data["cost_per_image"]),
            by_format={k: ImagePrice(v[0], Decimal(v[1])) for k, v in data["by_format"].items()},
            cost_known=data.get("cost_known", True),
            capabilities=Capabilities.from_json(data.get("capabilities")),
        )


def worst_prompt_tokens(texts: Sequence[str]) -> int:
    """An upper bound of the tokens of `texts`: a token is at least one UTF-8 byte."""
    return sum(len(text.encode()) for text in texts)
