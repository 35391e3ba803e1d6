from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from pipeline.contract import ImageQuestion, Produced, StoredImage
from pipeline.core.matrix import SiteSettings
from pipeline.core.states import ContentStatus, ImagePromptStatus
from pipeline.db.session import Database
from pipeline.models import Content, Image, ImagePrompt, Site
from pipeline.services import images
from stages.prompts_to_images import PromptsToImages
from tests.support.builders import make_content, make_image_prompt, make_subjects

STAGE = PromptsToImages()
STORED = StoredImage(sha256="ab" * 32, mime="image/webp", width=1280, height=720)


@pytest.fixture
def content(database: Database, site: Site) -> Content:
    with database.transaction() as session:
        return make_content(session, site=site, status=ContentStatus.IMAGES)


@pytest.fixture
def prompts(database: Database, content: Content) -> list[ImagePrompt]:
    with database.transaction() as session:
        return [make_image_prompt(session, content=content, position=position) for position in range(2)]


def keep(database: Database, site: Site, prompt: ImagePrompt) -> Produced:
    with database.transaction() as session:
        return STAGE.keep(session, make_subjects(session, [prompt], site=site), STORED)


def give_up(database: Database, prompt: ImagePrompt) -> None:
    with database.transaction() as session:
        STAGE.give_up(session, session.get_one(ImagePrompt, prompt.id), "no use")


def state(database: Database, content: Content) -> tuple[ContentStatus, bool]:
    with database.reading() as session:
        row = session.get_one(Content, content.id)
        return row.status, row.images_missing


def asked(database: Database, site: Site, prompt: ImagePrompt, style: str | None) -> ImageQuestion:
    settings = SiteSettings()
    settings.ai.image_style = style
    with database.reading() as session:
        return STAGE.ask(session, make_subjects(session, [prompt], site=site, settings=settings))


def test_a_question_is_the_prompt_in_the_sites_style(
    database: Database, site: Site, prompts: list[ImagePrompt]
) -> None:
    question = asked(database, site, prompts[0], "watercolour")

    assert question == ImageQuestion(f"{prompts[0].prompt} Style: watercolour.", width=1280, height=720)


@pytest.mark.parametrize("style", [None, "GARDEN"])
def test_a_style_is_not_said_where_there_is_none_or_the_prompt_says_it(
    database: Database, site: Site, prompts: list[ImagePrompt], style: str | None
) -> None:
    assert asked(database, site, prompts[0], style).prompt == prompts[0].prompt


def test_an_image_is_written_with_its_alt_text(database: Database, site: Site, prompts: list[ImagePrompt]) -> None:
    produced = keep(database, site, prompts[0])

    with database.reading() as session:
        image = session.scalars(select(Image)).one()
        assert session.get_one(ImagePrompt, prompts[0].id).status is ImagePromptStatus.DONE
    assert (image.account_id, image.site_id, image.content_id) == (site.account_id, site.id, prompts[0].content_id)
    assert (image.image_prompt_id, image.alt_text) == (prompts[0].id, prompts[0].alt_text)
    assert (image.sha256, image.mime, image.width, image.height) == ("ab" * 32, "image/webp", 1280, 720)
    assert produced == {prompts[0].id: [image.id]}


