"""Owns what a person does where a provider refuses a field that every request has alike: a row or a setting is wrong.

Never: what a refusal is; it is given the field's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_MODEL: Final = (
    "Check its name (igny8 models list) and the provider's address (igny8 providers list), and that the key may use it."
)
_LONGEST: Final = (
    "Say how it calls and how long it makes its longest answer: "
    "igny8 models set {model} --max-tokens-name X --output-token-limit N"
)
_UNSHAPED: Final = "Tell it the schema in its prompt: igny8 models set {model} --no-json-schema"
_OTHER_MODEL: Final = (
    "Choose a model of images that takes it (igny8 models list): "
    "igny8 settings set SITE ai.model_preferences.image=NAME, or igny8 models set NAME --default"
)
#: Field of a request for a text -> what to do where a provider refuses it.
OF_TEXTS: Final[Mapping[str, str]] = {
    "model": _MODEL,
    "temperature": "Leave it out: igny8 models set {model} --no-temperature",
    "max_tokens": _LONGEST,
    "max_completion_tokens": _LONGEST,
    "response_format": _UNSHAPED,
    "output_config": _UNSHAPED,
}
#: The same of a request for an image.
OF_IMAGES: Final[Mapping[str, str]] = {
    "model": _MODEL,
    "quality": "Choose a quality that it has: igny8 settings set SITE ai.image_quality=X",
    "style": "Choose a style that it has, or none: igny8 settings set SITE ai.image_style=",
    **dict.fromkeys(("size", "width", "height", "output_format", "response_format"), _OTHER_MODEL),
}
