"""Owns what a provider is sent in the place of parameters that it does not take: decided before the call is written.

Adapters send by it and the call's row keeps it, so that both say the same. Never: the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.ai.images import in_steps, nearest
from pipeline.ai.port import ImageRequest, TextRequest

_ANTHROPIC_TEMPERATURE_MOST: Final = 1.0
#: First models of OpenAI's that draw these sizes alone.
_FIXED_SIZES: Final = ((1_024, 1_024), (1_536, 1_024), (1_024, 1_536))
_GPT_IMAGE_QUALITIES: Final = {"standard": "medium", "hd": "high"}
_STYLES: Final = frozenset({"vivid", "natural"})
#: Sides of Runware's images are whole multiples of it.
_STEP_PIXELS: Final = 64


def sent_to(provider: str, request: TextRequest | ImageRequest) -> dict[str, Any]:
    """The parameters of a request as its provider is sent them; None: it is sent none."""
    if isinstance(request, TextRequest):
        temperature = anthropic_temperature(request) if provider == "anthropic" else request.temperature
        return {"max_output_tokens": request.max_output_tokens, "temperature": temperature}
    return _OF_IMAGES.get(provider, _as_asked)(request)


def anthropic_temperature(request: TextRequest) -> float | None:
    """Anthropic's scale ends at 1."""
    return None if request.temperature is None else min(request.temperature, _ANTHROPIC_TEMPERATURE_MOST)


def is_gpt_image(model: str) -> bool:
    """Whether OpenAI's model has qualities of its own and no style; a proxy names its maker in front of it."""
    return _own_name(model).startswith(("gpt-image", "chatgpt-image"))


def openai_image(request: ImageRequest) -> dict[str, Any]:
    """Sizes and qualities that the model knows; a style only where there is such a one."""
    asked = _as_asked(request)
    if not is_gpt_image(request.model):
        return {**asked, "style": request.style if request.style in _STYLES else None}
    asked |= {"quality": _GPT_IMAGE_QUALITIES.get(request.quality, request.quality), "style": None}
    if not _own_name(request.model).startswith(("gpt-image-1", "chatgpt-image")):
        return asked
    width, height = nearest(request, _FIXED_SIZES)
    return {**asked, "width": width, "height": height}


def _own_name(model: str) -> str:
    return model.rpartition("/")[2]


def runware_image(request: ImageRequest) -> dict[str, Any]:
    """Sides in steps; neither a quality nor a style."""
    width, height = (in_steps(side, _STEP_PIXELS) for side in (request.width, request.height))
    return {"width": width, "height": height, "quality": None, "style": None}


def _as_asked(request: ImageRequest) -> dict[str, Any]:
    return {"width": request.width, "height": request.height, "quality": request.quality, "style": request.style}


_OF_IMAGES: Final[Mapping[str, Callable[[ImageRequest], dict[str, Any]]]] = {
    "openai": openai_image,
    "runware": runware_image,
}
