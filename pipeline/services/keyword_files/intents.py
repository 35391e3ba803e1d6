"""Owns reading search intents: the four words, their letters, and the number codes of exports.

Never: keeps what is no intent; flags that tools put into the same column (branded, local) are dropped.
"""

from __future__ import annotations

import re

from pipeline.core.normal import keyword_key

_WORDS = ("commercial", "informational", "navigational", "transactional")
_CODES = {str(code): word for code, word in enumerate(_WORDS)}
_NAMES = {
    **{word: word for word in _WORDS},
    **{word[0]: word for word in _WORDS},
    "commercial investigation": "commercial",
    "info": "informational",
    "information": "informational",
    "navigation": "navigational",
    "transaction": "transactional",
}
#: What Ahrefs puts beside the intents, and what stands for none.
_FLAGS = frozenset({"branded", "non-branded", "local", "non-local", "-", "n/a", "none", "unknown", "null"})
_SEPARATORS = re.compile(r"\s*[,;/|+&\[\]\"]\s*")
_MAX_CHARACTERS = 200


def read_intent(text: str, *, codes: bool = True) -> tuple[str | None, bool]:
    """Return the intents of a cell as `informational, commercial`, and whether the cell was understood.

    `codes` takes the numbers of the Semrush API too: 0 commercial, 1 informational, 2 navigational, 3 transactional.
    """
    parts = [part for part in _SEPARATORS.split(keyword_key(text[:_MAX_CHARACTERS])) if part]
    names = _NAMES | _CODES if codes else _NAMES
    found = dict.fromkeys(names[part] for part in parts if part in names)
    return ", ".join(found) or None, all(part in names or part in _FLAGS for part in parts)
