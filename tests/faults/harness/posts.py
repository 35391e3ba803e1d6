"""Owns the sites that articles are published on: one server on loopback for all of them, each site below a path.

What a site has is its own list, kept in the test's process: no kill of ours takes anything from it.
"""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Self

from tests.support.rest_site import Handler, RestSite


class Posts:
    """The sites, by the number in their address. A context: the server is there inside it."""

    def __init__(self) -> None:
        """No site yet."""
        self.sites: dict[int, RestSite] = {}
        self._numbers = count(1)
        handler = type("_OneOfMany", (_OneOfMany,), {"sites": self.sites})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self) -> RestSite:
        """One more site, empty."""
        number = next(self._numbers)
        site = self.sites[number] = RestSite()
        site.url = f"http://127.0.0.1:{self._server.server_address[1]}/{number}"
        return site


class _OneOfMany(Handler):
    sites: dict[int, RestSite]

    def _serve(self) -> None:
        _, number, rest = self.path.split("/", 2)
        self.site, self.path = self.sites[int(number)], f"/{rest}"
        super()._serve()
