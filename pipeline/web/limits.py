"""Owns how large a body may be; whoever reads one that is larger is told so (413) before the rest of it has come."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MEBI: Final = 2**20


class BodyLimit:
    """Between server and app: counts what is read, whatever the request says of its length."""

    def __init__(self, app: ASGIApp, *, most_bytes: int, larger: Mapping[str, int] | None = None) -> None:
        """`app` gets at most `most_bytes` of a body, or what `larger` says of paths with such an end."""
        self._app = app
        self._most_bytes = most_bytes
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen, most_bytes = 0, self._most_bytes_at(scope["path"])

        async def limited() -> Message:
            nonlocal seen
            if seen == 0 and _said(scope) > most_bytes:
                raise _too_large(most_bytes)
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most_bytes:
                raise _too_large(most_bytes)
            return message

        await self._app(scope, limited, send)

    def _most_bytes_at(self, path: str) -> int:
        return next((most for end, most in self._larger.items() if path.endswith(end)), self._most_bytes)


def _too_large(most_bytes: int) -> HTTPException:
    size = f"{most_bytes // _MEBI} MiB" if most_bytes % _MEBI == 0 else f"{most_bytes // 1_000_000} MB"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {size}. Send less at once.")


def _said(scope: Scope) -> int:
    """How long the request says that its body is."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isascii() and said.isdecimal() else 0
