"""The pictures of `docs/state_machine.md` are the transitions."""

from __future__ import annotations

import re
from collections import defaultdict
from enum import StrEnum

import pytest

from pipeline.core.states import TRANSITIONS
from tests.support.documents import named_rows, sections

_PICTURE = re.compile(r"```mermaid\nstateDiagram-v2\n(.*?)```", re.DOTALL)
_GROUP = re.compile(r"state (\w+) \{\n(.*?)\}", re.DOTALL)
_ARROW = re.compile(r"^\s*(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: .+)?$", re.MULTILINE)
_OUTSIDE = "[*]"
KINDS = sorted(TRANSITIONS, key=lambda kind: kind.__name__)


def _drawn(kind: type[StrEnum]) -> dict[str, set[str]]:
    """Where each state leads, groups taken apart; `[*]` is the outside."""
    pictures = _PICTURE.findall(sections("state_machine.md")[kind.__name__])
    assert len(pictures) == 1
    groups = {name: members.split() for name, members in _GROUP.findall(pictures[0])}
    ways: dict[str, set[str]] = defaultdict(set)
    for old, new in _ARROW.findall(_GROUP.sub("", pictures[0])):
        for member in groups.get(old, [old]):
            ways[member].update(groups.get(new, [new]))
    return ways


def test_every_thing_with_a_status_has_its_section() -> None:
    assert set(sections("state_machine.md")) == {kind.__name__ for kind in TRANSITIONS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_picture_is_the_table(kind: type[StrEnum]) -> None:
    ways = {old: new - {_OUTSIDE} for old, new in _drawn(kind).items() if old != _OUTSIDE}

    drawn = {(old, new) for old, targets in ways.items() for new in targets}
    assert drawn == {(old.value, new.value) for old, targets in TRANSITIONS[kind].items() for new in targets}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_picture_ends_where_nothing_follows(kind: type[StrEnum]) -> None:
    drawn = _drawn(kind)

    ends = {old for old, targets in drawn.items() if _OUTSIDE in targets}
    assert ends == {status.value for status in kind if not TRANSITIONS[kind].get(status)}
    assert drawn[_OUTSIDE]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_status_is_explained(kind: type[StrEnum]) -> None:
    explained = named_rows(sections("state_machine.md")[kind.__name__])

    assert set(explained) == {status.value for status in kind}
    assert all(meaning for (meaning,) in explained.values())
