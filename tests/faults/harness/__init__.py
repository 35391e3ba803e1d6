"""Real processes to be killed at seeded instants, and what of a site's rows must come out the same all the same."""

from __future__ import annotations

from typing import Final

#: Where the worker's provider writes each request it gets and each answer it gives: the path of a file.
JOURNAL_VARIABLE: Final = "IGNY8_TEST_JOURNAL"
#: How many seconds the worker's provider takes for an answer.
LATENCY_VARIABLE: Final = "IGNY8_TEST_LATENCY"
#: The title of an article whose question the worker's provider cannot think about without all memory there is.
EATING_VARIABLE: Final = "IGNY8_TEST_EATING"
