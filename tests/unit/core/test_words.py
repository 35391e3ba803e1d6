from __future__ import annotations

import pytest

from pipeline.core.words import count_words, counted, cut, nearest_by_words, one_line, stand_in


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("— … !", 0),
        ("It's a well-known fact, isn't it?", 6),
        ("and/or this—that", 4),
        ("我喜欢园艺", 5),
        ("हिन्दी में लेख", 3),
        ("สวัสดีครับ", 2),
        ("C++ и Go", 3),
    ],
)
def test_words_are_counted_in_any_script(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0 days"), (1, "1 day"), (2, "2 days"), (1_200, "1,200 days"), (1.0, "1 day"), (10.5, "10.5 days")],
)
def test_a_number_stands_with_its_noun(number: float, told: str) -> None:
    assert counted(number, "day") == told


def test_a_text_is_cut_between_two_words() -> None:
    assert cut("Choose a spade, then dig", 16) == "Choose a spade"


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    assert cut("x" * 50, 16) == "x" * 16


def test_a_line_holds_nothing_invisible_and_no_break() -> None:
    assert one_line(" A\x00 gar\u200bden\n\u202espade ", 100) == "A garden spade"


def test_a_line_of_nothing_visible_is_empty() -> None:
    assert one_line("\u200b\u2060\ufeff \x00", 100) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Lorem  ipsum dolor",
        "Buy it at [insert shop name] today",
        "Call [Your Company]",
        "Some text.\nTODO write this",
        "TODO: prices",
        "It costs (TODO)",
        "It costs TODO",
        "[TBD]",
    ],
)
def test_a_stand_in_is_found(text: str) -> None:
    assert stand_in(text)


@pytest.mark.parametrize(
    "text",
    ["Todo sobre el jardín", "The best TODO apps compared", "TODO LO QUE DEBES SABER", "An array [1] of insert sorts"],
)
def test_an_honest_text_has_no_stand_in(text: str) -> None:
    assert stand_in(text) is None


@pytest.mark.timeout(5)
def test_white_space_made_to_cost_time_costs_none() -> None:
    assert stand_in("\n " * 200_000 + "x") is None


def test_texts_that_share_words_are_nearest_whatever_their_endings() -> None:
    texts = ["Kitchen knives", "Garden tools", "Gardens", "Running shoes"]

    assert nearest_by_words(texts, ["garden tool shed", "small gardens"], limit=2) == [1, 2]


def test_texts_without_spaces_are_near_by_their_characters() -> None:
    assert nearest_by_words(["汽车保险", "园艺工具"], ["园艺入门"], limit=1) == [1]


def test_where_none_is_near_the_first_ones_are_given() -> None:
    assert nearest_by_words(["one", "two", "three"], [], limit=2) == [0, 1]
