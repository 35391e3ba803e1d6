"""Owns how a refusal in words is told from a text: models decline inside the very fields they were to fill.

Never: a verdict on a whole article; one may well be about machines that are sorry.
"""

from __future__ import annotations

import re
from typing import Final

_SAID: Final = 300
_REGRET: Final = r"(?:(?:i['’]?m|i am)\s+(?:\w+\s+)?(?:sorry|afraid)|sorry|i\s+(?:\w+\s+)?apologi[sz]e|unfortunately)"
_UNABLE: Final = (
    r"i(?:\s*(?:can['’]?t|cannot|can not|won['’]?t|will not|do not|don['’]t)|['’]?m not able to|"
    r" am not able to|['’]?m unable to| am unable to)\b"
)
_DEED: Final = (
    r"(?:help|assist|comply|fulfil|provide|create|generate|write|produce|answer|complete|process|do (?:that|this))"
)
_REFUSAL: Final = re.compile(
    rf"\W*(?:{_REGRET}\b[^.!?\n]{{0,40}}?\b{_UNABLE}"
    rf"|{_UNABLE}\s+(?:\w+\s+)?{_DEED}\b[^.!?\n]{{0,40}}?\b(?:with )?(?:that|this|request)\b"
    r"|as\s+an?\s+(?:ai|artificial intelligence|large language|language)\b[^.!?\n]{0,30}?,\s*i\b)",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether `text` begins as a refusal does: "I'm sorry, but I can't …", "As an AI language model, I …"."""
    return _REFUSAL.match(text[:_SAID]) is not None
