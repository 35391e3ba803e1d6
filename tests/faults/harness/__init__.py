"""Real processes to be killed at seeded instants, and what of a site's rows must come out the same all the same."""

from __future__ import annotations

from typing import Final

#: Where the worker's provider writes each request it gets: the path of a file.
JOURNAL_VARIABLE: Final = "IGNY8_TEST_JOURNAL"
