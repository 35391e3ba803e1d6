"""A publisher dies at each boundary in turn, answers of the site are lost, the site lies: one post at most is seen."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.sites.port import SiteOutcomeUnknownError
from tests.faults.harness.placing import Placing, placing

_A_DAY = timedelta(days=1)
_UNKNOWN = SiteOutcomeUnknownError("The site's answer never came.")


def _complaints(found: Placing) -> list[str]:
    """All in which it is not one post, and published."""
    wrong = [f"{len(found.site.posts)} posts"] if len(found.site.posts) != 1 else []
    if (found.content().status, found.publication().status) != (ContentStatus.PUBLISHED, PublicationStatus.PUBLISHED):
        wrong.append(f"the content is {found.content().status}, its publication {found.publication().status}")
    if found.publication().remote_id not in found.site.posts:
        wrong.append(f"{found.publication().remote_id} is not what stands there")
    return [*wrong, *found.broken_laws()]


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_death_at_any_boundary_leaves_one_post(tmp_path: Path, deaths: int) -> None:
    with placing(tmp_path / "undisturbed") as undisturbed:
        boundaries = undisturbed.strike()
        undisturbed.play(until=_A_DAY)
        assert _complaints(undisturbed) == []

    wrong = []
    for at in range(1, len(boundaries.seen) + 1):
        with placing(tmp_path / f"{at}") as struck:
            # The second one dies one boundary further on than the first.
            died = struck.strike(*(at * number + number - 1 for number in range(1, deaths + 1))).died
            struck.play(until=_A_DAY)
            wrong += [f"{died} ({at}): {line}" for line in _complaints(struck)]

    assert boundaries.seen
    assert wrong == []


@pytest.mark.parametrize("arrived", [True, False], ids=["it-arrived", "it-never-arrived"])
def test_an_answer_that_never_came_is_looked_up_and_leaves_one_post(tmp_path: Path, *, arrived: bool) -> None:
    with placing(tmp_path / "home") as found:
        found.site.fail("publish", _UNKNOWN, after=arrived)
        found.site.fail("look_up", _UNKNOWN)

        found.play(until=_A_DAY)

        assert _complaints(found) == []


def test_what_the_site_says_it_took_and_does_not_show_is_no_publication(tmp_path: Path) -> None:
    with placing(tmp_path / "home") as found:
        found.site.shows = False

        found.play(until=_A_DAY)

        assert found.content().status is ContentStatus.NEEDS_ATTENTION
        assert len(found.site.posts) == 1
