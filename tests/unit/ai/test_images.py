"""What bytes out of base64 cost, whoever wrote it."""

from __future__ import annotations

import base64
import tracemalloc

from pipeline.ai.images import decoded

_PAIRS = 1_000_000


def test_base64_that_is_mostly_white_space_takes_no_more_memory_than_a_few_times_its_length() -> None:
    hostile = "QU " * _PAIRS
    tracemalloc.start()
    try:
        found = decoded(hostile)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == base64.b64decode("QU" * _PAIRS)
    assert most < 4 * len(hostile)


def test_letters_of_other_alphabets_are_no_base64() -> None:
    assert decoded("QUJD\u00e4\u2028RA==") == b""
