from __future__ import annotations

import json

from pipeline.core.matrix import SiteSettings
from pipeline.models.frozen import settings_of


def test_what_a_run_froze_is_parsed_once_for_all_who_read_it() -> None:
    frozen = json.dumps({"site": SiteSettings().model_dump(mode="json"), "ai_origins": {}})

    assert settings_of(frozen) == SiteSettings()
    assert settings_of(str(frozen)) is settings_of(frozen)
