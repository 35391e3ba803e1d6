"""What a person changed at the site, whatever it is, is told and never written over without a word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import Article, Placed, SiteOutcomeUnknownError, SiteRefusedError, Standing
from tests.support.rest_site import Fault, RestSite

if TYPE_CHECKING:
    from tests.integration.sites.conftest import Open

Make = Callable[..., Article]
_META = ("_yoast_wpseo_title", "_yoast_wpseo_metadesc")


@pytest.fixture
def notes(there: RestSite) -> Notes:
    """The site keeps texts for search engines, which is known."""
    there.meta = _META
    return Notes.of([Note(NoteKind.SPEECH, "meta", ",".join(_META))])


@pytest.fixture
def publish(open_site: Open, notes: Notes) -> Callable[[Article], Placed]:
    def published(article: Article) -> Placed:
        site = open_site(notes, category="Rivers")
        drafted = site.draft(article, remote_id=None, imprint=None)
        return site.show(article, remote_id=drafted.remote_id, imprint=drafted.imprint)

    return published


Publish = Callable[[Article], Placed]
_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "title": ({"title": "Mine"}, "title"),
    "text": ({"content": "Mine, all of it."}, "text"),
    "excerpt": ({"excerpt": "Mine."}, "excerpt"),
    "slug": ({"slug": "mine"}, "address"),
    "meta title": ({"meta": {_META[0]: "Mine"}}, "texts for search engines"),
    "meta description": ({"meta": {_META[1]: "Mine."}}, "texts for search engines"),
    "no meta": ({"meta": dict.fromkeys(_META, "")}, "texts for search engines"),
    "tags": ({"tags": []}, "tags"),
    "categories": ({"categories": [1]}, "categories"),
    "featured image": ({"featured_media": 0}, "featured image"),
    "tags and title": ({"title": "Mine", "tags": []}, "title and tags"),
}


@pytest.mark.parametrize(("change", "named"), _CHANGES.values(), ids=list(_CHANGES))
def test_whatever_a_person_changes_is_found_and_named_and_stays(
    there: RestSite,
    open_site: Open,
    article: Make,
    publish: Publish,
    *,
    notes: Notes,
    change: dict[str, Any],
    named: str,
) -> None:
    shown = publish(article(pictures=1))
    site = open_site(notes, category="Rivers")
    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.HERE
    meta = change.get("meta", {})
    if "content" in change:
        change = {"content": there.posts[int(shown.remote_id)]["content"] + change["content"]}
    there.write(int(shown.remote_id), {**change, "meta": meta}, now="2026-12-01T00:00:00")
    before = json.dumps(there.posts, default=str)

    with pytest.raises(SiteRefusedError, match=rf"edited the article .* its (?:text and )?{named}\."):
        site.update(article(pictures=1, body_html="<p>Other.</p>"), remote_id=shown.remote_id, imprint=shown.imprint)

    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.EDITED
    assert json.dumps(there.posts, default=str) == before


def test_an_edit_of_what_search_engines_show_alone_reaches_the_site(
    there: RestSite, open_site: Open, notes: Notes, article: Make, publish: Publish
) -> None:
    shown = publish(article())

    again = open_site(notes, category="Rivers").update(
        article(meta_description="Better."), remote_id=shown.remote_id, imprint=shown.imprint
    )

    assert there.shown()[0]["meta"] == {_META[0]: "Canoes", _META[1]: "Better."}
    assert again.imprint != shown.imprint


def test_only_what_is_ours_alone_is_said_again(
    there: RestSite, open_site: Open, notes: Notes, article: Make, publish: Publish
) -> None:
    """A person's link or address is no spelling of ours, though readers read the same words."""
    shown = publish(article())
    post = there.posts[int(shown.remote_id)]
    post["content"] = post["content"].replace("One two.", 'One <a href="https://example.org">two.</a>')

    with pytest.raises(SiteRefusedError, match="its text"):
        open_site(notes, category="Rivers").update(
            article(meta_title="Other"), remote_id=shown.remote_id, imprint=shown.imprint
        )

    # Not even where an answer was lost before.
    notes.may_have_left_something = True
    with pytest.raises(SiteRefusedError, match="its text"):
        open_site(notes, category="Rivers").update(
            article(meta_title="Other"), remote_id=shown.remote_id, imprint=shown.imprint
        )


