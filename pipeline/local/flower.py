"""Owns Flower as a child: on loopback, behind a password of this installation, its metrics behind it too.

`python -m pipeline.local.flower [--port N] [--elsewhere]` runs it; where it listens is written to `flower.url` below
the home. The password is read from `secrets.env`, so that no list of
processes shows it; `flowerconfig.py` and `FLOWER_…` variables are not read.

Never: listen elsewhere than where it is told; the default is loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from pipeline import logs
from pipeline.config import FLOWER_URL_FILE, Config, child_environ, config
from pipeline.core.errors import NotReadyError
from pipeline.local.child import ChildSpec
from pipeline.local.ports import LOOPBACK, in_turn
from pipeline.private import written_address
from pipeline.secrets import FLOWER_PASSWORD, ensure_secrets

USER: Final = "igny8"
#: Below the home: what Flower knew when it last wrote it down.
STATE_FILE: Final = Path("flower", "state")
_SAVE_MILLISECONDS: Final = 10_000
_ANSWER_SECONDS: Final = 1.0
_TASKS_SHOWN: Final = 10_000


def flower_child(settings: Config) -> ChildSpec:
    """Flower as a child of the supervisor: on loopback, at its usual port, or at any free one where that is taken."""
    (settings.home / FLOWER_URL_FILE).unlink(missing_ok=True)

    def ready() -> bool:
        url = flower_url(settings.home)
        return url is not None and answers(url)

    return ChildSpec(
        name="flower",
        command=(sys.executable, "-m", "pipeline.local.flower", "--elsewhere"),
        environ=child_environ(settings),
        ready=ready,
    )


def flower_url(home: Path) -> str | None:
    """Where the Flower of this home listens, or did last; None before its first start."""
    return written_address(home / FLOWER_URL_FILE)


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
    parser.add_argument("--elsewhere", action="store_true", help="take any free port where this one is taken")
    given = parser.parse_args(arguments)
    logs.configure_logs(log_format=config().log_format, log_level=config().log_level)
    signal.signal(signal.SIGTERM, _leave)
    try:
        written = config().home / FLOWER_URL_FILE
        _serve(given.address, in_turn(given.port, written=written) if given.elsewhere else [given.port])
    except KeyboardInterrupt:
        return
    except NotReadyError as error:
        sys.exit(error.message)


def _leave(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _serve(address: str, ports: Sequence[int]) -> None:
    from flower.app import Flower
    from flower.options import options
    from flower.urls import settings

    from pipeline.engine.app import app
    from pipeline.local import flower_links

    _close_all_but_health()
    options.address = address
    options.basic_auth = [f"{USER}:{ensure_secrets(config().home)[FLOWER_PASSWORD]}"]
    options.max_tasks = _TASKS_SHOWN
    options.read_only = config().flower_read_only
    _keep_state(options)
    asyncio.set_event_loop(asyncio.new_event_loop())
    flower = Flower(capp=app, options=options, template_loader=flower_links.loader(), **settings)
    flower.add_handlers(".*$", flower_links.handlers())
    port = _listen(flower, ports)
    (config().home / FLOWER_URL_FILE).write_text(f"http://{address}:{port}\n", encoding="utf-8")
    try:
        flower.start()
    finally:
        flower.stop()


def _keep_state(options: Any) -> None:
    """What it knows is written down every few seconds, by a file that takes the place of the last, and at its end."""
    file = config().home / STATE_FILE
    os.umask(0o077)
    file.parent.mkdir(parents=True, exist_ok=True)
    options.persistent = True
    options.db = str(file)
    options.state_save_interval = _SAVE_MILLISECONDS


def _listen(flower: Any, ports: Sequence[int]) -> int:
    """Bind the first port that is free: whoever only looks first may find it taken when it binds."""
    for port in ports:
        flower.options.port = port
        try:
            bound: int = flower.start_http_server()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return bound
    raise NotReadyError(f"Port {ports[0]} is in use. Stop what listens there, or choose another with --port.")


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
