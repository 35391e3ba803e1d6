"""Owns the answer "image_prompts": one featured image and images for some of the article's headings."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.ai.offline.answers import Answer, Data, read_data
from pipeline.ai.offline.dice import Dice
from pipeline.ai.offline.words import shorten
from pipeline.ai.port import TextRequest

_SCENES = (
    "a calm arrangement of simple forms with one clear centre",
    "wide shapes in soft light, with room for a line of text",
    "a close view with clean edges and a quiet background",
    "layered paper forms seen slightly from above",
    "a balanced scene in few colours, with depth from overlapping planes",
    "morning light over a tidy, uncluttered composition",
    "bold geometry with one accent that leads the eye",
    "a long horizon and rhythmic lines in the foreground",
)
_SUBJECT_LIMIT = 140
_ALT_LIMIT = 125


class ImagePromptsData(Data):
    """The data of the question."""

    title: str
    excerpt: str = ""
    headings: tuple[str, ...] = ()
    in_article_images: int = 0
    style: str | None = None


def image_prompts(request: TextRequest) -> Answer:
    """The answer to an "image_prompts" question; headings are verbatim and spread over the article."""
    data = read_data(request, ImagePromptsData)
    dice = Dice("image_prompts", data.title, data.excerpt)
    scenes = dice.shuffled(_SCENES)
    title = shorten(data.title, limit=_SUBJECT_LIMIT)
    return {
        "featured": {
            "prompt": f"Featured image “{title}”: {scenes[0]}.{_style(data.style)}",
            "alt_text": shorten(f"Abstract illustration for the article {title}", limit=_ALT_LIMIT),
        },
        "in_article": [
            {
                "heading": heading,
                "prompt": f"Illustration “{shorten(heading, limit=_SUBJECT_LIMIT)}” (part {number}) for the article "
                f"{title}: {scenes[number % len(scenes)]}.{_style(data.style)}",
                "alt_text": shorten(f"Abstract illustration for the section {heading}", limit=_ALT_LIMIT),
            }
            for number, heading in enumerate(_spread(data.headings, wanted=data.in_article_images), start=1)
        ],
    }


def _style(style: str | None) -> str:
    return f" Style: {style}." if style else ""


def _spread(headings: Sequence[str], *, wanted: int) -> list[str]:
    """`wanted` headings at even distances; a heading comes again only when there are too few of them."""
    if not headings or wanted < 1:
        return []
    if wanted <= len(headings):
        return [headings[number * len(headings) // wanted] for number in range(wanted)]
    return [headings[number % len(headings)] for number in range(wanted)]
