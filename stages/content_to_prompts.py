"""Stage 5, Content → Prompts: one question a draft; one featured image and some in the text, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from rapidfuzz import fuzz, process
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.contract import AnswerRejected, Message, Produced, Question, Stage, Subjects
from pipeline.core.answers import Answer, Many
from pipeline.core.html import plain_line, read
from pipeline.core.normal import title_key
from pipeline.core.prompts import data_message, render, site_data
from pipeline.core.refusals import is_refusal
from pipeline.core.states import ContentStatus, move
from pipeline.core.words import one_line, stand_in
from pipeline.models import Content, ImagePrompt, Site
from pipeline.models.media import FEATURED

_PLACE_LENGTH = 300
_PROMPT_LENGTH = 2_000
_ALT_LENGTH = 300
_HEADINGS = 50
#: Of 100: a heading written slightly differently is still that heading.
_ALIKE = 85
_PROMPT = (files("stages") / "prompts" / "content_to_prompts.md").read_text("utf-8")


class FeaturedAnswer(Answer):
    """The picture above the article."""

    prompt: str
    alt_text: str


class InArticleAnswer(Answer):
    """A picture below a heading."""

    heading: str
    prompt: str
    alt_text: str


class ImagePromptsAnswer(Answer):
    """The pictures of one article."""

    featured: FeaturedAnswer
    in_article: Many[InArticleAnswer]


@dataclass(frozen=True)
class _Picture:
    """A picture that can be kept."""

    place: str
    prompt: str
    alt_text: str


class ContentToPrompts(Stage[Content, ImagePromptsAnswer]):
    """Says what an article's images shall show, and where they stand."""

    key = "content_to_prompts"
    subject = Content
    waits_as = ContentStatus.DRAFT
    prompt = _PROMPT
    placeholders = ("in_article_images", "language")

    def ask(self, session: Session, subjects: Subjects[Content]) -> Question:  # noqa: ARG002 - the row says it all
        """One question about one article."""
        content, settings = subjects[0], subjects.settings
        wanted = settings.content.in_article_images
        data = {
            "title": content.title,
            "excerpt": content.excerpt,
            "headings": _headings(content),
            "in_article_images": wanted,
            "style": settings.ai.image_style,
            "site": site_data(settings.content),
        }
        filled = {"in_article_images": wanted, "language": settings.content.language}
        prompt = render(subjects.prompt or _PROMPT, filled)
        return Question(
            messages=(Message("system", prompt), Message("user", data_message(data))),
            answer=ImagePromptsAnswer,
            schema_name="image_prompts",
            max_output_tokens=400 + 400 * (1 + wanted),
            useful_output_tokens=100 + 150 * (1 + wanted),
        )

    def keep(self, session: Session, subjects: Subjects[Content], answer: ImagePromptsAnswer) -> Produced:
        """Write the prompts, the featured one first; raises AnswerRejected where that one says nothing.

        Fewer in the text than asked for are accepted; one whose heading the text does not have is dropped.
        """
        content = subjects[0]
        featured = _picture(FEATURED, answer.featured, shows=content.title)
        if featured is None:
            raise AnswerRejected("The featured image has no usable prompt. Describe what it shows.")
        wanted = subjects.settings.content.in_article_images
        pictures = [featured, *_in_article(_headings(content), answer.in_article)[:wanted]]
        rows = [
            ImagePrompt(
                account_id=content.account_id,
                site_id=content.site_id,
                content_id=content.id,
                position=position,
                place=picture.place,
                prompt=picture.prompt,
                alt_text=picture.alt_text,
            )
            for position, picture in enumerate(pictures)
        ]
        session.add_all(rows)
        content.status = move(content.status, ContentStatus.IMAGES)
        content.times_tried = 0
        session.flush()
        return {content.id: [row.id for row in rows]}

    def bypass(self, session: Session, site: Site) -> None:
        """Images are off: drafts are complete without them."""
        drafts = update(Content).where(Content.site_id == site.id, Content.status == ContentStatus.DRAFT)
        session.execute(drafts.values(status=ContentStatus.REVIEW))


def _headings(content: Content) -> list[str]:
    """The headings of the text that a picture can follow, in order."""
    found = dict.fromkeys(heading for heading in read(content.body_html).headings if 0 < len(heading) <= _PLACE_LENGTH)
    return list(found)[:_HEADINGS]


def _in_article(headings: Sequence[str], answers: Sequence[InArticleAnswer]) -> list[_Picture]:
    """One picture a heading at most, in the order of the text."""
    by_key = {title_key(heading): heading for heading in reversed(headings)}
    pictures: dict[str, _Picture] = {}
    for answer in answers[: _HEADINGS * 2]:
        heading = _heading(by_key, answer.heading)
        if heading is None or heading in pictures:
            continue
        picture = _picture(heading, answer, shows=heading)
        if picture is not None:
            pictures[heading] = picture
    return [pictures[heading] for heading in headings if heading in pictures]


def _heading(by_key: dict[str, str], named: str) -> str | None:
    """The heading that is meant: the very one, else one that is nearly the same."""
    wanted = title_key(plain_line(named, _PLACE_LENGTH))
    if wanted in by_key:
        return by_key[wanted]
    nearest = process.extractOne(wanted, list(by_key), scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return by_key[nearest[0]] if nearest else None


def _picture(place: str, answer: FeaturedAnswer | InArticleAnswer, *, shows: str) -> _Picture | None:
    prompt = plain_line(answer.prompt, _PROMPT_LENGTH)
    alt_text = plain_line(answer.alt_text, _ALT_LENGTH)
    if not alt_text or stand_in(alt_text) or is_refusal(alt_text):
        alt_text = one_line(shows, _ALT_LENGTH)
    return None if not prompt or stand_in(prompt) or is_refusal(prompt) else _Picture(place, prompt, alt_text)
