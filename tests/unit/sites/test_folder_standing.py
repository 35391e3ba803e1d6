"""What a folder site says of itself when it is looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.sites.folder import FolderSite
from pipeline.sites.folder.disk import STATE
from pipeline.sites.folder.records import Record, Records
from pipeline.sites.port import SiteRefusedError, Standing
from tests.unit.sites.conftest import MakeArticle


def test_a_page_stands_as_it_was_published(site: FolderSite, make_article: MakeArticle) -> None:
    placed = site.publish(make_article(), remote_id=None)
    site.publish(make_article(2), remote_id=None)
    site.publish(make_article(body_html="<p>Better words.</p>"), remote_id=placed.remote_id)

    assert site.standing(placed.remote_id) is Standing.HERE


def test_a_changed_page_is_edited(site: FolderSite, root: Path, make_article: MakeArticle) -> None:
    placed = site.publish(make_article(), remote_id=None)
    page = root / "article-1" / "index.html"
    page.write_text(page.read_text().replace("First words", "My words"))

    assert site.standing(placed.remote_id) is Standing.EDITED


@pytest.mark.parametrize("remote_id", ["content-1", "content-2", "no name of ours"])
def test_a_page_that_is_not_there_is_deleted(
    site: FolderSite, root: Path, make_article: MakeArticle, remote_id: str
) -> None:
    site.publish(make_article(), remote_id=None)
    (root / "article-1" / "index.html").unlink()

    assert site.standing(remote_id) is Standing.DELETED


def test_a_page_that_shows_another_content_is_deleted(site: FolderSite, root: Path, make_article: MakeArticle) -> None:
    placed = site.publish(make_article(), remote_id=None)
    site.publish(make_article(2), remote_id=None)
    (root / "article-1" / "index.html").write_bytes((root / "article-2" / "index.html").read_bytes())

    assert site.standing(placed.remote_id) is Standing.DELETED


def test_a_page_from_before_its_hash_was_kept_counts_as_published(
    site: FolderSite, root: Path, make_article: MakeArticle
) -> None:
    placed = site.publish(make_article(), remote_id=None)
    record = root / STATE / "articles" / "1.json"
    values = json.loads(record.read_text())
    del values["page_sha256"]
    record.write_text(json.dumps(values))
    (root / "article-1" / "index.html").write_text('<meta name="content-id" content="1">')

    assert site.standing(placed.remote_id) is Standing.HERE


def test_a_folder_that_was_not_made_yet_is_not_made_by_looking(site: FolderSite, root: Path) -> None:
    site.check()

    assert not root.exists()


def test_looking_leaves_nothing_behind(site: FolderSite, root: Path, make_article: MakeArticle) -> None:
    site.publish(make_article(), remote_id=None)
    before = sorted(root.rglob("*"))

    site.check()

    assert sorted(root.rglob("*")) == before


def test_a_folder_whose_place_is_taken_by_a_file_is_refused(site: FolderSite, root: Path) -> None:
    root.write_text("a file")

    with pytest.raises(SiteRefusedError, match="cannot be used: Not a directory"):
        site.check()


def test_a_page_that_somebody_edited_is_not_written_over(
    site: FolderSite, root: Path, make_article: MakeArticle
) -> None:
    placed = site.publish(make_article(), remote_id=None)
    page = root / "article-1" / "index.html"
    edited = page.read_text().replace("First words", "My words")
    page.write_text(edited)

    for article in (make_article(body_html="<p>Ours.</p>"), make_article(slug="elsewhere")):
        with pytest.raises(
            SiteRefusedError, match=r"Somebody edited .*igny8 content withdraw 1, then publish it again"
        ):
            site.publish(article, remote_id=placed.remote_id)
    assert page.read_text() == edited
    assert not (root / "elsewhere").exists()

    # The way out that people are told.
    site.withdraw(placed.remote_id)
    site.publish(make_article(body_html="<p>Ours.</p>"), remote_id=None)
    assert "Ours." in page.read_text()


def test_an_update_that_was_cut_short_behind_its_page_is_no_edit_of_somebody(
    site: FolderSite, root: Path, make_article: MakeArticle, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = site.publish(make_article(), remote_id=None)
    monkeypatch.setattr(Records, "save", _saves_once(Records.save))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            site.publish(make_article(body_html="<p>Better.</p>"), remote_id=placed.remote_id)
    assert "Better." in (root / "article-1" / "index.html").read_text()
    monkeypatch.undo()

    assert site.standing(placed.remote_id) is Standing.HERE
    site.publish(make_article(body_html="<p>Better.</p>"), remote_id=placed.remote_id)
    assert site.standing(placed.remote_id) is Standing.HERE


def _saves_once(save: Callable[[Records, Record], None]) -> Callable[[Records, Record], None]:
    """What says that the page is about to be written is saved; what says that it was is not."""

    def saved(records: Records, record: Record) -> None:
        if not record.coming_sha256:
            raise KeyboardInterrupt
        save(records, record)

    return saved
