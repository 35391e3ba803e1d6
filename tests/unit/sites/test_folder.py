"""Owns the folder site's promises to readers: pages, lists, feed, addresses, updates and removal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.sites.folder import FolderSite
from pipeline.sites.folder.pages import PAGE_SIZE
from pipeline.sites.port import SiteRefusedError
from tests.support.pages import Page, pages, tree, xml
from tests.unit.sites.conftest import NOON, MakeArticle, MakePicture

ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
HOSTILE = "</title><script>alert('1')</script> & \"quoted\" \x00\x1b"


def publish(site: FolderSite, make_article: MakeArticle, count: int) -> None:
    for content_id in range(1, count + 1):
        site.publish(make_article(content_id), remote_id=None)


def test_published_article_has_its_page_and_stands_in_every_list(
    site: FolderSite, root: Path, make_article: MakeArticle
) -> None:
    placed = site.publish(make_article(7), remote_id=None)

    assert placed.remote_id == "content-7"
    assert placed.url == (root / "article-7/index.html").as_uri()
    for name in ("article-7/index.html", "index.html", "tags/canoes.html", "feed.xml", "sitemap.xml"):
        assert "article-7" in (root / name).read_text() or "Article 7" in (root / name).read_text()


def test_every_internal_link_and_image_of_every_page_resolves(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    for number in range(1, 3 * PAGE_SIZE):
        pictures = (make_picture(), make_picture("Hull & length", colour="navy")) if number % 2 else ()
        site.publish(make_article(number, pictures=pictures, tags=("C++", "C#", "Über uns")), remote_id=None)

    assert {str(page.path): page.dead_links() for page in pages(root) if page.dead_links()} == {}


def test_nothing_on_a_page_runs_or_is_fetched_from_elsewhere(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    site.publish(make_article(pictures=(make_picture(),)), remote_id=None)

    for page in pages(root):
        assert "script" not in page.tags
        assert [link for link in page.links if "//" in link] == []
    assert "//" not in (root / "style.css").read_text()


def test_every_page_has_a_language_one_heading_a_skip_link_and_alt_texts(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    site.publish(make_article(body_html="<h1>Own title</h1><p>x</p>", pictures=(make_picture(),)), remote_id=None)

    for page in pages(root):
        assert '<html lang="en">' in page.source
        assert page.tags.count("h1") == 1
        assert "#content" in page.links
        assert all(image["alt"] for image in page.images)


def test_hostile_texts_are_shown_and_never_obeyed(
    root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    site = FolderSite(root, site_name=HOSTILE, timezone="UTC", base_url="https://example.com/a&b")
    picture = replace(make_picture(), alt_text=f'"><img src=x onerror=alert(1)> {HOSTILE}')
    texts = dict.fromkeys(("title", "meta_title", "meta_description", "excerpt"), HOSTILE)

    site.publish(make_article(**texts, tags=(HOSTILE,), pictures=(picture,)), remote_id=None)

    for page in pages(root):
        assert "script" not in page.tags
        assert all(image["src"] != "x" and "onerror" not in image for image in page.images)
        assert "<script>alert('1')</script>" in page.text
    assert xml(root / "feed.xml").findtext(f"{ATOM}entry/{ATOM}title") == " ".join(HOSTILE[:-2].split())
    assert xml(root / "sitemap.xml").tag == f"{SITEMAP}urlset"


def test_featured_picture_is_on_top_and_others_follow_their_headings(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    featured = make_picture(file_name="top.png")
    inside = make_picture("  hull &  LENGTH", colour="navy", file_name="inside.png")
    lost = make_picture("No such heading", colour="red", file_name="lost.png")

    site.publish(make_article(pictures=(lost, inside, featured)), remote_id=None)

    source = Page(root / "article-1/index.html").source
    order = ["images/top.png", "First words", "</h2><figure>", "images/inside.png", "More words", "images/lost.png"]
    assert [source.index(part) for part in order] == sorted(source.index(part) for part in order)


def test_two_pictures_of_one_name_do_not_overwrite_each_other(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    first, second = make_picture(file_name="../../Lake.PNG"), make_picture("x", colour="red", file_name="lake.png")

    site.publish(make_article(pictures=(first, second)), remote_id=None)

    images = root / "article-1/images"
    assert (images / "lake.png").read_bytes() == first.path.read_bytes()
    assert (images / "lake-2.png").read_bytes() == second.path.read_bytes()


def test_publishing_twice_changes_nothing(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    article = make_article(pictures=(make_picture(),))
    placed = site.publish(article, remote_id=None)
    once = tree(root)

    assert site.publish(article, remote_id=placed.remote_id) == placed
    assert tree(root) == once


def test_update_overwrites_the_page_and_drops_what_it_no_longer_uses(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    placed = site.publish(make_article(pictures=(make_picture(),)), remote_id=None)

    site.publish(make_article(title="Better", tags=("Rivers",)), remote_id=placed.remote_id)

    assert "Better" in (root / "index.html").read_text()
    assert sorted(path.name for path in (root / "tags").iterdir()) == ["rivers.html"]
    assert not (root / "article-1/images").exists()


def test_changed_slug_moves_the_page(site: FolderSite, root: Path, make_article: MakeArticle) -> None:
    placed = site.publish(make_article(slug="old"), remote_id=None)

    moved = site.publish(make_article(slug="new"), remote_id=placed.remote_id)

    assert moved == site.read_back(placed.remote_id)
    assert moved.url.endswith("/new/index.html")
    assert not (root / "old").exists()
    assert Page(root / "index.html").dead_links() == []


def test_same_slug_of_another_content_gets_the_content_id_behind_it(
    site: FolderSite, root: Path, make_article: MakeArticle
) -> None:
    site.publish(make_article(1, slug="lake"), remote_id=None)
    second = site.publish(make_article(2, slug="Lake"), remote_id=None)
    site.withdraw("content-1")

    again = site.publish(make_article(2, slug="Lake"), remote_id=second.remote_id)

    assert second == again
    assert again.url.endswith("/Lake-2/index.html")


@pytest.mark.parametrize("slug", ["tags", "archive", "Images"])
def test_slug_the_site_itself_uses_gets_the_content_id_behind_it(
    slug: str, site: FolderSite, make_article: MakeArticle
) -> None:
    placed = site.publish(make_article(3, slug=slug), remote_id=None)

    assert placed.url.endswith(f"/{slug}-3/index.html")


def test_folder_of_somebody_else_is_left_alone(site: FolderSite, root: Path, make_article: MakeArticle) -> None:
    (root / "lake").mkdir(parents=True)
    (root / "lake/index.html").write_text("mine")

    placed = site.publish(make_article(4, slug="lake"), remote_id=None)
    site.withdraw(placed.remote_id)

    assert (root / "lake/index.html").read_text() == "mine"
    assert not (root / "lake-4").exists()


@pytest.mark.parametrize(
    "slug", ["", ".", "..", "../up", "/etc", "a/b", "a\\b", ".igny8", "a\0b", "-x", "a\n", "x" * 201]
)
def test_slug_that_is_no_folder_name_is_refused_before_anything_is_written(
    slug: str, site: FolderSite, root: Path, make_article: MakeArticle
) -> None:
    with pytest.raises(SiteRefusedError, match="cannot be a page's address"):
        site.publish(make_article(slug=slug), remote_id=None)

    assert not root.exists()


def test_missing_or_unknown_picture_is_refused_before_anything_is_written(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    missing = replace(make_picture(), path=root / "nowhere.png")
    unknown = replace(make_picture(), mime="image/svg+xml")

    for picture, said in ((missing, "Make the image again"), (unknown, "Allowed: image/png")):
        with pytest.raises(SiteRefusedError, match=said):
            site.publish(make_article(pictures=(picture,)), remote_id=None)
    assert not root.exists()


def test_withdraw_removes_the_page_and_every_mention_and_is_safe_to_repeat(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    site.publish(make_article(1), remote_id=None)
    alone = tree(root)
    placed = site.publish(make_article(2, tags=("Other",), pictures=(make_picture(),)), remote_id=None)

    for _ in range(2):
        site.withdraw(placed.remote_id)

    assert tree(root) == alone
    assert site.read_back(placed.remote_id) is None


def test_last_article_withdrawn_leaves_an_empty_but_whole_site(
    site: FolderSite, root: Path, make_article: MakeArticle
) -> None:
    site.withdraw(site.publish(make_article(), remote_id=None).remote_id)

    assert "Nothing has been published yet" in Page(root / "index.html").text
    assert xml(root / "feed.xml").findall(f"{ATOM}entry") == []


def test_read_back_reads_the_page_itself(site: FolderSite, root: Path, make_article: MakeArticle) -> None:
    placed = site.publish(make_article(), remote_id=None)
    assert site.read_back(placed.remote_id) == placed

    page = root / "article-1/index.html"
    page.write_text(page.read_text().replace('content="1"', 'content="2"'))

    assert site.read_back(placed.remote_id) is None
    assert site.read_back("content-99") is None
    assert site.read_back("something else") is None


def test_newest_article_comes_first_and_full_archive_pages_never_change(
    site: FolderSite, root: Path, make_article: MakeArticle
) -> None:
    publish(site, make_article, 2 * PAGE_SIZE + 1)
    before = tree(root / "archive")

    site.publish(make_article(2 * PAGE_SIZE + 2), remote_id=None)

    assert tree(root / "archive") == before
    front = Page(root / "index.html")
    assert front.text.index("Article 50") < front.text.index("Article 49") < front.text.index("Article 25")
    assert "Article 24" in Page(root / "archive/1.html").text
    assert "Article 25" not in Page(root / "archive/1.html").text


def test_every_article_is_reached_from_the_first_page_by_older(
    site: FolderSite, root: Path, make_article: MakeArticle
) -> None:
    publish(site, make_article, 4 * PAGE_SIZE)

    lists = [Page(path) for path in (root / "index.html", *(root / "archive").glob("*.html"))]

    titles = [f"Article {number}\n" for number in range(1, 4 * PAGE_SIZE + 1)]
    assert [sum(page.text.count(title) for page in lists) for title in titles] == [1] * len(titles)
    assert [page.source.count('rel="next"') for page in sorted(lists, key=lambda page: page.path)] == [0, 1, 1, 1]


def test_dates_are_those_of_the_sites_zone(root: Path, make_article: MakeArticle) -> None:
    site = FolderSite(root, site_name="Far", timezone="Pacific/Auckland")

    site.publish(make_article(published_at=datetime(2026, 3, 4, 23, 30, tzinfo=UTC)), remote_id=None)

    source = Page(root / "article-1/index.html").source
    assert "5 March 2026" in source
    assert 'datetime="2026-03-05T12:30:00+13:00"' in source


def test_feed_and_sitemap_carry_the_public_address(root: Path, make_article: MakeArticle) -> None:
    site = FolderSite(root, site_name="Public", timezone="UTC", base_url="https://example.com/blog/")
    placed = site.publish(make_article(1, slug="über"), remote_id=None)
    site.publish(make_article(2), remote_id=None)

    feed, sitemap = xml(root / "feed.xml"), xml(root / "sitemap.xml")

    assert placed.url == "https://example.com/blog/%C3%BCber/"
    links = [link.get("href") for link in feed.findall(f"{ATOM}entry/{ATOM}link")]
    assert links == ["https://example.com/blog/article-2/", placed.url]
    assert feed.findtext(f"{ATOM}updated") == (NOON + timedelta(hours=2)).isoformat()
    assert [place.text for place in sitemap.iter(f"{SITEMAP}loc")] == ["https://example.com/blog/", *links]


def test_what_it_has_is_found_by_the_content(site: FolderSite, make_article: MakeArticle) -> None:
    before = site.look_up(7)
    placed = site.publish(make_article(7), remote_id=None)
    there = site.look_up(7)
    site.withdraw(placed.remote_id)

    assert (before, there, site.look_up(7)) == (None, placed, None)
