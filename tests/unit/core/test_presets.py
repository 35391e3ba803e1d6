from __future__ import annotations

import pytest

from pipeline.core.matrix import SiteSettings
from pipeline.core.presets import CUSTOM, LIMITS, Preset, preset_of, with_preset


@pytest.mark.parametrize(
    ("preset", "limits"),
    [("conservative", (5, 5, 3, 10)), ("balanced", (10, 10, 20, 10)), ("aggressive", (0, 0, 0, 0))],
)
def test_a_preset_sets_the_limits_of_stages_four_to_seven(preset: str, limits: tuple[int, ...]) -> None:
    changed = with_preset(SiteSettings(), Preset(preset))

    assert tuple(changed.stages[number].per_run_limit for number in (4, 5, 6, 7)) == limits


@pytest.mark.parametrize("preset", Preset)
def test_a_preset_sets_nothing_else(preset: Preset) -> None:
    before = SiteSettings()

    after = with_preset(before, preset)

    assert before == SiteSettings()
    for number in LIMITS[preset]:
        after.stages[number].per_run_limit = before.stages[number].per_run_limit
    assert after == before


@pytest.mark.parametrize("preset", Preset)
def test_limits_of_a_preset_are_called_by_its_name(preset: Preset) -> None:
    assert preset_of(with_preset(SiteSettings(), preset)) == preset.value


def test_any_other_limits_are_custom() -> None:
    settings = with_preset(SiteSettings(), Preset.BALANCED)
    settings.stages[6].per_run_limit = 19

    assert preset_of(settings) == CUSTOM


def test_what_a_preset_does_not_set_does_not_make_it_custom() -> None:
    settings = with_preset(SiteSettings(), Preset.BALANCED)
    settings.stages[2].per_run_limit = 77
    settings.stages[4].budget_pct = 1

    assert preset_of(settings) == "balanced"
