"""Stage 4, Tasks → Content: one question a row to write; the article is checked, sanitised and kept as a draft."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from itertools import count

from slugify import slugify
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.contract import AnswerRejected, Message, Produced, Question, Stage, Subjects
from pipeline.core.answers import Answer, Many
from pipeline.core.html import Body, UnusableBodyError, plain_line, read, sanitised
from pipeline.core.normal import keyword_key, title_key
from pipeline.core.prompts import data_message, render, site_data
from pipeline.core.refusals import is_refusal
from pipeline.core.states import ContentTaskStatus, move
from pipeline.core.words import count_words, one_line, stand_in
from pipeline.models import Content, ContentTask, Idea, IdeaKeyword, Keyword, Site

_TITLE_LENGTH = 300
_KEY_LENGTH = 600
_SLUG_LENGTH = 200
#: What search engines show of a page.
_META_TITLE_LENGTH = 60
_META_DESCRIPTION_LENGTH = 160
_EXCERPT_LENGTH = 500
_TAGS = 10
_TAG_LENGTH = 60
_PROMPT = (files("stages") / "prompts" / "tasks_to_content.md").read_text("utf-8")


class ArticleAnswer(Answer):
    """One article."""

    title: str
    slug: str
    meta_title: str
    meta_description: str
    excerpt: str
    body_html: str
    tags: Many[str]


@dataclass(frozen=True)
class _Article:
    """An article that can be kept."""

    title: str
    normalised_title: str
    excerpt: str
    body_html: str
    body: Body
    word_count: int


class TasksToContent(Stage[ContentTask, ArticleAnswer]):
    """Writes the article."""

    key = "tasks_to_content"
    subject = ContentTask
    waits_as = ContentTaskStatus.QUEUED
    prompt = _PROMPT
    placeholders = ("language", "min_words")

    def ask(self, session: Session, subjects: Subjects[ContentTask]) -> Question:
        """One question about one article."""
        task, content = subjects[0], subjects.settings.content
        idea = session.get_one(Idea, task.idea_id)
        keywords = select(Keyword.text).join(IdeaKeyword).where(IdeaKeyword.idea_id == idea.id).order_by(Keyword.id)
        data = {
            "title": task.title,
            "angle": idea.angle,
            "outline": idea.outline,
            "keywords": list(session.scalars(keywords)),
            "min_words": subjects.min_words,
            "site": site_data(content),
        }
        prompt = render(subjects.prompt or _PROMPT, {"language": content.language, "min_words": subjects.min_words})
        return Question(
            messages=(Message("system", prompt), Message("user", data_message(data))),
            answer=ArticleAnswer,
            schema_name="article",
            max_output_tokens=6_000,
            useful_output_tokens=2_000,
        )

    def keep(self, session: Session, subjects: Subjects[ContentTask], answer: ArticleAnswer) -> Produced:
        """Write the article as a draft; raises AnswerRejected, saying all that is wrong with it."""
        task, site = subjects[0], subjects.site
        article = _article(answer, min_words=subjects.min_words)
        _refuse_taken_title(session, site, article)
        content = Content(
            account_id=site.account_id,
            site_id=site.id,
            content_task_id=task.id,
            title=article.title,
            normalised_title=article.normalised_title,
            slug=_free_slug(session, site, _slug(answer, fallback=f"article-{task.id}")),
            meta_title=plain_line(answer.meta_title, _META_TITLE_LENGTH) or one_line(article.title, _META_TITLE_LENGTH),
            meta_description=plain_line(answer.meta_description, _META_DESCRIPTION_LENGTH)
            or one_line(article.excerpt, _META_DESCRIPTION_LENGTH),
            excerpt=article.excerpt,
            body_html=article.body_html,
            tags=_tags(answer.tags),
            word_count=article.word_count,
        )
        # Where another lane takes the title or the slug in this very moment, the database refuses this row: the engine
        # hands the stored answer in again, and then the check above sees it.
        session.add(content)
        task.status = move(task.status, ContentTaskStatus.WRITTEN)
        session.flush()
        return {task.id: [content.id]}


def _article(answer: ArticleAnswer, *, min_words: int) -> _Article:
    """The checked parts of the answer; raises AnswerRejected with every fault at once."""
    try:
        body_html = sanitised(answer.body_html)
    except UnusableBodyError as error:
        raise AnswerRejected(error.message) from None
    body = read(body_html)
    # Too long is a fault, not a cut: a headline without its end is none.
    title = plain_line(answer.title, _TITLE_LENGTH * 4)
    article = _Article(
        title=title,
        normalised_title=title_key(title),
        excerpt=plain_line(answer.excerpt, _EXCERPT_LENGTH),
        body_html=body_html,
        body=body,
        word_count=count_words(body.text),
    )
    meta = f"{plain_line(answer.meta_title, 1_000)}\n{plain_line(answer.meta_description, 1_000)}"
    faults = _faults(article, meta=meta, min_words=min_words)
    if faults:
        raise AnswerRejected(" ".join(faults))
    return article


def _faults(article: _Article, *, meta: str, min_words: int) -> list[str]:
    faults = []
    if not article.normalised_title:
        faults.append("The title is empty. Give it one.")
    if len(article.title) > _TITLE_LENGTH or len(article.normalised_title) > _KEY_LENGTH:
        faults.append(f"The title is longer than {_TITLE_LENGTH} characters. Shorten it.")
    if not article.excerpt:
        faults.append("The excerpt is empty. Sum the article up in one or two sentences.")
    if not article.body.paragraphs:
        faults.append("The body has no paragraphs. Write HTML with <h2> headings and <p> paragraphs.")
    if article.word_count < min_words:
        faults.append(
            f"The body has {article.word_count} words; at least {min_words} are needed. Write every section in full."
        )
    if is_refusal(article.title) or is_refusal(article.body.text.lstrip()) or is_refusal(article.excerpt):
        faults.append("It begins as a refusal does. Write the article, or the part of it that you can write.")
    unfinished = stand_in(f"{article.title}\n{meta}\n{article.excerpt}\n{article.body.text}")
    if unfinished:
        faults.append(f"The article still has the stand-in {unfinished[:80]!r}. Write what belongs there.")
    return faults


def _refuse_taken_title(session: Session, site: Site, article: _Article) -> None:
    taken = session.scalar(
        select(Content.title).where(Content.site_id == site.id, Content.normalised_title == article.normalised_title)
    )
    if taken is not None:
        raise AnswerRejected(
            f"The site already has an article with the title {taken!r}. Choose another title and slug."
        )


def _slug(answer: ArticleAnswer, *, fallback: str) -> str:
    """The slug that was asked for, else one of the title; of letters, figures and hyphens."""
    for text in (answer.slug, answer.title):
        slug = slugify(plain_line(text, _SLUG_LENGTH), max_length=_SLUG_LENGTH, word_boundary=True)
        if slug:
            return slug
    return fallback


def _free_slug(session: Session, site: Site, wanted: str) -> str:
    """The slug, with the first free number behind it where an article of the site has it."""
    stem = wanted[: _SLUG_LENGTH - len("-99999")].rstrip("-")
    taken = set(
        session.scalars(
            select(Content.slug).where(Content.site_id == site.id, Content.slug.startswith(stem, autoescape=True))
        )
    )
    if wanted not in taken:
        return wanted
    return next(slug for number in count(2) if (slug := f"{stem}-{number}") not in taken)


def _tags(texts: list[str]) -> list[str]:
    """The first ten that differ."""
    tags: dict[str, str] = {}
    for text in texts[: _TAGS * 10]:
        tag = plain_line(text, _TAG_LENGTH)
        if tag:
            tags.setdefault(keyword_key(tag), tag)
    return list(tags.values())[:_TAGS]
