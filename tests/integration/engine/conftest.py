"""Every rule of the engine holds with one lane and with three."""

from __future__ import annotations

import pytest

from tests.support import worlds


@pytest.fixture(params=[1, 3], ids=["one-lane", "three-lanes"], autouse=True)
def lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many lanes the asking stages of this test have, unless it says otherwise."""
    count: int = request.param
    monkeypatch.setattr(worlds, "LANES", count)
    return count
