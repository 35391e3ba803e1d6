"""Owns the way back from what a run froze to `SiteSettings`, parsed once a process however often it is read.

Never: changes them; threads share what is parsed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from sqlalchemy import Text, cast

from pipeline.core.matrix import SiteSettings
from pipeline.models.base import table_of
from pipeline.models.runs import Run

#: The column of a statement that `settings_of` reads. By its text, so that no two runs can be mistaken for each other.
FROZEN_SETTINGS: Final = cast(table_of(Run).c.settings, Text).label("frozen")
_MOST_TEXTS = 256


@lru_cache(maxsize=_MOST_TEXTS)
def origins_of(frozen: str) -> Mapping[str, str]:
    """AI parameter -> who decided it; a run of before these were frozen tells of none."""
    return MappingProxyType(json.loads(frozen).get("ai_origins") or {})


@lru_cache(maxsize=_MOST_TEXTS)
def settings_of(frozen: str) -> SiteSettings:
    """The site's settings as they were when the run started."""
    return SiteSettings.model_validate(json.loads(frozen)["site"])