def test_a_content_waits_while_a_prompt_is_open(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    keep(database, site, prompts[0])

    assert state(database, content) == (ContentStatus.IMAGES, False)


def test_the_last_image_sends_the_content_to_review(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    for prompt in prompts:
        keep(database, site, prompt)

    assert state(database, content) == (ContentStatus.REVIEW, False)


def test_a_failed_prompt_is_not_waited_for_and_is_said(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    give_up(database, prompts[0])
    assert state(database, content) == (ContentStatus.IMAGES, False)

    keep(database, site, prompts[1])

    assert state(database, content) == (ContentStatus.REVIEW, True)


def test_a_prompt_that_fails_last_sends_the_content_to_review(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    keep(database, site, prompts[0])

    give_up(database, prompts[1])

    assert state(database, content) == (ContentStatus.REVIEW, True)


def test_a_retried_image_completes_a_content_that_went_on_without_it(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    keep(database, site, prompts[0])
    give_up(database, prompts[1])
    with database.transaction() as session:
        session.get_one(ImagePrompt, prompts[1].id).status = ImagePromptStatus.NEW
        session.get_one(Content, content.id).status = ContentStatus.SCHEDULED

    keep(database, site, prompts[1])

    assert state(database, content) == (ContentStatus.SCHEDULED, False)


def _sent_back(database: Database, content: Content, prompts: list[ImagePrompt]) -> None:
    with database.transaction() as session:
        row = session.get_one(Content, content.id)
        images.regenerate(session, row, prompts[0].position, prompt="A rake", actor="ada", now=database.now())


def test_an_image_that_was_sent_back_is_replaced(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    for prompt in prompts:
        keep(database, site, prompt)
    _sent_back(database, content, prompts)
    again = StoredImage(sha256="cd" * 32, mime="image/png", width=640, height=360)

    with database.transaction() as session:
        subjects = make_subjects(session, [session.get_one(ImagePrompt, prompts[0].id)], site=site)
        assert STAGE.ask(session, subjects).prompt.startswith("A rake")
        STAGE.keep(session, subjects, again)

    with database.reading() as session:
        drawn = session.execute(select(Image.image_prompt_id, Image.sha256).order_by(Image.image_prompt_id)).all()
    assert drawn == [(prompts[0].id, again.sha256), (prompts[1].id, STORED.sha256)]
    assert state(database, content) == (ContentStatus.REVIEW, False)


def test_an_image_that_was_sent_back_stays_where_no_other_came(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    for prompt in prompts:
        keep(database, site, prompt)
    _sent_back(database, content, prompts)

    give_up(database, prompts[0])

    with database.reading() as session:
        assert len(session.scalars(select(Image)).all()) == 2
        assert session.get_one(ImagePrompt, prompts[0].id).status is ImagePromptStatus.DONE
    assert state(database, content) == (ContentStatus.REVIEW, False)


def test_the_prompts_of_another_content_do_not_count(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    with database.transaction() as session:
        other = make_content(session, site=site, status=ContentStatus.IMAGES)
        make_image_prompt(session, content=other)

    for prompt in prompts:
        keep(database, site, prompt)

    assert state(database, content)[0] is ContentStatus.REVIEW
    assert state(database, other)[0] is ContentStatus.IMAGES


def test_two_lanes_with_the_last_two_prompts_send_the_content_to_review(
    database: Database, site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    start = threading.Barrier(2)
    failures: list[Exception] = []

    def lane(prompt: ImagePrompt) -> None:
        start.wait()
        try:
            keep(database, site, prompt)
        except Exception as error:  # noqa: BLE001 - the test's own thread reports it
            failures.append(error)

    lanes = [threading.Thread(target=lane, args=(prompt,)) for prompt in prompts]
    for thread in lanes:
        thread.start()
    for thread in lanes:
        thread.join()

    assert failures == []
    assert state(database, content) == (ContentStatus.REVIEW, False)


def test_without_images_contents_go_to_review_and_their_prompts_wait(
    database: Database, site: Site, other_site: Site, content: Content, prompts: list[ImagePrompt]
) -> None:
    with database.transaction() as session:
        draft = make_content(session, site=site)
        theirs = make_content(session, site=other_site, status=ContentStatus.IMAGES)

    with database.transaction() as session:
        STAGE.bypass(session, site)

    assert state(database, content) == (ContentStatus.REVIEW, False)
    assert state(database, draft)[0] is ContentStatus.DRAFT
    assert state(database, theirs)[0] is ContentStatus.IMAGES
    with database.reading() as session:
        assert set(session.scalars(select(ImagePrompt.status))) == {ImagePromptStatus.NEW}