def test_a_lost_answer_to_an_edit_of_search_texts_is_no_edit_of_somebody(
    there: RestSite, open_site: Open, notes: Notes, article: Make, publish: Publish
) -> None:
    shown = publish(article(pictures=1))
    ours = article(pictures=1, meta_title="Ours", tags=("Boats",))
    there.faults = [Fault("POST /posts", "cut")]
    with pytest.raises(SiteOutcomeUnknownError):
        open_site(notes, category="Rivers").update(ours, remote_id=shown.remote_id, imprint=shown.imprint)

    # The same notes: what is sent may have been done.
    open_site(notes, category="Rivers").update(ours, remote_id=shown.remote_id, imprint=shown.imprint)

    assert there.shown()[0]["meta"][_META[0]] == "Ours"


def test_what_a_person_changed_in_a_draft_counts_as_edited_once_it_is_shown(
    there: RestSite, open_site: Open, notes: Notes, article: Make
) -> None:
    site = open_site(notes)
    drafted = site.draft(article(), remote_id=None, imprint=None)
    post = there.posts[int(drafted.remote_id)]
    post["slug"], post["meta"][_META[1]] = "mine", "Mine."

    shown = site.show(article(), remote_id=drafted.remote_id, imprint=drafted.imprint, was_seen=True)

    assert (post["status"], post["slug"], post["meta"][_META[1]]) == ("publish", "mine", "Mine.")
    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.EDITED
    with pytest.raises(SiteRefusedError, match="its address and texts for search engines"):
        site.update(article(title="Ours"), remote_id=shown.remote_id, imprint=shown.imprint)


def test_a_number_that_the_site_put_behind_a_slug_is_no_persons(
    there: RestSite, open_site: Open, article: Make
) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    there.write(None, {"slug": "cafe-canoe", "status": "publish"}, now="2026-12-01T00:00:00")

    shown = site.show(article(), remote_id=drafted.remote_id, imprint=drafted.imprint, was_seen=True)

    assert there.posts[int(shown.remote_id)]["slug"] == "cafe-canoe-7"
    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.HERE


