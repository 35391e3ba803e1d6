"""Texts of one line at a site over the network: they read there as they read here, whatever they spell."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import Article, SiteRefusedError, Standing

if TYPE_CHECKING:
    from tests.integration.sites.conftest import Open
    from tests.support.rest_site import RestSite

Make = Callable[..., Article]
_LINE = "R&amp;D <b> x <img src=x onerror=alert(1) // [gallery]"


def _shown(markup: str) -> str:
    """What readers read; markup, and what a site would carry out, is not read."""
    return html.unescape(re.sub(r"<[^>]*>?|\[[^\]]*\]", "", markup))


def test_a_line_reads_at_the_site_as_it_is_spelled(there: RestSite, open_site: Open, article: Make) -> None:
    there.meta = ("_yoast_wpseo_title", "_yoast_wpseo_metadesc")
    notes = Notes.of([Note(NoteKind.SPEECH, "meta", ",".join(there.meta))])
    site = open_site(notes)
    made = article(title=_LINE, excerpt=_LINE, meta_title=_LINE, meta_description=_LINE, tags=(_LINE,))

    drafted = site.draft(made, remote_id=None, imprint=None)
    shown = site.show(made, remote_id=drafted.remote_id)

    (post,) = there.shown()
    kept = (post["title"], post["excerpt"], *post["meta"].values(), *there.terms["tags"].values())
    assert [_shown(line) for line in kept] == [_LINE] * 5
    assert [title.title for title in site.new_titles(portions=1)] == [_LINE]
    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.HERE
    there.asked()
    assert site.update(made, remote_id=shown.remote_id, imprint=shown.imprint) == shown
    assert there.asked() == ["GET /posts/" + shown.remote_id]


def test_no_word_in_brackets_is_carried_out(there: RestSite, open_site: Open, article: Make) -> None:
    body = (
        "<h2>First &amp; last [a]</h2><p>[embed]http://x.example[/embed] "
        '<a href="https://x.example/?[gallery]">x</a></p><pre>[gallery]</pre>'
    )
    made = article(body_html=body, pictures=2)
    pictures = tuple(replace(picture, alt_text="[gallery]") for picture in made.pictures)

    open_site().draft(replace(made, pictures=pictures), remote_id=None, imprint=None)

    (post,) = there.posts.values()
    assert "[" not in post["content"]
    assert "[embed]http://x.example[/embed]" in html.unescape(post["content"])
    assert 'href="https://x.example/?[gallery]"' in html.unescape(post["content"])


@pytest.mark.parametrize("name", ["title", "excerpt"])
def test_a_line_that_the_site_cuts_is_no_success(
    there: RestSite, open_site: Open, article: Make, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write = there.write

    def cutting(number: int | None, values: dict[str, Any], *, now: str) -> dict[str, Any]:
        return write(number, {**values, name: "Short"}, now=now)

    monkeypatch.setattr(there, "write", cutting)

    with pytest.raises(SiteRefusedError, match=rf"dropped a part of it \({name}\)"):
        open_site().draft(article(), remote_id=None, imprint=None)


def test_another_spelling_of_a_line_is_the_same_line(
    there: RestSite, open_site: Open, article: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = there.write

    def respelling(number: int | None, values: dict[str, Any], *, now: str) -> dict[str, Any]:
        title = values["title"].replace("&lt;", "&#060;").replace("&amp;", "&#038;")
        return write(number, {**values, "title": title}, now=now)

    monkeypatch.setattr(there, "write", respelling)

    assert open_site().draft(article(title=_LINE), remote_id=None, imprint=None).remote_id
