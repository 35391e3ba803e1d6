"""Owns Flower as a child: on loopback, behind a password of this installation, its metrics behind it too.

`python -m pipeline.local.flower --port N` runs it. The password is read from `secrets.env`, so that no list of
processes shows it; `flowerconfig.py` and `FLOWER_…` variables are not read.

Never: listen elsewhere than where it is told; the default is loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from pipeline import logs
from pipeline.config import Config, child_environ, config
from pipeline.local.child import ChildSpec
from pipeline.local.ports import LOOPBACK
from pipeline.secrets import FLOWER_PASSWORD, ensure_secrets

USER: Final = "igny8"
_ANSWER_SECONDS: Final = 1.0
_TASKS_SHOWN: Final = 10_000


def flower_child(settings: Config, *, port: int) -> ChildSpec:
    """Flower as a child of the supervisor, listening on loopback at `port`."""
    return ChildSpec(
        name="flower",
        command=(sys.executable, "-m", "pipeline.local.flower", "--port", str(port)),
        environ=child_environ(settings),
        ready=lambda: answers(flower_url(port)),
    )


def flower_url(port: int) -> str:
    """Where a person opens it."""
    return f"http://{LOOPBACK}:{port}"


def answers(url: str) -> bool:
    """Whether Flower serves there now (its health check needs no password)."""
    address = f"{url}/healthcheck"
    with suppress(OSError), urllib.request.urlopen(address, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310  # loopback.
        return bool(answer.status == HTTPStatus.OK)
    return False


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.local.flower")
    parser.add_argument("--address", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=config().flower_port)
    given = parser.parse_args(arguments)
    logs.configure_logs(log_format=config().log_format, log_level=config().log_level)
    signal.signal(signal.SIGTERM, _leave)
    with suppress(KeyboardInterrupt):
        _serve(given.address, given.port)


def _leave(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _serve(address: str, port: int) -> None:
    from flower.app import Flower
    from flower.options import options
    from flower.urls import settings

    from pipeline.engine.app import app

    _close_all_but_health()
    options.address = address
    options.port = port
    options.basic_auth = [f"{USER}:{ensure_secrets(config().home)[FLOWER_PASSWORD]}"]
    options.max_tasks = _TASKS_SHOWN
    asyncio.set_event_loop(asyncio.new_event_loop())
    flower = Flower(capp=app, options=options, **settings)
    flower.start_http_server()
    try:
        flower.start()
    finally:
        flower.stop()


def _close_all_but_health() -> None:
    """Ask for the password before anything else, everywhere but at the health check.

    Flower protects its pages one by one, and answers `/metrics` to everybody, whatever is configured. Its API has a
    `prepare` of its own and asks for itself; a test walks over every address there is.
    """
    from flower.views import BaseHandler
    from flower.views.monitor import Healthcheck

    before = BaseHandler.prepare

    def prepare(handler: Any) -> Any:
        if not isinstance(handler, Healthcheck):
            _ = handler.current_user  # raises 401 without the password.
        return before(handler)

    BaseHandler.prepare = prepare


if __name__ == "__main__":
    main()
