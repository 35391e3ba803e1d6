"""How often one request to a site is repeated within a visit."""

from __future__ import annotations

import time

import pytest

from pipeline.engine.visits import asking
from pipeline.sites.port import SiteUnavailableError


@pytest.mark.parametrize(
    ("seconds", "retry_after", "asked"), [(0.1, None, 3), (0.1, 2, 3), (0.1, 3, 1), (30, None, 1), (4, None, 2)]
)
def test_only_what_fails_soon_is_asked_again_soon(
    monkeypatch: pytest.MonkeyPatch, seconds: float, retry_after: int | None, asked: int
) -> None:
    """A site that hangs would hold its worker three times as long, and other sites wait for that worker."""
    clock, times = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def request() -> None:
        times.append(clock[0])
        clock[0] += seconds
        raise SiteUnavailableError("away", retry_after_seconds=retry_after)

    with pytest.raises(SiteUnavailableError):
        asking(request, sleep=lambda _: None)

    assert len(times) == asked
