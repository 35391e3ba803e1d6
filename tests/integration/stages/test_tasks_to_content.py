from __future__ import annotations

import re
import time

import pytest
from sqlalchemy import select

from pipeline.config import config
from pipeline.contract import AnswerRejected, Produced
from pipeline.core.matrix import SiteSettings
from pipeline.core.states import ContentStatus, ContentTaskStatus
from pipeline.db.session import Database
from pipeline.models import Content, ContentTask, Site
from stages.tasks_to_content import ArticleAnswer, TasksToContent
from tests.support.builders import (
    make_cluster,
    make_content,
    make_content_task,
    make_idea,
    make_keywords,
    make_subjects,
)
from tests.support.questions import data_of, instructions_of

STAGE = TasksToContent()
MIN_WORDS = config().min_words
LONG = "<h2>Why</h2><p>" + "A spade digs well. " * (MIN_WORDS // 4) + "</p>"


def answer(**changes: object) -> ArticleAnswer:
    article: dict[str, object] = {
        "title": "Choose a spade",
        "slug": "choose-a-spade",
        "meta_title": "Choose a spade | Garden",
        "meta_description": "How to choose a spade.",
        "excerpt": "How to choose a spade. In two sentences.",
        "body_html": LONG,
        "tags": ["garden", "spades"],
    }
    return ArticleAnswer.model_validate(article | changes)


@pytest.fixture
def task(database: Database, site: Site) -> ContentTask:
    with database.transaction() as session:
        return make_content_task(session, site=site, title="Choose a spade")


def keep(database: Database, site: Site, task: ContentTask, given: ArticleAnswer) -> Produced:
    with database.transaction() as session:
        return STAGE.keep(session, make_subjects(session, [task], site=site), given)


def written(database: Database, site: Site, task: ContentTask, given: ArticleAnswer) -> Content:
    """The content that the answer became."""
    (content_id,) = keep(database, site, task, given)[task.id]
    with database.reading() as session:
        return session.get_one(Content, content_id)


def refusal(database: Database, site: Site, task: ContentTask, given: ArticleAnswer) -> str:
    """Why the answer is rejected, having written nothing."""
    with pytest.raises(AnswerRejected) as rejected:
        keep(database, site, task, given)
    with database.reading() as session:
        assert session.scalar(select(Content.id).where(Content.content_task_id == task.id)) is None
        assert session.get_one(ContentTask, task.id).status is ContentTaskStatus.QUEUED
    return rejected.value.message


def test_a_question_carries_the_idea_its_keywords_and_the_site(database: Database, site: Site) -> None:
    settings = SiteSettings()
    settings.content.language, settings.content.author_profile = "fr", "A gardener of forty years"
    with database.transaction() as session:
        cluster = make_cluster(session, site=site)
        keywords = make_keywords(session, site=site, texts=["spade", "fork", "rake"], cluster=cluster)
        idea = make_idea(session, site=site, cluster=cluster, title="Choose", outline=["Why"], keywords=keywords[:2])
        task = make_content_task(session, site=site, idea=idea)

    with database.reading() as session:
        question = STAGE.ask(session, make_subjects(session, [task], site=site, settings=settings))

    assert data_of(question) == {
        "title": "Choose",
        "angle": idea.angle,
        "outline": ["Why"],
        "keywords": ["spade", "fork"],
        "min_words": 800,
        "site": {"language": "fr", "audience": None, "tone": None, "author_profile": "A gardener of forty years"},
    }
    assert "at least 800 words" in instructions_of(question)
    assert (question.schema_name, question.answer) == ("article", ArticleAnswer)


def test_an_article_is_kept_as_a_draft_and_its_row_is_written(
    database: Database, site: Site, task: ContentTask
) -> None:
    content = written(database, site, task, answer())

    assert (content.account_id, content.site_id, content.content_task_id) == (site.account_id, site.id, task.id)
    assert (content.title, content.slug, content.status) == ("Choose a spade", "choose-a-spade", ContentStatus.DRAFT)
    assert (content.meta_title, content.meta_description) == ("Choose a spade | Garden", "How to choose a spade.")
    assert (content.excerpt, content.tags) == ("How to choose a spade. In two sentences.", ["garden", "spades"])
    assert (content.body_html, content.word_count) == (LONG, MIN_WORDS + 1)
    with database.reading() as session:
        assert session.get_one(ContentTask, task.id).status is ContentTaskStatus.WRITTEN


def test_the_body_is_sanitised(database: Database, site: Site, task: ContentTask) -> None:
    hostile = (
        '<script>alert(1)</script><img src="https://tracker.example/p.gif" onerror="x()"><iframe src="//e"></iframe>'
        '<p onclick="x()">See <a href="javascript:x()">this</a>, <a href="http://169.254.169.254/">that</a> and '
        '<a href="https://example.org/">more</a>\u202e\u200b</p>'
    )

    body = written(database, site, task, answer(body_html=LONG + hostile)).body_html

    for forbidden in ("script", "alert", "img", "tracker", "iframe", "onclick", "onerror", "169.254", "\u202e"):
        assert forbidden not in body
    assert '<a href="https://example.org/" rel="nofollow noopener noreferrer">more</a>' in body


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"body_html": "<p>Too short.</p>"}, "2 words; at least 800"),
        ({"body_html": ""}, "0 words; at least 800"),
        ({"body_html": "\u200b\u2060 \x00"}, "0 words; at least 800"),
        ({"body_html": "<p>I'm sorry, I can't help with that.</p>"}, "words; at least 800"),
        ({"body_html": "<script>" + "word " * 900}, "0 words; at least 800"),
        ({"body_html": "<p hidden title='" + "word " * 900 + "'>x</p>"}, "1 words; at least 800"),
        ({"body_html": "## Why\n\n" + "word " * 900}, "no paragraphs"),
        ({"body_html": "x" * 50_000_000}, "50,000,000 characters; at most 400,000"),
        ({"body_html": "<div>" * 50_000 + LONG}, "tags; at most"),
        ({"body_html": "<blockquote>" * 200 + LONG}, "nested 20. deep"),
        ({"title": ""}, "title is empty"),
        ({"title": "\u200b\u2060"}, "title is empty"),
        ({"title": "Spade " * 100}, "longer than 300"),
        ({"title": "\ufdfa" * 200}, "longer than 300"),
        ({"title": "x" * 10_000_000}, "longer than 300"),
        ({"excerpt": " \u200b"}, "excerpt is empty"),
        ({"body_html": LONG + "<p>Lorem ipsum dolor sit amet.</p>"}, "Lorem ipsum"),
        ({"body_html": LONG + "<p>It costs [insert price].</p>"}, r"\[insert price\]"),
        ({"body_html": LONG + "<p>TODO: prices</p>"}, "TODO"),
        ({"title": "[Insert title]"}, "Insert title"),
        ({"meta_description": "TODO"}, "TODO"),
    ],
)
def test_a_useless_article_is_rejected_with_the_reason(
    database: Database, site: Site, task: ContentTask, changes: dict[str, str], why: str
) -> None:
    assert re.search(why, refusal(database, site, task, answer(**changes)))


