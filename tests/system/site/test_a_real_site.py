"""Against a real site: what an article costs, what people read of each refusal, and that drafts keep their times."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.engine import site_checks
from pipeline.models import Content
from pipeline.services import calendar, edits, reviews
from pipeline.services.edits import Changes
from tests.support.real_site import RealSite

if TYPE_CHECKING:
    from tests.system.site.conftest import Publishing

_STUCK = (ContentStatus.NEEDS_ATTENTION, PublicationStatus.NEEDS_ATTENTION)


def _moved(publishing: Publishing, content: Content, *, by: timedelta) -> datetime:
    """The later slot that a scheduled article is moved to, before anything is made of it."""
    slot_at = publishing.publication(content).slot_at
    assert slot_at is not None
    with publishing.database.transaction() as session:
        row = session.get_one(Content, content.id)
        calendar.move(session, row, to=slot_at + by, actor="ann", now=publishing.now)
    return slot_at + by


def test_an_article_costs_four_requests_and_one_an_image(publishing: Publishing, there: RealSite) -> None:
    first, second = publishing.approve(2)
    (third,) = publishing.approve(pictures=3)
    publishing.publish_now(first)  # It asks for the tag that all have.
    there.asked()

    publishing.publish_now(second)
    plain = there.asked()
    publishing.publish_now(third)
    illustrated = there.asked()

    number = publishing.publication(second).remote_id
    assert plain == ["GET /posts", "POST /posts", f"POST /posts/{number}", f"GET /posts/{number}"]
    assert len(illustrated) == 4 + 3
    assert illustrated.count("POST /media") == 3


@pytest.mark.parametrize("is_checked", [True, False])
def test_an_article_that_is_drafted_ahead_costs_no_more_where_the_hourly_check_saw_it(
    publishing: Publishing, there: RealSite, *, is_checked: bool
) -> None:
    first, second = publishing.approve(2)
    publishing.publish_now(first)  # It asks for the tag that all have.
    publishing.schedule()
    slot_at = _moved(publishing, second, by=timedelta(hours=5))
    there.asked()

    publishing.play(until=timedelta(0))
    drafted = there.asked()
    if is_checked:
        publishing.play(until=slot_at - timedelta(minutes=50))
        site_checks.check(publishing.database, publishing.site.id)
        # All drafts are looked at by one request of the check, none by its own.
        assert [line for line in there.asked() if line.startswith("GET /posts/")] == []
    publishing.play(until=slot_at)

    number = publishing.publication(second).remote_id
    shown = [f"POST /posts/{number}", f"GET /posts/{number}"]
    assert drafted == ["GET /posts", "POST /posts"]
    assert there.asked() == (shown if is_checked else [f"GET /posts/{number}", *shown])


def test_a_draft_is_made_a_day_ahead_edited_and_shown_at_its_slot(publishing: Publishing, there: RealSite) -> None:
    (content,) = publishing.approve(pictures=2)
    publishing.schedule()

    publishing.play(until=timedelta(0))
    assert [status for _, status, _, _ in there.posts()] == ["draft"]
    with publishing.database.transaction() as session:
        row = session.get_one(Content, content.id)
        edits.edit(session, row, Changes(title="Better"), expected_version=None, actor="ann", now=publishing.now)
    publishing.play(until=timedelta(0))
    assert [(status, title) for _, status, _, title in there.posts()] == [("draft", "Better")]
    slot_at = publishing.publication(content).slot_at
    assert slot_at is not None
    there.asked()
    publishing.play(until=slot_at)

    number = publishing.publication(content).remote_id
    assert there.asked() == [f"{method} /posts/{number}" for method in ("POST", "GET")]
    post = there.ask("GET", f"/wp/v2/posts/{number}")
    assert (post["status"], post["date_gmt"]) == ("publish", f"{slot_at:%Y-%m-%dT%H:%M:%S}")
    assert post["content"]["rendered"].count("<img") == 1
    assert there.ask("GET", f"/wp/v2/media/{post['featured_media']}")["alt_text"] == "A spade in a garden"


def test_what_is_unscheduled_leaves_no_draft_and_no_image(publishing: Publishing, there: RealSite) -> None:
    (content,) = publishing.approve(pictures=1)
    publishing.schedule()
    publishing.play(until=timedelta(0))
    with publishing.database.transaction() as session:
        calendar.unschedule(session, session.get_one(Content, content.id), actor="ann", now=publishing.now)

    publishing.play(until=timedelta(0))

    assert there.posts() == []
    assert _images(there) == 0


@pytest.mark.parametrize(
    "fault", [{"kind": "refuse", "status": 403}, {"kind": "refuse", "status": 502}, {"kind": "cut"}]
)
@pytest.mark.parametrize("how", ["unschedule", "reject", "delete"])
def test_what_was_refused_and_is_given_up_leaves_no_draft_and_no_image(
    publishing: Publishing, there: RealSite, *, fault: dict[str, Any], how: str
) -> None:
    (content,) = publishing.approve(pictures=2)
    publishing.schedule()
    _moved(publishing, content, by=timedelta(hours=5))
    there.fail({"method": "POST", "route": "/wp/v2/posts", **fault})
    publishing.play(until=timedelta(0))
    assert _images(there) == 2
    with publishing.database.transaction() as session:
        row = session.get_one(Content, content.id)
        if how == "unschedule":
            calendar.unschedule(session, row, actor="ann", now=publishing.now)
        else:
            getattr(reviews, how)(session, row, actor="ann", now=publishing.now)

    publishing.play(until=timedelta(minutes=15))

    assert (there.posts(), _images(there)) == ([], 0)
    assert publishing.publication(content).due_at is None


@pytest.mark.parametrize("how", ["withdraw", "reject", "delete"])
def test_what_needs_attention_and_is_given_up_leaves_no_image(
    publishing: Publishing, there: RealSite, *, how: str
) -> None:
    (content,) = publishing.approve(pictures=2)
    there.fail({"method": "POST", "route": "/wp/v2/posts", "kind": "refuse", "status": 403})
    publishing.publish_now(content)
    assert (publishing.status(content)[:2], _images(there)) == (_STUCK, 2)
    with publishing.database.transaction() as session:
        getattr(reviews, how)(session, session.get_one(Content, content.id), actor="ann", now=publishing.now)

    publishing.play(until=timedelta(0))

    assert (there.posts(), _images(there)) == ([], 0)


def _images(there: RealSite) -> int:
    ((count,),) = there.rows("SELECT count(*) FROM wp_posts WHERE post_type = 'attachment'")
    return int(count)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"username": "editor", "password": "abcd efgh"}, "does not accept the user name and application password"),
        ({"username": "subscriber"}, "Give the user a role there that may publish posts and upload files"),
        ({"username": "contributor"}, "Give the user a role there that may publish posts and upload files"),
        ({"username": "author", "category": "Rivers"}, "has no category 'Rivers', and does not let this user make one"),
    ],
    ids=["password", "subscriber", "contributor", "category"],
)
def test_whoever_may_not_is_told_what_to_do(
    publishing: Publishing, there: RealSite, values: dict[str, Any], sentence: str
) -> None:
    publishing.log_in(there, values["username"], password=values.get("password"))
    publishing.set_site(category=values.get("category"))
    (content,) = publishing.approve(pictures=1)

    publishing.publish_now(content)

    *statuses, error = publishing.status(content)
    assert tuple(statuses) == _STUCK
    assert error is not None
    assert sentence in error
    assert there.posts() == []


def test_an_image_that_is_too_large_is_named(publishing: Publishing, there: RealSite) -> None:
    # As the server in front of a site says it; the site itself takes raw bytes of any size.
    there.fail({"method": "POST", "route": "/wp/v2/media", "kind": "refuse", "status": 413})
    (content,) = publishing.approve(pictures=1)

    publishing.publish_now(content)

    *statuses, error = publishing.status(content)
    assert tuple(statuses) == _STUCK
    assert error is not None
    assert "upload limit" in error
    assert f"{content.slug}-1.png" in error
    assert there.posts() == []


def test_a_category_that_vanished_is_made_again(publishing: Publishing, there: RealSite) -> None:
    publishing.set_site(category="Rivers")
    first, second = publishing.approve(2)
    publishing.publish_now(first)
    (number,) = (entry["id"] for entry in there.ask("GET", "/wp/v2/categories?search=Rivers"))
    there.ask("DELETE", f"/wp/v2/categories/{number}?force=true")

    row = publishing.publish_now(second)

    (again,) = (entry["id"] for entry in there.ask("GET", "/wp/v2/categories?search=Rivers"))
    assert there.ask("GET", f"/wp/v2/posts/{row.remote_id}")["categories"] == [again]


def test_a_site_under_maintenance_gets_it_when_it_is_back(publishing: Publishing, there: RealSite) -> None:
    there.fail({"method": "GET", "route": "/wp/v2/posts", "kind": "refuse", "status": 503,
                "headers": {"Retry-After": "600"}})  # fmt: skip
    (content,) = publishing.approve()

    publishing.publish_now(content)
    _, status, error = publishing.status(content)
    assert status is PublicationStatus.PLANNED
    assert error is not None
    assert "The site is away just now" in error
    due_at = publishing.publication(content).due_at
    assert due_at is not None
    assert due_at - publishing.now == timedelta(minutes=10)
    publishing.play(until=timedelta(minutes=10))

    assert publishing.status(content)[0] is ContentStatus.PUBLISHED


def test_a_taken_slug_is_handled_before_the_site_numbers_it(publishing: Publishing, there: RealSite) -> None:
    there.ask("POST", "/wp/v2/posts", {"title": "Other", "slug": "oak", "status": "publish"})
    (content,) = publishing.approve(slug="oak")

    publishing.publish_now(content)

    assert sorted(slug for _, _, slug, _ in there.posts()) == ["oak", f"oak-{content.id}"]


def test_what_is_withdrawn_goes_and_comes_back_under_its_address(publishing: Publishing, there: RealSite) -> None:
    (content,) = publishing.approve(slug="oak", pictures=1)
    publishing.publish_now(content)
    with publishing.database.transaction() as session:
        reviews.withdraw(session, session.get_one(Content, content.id), actor="ann", now=publishing.now)
    publishing.play(until=timedelta(0))
    assert [(status, slug) for _, status, slug, _ in there.posts()] == [("trash", "oak__trashed")]

    publishing.publish_now(content)

    assert [(status, slug) for _, status, slug, _ in there.posts()] == [("publish", "oak")]


def test_what_an_author_may_not_write_unfiltered_is_no_edit_of_somebody(
    publishing: Publishing, there: RealSite
) -> None:
    publishing.log_in(there, "author")
    table = "<table><tbody><tr><td>1</td></tr></tbody></table>"
    body = f"<h2>Oak &amp; elm</h2><p>5 &lt; 6, “quoted” &#39;so&#39; &copy;</p>{table}"
    (content,) = publishing.approve(title="Oak & elm <5", slug="oak-elm", body_html=body, pictures=2)
    row = publishing.publish_now(content)

    health = site_checks.check(publishing.database, publishing.site.id)
    with publishing.database.transaction() as session:
        edited = session.get_one(Content, content.id)
        edits.edit(session, edited, Changes(excerpt="R & D."), expected_version=None, actor="ann", now=publishing.now)
    publishing.play(until=timedelta(0))

    assert health is not None
    assert (health.status, health.news) == ("ok", [])
    assert publishing.status(content)[2] is None
    post = there.ask("GET", f"/wp/v2/posts/{row.remote_id}?context=edit")
    assert "5 &lt; 6" in post["content"]["raw"]
    # The mark is there for us, and nowhere for readers: not even as an empty paragraph.
    assert post["content"]["raw"].startswith('<h2 class="igny8-')
    assert not re.search(r"<p[^>]*>\s*(?:<!--.*?-->)?\s*</p>|<!--", post["content"]["rendered"])
    assert post["excerpt"]["raw"] in {"R & D.", "R &amp; D."}


def test_a_site_without_pretty_addresses_takes_articles_too(publishing: Publishing, there: RealSite) -> None:
    there.rows("UPDATE wp_options SET option_value = '' WHERE option_name = 'permalink_structure'")
    try:
        (content,) = publishing.approve(pictures=1)
        publishing.publish_now(content)
    finally:
        there.rows("UPDATE wp_options SET option_value = '/%postname%/' WHERE option_name = 'permalink_structure'")

    assert publishing.status(content) == (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED, None)


def test_what_people_do_to_posts_is_found_and_never_overwritten(publishing: Publishing, there: RealSite) -> None:
    contents = publishing.approve(6)
    kept, edited, hidden, locked, trashed, gone = (publishing.publish_now(content) for content in contents)
    there.ask("POST", f"/wp/v2/posts/{edited.remote_id}", {"title": "By a person"})
    there.ask("POST", f"/wp/v2/posts/{hidden.remote_id}", {"status": "private"})
    there.ask("POST", f"/wp/v2/posts/{locked.remote_id}", {"password": "abc"})
    there.ask("DELETE", f"/wp/v2/posts/{trashed.remote_id}")
    there.ask("DELETE", f"/wp/v2/posts/{gone.remote_id}?force=true")

    health = site_checks.check(publishing.database, publishing.site.id)

    assert health is not None
    assert (health.status, health.looked_at, len(health.news)) == ("drifted", 6, 5)
    drift = {row.remote_id: row.drift for row in publishing.publications().values()}
    assert drift == {
        kept.remote_id: None, edited.remote_id: "edited", hidden.remote_id: "unpublished",
        locked.remote_id: "unpublished", trashed.remote_id: "unpublished", gone.remote_id: "deleted",
    }  # fmt: skip
    with publishing.database.transaction() as session:
        row = session.get_one(Content, contents[1].id)
        edits.edit(session, row, Changes(title="By us"), expected_version=None, actor="ann", now=publishing.now)
    publishing.play(until=timedelta(0))
    assert there.ask("GET", f"/wp/v2/posts/{edited.remote_id}")["title"]["rendered"] == "By a person"
    assert "Somebody edited the article at the site" in (publishing.status(contents[1])[2] or "")
