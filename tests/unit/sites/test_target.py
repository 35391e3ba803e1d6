"""Owns the choice of a target and what the port itself refuses."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.sites import target
from pipeline.sites.port import SiteRefusedError, SiteTarget, SiteUnavailableError
from tests.unit.sites.conftest import MakeArticle


def test_folder_kind_gives_a_folder_site(root: Path, make_article: MakeArticle) -> None:
    site: SiteTarget = target("folder", site_name="x", timezone="UTC", folder=root, base_url="https://example.com")

    assert not site.needs_lookup
    assert site.publish(make_article(), remote_id=None).url == "https://example.com/article-1/"


def test_target_is_imported_when_first_asked_for() -> None:
    code = "import sys, pipeline.sites; sys.exit('jinja2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_error_without_a_message_says_its_docstring() -> None:
    error = SiteUnavailableError(retry_after_seconds=5)

    assert (error.message, error.retry_after_seconds) == (
        "The site cannot be reached just now; it will be tried again.",
        5,
    )


def test_unusable_options_are_refused_with_what_is_allowed(root: Path) -> None:
    with pytest.raises(SiteRefusedError, match="Allowed: names such as Europe/Berlin"):
        target("folder", site_name="x", timezone="Mars/Base", folder=root)
    with pytest.raises(SiteRefusedError, match=r"Allowed: https://example.com"):
        target("folder", site_name="x", timezone="UTC", folder=root, base_url="ftp://example.com")
    with pytest.raises(SiteRefusedError, match="Allowed: folder"):
        target("carrier-pigeon", site_name="x", timezone="UTC", folder=root)


def test_article_without_a_zone_in_its_instant_is_refused(make_article: MakeArticle) -> None:
    with pytest.raises(ValueError, match="aware"):
        make_article(published_at=datetime(2026, 3, 4, 12))  # noqa: DTZ001 - the fault under test
