"""Owns the proof that keys and stored texts are what their docstrings say."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.normal import display_text, keyword_key, title_key

ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Red Shoes", "red shoes"),
        ("red  \t shoes ", "red shoes"),
        ("red\u00a0shoes", "red shoes"),
        ("cafe\u0301", "caf\u00e9"),
        ("\uff52\uff45\uff44", "red"),
        ("men\u2019s", "men's"),
        ("men\u00b4s", "men's"),
        ("\u201cred\u201d shoes", '"red" shoes'),
        ("\u201ered\u201c", "\u00abred\u00bb"),
        ("STRASSE", "stra\u00dfe"),
        ("\ufb01sh", "fish"),
        ("red\u200b shoes\ufeff", "red shoes"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645"),
    ],
)
def test_spellings_of_one_keyword_share_a_key(one: str, other: str) -> None:
    assert keyword_key(one) == keyword_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("c", "c++"), ("resume", "r\u00e9sum\u00e9"), ("t-shirt", "t shirt"), ("10 km", "1 0km")]
)
def test_different_keywords_have_different_keys(one: str, other: str) -> None:
    assert keyword_key(one) != keyword_key(other)


def test_stored_text_is_composed_and_has_single_blanks() -> None:
    assert display_text(" cafe\u0301 \r\n de\u00a0 Paris ") == "caf\u00e9 de Paris"


@pytest.mark.parametrize("hidden", ["\x00", "\x1b", "\x7f", "\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\ud800"])
def test_stored_text_has_nothing_invisible(hidden: str) -> None:
    assert display_text(f"red{hidden} sho{hidden}es") == "red shoes"


def test_stored_text_keeps_joiners_that_spell_words_and_emoji() -> None:
    persian, emoji = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f469\u200d\U0001f52c"

    assert display_text(f"{persian} {emoji}") == f"{persian} {emoji}"
    assert display_text("re\u200dd") == "red"


def test_stored_text_keeps_case_quotes_and_punctuation() -> None:
    assert display_text("Men\u2019s T-Shirt \u2013 50% off!") == "Men\u2019s T-Shirt \u2013 50% off!"


def test_titles_that_differ_by_punctuation_share_a_key() -> None:
    assert title_key("10 Best Shoes: a Guide!") == title_key("\u201c10 best shoes\u201d \u2013 A guide")


def test_titles_that_differ_by_a_meaningful_sign_do_not() -> None:
    assert len({title_key("Learn C"), title_key("Learn C++"), title_key("Learn C#")}) == 3


def test_title_of_punctuation_alone_has_a_key() -> None:
    assert title_key("?!") == "?!"


@given(ANY_TEXT)
def test_normal_forms_are_stable(text: str) -> None:
    for normal in (display_text, keyword_key, title_key):
        assert normal(normal(text)) == normal(text)


@given(ANY_TEXT)
def test_stored_text_can_be_stored_everywhere(text: str) -> None:
    stored = display_text(text)

    assert unicodedata.is_normalized("NFC", stored)
    assert not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in stored)
    assert stored.encode().decode() == stored


@given(ANY_TEXT)
def test_cleaning_a_keyword_does_not_change_its_key(text: str) -> None:
    assert keyword_key(display_text(text)) == keyword_key(text)
