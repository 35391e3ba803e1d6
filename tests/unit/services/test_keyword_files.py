"""Owns the proof that the exports of every tool, and lists made by hand, are read as what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.services.keyword_files import KeywordRow, RejectedRow, open_keyword_file

PLANNER = (
    "Keyword Stats 2026-06-09 at 21_25_18\n"
    '"May 1, 2025 - April 30, 2026"\n'
    "Keyword\tCurrency\tAvg. monthly searches\tThree month change\tYoY change\tCompetition"
    "\tCompetition (indexed value)\tTop of page bid (low range)\tTop of page bid (high range)\tSearches: May 2025\n"
    "red shoes\tEUR\t5000\t0%\t-90%\tHigh\t100\t0.21\t1.40\t4400\n"
    "blue shoes\tEUR\t1K \u2013 10K\t\t\tLow\t3\t\t\t\n"
    "sch\u00f6ne schuhe\tEUR\t\t\t\t\t\t\t\t\n"
)
SEMRUSH = (
    "Keyword,Intent,Volume,Trend,Keyword Difficulty,CPC (USD),Competitive Density,SERP Features,Number of Results\r\n"
    'red shoes,"Informational, Commercial","1,300","0.2,0.3",45,1.2,0.91,"Images, Reviews",10000\r\n'
    "blue shoes,,,,,,,,\r\n"
)
SEMRUSH_API = (
    "database;Keyword;Search Volume;Keyword Difficulty Index;Intent\nus;red shoes;1300;45.62;0,1\nuk;blue shoes;90;;3\n"
)
AHREFS = (
    "#,Keyword,Country,Difficulty,Volume,CPC,CPS,Parent Keyword,Last Update,SERP Features,Global volume,"
    "Traffic potential,Intents\n"
    '1,red shoes,us,12,1300,0.9,1.1,shoes,2026-06-01,"Sitelinks, Videos",99000,800,"Informational,Non-branded"\n'
)
AHREFS_ROW = KeywordRow(2, "red shoes", 1300, 12, "informational", "US")


def keywords(data: bytes) -> list[str]:
    return [row.text for row in open_keyword_file(data) if isinstance(row, KeywordRow)]


def test_keyword_planner_is_read_below_its_preamble() -> None:
    file = open_keyword_file(PLANNER.encode("utf-16"))

    assert list(file) == [
        KeywordRow(4, "red shoes", 5000, None, None, None),
        KeywordRow(5, "blue shoes", 5000, None, None, None),
        KeywordRow(6, "sch\u00f6ne schuhe", None, None, None, None),
    ]
    assert (file.encoding, file.delimiter) == ("utf-16", "\t")


def test_keyword_planner_competition_is_not_difficulty() -> None:
    assert open_keyword_file(PLANNER.encode("utf-16")).columns == {
        "keyword": "Keyword",
        "volume": "Avg. monthly searches",
    }


def test_volume_range_is_said_in_a_warning() -> None:
    file = open_keyword_file(PLANNER.encode("utf-16"))

    list(file)

    assert any("line 5" in warning and "range" in warning for warning in file.warnings)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig", "utf-32"])
def test_unicode_is_recognised_with_and_without_its_mark(encoding: str) -> None:
    assert keywords(PLANNER.encode(encoding))[2] == "sch\u00f6ne schuhe"


def test_semrush_is_read_with_intents_and_unknown_figures() -> None:
    file = open_keyword_file(SEMRUSH.encode())

    assert list(file) == [
        KeywordRow(2, "red shoes", 1300, 45, "informational, commercial", None),
        KeywordRow(3, "blue shoes", None, None, None, None),
    ]
    assert file.warnings == []


def test_semrush_columns_may_be_switched_off_and_stand_in_any_order() -> None:
    data = b"Volume,CPC (USD),KEYWORD\n10,1.2,red shoes\n"

    assert list(open_keyword_file(data)) == [KeywordRow(2, "red shoes", 10, None, None, None)]


def test_semrush_api_codes_become_intents() -> None:
    assert list(open_keyword_file(SEMRUSH_API.encode())) == [
        KeywordRow(2, "red shoes", 1300, 46, "commercial, informational", "US"),
        KeywordRow(3, "blue shoes", 90, None, "transactional", "UK"),
    ]


@pytest.mark.parametrize("data", [AHREFS.encode(), AHREFS.encode("utf-16")])
def test_ahrefs_volume_is_the_local_one(data: bytes) -> None:
    assert list(open_keyword_file(data)) == [AHREFS_ROW]


def test_ahrefs_global_volume_alone_is_no_volume() -> None:
    file = open_keyword_file(b"#,Keyword,Global volume\n1,red shoes,99000\n")

    assert list(file) == [KeywordRow(2, "red shoes", None, None, None, None)]


def test_search_console_impressions_are_the_volume_with_a_warning() -> None:
    file = open_keyword_file(b"Top queries,Clicks,Impressions,CTR,Position\nred shoes,7,120,5.8%,3.2\n")

    assert list(file) == [KeywordRow(2, "red shoes", 120, None, None, None)]
    assert "Impressions" in file.warnings[0]


def test_search_console_localised() -> None:
    file = open_keyword_file("Häufigste Suchanfragen,Klicks,Impressionen,CTR,Position\nschuhe,7,120,5,3\n".encode())

    assert list(file) == [KeywordRow(2, "schuhe", 120, None, None, None)]


@pytest.mark.parametrize(
    "header",
    [
        "keyword",
        "Keywords",
        "KEY WORDS",
        '"Keyword"',
        "Keyword:",
        "query",
        "Search term",
        "Suchbegriff",
        "mot-clé",
        "Mots clés",
        "Palabra clave",
        "Parola chiave",
        "ключевое слово",
        "キーワード",
        "search_term",
    ],
)
def test_one_column_with_a_known_header(header: str) -> None:
    assert keywords(f"{header}\nred shoes\nblue shoes\n".encode()) == ["red shoes", "blue shoes"]


@pytest.mark.parametrize("first", ["red shoes", "keyword research", "term", "volume", "red, green shoes", "name"])
def test_one_column_without_a_header_loses_nothing(first: str) -> None:
    assert keywords(f"{first}\nblue shoes\n".encode()) == [first, "blue shoes"]


def test_commas_inside_a_list_of_keywords_stay_inside() -> None:
    lines = ["red, green shoes", "blue shoes", "hats, caps, scarves", "shoes, size 42"]

    assert keywords("\n".join(lines).encode()) == lines


def test_commas_inside_a_list_with_a_header_stay_inside() -> None:
    assert keywords(b"Keyword\nred, green shoes\nblue, white shoes\n") == ["red, green shoes", "blue, white shoes"]


def test_columns_without_a_header_are_told_by_their_values() -> None:
    file = open_keyword_file(b"red shoes,1300,informational\nblue shoes,90,commercial\n")

    assert next(iter(file)) == KeywordRow(1, "red shoes", 1300, None, "informational", None)
    assert file.columns == {"keyword": "column 1", "volume": "column 2", "intent": "column 3"}
    assert any("column 2 was taken as the volume" in warning for warning in file.warnings)


def test_row_numbers_are_no_volume() -> None:
    assert next(iter(open_keyword_file(b"1;red\n2;blue\n3;green\n"))) == KeywordRow(1, "red", None, None, None, None)


def test_header_in_an_unknown_language_is_told_by_the_figures_below_it() -> None:
    file = open_keyword_file(b"Lausend;Maht\nkingad;10\nsaapad;20\nmytsid;30\n")

    assert [row.line for row in file] == [2, 3, 4]
    assert "column 1 was taken" in file.warnings[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_is_found(delimiter: str) -> None:
    text = "Country,Keyword,Volume\nus,red shoes,10\n".replace(",", delimiter)

    file = open_keyword_file(text.encode())

    assert (file.delimiter, list(file)) == (delimiter, [KeywordRow(2, "red shoes", 10, None, None, "US")])


def test_delimiter_may_be_declared_as_spreadsheets_do() -> None:
    assert list(open_keyword_file(b"sep=;\r\nred, green;10\r\n")) == [KeywordRow(2, "red, green", 10, None, None, None)]


def test_decimal_commas_do_not_hide_the_semicolons() -> None:
    file = open_keyword_file(b"red shoes;1.300;0,5\nblue shoes;90;1,2\n")

    assert [(row.text, row.volume) for row in file if isinstance(row, KeywordRow)] == [
        ("red shoes", 1300),
        ("blue shoes", 90),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_editors_do(end: str) -> None:
    text = end.join(["\ufeffKeyword,Volume", '"red', 'shoes",1', "", " , ", "!!!,2", "hat,3"])

    assert list(open_keyword_file(text.encode())) == [
        KeywordRow(2, "red shoes", 1, None, None, None),
        RejectedRow(6, "The keyword has no letter or digit."),
        KeywordRow(7, "hat", 3, None, None, None),
    ]


def test_blank_lines_above_everything_are_counted() -> None:
    assert list(open_keyword_file(b"\n" * 500 + b"Keyword;Volume\nhat;3\n")) == [
        KeywordRow(502, "hat", 3, None, None, None)
    ]


def test_header_that_comes_again_is_no_keyword() -> None:
    assert keywords(b"Keyword,Volume\nred,1\nKeyword,Volume\nblue,2\n") == ["red", "blue"]


def test_decomposed_accents_are_composed() -> None:
    assert keywords("cafe\u0301\n".encode()) == ["caf\u00e9"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "café\nnaïve thé\n“red” – shoes"),
        ("cp1252", "Keyword;Volume\nSchuhe für Männer;10\nGrößen;20"),
        ("cp1250", "żółte buty\nśnieg damskie łódź"),
        ("cp1251", "красные кроссовки\nкупить обувь"),
        ("cp932", "赤い靴\nランニングシューズ"),
        ("mac_roman", "Schuhe für Männer\nGrößen"),
    ],
)
def test_legacy_encodings_are_guessed_and_said(encoding: str, text: str) -> None:
    file = open_keyword_file(text.encode(encoding))

    assert (file.encoding, "UTF-8" in file.warnings[0]) == (encoding, True)


def test_damaged_utf8_costs_only_the_damaged_lines() -> None:
    file = open_keyword_file("café\nthé".encode() + b"\nna\xc3ve\nhat\n")

    assert [isinstance(row, KeywordRow) for row in file] == [True, True, False, True]


def test_file_is_opened_by_its_path_and_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(SEMRUSH_API.encode())

    file = open_keyword_file(path)

    assert list(file) == list(file)
