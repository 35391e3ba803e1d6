"""Owns what every answer tells a browser besides, unless it says so itself: take nothing for a script, keep nothing.

What is no page may do nothing: opened for itself, it fetches and runs nothing, and is shown in nobody's frame.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Answers are of who asked and of now. Our files are asked for again by their mark: none outlives an update.
_OF_EVERYBODY: Final = "/static/"
_KEPT: Final = "no-cache"
_NOT_KEPT: Final = "no-store"
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}


class Precautions:
    """Between server and app: adds the headers that an answer has not got."""

    def __init__(self, app: ASGIApp) -> None:
        """Whatever comes in passes through."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at how its answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kept = _KEPT if scope["path"].startswith(_OF_EVERYBODY) else _NOT_KEPT

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**_ALWAYS, "Cache-Control": kept}.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, answer)
