"""A site over the network: what it is asked for one article, and what stands there whatever became of the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline.sites.notes import Notes
from pipeline.sites.port import (
    Article,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteUnavailableError,
    Standing,
)
from tests.support.rest_site import Fault, RestSite

if TYPE_CHECKING:
    from tests.integration.sites.conftest import Open

Make = Callable[..., Article]


def _published(site: object, article: Article) -> str:
    drafted = site.draft(article, remote_id=None, imprint=None)  # type: ignore[attr-defined]
    shown = site.show(article, remote_id=drafted.remote_id)  # type: ignore[attr-defined]
    assert site.read_back(shown.remote_id) == shown  # type: ignore[attr-defined]
    return str(shown.remote_id)


def test_an_article_takes_four_requests_and_one_more_an_image(there: RestSite, open_site: Open, article: Make) -> None:
    notes = Notes()
    _published(open_site(notes), article())
    assert [line for line in there.asked() if "/tags" not in line] == [
        "GET /posts", "POST /posts", "POST /posts/12", "GET /posts/12",
    ]  # fmt: skip

    _published(open_site(Notes(notes.known)), article(content_id=8, slug="other", pictures=3))

    asked = there.asked()
    assert len(asked) == 4 + 3
    assert asked.count("POST /media") == 3


def test_what_stands_there_is_the_whole_article(there: RestSite, open_site: Open, article: Make) -> None:
    there.meta = ("_yoast_wpseo_title", "_yoast_wpseo_metadesc")

    _published(open_site(category="Rivers"), article(pictures=2))

    (post,) = there.shown()
    first, second = there.media.values()
    assert (post["title"], post["slug"], post["excerpt"]) == ("Café &amp; canoe", "cafe-canoe", "Short &amp; good.")
    assert post["date_gmt"] == "2026-11-04T09:30:00"
    assert post["featured_media"] == first["id"]
    assert [there.terms["tags"][number] for number in post["tags"]] == ["Boats", "Water"]
    assert [there.terms["categories"][number] for number in post["categories"]] == ["Rivers"]
    assert post["meta"] == {"_yoast_wpseo_title": "Canoes", "_yoast_wpseo_metadesc": "About canoes."}
    assert post["content"] == (
        '<h2 class="igny8-k1-c7e">First &amp; last</h2><figure class="wp-block-image size-full">'
        f'<img src="{second["source_url"]}" alt="A &#34;red&#34; canoe 1" width="8" height="6" '
        f'class="wp-image-{second["id"]}" /></figure><p>One two.</p><pre>a\nb</pre>'
    )
    assert (first["alt_text"], second["alt_text"]) == ('A "red" canoe 0', 'A "red" canoe 1')


@pytest.mark.parametrize("kind", ["drop", "cut"])
def test_a_draft_whose_answer_was_lost_is_found_and_not_made_again(
    there: RestSite, open_site: Open, article: Make, kind: str
) -> None:
    there.faults = [Fault("POST /posts", kind)]
    site = open_site()

    with pytest.raises(SiteOutcomeUnknownError):
        site.draft(article(), remote_id=None, imprint=None)
    found = site.look_up(7)
    assert found is not None
    site.draft(article(), remote_id=found.remote_id, imprint=None)

    assert len(there.posts) == 1


@pytest.mark.parametrize("kind", ["drop", "cut"])
def test_a_publication_whose_answer_was_lost_is_looked_at(
    there: RestSite, open_site: Open, article: Make, kind: str
) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    there.faults = [Fault(f"POST /posts/{drafted.remote_id}", kind)]

    shown = site.show(article(), remote_id=drafted.remote_id)

    assert (len(there.shown()), shown.remote_id) == (1, drafted.remote_id)


@pytest.mark.parametrize("kind", ["drop", "cut"])
def test_an_image_whose_answer_was_lost_is_not_uploaded_again(
    there: RestSite, open_site: Open, article: Make, kind: str
) -> None:
    there.faults = [Fault("POST /media", kind)]

    open_site().draft(article(pictures=2), remote_id=None, imprint=None)

    assert len(there.media) == 2


def test_a_write_that_a_server_in_front_refused_is_tried_again_later_not_at_once(
    there: RestSite, open_site: Open, article: Make
) -> None:
    there.faults = [Fault("POST /posts", "refuse", status=503)]

    with pytest.raises(SiteUnavailableError) as away:
        open_site().draft(article(), remote_id=None, imprint=None)

    assert away.value.retry_after_seconds == 30


def test_images_left_by_a_visit_that_was_cut_short_are_found(there: RestSite, open_site: Open, article: Make) -> None:
    there.faults = [Fault("POST /posts", "refuse", headers={"Retry-After": "9"})]
    with pytest.raises(SiteUnavailableError) as away:
        open_site().draft(article(pictures=2), remote_id=None, imprint=None)
    assert away.value.retry_after_seconds == 9

    open_site(Notes(may_have_left_something=True)).draft(article(pictures=2), remote_id=None, imprint=None)

    assert (len(there.media), len(there.posts)) == (2, 1)


def test_a_second_copy_is_removed(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site(Notes(may_have_left_something=True))
    remote_id = _published(site, article())
    there.posts[99] = {**there.posts[int(remote_id)], "id": 99, "slug": "cafe-canoe-2", "status": "draft"}

    assert site.read_back(remote_id) is not None

    assert {post["id"]: post["status"] for post in there.posts.values()} == {int(remote_id): "publish", 99: "trash"}


@pytest.mark.parametrize(
    "change", [{"title": "Mine"}, {"slug": "mine"}, {"content": "<p>Mine.</p><!-- igny8-k1-c7e -->"}]
)
def test_a_copy_that_a_person_made_something_else_of_stays(
    there: RestSite, open_site: Open, article: Make, change: dict[str, str]
) -> None:
    site = open_site(Notes(may_have_left_something=True))
    remote_id = _published(site, article())
    there.posts[5] = {**there.posts[int(remote_id)], "id": 5, **change}
    before = {number: dict(post) for number, post in there.posts.items()}

    found = site.read_back(remote_id)

    assert found is not None
    assert (found.remote_id, there.posts) == (remote_id, before)


def test_of_two_that_say_the_same_the_known_one_stays(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site(Notes(may_have_left_something=True))
    remote_id = _published(site, article())
    there.posts[5] = {**there.posts[int(remote_id)], "id": 5, "slug": "cafe-canoe-2"}

    assert site.read_back(remote_id) is not None

    assert [str(post["id"]) for post in there.shown()] == [remote_id]


def test_a_taken_slug_gets_our_own_name_and_no_number(there: RestSite, open_site: Open, article: Make) -> None:
    there.write(None, {"slug": "cafe-canoe", "status": "publish", "content": "Another's"}, now="2026-01-01T00:00:00")

    _published(open_site(), article())

    assert sorted(post["slug"] for post in there.shown()) == ["cafe-canoe", "cafe-canoe-7"]


def test_a_slug_that_is_taken_before_the_slot_gets_it_too(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    there.write(None, {"slug": "cafe-canoe", "status": "publish"}, now="2026-01-01T00:00:00")

    assert site.show(article(), remote_id=drafted.remote_id).url.endswith("/cafe-canoe-7/")


def test_a_site_whose_clock_is_behind_shows_it_all_the_same(there: RestSite, open_site: Open, article: Make) -> None:
    there.clock = article().published_at.timestamp() - 600

    _published(open_site(), article())

    assert there.shown()[0]["date_gmt"] == "2026-11-04T09:19:59"


def test_terms_and_images_that_vanished_are_made_again(there: RestSite, open_site: Open, article: Make) -> None:
    notes = Notes()
    site = open_site(notes, category="Rivers")
    drafted = site.draft(article(pictures=1), remote_id=None, imprint=None)
    there.terms["tags"].clear()
    there.terms["categories"].pop(max(there.terms["categories"]))
    there.media.clear()

    again = replace(article(pictures=1), title="Other")
    site.draft(again, remote_id=drafted.remote_id, imprint=drafted.imprint)

    (post,) = there.posts.values()
    assert [there.terms["tags"][number] for number in post["tags"]] == ["Boats", "Water"]
    assert [there.terms["categories"][number] for number in post["categories"]] == ["Rivers"]
    assert post["featured_media"] in there.media


def test_a_category_that_may_not_be_made_is_refused_by_name(there: RestSite, open_site: Open, article: Make) -> None:
    there.makes_categories = False

    with pytest.raises(SiteRefusedError, match=r"no category 'Rivers'.*igny8 site set SITE --category.*rest_cannot"):
        open_site(category="Rivers").draft(article(pictures=1), remote_id=None, imprint=None)

    assert (there.posts, there.media) == ({}, {})


def test_what_somebody_edited_there_is_not_overwritten(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    shown = site.show(article(), remote_id=drafted.remote_id)
    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.HERE
    there.posts[int(shown.remote_id)]["title"] = "Better"

    with pytest.raises(SiteRefusedError, match="Somebody edited"):
        site.update(article(title="Ours"), remote_id=shown.remote_id, imprint=shown.imprint)

    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.EDITED
    assert there.shown()[0]["title"] == "Better"


def test_an_update_whose_answer_was_lost_is_no_edit_of_somebody(
    there: RestSite, open_site: Open, article: Make
) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    shown = site.show(article(), remote_id=drafted.remote_id)
    there.faults = [Fault("POST /posts", "drop")]
    ours = article(title="Ours")
    with pytest.raises(SiteOutcomeUnknownError):
        site.update(ours, remote_id=shown.remote_id, imprint=shown.imprint)

    open_site(Notes(may_have_left_something=True)).update(ours, remote_id=shown.remote_id, imprint=shown.imprint)

    assert [post["title"] for post in there.shown()] == ["Ours"]


def test_what_somebody_unpublished_is_gone_and_stays_so(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    shown = site.show(article(), remote_id=drafted.remote_id)
    there.posts[int(shown.remote_id)]["status"] = "private"

    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.UNPUBLISHED
    with pytest.raises(SiteRefusedError, match="not shown at the site any more"):
        site.update(article(title="Ours"), remote_id=shown.remote_id, imprint=shown.imprint)


def test_many_are_compared_by_one_request(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    shown = [
        site.show(each, remote_id=site.draft(each, remote_id=None, imprint=None).remote_id)
        for each in (article(content_id=number, slug=f"no-{number}") for number in range(4))
    ]
    there.posts[int(shown[1].remote_id)]["content"] += "More."
    there.posts[int(shown[2].remote_id)]["status"] = "draft"
    there.asked()

    found = site.standings({placed.remote_id: placed.imprint for placed in shown})

    assert list(found.values()) == [Standing.HERE, Standing.EDITED, Standing.UNPUBLISHED, Standing.HERE]
    assert there.asked() == ["GET /posts"]
    del there.posts[int(shown[3].remote_id)]
    assert site.standings({shown[3].remote_id: shown[3].imprint}) == {shown[3].remote_id: Standing.DELETED}


def test_titles_of_others_are_learnt_once_each(there: RestSite, open_site: Open) -> None:
    for number in range(250):
        at = f"2026-01-01T00:00:{number // 30:02}"  # Thirty in one second: no portion ends where a second does.
        there.write(None, {"title": f"No {number}", "status": "publish", "slug": str(number), "modified": at}, now=at)
    notes = Notes()
    site = open_site(notes)

    first, second, third = (site.new_titles(portions=2), site.new_titles(portions=20), site.new_titles(portions=20))

    assert {title.title for title in (*first, *second)} == {f"No {number}" for number in range(250)}
    assert len(first) == 200
    assert len(third) == 10  # Those of the last second.
    there.asked()
    site.new_titles(portions=20)
    assert there.asked() == ["GET /posts"]


def test_a_draft_goes_for_good_with_its_images_and_a_page_into_the_waste_basket(
    there: RestSite, open_site: Open, article: Make
) -> None:
    site = open_site()
    draft = site.draft(article(pictures=2), remote_id=None, imprint=None)
    page = _published(site, article(content_id=8, slug="page"))

    site.discard(draft.remote_id, imprint=draft.imprint)
    site.clear(7)
    site.withdraw(page)
    site.withdraw(page)

    assert [(post["id"], post["status"]) for post in there.posts.values()] == [(int(page), "trash")]
    assert there.media == {}
    assert site.read_back(page) is None


def test_a_second_copy_that_goes_leaves_the_images_to_the_first(
    there: RestSite, open_site: Open, article: Make
) -> None:
    site = open_site()
    kept = site.draft(article(pictures=2), remote_id=None, imprint=None)
    there.posts[99] = {**there.posts[int(kept.remote_id)], "id": 99}

    site.discard("99", imprint=kept.imprint)
    site.clear(7)

    assert (list(there.posts), len(there.media)) == ([int(kept.remote_id)], 2)


def test_what_was_withdrawn_is_published_again_as_the_same_post(
    there: RestSite, open_site: Open, article: Make
) -> None:
    site = open_site()
    first = _published(site, article())
    site.withdraw(first)

    again = _published(site, article())

    assert again == first
    assert [(post["slug"], post["status"]) for post in there.posts.values()] == [("cafe-canoe", "publish")]


def test_a_post_that_is_not_ours_is_never_touched(there: RestSite, open_site: Open, article: Make) -> None:
    other = there.write(None, {"slug": "cafe-canoe", "content": "<!-- igny8-k2-c7e -->"}, now="2026-01-01T00:00:00")
    before = dict(other)
    site = open_site()

    with pytest.raises(SiteRefusedError, match="does not bear our mark"):
        site.withdraw(str(other["id"]))
    site.draft(article(), remote_id=str(other["id"]), imprint=None)

    assert there.posts[other["id"]] == before
    assert len(there.posts) == 2


def test_a_draft_that_somebody_took_away_is_written_again(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    there.posts.clear()

    shown = site.show(article(), remote_id=drafted.remote_id)

    assert [post["id"] for post in there.shown()] == [int(shown.remote_id)]


def test_what_an_earlier_visit_drafted_is_looked_at_before_it_is_shown(
    there: RestSite, open_site: Open, article: Make
) -> None:
    drafted = open_site().draft(article(), remote_id=None, imprint=None)
    there.asked()

    open_site().show(article(), remote_id=drafted.remote_id)

    route = f"/posts/{drafted.remote_id}"
    assert there.asked() == [f"GET {route}", f"POST {route}"]


def test_what_the_site_just_said_is_ours_is_shown_at_once(there: RestSite, open_site: Open, article: Make) -> None:
    drafted = open_site().draft(article(), remote_id=None, imprint=None)
    there.asked()

    open_site().show(article(), remote_id=drafted.remote_id, was_seen=True)

    assert there.asked() == [f"POST /posts/{drafted.remote_id}"]


def test_what_somebody_replaced_since_it_was_seen_is_unseen_again(
    there: RestSite, open_site: Open, article: Make
) -> None:
    drafted = open_site().draft(article(), remote_id=None, imprint=None)
    other = there.posts[int(drafted.remote_id)]
    other |= {"content": "Not yet.", "slug": "secret", "title": "Secret"}

    shown = open_site().show(article(), remote_id=drafted.remote_id, was_seen=True)

    assert (other["status"], other["content"], other["slug"]) == ("draft", "Not yet.", "secret")
    assert [str(post["id"]) for post in there.shown()] == [shown.remote_id]


def test_what_a_person_changed_in_a_draft_is_published_with_it(there: RestSite, open_site: Open, article: Make) -> None:
    there.meta = ("_yoast_wpseo_title", "_yoast_wpseo_metadesc")
    drafted = open_site().draft(article(), remote_id=None, imprint=None)
    there.posts[int(drafted.remote_id)]["title"] = "Better"
    there.posts[int(drafted.remote_id)]["meta"]["_yoast_wpseo_title"] = "Best"

    open_site().show(article(), remote_id=drafted.remote_id, was_seen=True)

    assert [(post["title"], post["meta"]["_yoast_wpseo_title"]) for post in there.shown()] == [("Better", "Best")]


def test_many_drafts_are_seen_by_one_request(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    ours, replaced, gone = (
        site.draft(article(content_id=number, slug=f"no-{number}"), remote_id=None, imprint=None).remote_id
        for number in (1, 2, 3)
    )
    there.posts[int(replaced)]["content"] = "Another's."
    del there.posts[int(gone)]
    there.asked()

    assert site.still_ours({ours: 1, replaced: 2, gone: 3}) == {ours}
    assert site.still_ours({ours: 9}) == set()
    assert there.asked() == ["GET /posts"] * 2


def test_a_number_that_is_a_strangers_post_is_neither_shown_nor_renamed(
    there: RestSite, open_site: Open, article: Make
) -> None:
    other = there.write(None, {"slug": "secret", "content": "Not yet."}, now="2026-01-01T00:00:00")
    before = dict(other)

    shown = open_site().show(article(), remote_id=str(other["id"]))

    assert there.posts[other["id"]] == before
    assert [str(post["id"]) for post in there.shown()] == [shown.remote_id]


@pytest.mark.parametrize("change", [{"title": "Mine"}, {"status": "private"}, {"status": "pending"}])
def test_what_a_person_made_of_a_draft_goes_to_the_waste_basket(
    there: RestSite, open_site: Open, article: Make, change: dict[str, str]
) -> None:
    site = open_site()
    drafted = site.draft(article(pictures=1), remote_id=None, imprint=None)
    there.posts[int(drafted.remote_id)] |= change

    site.discard(drafted.remote_id, imprint=drafted.imprint or "")

    assert [post["status"] for post in there.posts.values()] == ["trash"]
    assert len(there.media) == 1


def test_a_page_that_a_person_hid_goes_to_the_waste_basket(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    page = _published(site, article(pictures=1))
    there.posts[int(page)]["status"] = "draft"

    site.withdraw(page)

    assert ([post["status"] for post in there.posts.values()], len(there.media)) == (["trash"], 1)
