"""Owns the proof that a bad row costs itself alone, and that figures are read as people write them."""

from __future__ import annotations

import pytest

from pipeline.services.keyword_files import KeywordRow, RejectedRow, open_keyword_file


def first_row(row: str, header: str = "Keyword;Volume;KD") -> KeywordRow | RejectedRow:
    return next(iter(open_keyword_file(f"{header}\n{row}\nlast;1;1\n".encode())))


@pytest.mark.parametrize(
    ("cell", "volume"),
    [
        *[("0", 0), ("10", 10), ("1,300", 1300), ("1.300", 1300), ("1 300", 1300), ("1'300", 1300), ("1’300", 1300)],
        *[("1\u00a0300", 1300), ("1\u202f300", 1300), ("1.234.567", 1234567), ("1,00,000", 100000), ("1.300,5", 1301)],
        *[("1,300.00", 1300), ("1000.0", 1000), ("12,5", 13), ("1.3K", 1300), ("1,3k", 1300), ("2M", 2000000)],
        *[("1 Tsd.", 1000), ("1E+05", 100000), ("~500", 500), ("１２", 12), ("1K – 10K", 5000), ("10 - 100", 50)],
        *[("100 to 300", 200), ("<10", 5), ("1000+", 1000), ("> 1M", 1000000), ("100 Tsd. – 1 Mio.", 500000)],
    ],
)
def test_volume_is_read_as_people_write_it(cell: str, volume: int) -> None:
    assert first_row(f"hat;{cell};") == KeywordRow(2, "hat", volume, None, None, None)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        *[("'=1 hat", "=1 hat"), ("'@hat", "@hat"), ("'\uff0bhat", "\uff0bhat"), ("''=1 hat", "'=1 hat")],
        *[("'t hof", "'t hof"), ("''t hof", "''t hof")],
    ],
)
def test_the_apostrophe_of_exports_before_a_formula_is_no_part_of_the_keyword(cell: str, text: str) -> None:
    assert first_row(f"{cell};1;") == KeywordRow(2, text, 1, None, None, None)


@pytest.mark.parametrize("cell", ["", "-", "–", "n/a", "N/A", "null", "(not set)"])
def test_missing_figures_are_unknown_and_need_no_warning(cell: str) -> None:
    file = open_keyword_file(f"Keyword;Volume;KD\nhat;{cell};{cell}\n".encode())

    assert list(file) == [KeywordRow(2, "hat", None, None, None, None)]
    assert file.warnings == []


@pytest.mark.parametrize(
    "cell", ["-5", "many", "1 2 3", "9" * 30, "9" * 9999, "1e99", "10K – 1K", "NaN%", "0x10", "1_0"]
)
def test_unusable_volume_keeps_the_keyword_and_is_counted(cell: str) -> None:
    file = open_keyword_file(f"Keyword;Volume\nhat;{cell}\ncap;{cell}\n".encode())

    assert [row[:3] for row in file] == [(2, "hat", None), (3, "cap", None)]
    assert len(file.warnings) == 1
    assert file.warnings[0].startswith("2 rows (first on line 2:")


@pytest.mark.parametrize(
    ("cell", "difficulty"),
    [
        ("0", 0),
        ("45", 45),
        ("45.5", 46),
        ("45,4", 45),
        ("45%", 45),
        ("45/100", 45),
        ("100", 100),
        ("", None),
        ("101", None),
        ("-1", None),
        ("hard", None),
    ],
)
def test_difficulty_is_a_figure_up_to_100_or_unknown(cell: str, difficulty: int | None) -> None:
    assert first_row(f"hat;1;{cell}") == KeywordRow(2, "hat", 1, difficulty, None, None)


@pytest.mark.parametrize(
    ("keyword", "reason"),
    [
        ("", "is empty"),
        (" \u200b ", "is empty"),
        ("x" * 201, "at most 200 characters"),
        ("?!", "no letter or digit"),
        ("🙂", "no letter or digit"),
        ("red\x00shoes", "control characters"),
        ("red\x1b[31m", "control characters"),
        ("red\ufffd", "cannot be read"),
        ("<script>alert(1)</script>", "markup"),
        ("hat <img src=x onerror=y", "markup"),
        ("<b>hat</b>", "markup"),
        ("https://example.com/hat", "web address"),
    ],
)
def test_unusable_keyword_is_rejected_with_its_line_and_reason(keyword: str, reason: str) -> None:
    row = first_row(f"{keyword};10;20")

    assert isinstance(row, RejectedRow)
    assert (row.line, reason in row.reason) == (2, True)


