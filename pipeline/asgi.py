"""Owns what servers start the API with: `pipeline.asgi:app`, or `python -m pipeline.asgi [--host H] [--port N]`.

The latter writes where it listens to `web.url` below the home. Never: prepare the database; `igny8 init` has done that.
"""

from __future__ import annotations

import argparse
import errno
import socket
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

import uvicorn

from pipeline import failpoints, logs
from pipeline.config import WEB_URL_FILE, config
from pipeline.core.errors import NotReadyError
from pipeline.engine.task_contexts import start_traces
from pipeline.local.ports import LOOPBACK, in_turn
from pipeline.local.web import url_of
from pipeline.web.app import create_app

_BACKLOG: Final = 1_024
#: What is under way when a signal comes may end within this.
_GRACE_SECONDS: Final = 5

start_traces("web")
app = create_app()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.asgi")
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=config().web_port)
    parser.add_argument("--elsewhere", action="store_true", help="take any free port where this one is taken")
    given = parser.parse_args(arguments)
    failpoints.arm(config().failpoint)
    logs.configure_logs(log_format=config().log_format, log_level=config().log_level)
    try:
        written = config().home / WEB_URL_FILE
        listening = _listen(given.host, in_turn(given.port, written=written) if given.elsewhere else [given.port])
    except NotReadyError as error:
        sys.exit(error.message)
    with listening:
        url = url_of(given.host, listening.getsockname()[1])
        written.write_text(f"{url}\n", encoding="utf-8")
        _server().run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends the streams of those who watch runs when it is asked to stop: they would be waited for."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take the signal."""
        app.state.run_watch.close()
        app.state.page_watch.close()
        super().handle_exit(sig, frame)


def _server() -> uvicorn.Server:
    proxies = config().trusted_proxies
    options = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        # Anybody can write whom they pass a request on for: only proxies that are named here are believed.
        proxy_headers=proxies is not None,
        forwarded_allow_ips=list(proxies or ()),
    )
    return _Server(options)


def _listen(host: str, ports: Sequence[int]) -> socket.socket:
    """Bind the first port that is free: whoever only looks first may find it taken when it binds."""
    for port in ports:
        try:
            return socket.create_server((host, port), family=_family(host), backlog=_BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise NotReadyError(f"{host} cannot be listened on: {error.strerror}. Give another --host.") from None
    raise NotReadyError(f"Port {ports[0]} is in use. Stop what listens there, or choose another with --port.")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


if __name__ == "__main__":
    main()
