from __future__ import annotations

import pytest
from sqlalchemy import select

from pipeline.contract import AnswerRejected, Produced
from pipeline.core.matrix import SiteSettings
from pipeline.core.states import ContentStatus, ImagePromptStatus
from pipeline.db.session import Database
from pipeline.models import Content, ImagePrompt, Site
from stages.content_to_prompts import ContentToPrompts, FeaturedAnswer, ImagePromptsAnswer, InArticleAnswer
from tests.support.builders import make_content, make_subjects
from tests.support.questions import data_of, instructions_of

STAGE = ContentToPrompts()
HEADINGS = ["How to begin", "What to buy", "Tom & Jerry’s advice"]
BODY = "".join(f"<h2>{heading.replace('&', '&amp;')}</h2><p>Text.</p>" for heading in HEADINGS)


def answer(*headings: str, featured: str = "A spade in soil", alt_text: str = "A spade") -> ImagePromptsAnswer:
    return ImagePromptsAnswer(
        featured=FeaturedAnswer(prompt=featured, alt_text=alt_text),
        in_article=[
            InArticleAnswer(heading=heading, prompt=f"Something about {heading}", alt_text="Something")
            for heading in headings
        ],
    )


@pytest.fixture
def content(database: Database, site: Site) -> Content:
    with database.transaction() as session:
        return make_content(session, site=site, title="Choose a spade", body_html=BODY)


def with_images(number: int) -> SiteSettings:
    settings = SiteSettings()
    settings.content.in_article_images = number
    return settings


def keep(database: Database, site: Site, content: Content, given: ImagePromptsAnswer, *, images: int = 2) -> Produced:
    with database.transaction() as session:
        subjects = make_subjects(session, [content], site=site, settings=with_images(images))
        return STAGE.keep(session, subjects, given)


def prompts(database: Database) -> list[ImagePrompt]:
    with database.reading() as session:
        return list(session.scalars(select(ImagePrompt).order_by(ImagePrompt.position)))


def places(database: Database) -> list[str]:
    return [row.place for row in prompts(database)]


def status(database: Database, content: Content) -> ContentStatus:
    with database.reading() as session:
        return session.get_one(Content, content.id).status


def test_a_question_carries_the_article_its_headings_and_the_style(
    database: Database, site: Site, content: Content
) -> None:
    settings = with_images(2)
    settings.ai.image_style = "watercolour"

    with database.reading() as session:
        question = STAGE.ask(session, make_subjects(session, [content], site=site, settings=settings))

    assert data_of(question) == {
        "title": "Choose a spade",
        "excerpt": content.excerpt,
        "headings": HEADINGS,
        "in_article_images": 2,
        "style": "watercolour",
        "site": {"language": "en", "audience": None, "tone": None, "author_profile": None},
    }
    assert "Choose the 2 headings" in instructions_of(question)
    assert (question.schema_name, question.answer) == ("image_prompts", ImagePromptsAnswer)


def test_prompts_are_written_each_with_its_place_and_the_content_waits_for_images(
    database: Database, site: Site, content: Content
) -> None:
    produced = keep(database, site, content, answer("What to buy", "How to begin"))

    rows = prompts(database)
    assert [(row.position, row.place) for row in rows] == [(0, "featured"), (1, "How to begin"), (2, "What to buy")]
    assert (rows[0].prompt, rows[0].alt_text) == ("A spade in soil", "A spade")
    assert {(row.account_id, row.site_id, row.content_id, row.status) for row in rows} == {
        (site.account_id, site.id, content.id, ImagePromptStatus.NEW)
    }
    assert produced == {content.id: [row.id for row in rows]}
    assert status(database, content) is ContentStatus.IMAGES


def test_more_images_than_asked_for_are_cut(database: Database, site: Site, content: Content) -> None:
    keep(database, site, content, answer(*HEADINGS), images=1)

    assert places(database) == ["featured", "How to begin"]


def test_a_site_without_images_in_the_text_gets_the_featured_one(
    database: Database, site: Site, content: Content
) -> None:
    keep(database, site, content, answer(*HEADINGS), images=0)

    assert places(database) == ["featured"]


def test_fewer_images_than_asked_for_are_accepted(database: Database, site: Site, content: Content) -> None:
    keep(database, site, content, answer())

    assert places(database) == ["featured"]


def test_a_heading_written_a_little_differently_is_recognised(database: Database, site: Site, content: Content) -> None:
    keep(database, site, content, answer("what to  BUY?", "Tom & Jerrys advices"))

    assert places(database) == ["featured", "What to buy", "Tom & Jerry’s advice"]


def test_a_heading_the_text_does_not_have_is_dropped(database: Database, site: Site, content: Content) -> None:
    keep(database, site, content, answer("Conclusion", "", "\u200b", "What to buy"))

    assert places(database) == ["featured", "What to buy"]


def test_a_heading_gets_one_image(database: Database, site: Site, content: Content) -> None:
    keep(database, site, content, answer("What to buy", "What to buy"))

    assert places(database) == ["featured", "What to buy"]


def test_a_text_without_headings_gets_the_featured_image(database: Database, site: Site) -> None:
    with database.transaction() as session:
        plain = make_content(session, site=site, body_html="<p>Text.</p>")

    keep(database, site, plain, answer("What to buy"))

    assert places(database) == ["featured"]


@pytest.mark.parametrize("featured", ["", " \u200b\x00", "[insert description]", "TODO"])
def test_a_featured_image_that_says_nothing_is_rejected_and_writes_nothing(
    database: Database, site: Site, content: Content, featured: str
) -> None:
    with pytest.raises(AnswerRejected, match="featured image"):
        keep(database, site, content, answer("What to buy", featured=featured))

    assert prompts(database) == []
    assert status(database, content) is ContentStatus.DRAFT


def test_an_empty_alt_text_is_the_title(database: Database, site: Site, content: Content) -> None:
    keep(database, site, content, answer(alt_text=" \u200b"))

    assert prompts(database)[0].alt_text == "Choose a spade"


def test_hostile_texts_are_stored_clean_and_cut(database: Database, site: Site, content: Content) -> None:
    given = ImagePromptsAnswer(
        featured=FeaturedAnswer(prompt="\x00\u202e spade" * 1_000_000, alt_text="\x00 alt" * 1_000_000),
        in_article=[InArticleAnswer(heading="x" * 1_000_000, prompt="y", alt_text="z")] * 10_000,
    )

    keep(database, site, content, given)

    (row,) = prompts(database)
    assert (len(row.prompt) <= 2_000, len(row.alt_text) <= 300) == (True, True)
    assert not set("\x00\u202e") & set(row.prompt + row.alt_text)


def test_without_images_the_sites_drafts_go_to_review(
    database: Database, site: Site, other_site: Site, content: Content
) -> None:
    with database.transaction() as session:
        theirs = make_content(session, site=other_site)
        waiting = make_content(session, site=site, status=ContentStatus.IMAGES)

    with database.transaction() as session:
        STAGE.bypass(session, site)

    assert status(database, content) is ContentStatus.REVIEW
    assert status(database, waiting) is ContentStatus.IMAGES
    assert status(database, theirs) is ContentStatus.DRAFT


def test_a_content_tried_in_vain_needs_a_person(database: Database, site: Site, content: Content) -> None:
    with database.transaction() as session:
        STAGE.give_up(session, session.get_one(Content, content.id), "no use")

    assert status(database, content) is ContentStatus.NEEDS_ATTENTION
