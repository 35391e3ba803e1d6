"""Owns how much a repair adds to its question: what is shown of the useless answer, and what was wrong with it.

Never: its words.
"""

from __future__ import annotations

from typing import Final

#: Of a useless answer, characters that are shown to its model again for each token it was allowed.
SHOWN_PER_TOKEN: Final = 8
#: Characters of what was wrong.
FAULT_LENGTH: Final = 2_000
#: A character in UTF-8, and one as JSON that escapes it.
_BYTES_A_CHARACTER: Final = 4
_BYTES_ESCAPED: Final = 6
#: The words around both.
_WORDS_BYTES: Final = 400


def worst_bytes(max_output_tokens: int) -> int:
    """Bytes that the repair of an answer of at most so many tokens adds to the prompt, at most."""
    return SHOWN_PER_TOKEN * max_output_tokens * _BYTES_A_CHARACTER + FAULT_LENGTH * _BYTES_ESCAPED + _WORDS_BYTES
