"""Owns the folder site's promises under kills, concurrent writers and a disk that refuses."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from pipeline.sites.folder import FolderSite, disk
from pipeline.sites.folder.disk import Disk
from pipeline.sites.port import SiteRefusedError, SiteUnavailableError
from tests.support.pages import Page, pages, tree
from tests.unit.sites.conftest import MakeArticle, MakePicture

REPOSITORY = Path(__file__).parents[3]

WRITER = """
import os, signal, sys
from datetime import datetime, timezone
from pathlib import Path
from pipeline.sites.folder import FolderSite
from pipeline.sites.folder.disk import Disk
from pipeline.sites.port import Article

root, first, last, kill_at = Path(sys.argv[1]), *map(int, sys.argv[2:])
left = kill_at

class DeadlyDisk(Disk):
    def _reveal(self, draft, path):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._reveal(draft, path)

site = FolderSite(root, site_name="Still Water", timezone="Europe/Berlin")
site._disk = DeadlyDisk(site._root)
for number in range(first, last):
    site.publish(Article(
        content_id=number, title=f"Article {number}", slug=f"article-{number}", meta_title="", meta_description="",
        excerpt="", body_html="<p>x</p>", tags=("Canoes", f"Tag {number % 3}"), pictures=(),
        published_at=datetime(2026, 3, 4, 12, number, tzinfo=timezone.utc),
    ), remote_id=None)
