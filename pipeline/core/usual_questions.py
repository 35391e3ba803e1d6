"""Owns what a stage's questions usually are, for inputs that are not there yet and for accounts without a history.

How long answers may be is what the stages ask for (a test compares the two); the rest is what they have been seen to
need. Never: the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.core.catalog import Calls, StageDefinition
from pipeline.core.matrix import ContentContext

#: Keywords that one cluster takes.
KEYWORDS_A_CLUSTER: Final = 8
#: Bytes of a prompt that a token of it usually has: English text, tokenised as the common models do.
BYTES_A_TOKEN: Final = 4
#: Seconds until a text model begins to answer, the tokens a second it answers with, and seconds an image takes.
SECONDS_TO_FIRST_TOKEN: Final = 2.0
TOKENS_A_SECOND: Final = 60.0
SECONDS_AN_IMAGE: Final = 12.0
#: What the offline models need for either: nothing is sent anywhere.
SECONDS_OFFLINE: Final = 0.2
#: Pixels of the images that stage 6 asks for.
IMAGE_WIDTH: Final = 1_280
IMAGE_HEIGHT: Final = 720


@dataclass(frozen=True)
class Usual:
    """One question to a text model: bytes of its prompt with the schema, tokens of its answer."""

    prompt_bytes: int
    #: The longest answer, the shortest that is of use, and what is usually answered.
    most_output: int
    useful_output: int
    output: int


def _clusters(batch_size: int, _: ContentContext) -> Usual:
    return Usual(2_800 + 60 * batch_size, 1_000 + 60 * batch_size, 250 + 10 * batch_size, 150 + 14 * batch_size)


def _ideas(_: int, content: ContentContext) -> Usual:
    wanted = content.ideas_per_cluster
    return Usual(5_500, 500 + 500 * wanted, 200 + 200 * wanted, 160 * wanted)


def _article(_: int, __: ContentContext) -> Usual:
    return Usual(4_500, 6_000, 2_000, 2_200)


def _image_prompts(_: int, content: ContentContext) -> Usual:
    pictures = 1 + content.in_article_images
    return Usual(3_500, 400 + 400 * pictures, 100 + 150 * pictures, 130 * pictures)


_OF: Final[Mapping[int, Callable[[int, ContentContext], Usual]]] = {
    1: _clusters,
    2: _ideas,
    4: _article,
    5: _image_prompts,
}


def usual(definition: StageDefinition, *, batch_size: int, content: ContentContext) -> Usual:
    """What a question of a text stage usually is; `batch_size` counts where one question is about a whole batch."""
    return _OF[definition.number](batch_size if definition.calls is Calls.PER_BATCH else 1, content)


def usual_seconds(output_tokens: float) -> float:
    """How long a text model usually takes for so many tokens."""
    return SECONDS_TO_FIRST_TOKEN + output_tokens / TOKENS_A_SECOND
