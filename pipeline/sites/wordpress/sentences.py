"""Owns what people read when a site says no: what it said, and what to do about it.

Never: a password; markup or control characters of a stranger's answer.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

from pipeline.core.normal import display_text

_MOST_CHARACTERS: Final = 300
_MARKUP: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.IGNORECASE | re.DOTALL)

CREDENTIALS: Final = (
    "The site does not accept the user name and application password. Make a new application password there, in the "
    "user's profile, and set it: igny8 site set SITE --username NAME --password-stdin. If both are right, the server "
    "in front of the site may drop the Authorization header."
)
ROLE: Final = (
    "The site does not let this user do that. Give the user a role there that may publish posts and upload files "
    "(author, or better editor), or set another user: igny8 site set SITE --username NAME --password-stdin."
)
NO_API: Final = (
    "There is no site that articles can be published to at this address. Check that it is the address of the site's "
    "front page, and that its REST API is not switched off or blocked: igny8 site set SITE --url URL."
)
TOO_LARGE: Final = (
    "The site takes no files that large. Raise its upload limit (upload_max_filesize, post_max_size, or that of the "
    "server in front of it), or make the image smaller."
)
_EDITED_THERE: Final = (
    "Somebody edited the article at the site since it was placed there: its {parts}. To keep that, leave it, or make "
    "the same change here. To have the version here instead: igny8 content withdraw {content_id}, then publish it "
    "again."
)
_INSTEAD: Final = (
    "To have the version here: igny8 calendar unschedule {content_id}, or behind its slot igny8 content withdraw "
    "{content_id}; then schedule it again."
)
_DRAFT_EDITED: Final = (
    "Somebody edited the draft of the article at the site: its {parts}. To keep that, make the same change here. "
)
_DRAFT_THROWN_AWAY: Final = "Somebody put the draft of the article into the waste basket at the site. "
GONE: Final = (
    "The article is not shown at the site any more: somebody hid it or took it away there. To have it there again: "
    "igny8 content withdraw {content_id}, then publish it again."
)
NO_CATEGORY: Final = (
    "The site has no category {name!r}, and does not let this user make one. Make it there, or choose another one: "
    "igny8 site set SITE --category NAME."
)


def edited_there(parts: Sequence[str], *, content_id: int) -> str:
    """That somebody changed those parts of an article, and the two ways out."""
    return _EDITED_THERE.format(parts=joined(parts, word="and"), content_id=content_id)


def draft_edited(parts: Sequence[str], *, content_id: int) -> str:
    """The same of what nobody has seen yet; no parts: it was thrown away."""
    told = _DRAFT_EDITED.format(parts=joined(parts, word="and")) if parts else _DRAFT_THROWN_AWAY
    return told + _INSTEAD.format(content_id=content_id)


def joined(texts: Sequence[str], *, word: str) -> str:
    """Texts as one names them: a, b and c."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def shown(text: str) -> str:
    """A stranger's text as a person may read it: no markup, one line, its beginning."""
    line = display_text(html.unescape(_MARKUP.sub(" ", text[:20_000])))
    return f"{line[:_MOST_CHARACTERS]}…" if len(line) > _MOST_CHARACTERS else line


def said(status: int, code: str, message: str) -> str:
    """What the site answered, as a sentence of its own."""
    words = shown(message).rstrip(".")
    known = f"{status}, {shown(code)}" if code else str(status)
    return f"It said: {words} ({known})." if words else f"It answered {known}."
