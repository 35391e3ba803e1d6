"""Mutants go stale when the code they break changes: each still applies, and names a test that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.mutants import Mutant, mutants
from tests.support.sources import ROOT


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_a_mutant_still_applies_and_names_its_test(mutant: Mutant) -> None:
    file, _, test = mutant.caught_by.partition("::")

    assert mutant.applies_to(ROOT) is None
    assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text("utf-8")
    assert Path(file).is_relative_to("tests/faults")


def test_there_are_ten_or_more() -> None:
    assert len(mutants()) >= 10
