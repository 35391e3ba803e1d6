"""Owns what surrounds every request: an id that its log lines and its answer carry, and its span where traces are told.

Never: an id or a trace that a caller sends; strangers would write in our books.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline import logs, tracing
from pipeline.tracing import Span
from pipeline.web.api import PREFIX
from pipeline.web.gate import UNCOUNTED_PATHS

#: What an answer says of its request, so that somebody can ask about it.
HEADER: Final = "X-Request-ID"
_SERVER_ERROR: Final = 500


class RequestContexts:
    """Outermost between server and app."""

    def __init__(self, app: ASGIApp) -> None:
        """Whatever comes in passes through."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Surround one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        with logs.bound(request_id=request_id), _span(scope, request_id) as span:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    named = (HEADER.lower().encode(), request_id.encode())
                    message = {**message, "headers": [*message.get("headers", ()), named]}
                    _tell(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, answer)


def _span(scope: Scope, request_id: str) -> Span:
    if not tracing.is_on() or scope["path"] in UNCOUNTED_PATHS:
        return Span()
    told = {"http.request.method": scope["method"], "igny8.request_id": request_id}
    return tracing.span(str(scope["method"]), kind="server", attributes=told)


def _tell(span: Span, scope: Scope, status: int) -> None:
    """The address as it is written in the app, not as it was asked for: that may hold a secret."""
    route: Any = scope.get("route")
    if route is not None:
        path = _whole(getattr(route, "path", ""), scope)
        span.rename(f"{scope['method']} {path}")
        span.set({"http.route": path})
    span.set({"http.response.status_code": status})
    if status >= _SERVER_ERROR:
        span.fail(str(status))


def _whole(path: str, scope: Scope) -> str:
    """A route knows its path below the router's prefix."""
    is_below = scope["path"].startswith(f"{PREFIX}/") and not path.startswith(PREFIX)
    return f"{PREFIX}{path}" if is_below else path
