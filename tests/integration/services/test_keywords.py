from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import func, select

from pipeline.core.errors import InvalidValueError, RefusedFileError
from pipeline.core.states import KeywordStatus
from pipeline.db.session import Database
from pipeline.models import Keyword, Site
from pipeline.services import keywords, sites
from pipeline.services.keyword_files import open_keyword_file

FILE = b"""Keyword,Volume,Difficulty
standing desk,"12,100",45
Standing  Desk,5,
desk lamp,880,
<b>bold</b>,10,1
monitor arm,1.3K,30
"""


def test_a_file_is_imported_with_its_figures(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        report = keywords.import_keywords(session, site, open_keyword_file(FILE), now=now)

    assert (report.read, report.imported, report.duplicates) == (5, 3, 1)
    assert [line for line, _ in report.rejected] == [5]
    with database.reading() as session:
        rows = keywords.list_keywords(session, site=site).items
    assert [(row.text, row.volume, row.difficulty) for row in rows] == [
        ("standing desk", 12_100, 45),
        ("desk lamp", 880, None),
        ("monitor arm", 1_300, 30),
    ]
    assert {row.status for row in rows} == {KeywordStatus.NEW}


def test_importing_a_file_again_imports_nothing(database: Database, site: Site, now: datetime) -> None:
    for _ in range(2):
        with database.transaction() as session:
            report = keywords.import_keywords(session, site, open_keyword_file(FILE), now=now)

    assert (report.imported, report.duplicates) == (0, 4)


def test_two_sites_may_have_the_same_keyword(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        other = sites.add_site(session, account_id=site.account_id, name="Other", timezone="UTC", now=now)
        keywords.add(session, site, ["desk"], now=now)
        report = keywords.add(session, other, ["desk"], now=now)

    assert report.imported == 1


def test_more_than_one_chunk_is_counted_exactly(database: Database, site: Site, now: datetime) -> None:
    rows = [f"phrase {number}" for number in range(4_500)]
    data = "\n".join([*rows, *(row.upper() for row in rows)]).encode()
    with database.transaction() as session:
        keywords.add(session, site, rows[:100], now=now)

    with database.transaction() as session:
        report = keywords.import_keywords(session, site, open_keyword_file(data), now=now)

    assert (report.read, report.imported, report.duplicates) == (9_000, 4_400, 4_600)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Keyword)) == 4_500
        assert keywords.count_by_status(session, site=site)[KeywordStatus.NEW] == 4_500


def test_a_broken_import_leaves_nothing(database: Database, site: Site, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        _ = keywords.import_keywords(session, site, open_keyword_file(FILE), now=now).imported / 0

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Keyword)) == 0


def test_a_volume_beyond_32_bits_is_kept(database: Database, site: Site, now: datetime) -> None:
    file = open_keyword_file(b"Keyword,Volume\nweather,90000000000\n")

    with database.transaction() as session:
        keywords.import_keywords(session, site, file, now=now)

    with database.reading() as session:
        assert session.scalars(select(Keyword.volume)).all() == [90_000_000_000]


def test_a_file_whose_only_rows_unfold_too_far_is_refused(database: Database, site: Site, now: datetime) -> None:
    file = open_keyword_file(("\ufdfa" * 100).encode())

    with pytest.raises(RefusedFileError, match="no usable keyword"), database.transaction() as session:
        keywords.import_keywords(session, site, file, now=now)


def test_keywords_added_by_hand_are_joined_like_imported_ones(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        report = keywords.add(session, site, ["  Desk  lamp ", "desk lamp", "chair"], now=now)

    assert (report.read, report.imported, report.duplicates) == (3, 2, 1)
    with database.reading() as session:
        assert [row.text for row in keywords.list_keywords(session, site=site).items] == ["Desk lamp", "chair"]


@pytest.mark.parametrize("text", ["", " \u200b ", "x" * 201, "\ufdfa" * 100])
def test_an_unusable_keyword_is_refused_and_none_is_added(
    database: Database, site: Site, now: datetime, text: str
) -> None:
    with pytest.raises(InvalidValueError), database.transaction() as session:
        keywords.add(session, site, ["desk", text], now=now)

    with database.reading() as session:
        assert not keywords.list_keywords(session, site=site).items


def test_keywords_are_listed_page_by_page_and_by_status(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        keywords.add(session, site, ["one", "two", "three"], now=now)

    with database.reading() as session:
        first = keywords.list_keywords(session, site=site, limit=2).items
        rest = keywords.list_keywords(session, site=site, after_id=first[-1].id, limit=2).items
        assert [row.text for row in (*first, *rest)] == ["one", "two", "three"]
        assert not keywords.list_keywords(session, site=site, status=KeywordStatus.CLUSTERED).items
