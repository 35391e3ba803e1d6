"""The mark by which a post of ours is known: no reader sees it, nothing that only spells it bears it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pipeline.sites.port import Article
from pipeline.sites.wordpress.body import composed, is_marked
from pipeline.sites.wordpress.finding import Marks
from tests.support.rest_site import RestSite

if TYPE_CHECKING:
    from tests.integration.sites.conftest import Open

Make = Callable[..., Article]
_MARK = "igny8-k1-c7e"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("<p>One.</p><p>Two.</p>", f'<p class="{_MARK}">One.</p><p>Two.</p>'),
        ('<h2 id="a">One</h2>', f'<h2 class="{_MARK}" id="a">One</h2>'),
        ('<p class="lead">One.</p><ul><li>x</li></ul>', f'<p class="lead">One.</p><ul class="{_MARK}"><li>x</li></ul>'),
        ("<em>One.</em>", f"<em>One.</em>\n<!-- {_MARK} -->"),
        ("", f"\n<!-- {_MARK} -->"),
    ],
)
def test_the_first_element_that_can_bears_the_mark(body: str, kept: str) -> None:
    content = composed(body, [], mark=_MARK)

    assert content == kept
    assert is_marked(content, _MARK)
    assert Marks("k1").content_of(content) == 7


@pytest.mark.parametrize(
    "content",
    [
        f"<p>One.</p>\n<!-- {_MARK} -->",
        f'<p id="a" class="lead {_MARK} wide">One.</p>',
        f'<p class="{_MARK}" style="color:red">One.</p>',
    ],
    ids=["older", "more classes", "styled"],
)
def test_a_mark_is_known_in_whatever_form_it_was_kept(content: str) -> None:
    assert is_marked(content, _MARK)
    assert Marks("k1").content_of(content) == 7


@pytest.mark.parametrize(
    "content",
    [
        f"<p>{_MARK}</p>",
        f"&lt;!-- {_MARK} --&gt;",
        f'class="{_MARK}"',
        f'<p title="{_MARK}">x</p>',
        f'<p class="{_MARK}x">x</p>',
        f'<p class="x{_MARK}">x</p>',
        '<p class="igny8-k2-c7e">x</p>',
    ],
)
def test_what_only_spells_a_mark_bears_none(content: str) -> None:
    assert not is_marked(content, _MARK)
    assert Marks("k1").content_of(content) is None


def test_a_tag_without_an_end_is_searched_in_no_time() -> None:
    assert Marks("k1").content_of("<p " + ' class="a ' * 50_000) is None


def test_a_post_of_the_older_form_is_updated_in_its_place(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    post = there.posts[int(drafted.remote_id)]
    post["content"] = re.sub(rf' class="{_MARK}"', "", post["content"]) + f"\n<!-- {_MARK} -->"
    assert site.still_ours({drafted.remote_id: 7}) == {drafted.remote_id}
    placed = site.look_up(7)
    assert placed is not None

    site.draft(article(title="Better"), remote_id=placed.remote_id, imprint=placed.imprint)

    assert [(post["title"], post["content"].count(_MARK)) for post in there.posts.values()] == [("Better", 1)]