def test_all_faults_are_said_at_once(database: Database, site: Site, task: ContentTask) -> None:
    message = refusal(database, site, task, answer(title="", excerpt="", body_html="<p>TODO</p>"))

    for fault in ("title is empty", "excerpt is empty", "1 words", "'TODO'"):
        assert fault in message


def test_fifty_thousand_nested_tags_cost_no_time(database: Database, site: Site, task: ContentTask) -> None:
    began = time.process_time()

    refusal(database, site, task, answer(body_html="<div>" * 50_000 + LONG))

    assert time.process_time() - began < 2


def test_a_title_the_site_has_is_rejected_by_name(database: Database, site: Site, task: ContentTask) -> None:
    with database.transaction() as session:
        earlier = make_content_task(session, site=site, status=ContentTaskStatus.WRITTEN)
        make_content(session, site=site, task=earlier, title="Choose a Spade!")

    assert "'Choose a Spade!'" in refusal(database, site, task, answer())


def test_a_title_that_another_site_has_is_free(
    database: Database, site: Site, other_site: Site, task: ContentTask
) -> None:
    with database.transaction() as session:
        make_content(session, site=other_site, title="Choose a spade", slug="choose-a-spade")

    assert written(database, site, task, answer()).slug == "choose-a-spade"


def test_a_taken_slug_gets_the_first_free_number(database: Database, site: Site, task: ContentTask) -> None:
    with database.transaction() as session:
        for slug in ("choose-a-spade", "choose-a-spade-2", "choose-a-spade-4", "choose-a-spades"):
            make_content(session, site=site, slug=slug)

    assert written(database, site, task, answer()).slug == "choose-a-spade-3"


def test_a_taken_slug_of_full_length_stays_within_it(database: Database, site: Site, task: ContentTask) -> None:
    with database.transaction() as session:
        make_content(session, site=site, slug="x" * 200)

    slug = written(database, site, task, answer(slug="x" * 300)).slug

    assert (len(slug) <= 200, slug.endswith("x-2")) == (True, True)


@pytest.mark.parametrize(
    ("given", "slug"),
    [
        ("Über uns & more!", "uber-uns-more"),
        ("../../etc/passwd", "etc-passwd"),
        ("選び方", "xuan-hifang"),
        ("", "choose-a-spade"),
        ("🌱", "choose-a-spade"),
        ("%_", "choose-a-spade"),
    ],
)
def test_a_slug_is_letters_figures_and_hyphens(
    database: Database, site: Site, task: ContentTask, given: str, slug: str
) -> None:
    assert written(database, site, task, answer(slug=given)).slug == slug


def test_an_article_that_gives_no_slug_at_all_is_named_by_its_row(
    database: Database, site: Site, task: ContentTask
) -> None:
    assert written(database, site, task, answer(slug="", title="🌱🌱")).slug == f"article-{task.id}"


def test_meta_texts_are_cut_between_words_and_filled_from_the_article(
    database: Database, site: Site, task: ContentTask
) -> None:
    content = written(database, site, task, answer(meta_title="Choose a good spade " * 10, meta_description="\u200b"))

    assert content.meta_title == "Choose a good spade Choose a good spade Choose a good spade"
    assert content.meta_description == content.excerpt


def test_tags_are_clean_differ_and_are_ten_at_most(database: Database, site: Site, task: ContentTask) -> None:
    given = ["Garden", "garden ", "", "\u200b", "x\x00y", *[f"tag {number}" for number in range(100_000)]]

    tags = written(database, site, task, answer(tags=given)).tags

    assert tags == ["Garden", "xy", *[f"tag {number}" for number in range(8)]]


def test_words_of_languages_without_spaces_count(database: Database, site: Site, task: ContentTask) -> None:
    body = "<h2>为什么</h2><p>" + "园艺工具很有用。" * 120 + "</p>"

    assert written(database, site, task, answer(body_html=body)).word_count == 120 * 7 + 3