def test_what_we_never_put_there_may_be_changed_by_anybody(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    shown = site.show(article(), remote_id=drafted.remote_id, imprint=drafted.imprint)
    post = there.posts[int(shown.remote_id)]
    there.media[5], there.terms["categories"][6] = {"id": 5}, "News"
    post |= {"featured_media": 5, "categories": [6]}

    again = site.update(article(title="Ours"), remote_id=shown.remote_id, imprint=shown.imprint)

    assert (post["title"], post["featured_media"], post["categories"]) == ("Ours", 5, [6])
    # An image of ours would take the place of theirs.
    with pytest.raises(SiteRefusedError, match="its featured image"):
        site.update(article(pictures=1), remote_id=shown.remote_id, imprint=again.imprint)
    with pytest.raises(SiteRefusedError, match="its categories"):
        open_site(category="Rivers").update(article(), remote_id=shown.remote_id, imprint=again.imprint)


def test_texts_that_were_written_before_we_knew_of_them_stay(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    shown = site.show(article(), remote_id=drafted.remote_id, imprint=drafted.imprint)
    there.posts[int(shown.remote_id)]["meta"] = {_META[0]: "Mine", _META[1]: ""}

    with pytest.raises(SiteRefusedError, match="its texts for search engines"):
        site.update(article(title="Ours"), remote_id=shown.remote_id, imprint=shown.imprint)

    there.posts[int(shown.remote_id)]["meta"] = {_META[0]: "", _META[1]: ""}
    site.update(article(title="Ours"), remote_id=shown.remote_id, imprint=shown.imprint)
    assert there.shown()[0]["meta"][_META[0]] == "Canoes"


def test_another_place_for_such_texts_is_found_and_filled(
    there: RestSite, open_site: Open, notes: Notes, article: Make, publish: Publish
) -> None:
    shown = publish(article())
    there.posts[int(shown.remote_id)]["meta"] = {"rank_math_title": "", "rank_math_description": ""}
    site = open_site(notes, category="Rivers")
    assert site.standing(shown.remote_id, imprint=shown.imprint) is Standing.HERE

    site.update(article(title="Ours"), remote_id=shown.remote_id, imprint=shown.imprint)

    meta = {"rank_math_title": "Canoes", "rank_math_description": "About canoes."}
    assert there.shown()[0]["meta"] == meta


@pytest.mark.parametrize("refusal", [400, 403])
def test_texts_that_nobody_may_write_cost_one_request_once(
    there: RestSite, open_site: Open, article: Make, refusal: int
) -> None:
    there.meta, there.refuses_meta = _META, refusal
    notes = Notes()
    open_site(notes).draft(article(), remote_id=None, imprint=None)
    there.asked()

    second = article(content_id=8, slug="other")
    shown = open_site(notes).draft(second, remote_id=None, imprint=None)

    assert there.asked() == ["GET /posts", "POST /posts"]
    assert there.posts[int(shown.remote_id)]["meta"] == dict.fromkeys(_META, "")
    # What others write there is none of ours.
    there.posts[int(shown.remote_id)] |= {"status": "publish", "meta": {_META[0]: "Mine", _META[1]: ""}}
    assert open_site(notes).standing(shown.remote_id, imprint=shown.imprint) is Standing.HERE


def test_imprints_of_earlier_versions_tell_what_they_told(
    there: RestSite, open_site: Open, notes: Notes, article: Make, publish: Publish
) -> None:
    shown = publish(article(pictures=1))
    post = there.posts[int(shown.remote_id)]
    told = json.dumps([post["title"], post["content"], post["excerpt"], post["slug"]])
    old = hashlib.sha256(told.encode()).hexdigest()[:32]
    site = open_site(notes, category="Rivers")

    assert site.standing(shown.remote_id, imprint=old) is Standing.HERE
    again = site.update(article(pictures=1, title="Ours"), remote_id=shown.remote_id, imprint=old)
    assert site.standing(shown.remote_id, imprint=old) is Standing.EDITED
    with pytest.raises(SiteRefusedError, match="Somebody edited"):
        site.update(article(pictures=1), remote_id=shown.remote_id, imprint=old)

    # From its next update on an article has an imprint of everything.
    assert site.standing(shown.remote_id, imprint=again.imprint) is Standing.HERE
    post["tags"] = []
    assert site.standing(shown.remote_id, imprint=again.imprint) is Standing.EDITED


def test_a_draft_that_a_person_threw_away_is_not_taken_out_by_an_edit(
    there: RestSite, open_site: Open, article: Make
) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    there.posts[int(drafted.remote_id)] |= {"status": "trash", "slug": "cafe-canoe__trashed"}

    with pytest.raises(SiteRefusedError, match=r"waste basket .*igny8 calendar unschedule 7"):
        site.draft(article(title="Ours"), remote_id=drafted.remote_id, imprint=drafted.imprint)

    assert there.posts[int(drafted.remote_id)]["status"] == "trash"


def test_whoever_edited_a_draft_is_told_the_ways_out_of_a_draft(
    there: RestSite, open_site: Open, article: Make
) -> None:
    site = open_site()
    drafted = site.draft(article(), remote_id=None, imprint=None)
    post = there.posts[int(drafted.remote_id)]
    post["content"] += " "  # As a site that spells it otherwise than it was sent.
    known = site.look_up(7)
    assert known is not None
    post["title"] = "Mine"

    with pytest.raises(
        SiteRefusedError, match=r"draft .* its title\. .* igny8 calendar unschedule 7, or behind its slot"
    ):
        site.draft(article(excerpt="Ours."), remote_id=known.remote_id, imprint=known.imprint)

    # The first of them: the same change here.
    again = site.draft(article(excerpt="Ours.", title="Mine"), remote_id=known.remote_id, imprint=known.imprint)
    assert again.remote_id == known.remote_id
    assert (post["title"], post["excerpt"]) == ("Mine", "Ours.")


def test_the_same_change_here_settles_it(there: RestSite, open_site: Open, article: Make, publish: Publish) -> None:
    shown = publish(article(pictures=1))
    post = there.posts[int(shown.remote_id)]
    post["title"], post["meta"][_META[1]] = "Mine", "Mine."
    site = open_site(category="Rivers")

    with pytest.raises(SiteRefusedError, match=r"its title and texts .* make the same change here"):
        site.update(article(pictures=1), remote_id=shown.remote_id, imprint=shown.imprint)
    ours = article(pictures=1, title="Mine", meta_description="Mine.", excerpt="Ours.")
    again = site.update(ours, remote_id=shown.remote_id, imprint=shown.imprint)

    assert (post["title"], post["excerpt"]) == ("Mine", "Ours.")
    assert site.standing(shown.remote_id, imprint=again.imprint) is Standing.HERE
