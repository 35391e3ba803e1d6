"""Every fault that the validator knows is told in sentences of ours."""

from __future__ import annotations

import re
from datetime import date

import pytest
from pydantic_core._pydantic_core import list_all_errors

from pipeline.core.shapes import refusal

_ALL = {found["type"]: found for found in list_all_errors()}
#: What programmers are told.
_OF_VALIDATORS = re.compile(r"Input|Extra inputs|String should|Field required|should (be|have|match)|valid \w+|\{|\}")


@pytest.mark.parametrize("kind", sorted(_ALL))
def test_every_kind_of_fault_has_a_problem_and_a_remedy(kind: str) -> None:
    told = refusal(kind, _ALL[kind].get("example_context") or {})

    for sentence in (told.problem, told.remedy):
        assert sentence.endswith(".")
        assert not _OF_VALIDATORS.search(sentence)


@pytest.mark.parametrize(
    ("kind", "limits", "told"),
    [
        ("int_parsing", {}, "this is no whole number. Use a whole number, such as 7."),
        ("greater_than_equal", {"ge": 1}, "it is too small. Use 1 or more."),
        ("less_than_equal", {"le": 100_000}, "it is too large. Use 100,000 or less."),
        ("greater_than_equal", {"ge": date(1970, 1, 1)}, "it is too early. Use 1970-01-01 or later."),
        ("less_than", {"lt": 0.5}, "it is too large. Use less than 0.5."),
        ("enum", {"expected": "'keep' or 'delete'"}, "this is not among what is allowed. Use 'keep' or 'delete'."),
        ("string_too_short", {"min_length": 1}, "it is empty. Fill it in."),
        ("string_too_short", {"min_length": 2}, "it is too short. Use 2 characters or more."),
        ("too_long", {"max_length": 96}, "it has too many entries. Use 96 or fewer."),
        ("missing", {}, "it is missing. Add it."),
        ("new", {}, "this value is not allowed. Look up what is, in the description of the operation."),
    ],
)
def test_the_limits_stand_in_the_sentence(kind: str, limits: dict[str, object], told: str) -> None:
    assert str(refusal(kind, limits)) == told