@pytest.mark.parametrize(
    "keyword",
    [
        "=SUM(A1:A9)",
        "+49 vorwahl",
        "-free shoes",
        "@handle",
        "a < b",
        "5 < 6 > 4",
        "x" * 200,
        "c++",
        "[exact match]",
        "42",
        "hat 🙂",
        'tv 55"',
        "خرید کفش",
    ],
)
def test_keyword_that_only_looks_odd_is_kept_as_it_is(keyword: str) -> None:
    assert first_row(f"{keyword};10;20") == KeywordRow(2, keyword, 10, 20, None, None)


@pytest.mark.parametrize(
    ("cell", "intent"),
    [
        ("I", "informational"),
        ("N, T", "navigational, transactional"),
        ("2", "navigational"),
        ("Informational", "informational"),
        ("Branded,Commercial,Local", "commercial"),
        ("1,1", "informational"),
        ("", None),
        ("why not", None),
    ],
)
def test_intent_is_one_or_more_of_four_words(cell: str, intent: str | None) -> None:
    row = first_row(f"hat;{cell}", header="Keyword;Intent")

    assert row == KeywordRow(2, "hat", None, None, intent, None)


def test_unknown_intent_is_said_once() -> None:
    file = open_keyword_file(b"Keyword;Intent\nhat;why not\ncap;because\n")

    list(file)

    assert [warning.split(" (")[0] for warning in file.warnings] == ["2 rows"]


def test_warnings_are_those_of_the_latest_reading() -> None:
    file = open_keyword_file(b"Keyword;Volume\nhat;many\n")

    list(file)
    list(file)

    assert file.warnings[0].startswith("1 row ")


def test_comma_in_an_unquoted_keyword_is_mended_where_the_figures_show_it() -> None:
    file = open_keyword_file(b"Keyword,Volume,KD\nred, green shoes,100,45\nhat,1,2\n")

    assert next(iter(file)) == KeywordRow(2, "red, green shoes", 100, 45, None, None)
    assert "more cells than columns" in file.warnings[0]


def test_surplus_cells_are_tolerated() -> None:
    assert first_row("hat;10;20;note;;") == KeywordRow(2, "hat", 10, 20, None, None)


def test_short_rows_are_tolerated() -> None:
    assert first_row("hat") == KeywordRow(2, "hat", None, None, None, None)


def test_quoted_delimiters_and_doubled_quotes_are_data() -> None:
    row = first_row('"red; ""big"" hat";"1;300";5')

    assert row == KeywordRow(2, 'red; "big" hat', None, 5, None, None)


@pytest.mark.parametrize("rows", [0, 5, 500])
def test_unclosed_quote_costs_no_line_after_it(rows: int) -> None:
    below = "".join(f"hat {number};{number};\n" for number in range(rows))
    file = open_keyword_file(f'Keyword;Volume;KD\n"open;7;\n{below}'.encode())

    assert [row[:3] for row in file] == [(2, "open", 7), *((3 + at, f"hat {at}", at) for at in range(rows))]
    assert "not closed" in file.warnings[-1]


def test_two_stray_quotes_swallow_no_rows_between_them() -> None:
    file = open_keyword_file(b'Keyword;Volume\n"red;1\nblue;2\ngreen";3\nhat;4\n')

    assert [(row[0], *row[2:3]) for row in file] == [(2, 1), (3, 2), (4, 3), (5, 4)]


def test_quotes_around_a_part_of_a_keyword_are_kept() -> None:
    assert first_row('"12 inch" pipe;10;20') == KeywordRow(2, '"12 inch" pipe', 10, 20, None, None)


@pytest.mark.timeout(5)
def test_a_row_of_marks_is_refused_like_any_other_that_is_too_long() -> None:
    row = first_row("a" + "\u0301" * 32_000 + "\u0327" * 32_000 + ";1;")

    assert isinstance(row, RejectedRow)
    assert "at most 200 characters" in row.reason
