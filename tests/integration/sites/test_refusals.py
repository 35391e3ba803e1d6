"""What people read when a site over the network says no, and whether it is worth asking again."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.sites.port import Article, SiteError, SiteOutcomeUnknownError, SiteRefusedError, SiteUnavailableError
from pipeline.sites.wordpress import Access, RemoteSite
from tests.support.rest_site import PASSWORD, USER, Fault, Handler, RestSite

if TYPE_CHECKING:
    from tests.integration.sites.conftest import Open

Make = Callable[..., Article]
_TOO_LARGE = (
    b'{"code":"rest_upload_sideload_error","message":"The uploaded file exceeds the limit.","data":{"status":500}}'
)


def test_a_site_that_is_well_has_nothing_to_tell(open_site: Open) -> None:
    assert open_site().check() == []


def test_a_wrong_password_is_told_before_and_while_publishing(there: RestSite, open_site: Open, article: Make) -> None:
    site = open_site(password="wrong one")  # noqa: S106  # a wrong one.

    for ask in (site.check, lambda: site.draft(article(), remote_id=None, imprint=None)):
        with pytest.raises(SiteRefusedError, match=r"does not accept the user name.*--password-stdin") as refused:
            ask()
        assert "wrong one" not in refused.value.message


def test_a_role_that_may_not_publish_is_told_what_it_lacks(there: RestSite, open_site: Open) -> None:
    there.rights |= {"publish_posts": False, "upload_files": False}

    with pytest.raises(SiteRefusedError, match=r"'ann' \(role at the site: author\) may not publish posts or upload"):
        open_site().check()


def test_another_zone_and_a_wrong_clock_are_told(there: RestSite, open_site: Open) -> None:
    there.zone, there.clock = ("Asia/Tokyo", 9), time.time() + 300

    zone, clock = open_site().check()

    assert "Asia/Tokyo, here it is Europe/Berlin" in zone
    assert "ahead of ours" in clock


def test_a_site_without_pretty_addresses_is_spoken_to_in_the_other_way(
    there: RestSite, open_site: Open, article: Make
) -> None:
    there.has_pretty_addresses = False
    site = open_site()

    site.check()
    site.draft(article(), remote_id=None, imprint=None)

    assert len(there.posts) == 1


_UPLOAD = partial(Fault, "POST /media", "refuse")
_LOOK = partial(Fault, "GET /posts", "refuse")


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        (_UPLOAD(status=413, body=b"<h1>413</h1>"), SiteRefusedError, "takes no files that large"),
        (_UPLOAD(status=500, body=_TOO_LARGE), SiteRefusedError, "cafe-canoe-0.png .*upload limit"),
        (_LOOK(headers={"Retry-After": "7"}), SiteUnavailableError, "away just now"),
        (_LOOK(status=429, body=b"slow"), SiteUnavailableError, "It said: slow"),
        (_LOOK(status=500, body=b"<p>Error establishing</p>"), SiteUnavailableError, "Error est"),
        (_LOOK(times=2, status=200, body=b"<b>Warning</b> x"), SiteUnavailableError, "cannot be read: Warning x"),
        (_LOOK(status=301, headers={"Location": "https://b.example"}), SiteRefusedError, "leads on to https://b.exam"),
        (
            _LOOK(status=308, headers={"Location": "https://b.example/a/wp-json/wp/v2/posts?slug=x"}),
            SiteRefusedError,
            r"leads on to https://b\.example/a\. Set the one",
        ),
        (_LOOK(status=302, headers={"Location": "/wp-json/wp/v2/"}), SiteRefusedError, "leads on to another address"),
        (_LOOK(status=403, body=b"<h1>Firewall</h1>"), SiteRefusedError, "role.*It said: Firewall"),
        (_LOOK(times=2, status=404, body=b"<h1>No</h1>"), SiteRefusedError, "REST API"),
        (Fault("GET /posts", "cut"), SiteUnavailableError, "no whole answer"),
    ],
    ids=[
        "413",
        "sideload",
        "maintenance",
        "throttled",
        "database",
        "no-json",
        "redirect",
        "moved",
        "relative",
        "firewall",
        "no-api",
        "cut",
    ],
)
def test_each_trouble_has_its_kind_and_its_sentence(
    there: RestSite, open_site: Open, article: Make, *, fault: Fault, kind: type[SiteError], sentence: str
) -> None:
    there.faults = [fault]

    with pytest.raises(kind, match=sentence):
        open_site().draft(article(pictures=1), remote_id=None, imprint=None)


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("GET /", b'{"namespaces": 5}'),
        ("GET /", b'{"namespaces": true}'),
        ("GET /users/me", b'{"roles": 7, "capabilities": 3}'),
        ("GET /users/me", b'{"roles": {"a": 1}}'),
    ],
    ids=["number", "truth", "roles", "object"],
)
def test_an_answer_to_a_check_that_makes_no_sense_is_told(
    there: RestSite, open_site: Open, route: str, body: bytes
) -> None:
    there.faults = [Fault(route, "refuse", status=200, body=body)]

    with pytest.raises(SiteUnavailableError, match="makes no sense"):
        open_site().check()


def test_a_date_that_no_clock_shows_is_none(there: RestSite, open_site: Open) -> None:
    there.faults = [Fault("GET /posts", "refuse", headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2300"})]

    with pytest.raises(SiteUnavailableError) as away:
        open_site().look_up(7)

    assert away.value.retry_after_seconds is None


def test_a_post_with_numbers_beyond_all_numbers_is_none(there: RestSite, open_site: Open, article: Make) -> None:
    raw = b'"title":{"raw":""},"content":{"raw":""},"excerpt":{"raw":""}'
    body = b'{"id":1,"slug":"a","status":"draft","link":"",' + raw + b',"tags":[1e400]}'
    there.faults = [Fault("POST /posts", "refuse", status=201, body=body)]

    with pytest.raises(SiteOutcomeUnknownError, match="cannot be read"):
        open_site().draft(article(), remote_id=None, imprint=None)


def test_a_private_address_is_not_asked(there: RestSite, article: Make) -> None:
    access = Access(there.url, USER, PASSWORD, timeout_seconds=5)

    with pytest.raises(SiteRefusedError, match="private network"):
        RemoteSite(access, key="k1", timezone="UTC").draft(article(), remote_id=None, imprint=None)

    assert there.journal == []


def test_a_site_that_is_not_there_may_be_there_later(article: Make) -> None:
    access = Access("http://127.0.0.1:9", USER, PASSWORD, timeout_seconds=5, allow_private=True)

    with pytest.raises(SiteUnavailableError, match="cannot be reached"):
        RemoteSite(access, key="k1", timezone="UTC").draft(article(), remote_id=None, imprint=None)


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        ("POST /posts", b'{"id": 1}'),
        ("POST /posts", b"[]"),
        ("POST /posts", b'{"id": 1e400, "slug": "a"}'),
        ("POST /posts", b'{"id": ' + b"9" * 4_000 + b"}"),
        ("POST /posts", b"[" * 100_000),
        ("POST /media", b'{"id": true, "source_url": 7}'),
        ("POST /media", b'{"id": 1, "source_url": "' + b"x" * 3_000 + b'"}'),
        ("POST /tags", b'{"id": "one"}'),
        ("POST /tags", b'{"id": -1}'),
    ],
    ids=range(9),
)
def test_an_answer_that_means_nothing_is_none(
    there: RestSite, open_site: Open, article: Make, route: str, answer: bytes
) -> None:
    there.faults = [Fault(route, "refuse", status=201, body=answer)]

    with pytest.raises((SiteUnavailableError, SiteOutcomeUnknownError)):
        open_site().draft(article(pictures=1), remote_id=None, imprint=None)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://\u0000", "https://a\ud800b", "", 5, "/oak", None])
def test_an_address_that_cannot_be_opened_is_none(
    there: RestSite, open_site: Open, article: Make, link: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a site calls the address of a post is shown to people and kept in a database."""
    answered = Handler._post
    monkeypatch.setattr(Handler, "_post", lambda self, post: {**answered(self, post), "link": link})

    assert open_site().draft(article(), remote_id=None, imprint=None).url == ""


@pytest.mark.parametrize("source", ["javascript:alert(1)", "https://\u0000", "https://a\ud800b", "", 5, None])
def test_an_image_whose_address_cannot_be_shown_is_not_put_into_a_text(
    there: RestSite, open_site: Open, article: Make, source: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = Handler._media

    def answer(self: Handler, number: int | None, body: bytes) -> tuple[int, Any]:
        status, entry = answered(self, number, body)
        return status, {**entry, "source_url": source} if isinstance(entry, dict) else entry

    monkeypatch.setattr(Handler, "_media", answer)

    with pytest.raises(SiteUnavailableError, match="where it keeps an image"):
        open_site().draft(article(pictures=1), remote_id=None, imprint=None)


def test_an_answer_of_nothing_but_values_is_not_unfolded(there: RestSite, open_site: Open) -> None:
    """Thirty megabytes of them would take six hundred of memory."""
    there.faults = [Fault("GET /", "refuse", status=200, body=b"[" + b"{}," * 1_999_999 + b"{}]", times=2)]

    with pytest.raises(SiteUnavailableError, match=r"cannot be read: \["):
        open_site().check()
