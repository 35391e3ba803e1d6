"""Owns how a page goes over the wire: compressed where the browser takes it, and never twice of one length.

Who can have somebody's browser ask for pages, and sees how long they are, learns nothing by it of what is in them: the
name in the head of the compressed page is random, and so is its length (as of the attack called BREACH).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from gzip import GzipFile
from http import HTTPStatus
from io import BytesIO
from typing import Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

#: Below that the head of a packet costs more.
_LEAST_BYTES: Final = 1_000
_LEVEL: Final = 6
_MOST_PADDING: Final = 100


def packed(request: Request, text: str, headers: Mapping[str, str], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The page as it is sent."""
    body = text.encode()
    told = {**headers, "Vary": "Accept-Encoding"}
    if len(body) < _LEAST_BYTES or not _takes_gzip(request.headers.get("accept-encoding", "")):
        return HTMLResponse(body, status, headers=told)
    return HTMLResponse(_compressed(body), status, headers={**told, "Content-Encoding": "gzip"})


def _takes_gzip(accepted: str) -> bool:
    """Whether the header names it, and not only to refuse it."""
    named = (part.replace(" ", "").lower().partition(";") for part in accepted.split(","))
    return any(name == "gzip" and weight not in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for name, _, weight in named)


def _compressed(body: bytes) -> bytes:
    padding = secrets.token_hex(_MOST_PADDING)[: secrets.randbelow(_MOST_PADDING) + 1]
    made = BytesIO()
    with GzipFile(padding, "wb", _LEVEL, made, mtime=0) as file:
        file.write(body)
    return made.getvalue()
