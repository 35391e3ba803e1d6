"""The real stages, whatever other tests of this process have put in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import stages
from pipeline import contract


@contextmanager
def the_seven_stages() -> Iterator[None]:
    """This process knows the real stages until the block ends."""
    before = dict(contract._DEFINED)
    kinds = [kind for kind in vars(stages).values() if isinstance(kind, type) and issubclass(kind, contract.Stage)]
    contract._DEFINED.clear()
    contract._DEFINED.update({kind.key: kind() for kind in kinds})
    try:
        yield
    finally:
        contract._DEFINED.clear()
        contract._DEFINED.update(before)
