"""Images at a site over the network of which no article came: none stays there, and nothing of a person's goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline.sites.notes import Note, NoteKind, Notes
from pipeline.sites.port import Article, SiteRefusedError, SiteUnavailableError
from tests.support.rest_site import Fault, RestSite

if TYPE_CHECKING:
    from tests.integration.sites.conftest import Open

Make = Callable[..., Article]
_REFUSED = Fault("POST /posts", "refuse", status=403, body=b'{"code":"rest_cannot_create","message":"No."}')


def _refused_after_its_images(there: RestSite, site: object, article: Article) -> None:
    there.faults = [replace(_REFUSED, times=1)]
    with pytest.raises(SiteRefusedError):
        site.draft(article, remote_id=None, imprint=None)  # type: ignore[attr-defined]
    assert (len(there.posts), len(there.media)) == (0, len(article.pictures))


def test_images_of_a_draft_that_was_refused_are_taken_away(there: RestSite, open_site: Open, article: Make) -> None:
    notes = Notes()
    _refused_after_its_images(there, open_site(notes), article(pictures=2))

    open_site(notes).clear(7)

    assert there.media == {}
    assert [kind for kind, _ in notes.known if kind is NoteKind.IMAGE] == []


def test_images_that_nobody_wrote_down_are_found_by_their_names(
    there: RestSite, open_site: Open, article: Make
) -> None:
    _refused_after_its_images(there, open_site(), article(pictures=2))
    open_site().draft(article(pictures=2, content_id=8, slug="other"), remote_id=None, imprint=None)

    open_site().clear(7)

    assert len(there.media) == 2
    open_site().clear(8)
    assert len(there.media) == 2  # Its draft needs them.


def test_an_image_of_an_older_name_is_known_by_its_note(there: RestSite, open_site: Open, article: Make) -> None:
    notes = Notes()
    _refused_after_its_images(there, open_site(notes), article(pictures=1))
    (image,) = there.media.values()
    (key,) = (key for kind, key in notes.known if kind is NoteKind.IMAGE)
    image["slug"] = f"cafe-canoe-0-{key.partition(':')[2]}"

    open_site(notes).clear(7)

    assert there.media == {}


@pytest.mark.parametrize("change", [{"post": 5}, {"slug": "mine"}])
def test_an_image_that_a_person_took_for_something_else_stays(
    there: RestSite, open_site: Open, article: Make, change: dict[str, object]
) -> None:
    notes = Notes()
    _refused_after_its_images(there, open_site(notes), article(pictures=1))
    (image,) = there.media.values()
    image |= change

    open_site(notes).clear(7)

    assert list(there.media.values()) == [image]


def test_images_of_a_post_in_the_waste_basket_stay(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    drafted = site.draft(article(pictures=1), remote_id=None, imprint=None)
    site.withdraw(drafted.remote_id)

    site.clear(7)

    assert len(there.media) == 1


def test_an_image_without_an_answer_is_looked_for_before_it_is_sent_again(
    there: RestSite, open_site: Open, article: Make
) -> None:
    notes = Notes()
    there.faults = [Fault("POST /media", "refuse", status=502), Fault("GET /media", "refuse", status=200, body=b"[]")]
    with pytest.raises(SiteUnavailableError):
        open_site(notes).draft(article(pictures=1), remote_id=None, imprint=None)
    kept = Notes.of(note for note in notes.take_learnt().values() if note is not None)
    assert [note.value for (kind, _), note in kept.known.items() if kind is NoteKind.IMAGE] == ["0"]
    there.asked()

    open_site(kept).draft(article(pictures=1), remote_id=None, imprint=None)

    assert there.asked() == ["GET /posts", "GET /media", "POST /media", "POST /posts"]
    assert len(there.media) == 1


def test_a_draft_with_another_image_leaves_the_old_one_nowhere(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site()
    first = article(pictures=2)
    drafted = site.draft(first, remote_id=None, imprint=None)
    other = article(pictures=3).pictures[2]
    second = replace(first, title="Other", pictures=(first.pictures[0], other))

    site.draft(second, remote_id=drafted.remote_id, imprint=drafted.imprint)

    (post,) = there.posts.values()
    assert len(there.media) == 2
    assert post["featured_media"] in there.media
    assert sum(image["source_url"] in post["content"] for image in there.media.values()) == 1


def test_an_image_that_the_site_does_not_let_go_of_is_told(there: RestSite, open_site: Open, article: Make) -> None:
    notes = Notes()
    _refused_after_its_images(there, open_site(notes), article(pictures=1))
    body = b'{"code":"rest_cannot_delete","message":"Sorry, you are not allowed to delete this post."}'
    there.faults = [Fault("DELETE /media", "refuse", status=403, body=body)]

    with pytest.raises(SiteRefusedError, match="rest_cannot_delete"):
        open_site(notes).clear(7)

    open_site(notes).clear(7)
    assert there.media == {}


def test_a_draft_that_the_site_cut_is_named_with_the_refusal(
    there: RestSite, open_site: Open, article: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = there.write
    monkeypatch.setattr(there, "write", lambda number, values, *, now: write(number, {**values, "title": "x"}, now=now))

    with pytest.raises(SiteRefusedError, match="dropped a part") as refused:
        open_site().draft(article(pictures=1), remote_id=None, imprint=None)

    (post,) = there.posts.values()
    left = refused.value.left
    assert left is not None
    assert (left.remote_id, left.imprint is not None) == (str(post["id"]), True)


def test_texts_for_search_engines_that_are_refused_make_no_second_post(
    there: RestSite, open_site: Open, article: Make
) -> None:
    there.refuses_meta = 400
    notes = Notes.of([Note(NoteKind.SPEECH, "meta", "_yoast_wpseo_title,_yoast_wpseo_metadesc")])

    open_site(notes).draft(article(), remote_id=None, imprint=None)

    assert len(there.posts) == 1
    assert (NoteKind.SPEECH, "meta") not in notes.known
