"""Owns the API as a child: on loopback, at its usual port, or at any free one where that is taken.

Never: the API itself; `pipeline.asgi` serves it, and says where in `web.url` below the home.
"""

from __future__ import annotations

import sys
import urllib.request
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from pipeline.config import WEB_URL_FILE, Config, child_environ
from pipeline.local.child import ChildSpec
from pipeline.private import written_address

_ANSWER_SECONDS: Final = 1.0


def web_child(settings: Config) -> ChildSpec:
    """The API as a child of the supervisor."""
    (settings.home / WEB_URL_FILE).unlink(missing_ok=True)

    def ready() -> bool:
        url = web_url(settings.home)
        return url is not None and answers(url)

    return ChildSpec(
        name="web",
        command=(sys.executable, "-m", "pipeline.asgi", "--elsewhere"),
        environ=child_environ(settings),
        ready=ready,
        ready_seconds=60,
    )


def web_url(home: Path) -> str | None:
    """Where the API of this home listens, or did last; None before its first start."""
    return written_address(home / WEB_URL_FILE)


def url_of(host: str, port: int) -> str:
    """The address of an API that listens there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(url: str) -> bool:
    """Whether the API serves there now and can read its database."""
    address = f"{url}/healthz"
    with suppress(OSError), urllib.request.urlopen(address, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310  # our own.
        return bool(answer.status == HTTPStatus.OK)
    return False
