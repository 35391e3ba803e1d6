"""Owns the proof that normal forms are Python's own, and that no number of marks makes them slow."""

from __future__ import annotations

import sys
from typing import get_args
from unicodedata import combining, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import normal_forms
from pipeline.core.html import is_public_link, read, sanitised
from pipeline.core.normal import display_text, keyword_key, title_key
from pipeline.core.normal_forms import Form, normal_form

FORMS: tuple[Form, ...] = get_args(Form)
#: Each kind there is: of several classes, two in one, such as are told to be none, and such as are letters at times.
MARKS = "\u0301\u0327\u0316\u0345\u0344\u0f73\u0f75\u0f81\u3099\u309a\uff9e\uff9f\u05b0\u0651\u094d\U0001d165\u20dd"
ROWS = st.text(MARKS, min_size=20, max_size=60)
MARKED = st.lists(ROWS | st.text(st.characters(codec=None), max_size=3)).map("".join)
#: The square of these takes Python half a minute each time.
MANY = 60_000
COSTLY = {
    "two kinds": "a" + "\u0301" * MANY + "\u0327" * MANY,
    "by turns": "a" + "\u0301\u0327" * MANY,
    "two in one": "a" + "\u0f73" * MANY,
    "three in two": "a" + "\u0344\u0327" * MANY,
    "half-width": "\u304b" + "\u0301\uff9e" * MANY,
    "on signs": "\U0001f600" * 40 + "\u0301\u0327" * MANY,
}


@pytest.mark.parametrize("form", FORMS)
@given(text=MARKED)
def test_a_normal_form_is_the_one_that_python_makes(form: Form, text: str) -> None:
    assert normal_form(form, text) == normalize(form, text)


@pytest.mark.parametrize(("form", "apart"), [("NFC", "NFD"), ("NFKC", "NFKD")])
def test_python_is_handed_every_mark_in_order(monkeypatch: pytest.MonkeyPatch, form: Form, apart: Form) -> None:
    marks = [sign for sign in map(chr, range(sys.maxunicode + 1)) if combining(normalize(apart, sign)[0])]
    handed: list[str] = []
    monkeypatch.setattr(normal_forms, "normalize", lambda form, text: handed.append(text) or normalize(form, text))

    for mark in marks:
        normal_form(form, "a" + "\u0345" * 31 + mark + "\u0316" * 31)
        classes = [combining(part) for sign in handed[-1] for part in normalize(apart, sign)]
        assert classes == sorted(classes)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY)
def test_marks_made_to_cost_time_cost_none(text: str) -> None:
    for form in FORMS:
        assert not normal_form(form, text).isascii()
    assert display_text(display_text(text)) == display_text(text)
    assert keyword_key(text) == title_key(text)


@pytest.mark.timeout(20)
def test_a_heading_made_to_cost_time_costs_none() -> None:
    heading = "a" + "\u0301" * MANY + "\u0327" * MANY

    body = read(sanitised(f"<h2>{heading}</h2><p>x</p>"))

    assert body.headings == [display_text(heading)]
    assert len(body.headings[0]) == 2 * MANY


@pytest.mark.timeout(20)
@pytest.mark.parametrize("place", ["http://{}@example.com/", "http://{}.example.com/", "http://example.com/{}"])
def test_a_link_made_to_cost_time_costs_none(place: str) -> None:
    link = place.format("a" + "\u0301" * MANY + "\u0327" * MANY)

    assert is_public_link(link) == ("@" not in link)
    assert ("href" in sanitised(f'<p><a href="{link}">x</a></p>')) == (place.startswith("http://example"))
