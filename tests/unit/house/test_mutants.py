"""Mutants go stale when the code they break changes: each still applies, and names a test that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.mutants import Mutant, mutants
from tests.support.documents import rows, sections
from tests.support.sources import ROOT


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_a_mutant_still_applies_and_names_its_test(mutant: Mutant) -> None:
    file, _, test = mutant.caught_by.partition("::")

    assert mutant.applies_to(ROOT) is None
    assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text("utf-8")
    assert Path(file).is_relative_to("tests/faults")


def test_there_are_ten_or_more() -> None:
    assert len(mutants()) >= 10


def test_the_page_on_reliability_names_each_with_its_test() -> None:
    told = {name.strip("`"): test.strip("`") for name, _, test in rows(sections("reliability.md")["Mutants"])}

    assert told == {mutant.name: mutant.caught_by.rpartition("::")[2].partition("[")[0] for mutant in mutants()}
