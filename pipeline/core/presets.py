"""Owns the presets: named sets of per-run limits of the stages that make and approve articles (docs/settings.md).

A preset sets nothing else. What a site has that is none of them is shown as Custom.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from pipeline.core.matrix import SiteSettings


class Preset(StrEnum):
    """A named set of per-run limits."""

    #: Few articles a run, fewer images.
    CONSERVATIVE = "conservative"
    #: Ten articles a run.
    BALANCED = "balanced"
    #: All that waits.
    AGGRESSIVE = "aggressive"


#: How limits are called that are none of the presets.
CUSTOM: Final = "custom"
#: Preset -> stage -> its `per_run_limit`.
LIMITS: Final[Mapping[Preset, Mapping[int, int]]] = {
    Preset.CONSERVATIVE: {4: 5, 5: 5, 6: 3, 7: 10},
    Preset.BALANCED: {4: 10, 5: 10, 6: 20, 7: 10},
    Preset.AGGRESSIVE: {4: 0, 5: 0, 6: 0, 7: 0},
}


def with_preset(settings: SiteSettings, preset: Preset) -> SiteSettings:
    """`settings` with the limits of the preset, all else as it was."""
    rows = dict(settings.stages)
    for number, limit in LIMITS[preset].items():
        rows[number] = rows[number].model_copy(update={"per_run_limit": limit})
    return settings.model_copy(update={"stages": rows})


def preset_of(settings: SiteSettings) -> str:
    """The name of the preset whose limits these are, else `custom`."""
    for preset, limits in LIMITS.items():
        if all(settings.stages[number].per_run_limit == limit for number, limit in limits.items()):
            return preset.value
    return CUSTOM