"""


class Crash(BaseException):
    """A kill, as far as one process can tell."""


class CrashingDisk(Disk):
    """Dies before the change with the given number; what was drafted stays behind as after a kill."""

    def __init__(self, root: Path, *, crash_at: int) -> None:
        super().__init__(root)
        self._left = crash_at

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Crash

    def _reveal(self, draft: Path, path: Path) -> None:
        self._step()
        super()._reveal(draft, path)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)

    def remove_folder(self, path: Path) -> None:
        self._step()
        super().remove_folder(path)


def crashes(site: FolderSite, act: Callable[[], object]) -> Iterator[int]:
    """Run `act` again and again, crashing one step later each time, until it comes through."""
    whole = site._disk
    for step in count(1):
        site._disk = CrashingDisk(whole.root, crash_at=step)
        try:
            act()
        except Crash:
            site._disk = whole
            yield step
        else:
            site._disk = whole
            return


def assert_whole(root: Path) -> None:
    """No page is half-written, and no list leads to something that is not there."""
    for page in pages(root):
        assert page.source.endswith("</html>\n")
    for path in (root / "index.html", *(root / "archive").glob("*.html")):
        assert not path.exists() or Page(path).dead_links() == []


def write_articles(root: Path, first: int, last: int, *, kill_at: int = 0) -> subprocess.Popen[bytes]:
    arguments = [str(value) for value in (root, first, last, kill_at)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], cwd=REPOSITORY)


def test_crash_at_any_step_of_a_first_publish_leaves_a_whole_site_and_a_retry_finishes_it(
    site: FolderSite, root: Path, tmp_path: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    article = make_article(2, pictures=(make_picture(), make_picture("Hull & length", colour="red")))
    calm = FolderSite(tmp_path / "calm", site_name="Still Water", timezone="Europe/Berlin")
    for target in (calm, site):
        target.publish(make_article(1), remote_id=None)
    calm.publish(article, remote_id=None)

    crashed_at = []
    for step in crashes(site, lambda: site.publish(article, remote_id=None)):
        crashed_at.append(step)
        assert_whole(root)
        site.withdraw("content-1")  # another writer comes by: it must neither lose nor invent an entry
        assert_whole(root)
        site.publish(make_article(1), remote_id=None)
        assert_whole(root)
        site.publish(article, remote_id=None)
        assert tree(root) == tree(tmp_path / "calm")
        site.withdraw("content-2")

    assert len(crashed_at) >= 8
    assert tree(root) == tree(tmp_path / "calm")


def test_crash_at_any_step_of_a_move_with_other_pictures_is_finished_by_a_retry(
    site: FolderSite, root: Path, tmp_path: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    old = make_article(slug="old", tags=("Old",), pictures=(make_picture(file_name="old.png"),))
    new = make_article(slug="new", tags=("New",), pictures=(make_picture(colour="red", file_name="new.png"),))
    FolderSite(tmp_path / "calm", site_name="Still Water", timezone="Europe/Berlin").publish(new, remote_id=None)
    site.publish(old, remote_id=None)

    for _ in crashes(site, lambda: site.publish(new, remote_id="content-1")):
        assert_whole(root)
        site.publish(make_article(2), remote_id=None)
        assert_whole(root)
        assert "Article 1" in Page(root / "index.html").text
        site.withdraw("content-2")
        site.publish(new, remote_id="content-1")
        assert tree(root) == tree(tmp_path / "calm")
        site.publish(old, remote_id="content-1")

    assert tree(root) == tree(tmp_path / "calm")


def test_crash_at_any_step_of_a_withdrawal_is_finished_by_a_retry(
    site: FolderSite, root: Path, make_article: MakeArticle, make_picture: MakePicture
) -> None:
    site.publish(make_article(1), remote_id=None)
    alone = tree(root)
    article = make_article(2, pictures=(make_picture(),))
    site.publish(article, remote_id=None)

    for _ in crashes(site, lambda: site.withdraw("content-2")):
        assert_whole(root)
        site.withdraw("content-2")
        assert tree(root) == alone
        site.publish(article, remote_id=None)

    assert tree(root) == alone


@pytest.mark.parametrize("kill_at", [1, 2, 3, 5, 7, 9, 11])
def test_killed_process_leaves_nothing_half_written_and_the_next_one_cleans_up(root: Path, kill_at: int) -> None:
    assert write_articles(root, 1, 4, kill_at=kill_at).wait() == -signal.SIGKILL
    assert_whole(root)

    assert write_articles(root, 1, 4).wait() == 0

    assert list((root / ".igny8/drafts").iterdir()) == []
    assert [Page(root / "index.html").text.count(f"Article {number}\n") for number in (1, 2, 3)] == [1, 1, 1]


def test_two_processes_publishing_at_once_lose_no_entry(root: Path) -> None:
    writers = [write_articles(root, 1, 13), write_articles(root, 13, 25)]
    assert [writer.wait() for writer in writers] == [0, 0]

    for name in ("index.html", "feed.xml", "sitemap.xml", "tags/canoes.html"):
        text = (root / name).read_text()
        assert [number for number in range(1, 25) if f"article-{number}/" not in text] == []
    assert_whole(root)


def test_busy_folder_is_reported_as_unavailable_with_when_to_come_back(
    site: FolderSite, root: Path, make_article: MakeArticle, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish(make_article(), remote_id=None)
    monkeypatch.setattr(disk, "LOCK_WAIT_SECONDS", 0.0)

    with (root / ".igny8/lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(SiteUnavailableError, match="Another process") as caught:
            site.publish(make_article(2), remote_id=None)

    assert caught.value.retry_after_seconds == 60
    site.publish(make_article(2), remote_id=None)


def test_root_that_is_a_file_is_refused_with_what_to_do(root: Path, make_article: MakeArticle) -> None:
    root.write_text("not a folder")
    site = FolderSite(root, site_name="x", timezone="UTC")

    with pytest.raises(SiteRefusedError, match="Check its permissions"):
        site.publish(make_article(), remote_id=None)


def test_broken_record_names_its_file_and_what_to_do(site: FolderSite, root: Path, make_article: MakeArticle) -> None:
    site.publish(make_article(), remote_id=None)
    record = root / ".igny8/articles/1.json"
    record.write_text("{")

    with pytest.raises(SiteRefusedError, match="Delete it and publish content 1 again"):
        site.publish(make_article(2), remote_id=None)

    record.unlink()
    assert site.publish(make_article(1), remote_id=None).url.endswith("/article-1/index.html")


def test_files_are_readable_by_a_web_server(site: FolderSite, root: Path, make_article: MakeArticle) -> None:
    before = os.umask(0o022)
    try:
        site.publish(make_article(), remote_id=None)
    finally:
        os.umask(before)

    assert (root / "index.html").stat().st_mode & 0o777 == 0o644
