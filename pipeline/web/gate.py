"""Owns the first look at a request: where strangers asked too often from its address, it gets no further."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.core.errors import PipelineError, TooManyRequestsError
from pipeline.web.strangers import Strangers, address_of, secret_of

#: Those that keep a process in service come from the address of a proxy as well.
UNCOUNTED_PATHS: Final = frozenset({"/livez", "/healthz"})


class Gate:
    """Between server and app: passes a request on, or refuses it before its body is read."""

    def __init__(self, app: ASGIApp, *, answer: Callable[[Request, PipelineError], Response]) -> None:
        """The counts are those of the app's state; `answer` tells who is refused."""
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the request."""
        if scope["type"] == "http" and scope["path"] not in UNCOUNTED_PATHS:
            try:
                _look_at(scope["app"].state.strangers, HTTPConnection(scope))
            except TooManyRequestsError as refused:
                await self._answer(Request(scope), refused)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _look_at(strangers: Strangers, connection: HTTPConnection) -> None:
    secret = secret_of(connection.headers, connection.cookies)
    if secret is None:
        strangers.count(address_of(connection))
    else:
        strangers.let_in(address_of(connection), secret)
