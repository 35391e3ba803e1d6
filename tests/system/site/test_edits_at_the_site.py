"""Against a real site: whatever a person changes of a published article is found, and never written over in silence."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.engine import site_checks
from pipeline.models import Content
from pipeline.services import edits
from pipeline.services.edits import Changes
from tests.support.real_site import RealSite

if TYPE_CHECKING:
    from tests.system.site.conftest import Publishing

_TITLE, _DESCRIPTION = "_yoast_wpseo_title", "_yoast_wpseo_metadesc"


def _edit(publishing: Publishing, content: Content, **changes: Any) -> None:
    """As a person here, and what comes of it at once."""
    with publishing.database.transaction() as session:
        row = session.get_one(Content, content.id)
        edits.edit(session, row, Changes(**changes), expected_version=None, actor="ann", now=publishing.now)
    publishing.play(until=timedelta(0))


def _drift(publishing: Publishing) -> set[str | None]:
    assert site_checks.check(publishing.database, publishing.site.id) is not None
    return {row.drift for row in publishing.publications().values()}


@pytest.mark.parametrize("role", ["editor", "author"])
def test_texts_for_search_engines_go_along_and_a_persons_stay(
    publishing: Publishing, there: RealSite, role: str
) -> None:
    there.keep_search_texts("open")
    publishing.log_in(there, role)
    first, second = publishing.approve(2)
    for content in (first, second):
        _edit(publishing, content, meta_title="Oak & elm <5", meta_description="R & D,  “quoted”.")
    row = publishing.publish_now(first)
    publishing.publish_now(second)
    there.asked()
    assert _drift(publishing) == {None}
    _edit(publishing, first, meta_description="Better, on its own.")
    post = there.ask("GET", f"/wp/v2/posts/{row.remote_id}?context=edit")
    assert (post["meta"][_DESCRIPTION], publishing.status(first)[2]) == ("Better, on its own.", None)
    assert _drift(publishing) == {None}

    there.ask("POST", f"/wp/v2/posts/{row.remote_id}", {"meta": {_DESCRIPTION: "By a person."}})
    assert _drift(publishing) == {None, "edited"}
    _edit(publishing, first, title="By us")

    post = there.ask("GET", f"/wp/v2/posts/{row.remote_id}?context=edit")
    assert post["meta"][_DESCRIPTION] == "By a person."
    assert "its texts for search engines" in (publishing.status(first)[2] or "")
    assert publishing.status(second)[2] is None


def test_texts_that_a_site_only_shows_keep_no_article_away(publishing: Publishing, there: RealSite) -> None:
    there.keep_search_texts("closed")
    first, second = publishing.approve(2)
    publishing.publish_now(first)
    there.asked()

    number = publishing.publish_now(second).remote_id

    assert there.asked() == ["GET /posts", "POST /posts", f"POST /posts/{number}", f"GET /posts/{number}"]
    assert len(there.posts()) == 2
    assert [publishing.status(content)[2] for content in (first, second)] == [None, None]
    assert _drift(publishing) == {None}


@pytest.mark.parametrize("named", ["tags", "categories", "featured image", "address", "excerpt"])
def test_other_things_that_a_person_changes_stay_too(publishing: Publishing, there: RealSite, named: str) -> None:
    publishing.set_site(category="Rivers")
    (content,) = publishing.approve(pictures=1)
    route = f"/wp/v2/posts/{publishing.publish_now(content).remote_id}"
    assert _drift(publishing) == {None}
    change = {"tags": {"tags": []}, "categories": {"categories": [1]}, "featured image": {"featured_media": 0},
              "address": {"slug": "mine"}, "excerpt": {"excerpt": "By a person."}}[named]  # fmt: skip
    there.ask("POST", route, change)
    before = there.ask("GET", f"{route}?context=edit")

    assert _drift(publishing) == {"edited"}
    _edit(publishing, content, meta_title="Another")

    assert there.ask("GET", f"{route}?context=edit") == before
    assert f"its {named}." in (publishing.status(content)[2] or "")


def test_what_a_person_changed_in_a_draft_is_shown_and_stays(publishing: Publishing, there: RealSite) -> None:
    (content,) = publishing.approve(pictures=1)
    publishing.schedule()
    publishing.play(until=timedelta(0))
    route = f"/wp/v2/posts/{publishing.publication(content).remote_id}"
    there.ask("POST", route, {"title": "By a person", "slug": "by-a-person"})
    slot_at = publishing.publication(content).slot_at
    assert slot_at is not None

    publishing.play(until=slot_at)
    assert _drift(publishing) == {"edited"}
    _edit(publishing, content, title="By us")

    (post,) = there.posts()
    assert post[1:] == ("publish", "by-a-person", "By a person")
    assert "its title and address" in (publishing.status(content)[2] or "")
