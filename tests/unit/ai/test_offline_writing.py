"""What the offline model writes: ideas, articles and image prompts."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

Ask = Callable[..., Any]

CLUSTER = {
    "name": "Standing desk",
    "description": "Searches about standing desks.",
    "keywords": [
        "best standing desk",
        "standing desk for small rooms",
        "how to clean a standing desk",
        "standing desk 2026",
    ],
}
SITE = {"language": "en", "audience": "people who work from home", "tone": "friendly"}
ARTICLE = {
    "title": "Best standing desk: a practical guide",
    "angle": "A calm overview for readers who want to understand the subject.",
    "outline": ["Where it comes from", "Size & weight <in cm>", "What does it cost?", "What to do next"],
    "keywords": ["best standing desk", "standing desk 2026"],
    "min_words": 800,
    "site": SITE,
}


def ideas(answered: Ask, **changes: object) -> Any:
    data = {"cluster": CLUSTER, "ideas_wanted": 3, "existing_titles": [], "site": SITE, **changes}
    return answered(data, schema_name="ideas")["ideas"]


def article(answered: Ask, **changes: object) -> Any:
    return answered({**ARTICLE, **changes}, schema_name="article")


def text_of(body: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", body))


def sentences(body: str) -> set[str]:
    return set(re.split(r"(?<=[.?!:])\s+", text_of(body)))


@pytest.mark.parametrize("wanted", [1, 3, 8, 60])
def test_as_many_ideas_as_wanted_with_distinct_titles(answered: Ask, wanted: int) -> None:
    titles = [idea["title"] for idea in ideas(answered, ideas_wanted=wanted)]

    assert len({title.casefold() for title in titles}) == wanted


def test_existing_titles_are_not_proposed_again(answered: Ask) -> None:
    taken = [idea["title"].upper() for idea in ideas(answered, ideas_wanted=20)]

    titles = [idea["title"] for idea in ideas(answered, ideas_wanted=20, existing_titles=taken)]

    assert not {title.casefold() for title in titles} & {title.casefold() for title in taken}


def test_idea_has_the_agreed_shape(answered: Ask) -> None:
    for idea in ideas(answered, ideas_wanted=16):
        assert set(idea) == {"title", "angle", "outline", "keywords"}
        assert 4 <= len(idea["outline"]) == len(set(idea["outline"])) <= 7
        assert idea["keywords"]
        assert set(idea["keywords"]) <= set(CLUSTER["keywords"])
        assert not re.search(r"[{}]", idea["title"] + idea["angle"] + "".join(idea["outline"]))


def test_ideas_together_cover_the_cluster(answered: Ask) -> None:
    covered = {keyword for idea in ideas(answered) for keyword in idea["keywords"]}

    assert covered == set(CLUSTER["keywords"])


def test_two_clusters_of_one_subject_get_different_titles(answered: Ask) -> None:
    other = {**CLUSTER, "name": "Standing desk: used", "keywords": ["used standing desk", "standing desk rental"]}

    first = {idea["title"] for idea in ideas(answered, ideas_wanted=10)}
    second = {idea["title"] for idea in ideas(answered, ideas_wanted=10, cluster=other)}

    assert not first & second


@pytest.mark.parametrize("min_words", [0, 800, 4000])
def test_article_is_as_long_as_asked_and_not_much_longer(answered: Ask, min_words: int) -> None:
    words = len(re.findall(r"\w+", text_of(article(answered, min_words=min_words)["body_html"])))

    assert min_words <= words <= max(1000, min_words * 1.25)


def test_article_has_the_agreed_shape(answered: Ask) -> None:
    written = article(answered)

    assert set(written) == {"title", "slug", "meta_title", "meta_description", "excerpt", "body_html", "tags"}
    assert written["title"] == ARTICLE["title"]
    assert written["slug"] == "best-standing-desk-a-practical-guide"
    assert len(written["meta_title"]) <= 60
    assert len(written["meta_description"]) <= 155
    assert 3 <= len(written["tags"]) == len(set(written["tags"])) <= 6


def test_every_heading_of_the_outline_is_a_heading_of_the_body(answered: Ask) -> None:
    headings = re.findall(r"<h2>(.*?)</h2>", article(answered)["body_html"])

    assert [unescape(heading) for heading in headings] == ARTICLE["outline"]


def test_imported_text_is_escaped_in_the_body(answered: Ask) -> None:
    body = article(answered, keywords=["<script>alert(1)</script>", "a & b [c|d] {t}"])["body_html"]

    assert set(re.findall(r"<(/?\w+)", body)) <= {"p", "/p", "h2", "/h2", "ul", "/ul", "li", "/li"}
    assert "&lt;script&gt;" in body


def test_article_says_who_wrote_it(answered: Ask) -> None:
    last = article(answered)["body_html"].splitlines()[-1]

    assert "written by the offline testing model" in last


def test_article_in_another_language_says_that_it_is_english(answered: Ask) -> None:
    assert "writes English" in article(answered, site={**SITE, "language": "de"})["body_html"]


def test_article_does_not_repeat_a_sentence(answered: Ask) -> None:
    body = article(answered)["body_html"]

    assert len(re.split(r"(?<=[.?!:])\s+", text_of(body))) == len(sentences(body))


def test_two_articles_share_few_sentences(answered: Ask) -> None:
    first = sentences(article(answered)["body_html"])
    second = sentences(article(answered, title="Oat milk, explained", keywords=["oat milk"])["body_html"])

    assert len(first & second) < len(first) * 0.3


def test_article_of_a_title_without_letters_still_has_a_slug(answered: Ask) -> None:
    assert article(answered, title="🪑🪑")["slug"].startswith("article-")


def prompts(answered: Ask, **changes: object) -> Any:
    data = {"title": "Best desk", "excerpt": "", "headings": ["One", "Two", "Three", "Four"], "in_article_images": 2}
    return answered({**data, "style": "flat", **changes}, schema_name="image_prompts")


@pytest.mark.parametrize(
    ("wanted", "headings"), [(0, []), (1, ["One"]), (2, ["One", "Three"]), (4, ["One", "Two", "Three", "Four"])]
)
def test_image_prompts_are_spread_over_the_headings(answered: Ask, wanted: int, headings: list[str]) -> None:
    answer = prompts(answered, in_article_images=wanted)

    assert [image["heading"] for image in answer["in_article"]] == headings


def test_image_prompts_have_the_agreed_shape_and_differ(answered: Ask) -> None:
    answer = prompts(answered, in_article_images=7)

    images = [answer["featured"], *answer["in_article"]]
    assert set(answer["featured"]) == {"prompt", "alt_text"}
    assert all(set(image) == {"heading", "prompt", "alt_text"} for image in answer["in_article"])
    assert len({image["prompt"] for image in images}) == 8
    assert all(0 < len(image["alt_text"]) <= 125 for image in images)


def test_image_prompts_name_the_style_and_the_title(answered: Ask) -> None:
    prompt = prompts(answered, style="watercolour")["featured"]["prompt"]

    assert "“Best desk”" in prompt
    assert "watercolour" in prompt
