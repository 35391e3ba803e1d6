"""Owns the site that is told: what it is posted, how that is signed, what its answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipeline.sites.port import (
    Placed,
    SiteOutcomeUnknownError,
    SiteRefusedError,
    SiteUnavailableError,
)
from pipeline.sites.webhook import WebhookSite
from tests.support.receivers import Hooks, Posted, hooks
from tests.unit.sites.conftest import NOON, MakeArticle, MakePicture

SECRET = "a secret of both"  # noqa: S105 - of this test


@pytest.fixture
def receiver() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


def opened(receiver: Hooks, *, allow_private: bool = True) -> WebhookSite:
    return WebhookSite(receiver.url, SECRET, site_id=7, allow_private=allow_private, now=lambda: NOON)


def body(posted: Posted) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(posted.body)
    return told


def test_an_article_arrives_whole_and_signed(
    receiver: Hooks, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    picture = make_picture()
    article = make_article(pictures=(picture,), version=3)
    opened(receiver).publish(article, remote_id=None)

    (posted,) = receiver.posted
    told = body(posted)
    assert told["kind"] == posted.headers["x-igny8-kind"] == "article.published"
    assert told["id"] == posted.headers["x-igny8-delivery"]
    assert told["article"]["title"] == article.title
    assert told["article"]["version"] == 3
    assert told["article"]["published_at"] == "2026-03-04T13:00:00Z"
    assert base64.b64decode(told["article"]["pictures"][0]["data"]) == picture.path.read_bytes()
    signed = posted.headers["x-igny8-timestamp"].encode() + b"." + posted.body
    assert posted.headers["x-igny8-signature"] == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


def test_the_same_telling_has_the_same_id_and_another_has_another(receiver: Hooks, make_article: MakeArticle) -> None:
    article = make_article()
    for told in (article, article, replace(article, version=2), make_article(2)):
        opened(receiver).publish(told, remote_id=None)

    ids = [body(posted)["id"] for posted in receiver.posted]
    assert ids[0] == ids[1]
    assert receiver.posted[0].body == receiver.posted[1].body
    assert len(set(ids)) == 3


def test_what_the_receiver_calls_it_is_kept_and_told_again(receiver: Hooks, make_article: MakeArticle) -> None:
    receiver.answers = [(201, {}, b'{"id": "post~9", "url": "https://example.com/nine"}')]
    site = opened(receiver)
    placed = site.publish(make_article(), remote_id=None)
    assert placed.url == "https://example.com/nine"
    assert site.read_back(placed.remote_id) == placed

    again = site.publish(make_article(version=2), remote_id=placed.remote_id)
    site.withdraw(again.remote_id)
    assert [body(posted).get("name") for posted in receiver.posted] == [None, "post~9", "post~9"]
    assert body(receiver.posted[2])["article"] == {"id": make_article().content_id}
    assert site.read_back(again.remote_id) is None


def test_taking_away_a_second_placement_is_another_telling(receiver: Hooks, make_article: MakeArticle) -> None:
    site = opened(receiver)
    for hours in (1, 2):
        article = replace(make_article(), published_at=NOON.replace(hour=12 + hours))
        site.withdraw(site.publish(article, remote_id=None).remote_id)

    ids = [body(posted)["id"] for posted in receiver.posted if body(posted)["kind"] == "article.withdrawn"]
    assert len(set(ids)) == 2


def test_what_may_have_arrived_is_taken_away_by_its_own_name(receiver: Hooks) -> None:
    site = opened(receiver)
    found = site.look_up(12)
    assert found is not None
    site.withdraw(found.remote_id)

    # A receiver whose answer was lost never heard that name.
    told = body(receiver.posted[0])
    assert (told["name"], told["article"]) == ("content-12", {"id": 12})


def test_a_placement_of_an_earlier_version_is_taken_away_by_its_name(receiver: Hooks) -> None:
    opened(receiver).withdraw("post~9~5d2f6f0e-6f2b-5f0c-9d7e-1f1b1a2c8f10")

    told = body(receiver.posted[0])
    assert (told["name"], "article" in told) == ("post~9", False)


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>thanks</html>", b"[1]", b'{"id": "", "url": "javascript:alert(1)"}', b'{"id": {"a": 1}, "url": 5}'],
)
def test_an_answer_that_names_nothing_usable_is_taken_all_the_same(
    receiver: Hooks, make_article: MakeArticle, answer: bytes
) -> None:
    receiver.answers = [(200, {}, answer)]
    placed = opened(receiver).publish(make_article(4), remote_id=None)

    assert placed.remote_id.startswith("content-4~")
    assert placed.url == ""


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (500, {}, SiteUnavailableError),
        (429, {"Retry-After": "120"}, SiteUnavailableError),
        (401, {}, SiteRefusedError),
        (410, {}, SiteRefusedError),
        (302, {"Location": "https://example.com"}, SiteRefusedError),
    ],
)
def test_a_refusal_says_what_was_answered(
    receiver: Hooks, make_article: MakeArticle, status: int, headers: dict[str, str], expected: type[Exception]
) -> None:
    receiver.answers = [(status, headers, b"no  room\nhere")]
    with pytest.raises(expected, match=f"answered {status}: no room here") as caught:
        opened(receiver).publish(make_article(), remote_id=None)

    if status == 429:
        assert caught.value.retry_after_seconds == 120  # type: ignore[attr-defined]


def test_no_answer_is_no_refusal(receiver: Hooks, make_article: MakeArticle) -> None:
    closed = WebhookSite("http://127.0.0.1:1/x", SECRET, site_id=7, allow_private=True, now=lambda: NOON)
    with pytest.raises(SiteOutcomeUnknownError, match="told again"):
        closed.publish(make_article(), remote_id=None)
    with pytest.raises(SiteRefusedError, match="private network"):
        opened(receiver, allow_private=False).check()
    assert receiver.posted == []


def test_a_site_without_address_or_secret_is_refused() -> None:
    for url, secret, missing in ((None, SECRET, "address"), ("https://example.com", None, "secret")):
        with pytest.raises(SiteRefusedError, match=f"no {missing}"):
            WebhookSite(url, secret, site_id=7, allow_private=False, now=lambda: NOON)


def test_a_check_changes_nothing(receiver: Hooks) -> None:
    opened(receiver).check()

    assert body(receiver.posted[0]).keys() == {"id", "kind", "site_id"}
    assert opened(receiver).read_back("content-1") is None
    assert Placed("content-1", "") == opened(receiver).look_up(1)
