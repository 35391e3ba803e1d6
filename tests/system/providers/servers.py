"""Owns the stand-ins as running servers: each on a free port of loopback, with its own journal of what it was asked.

aimock speaks OpenAI and Anthropic, mountebank whatever it is told. Neither was written here. A journal's entry is known
by the id that the request brought (`X-Request-Id`).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.support.ports import free_port
from tests.system.providers import install

REQUEST_ID: Final = "X-Request-Id"
_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 10


@dataclass(frozen=True)
class Served:
    """One request in a server's own journal: its headers, in lower case, and what was answered."""

    headers: Mapping[str, str]
    body: Any
    status: int
    #: The answer as the server was told to give it; None: none was given.
    answer: Any
    #: The fault that the server itself injected, if any.
    fault: str | None = None

    @property
    def request_id(self) -> str:
        """The id that the request brought."""
        return self.headers.get(REQUEST_ID.lower(), "")


@dataclass(frozen=True)
class Aimock:
    """A running aimock. Its address is that of both providers; OpenAI's clients add `/v1`."""

    url: str

    def answer(self, match: Mapping[str, Any], response: Mapping[str, Any], **options: Any) -> None:
        """Have what matches answered so, from now on; what was said first goes first."""
        fixture = {"match": match, "response": response, **options}
        call(f"{self.url}/__aimock/fixtures", {"fixtures": [fixture]})

    def forget(self) -> None:
        """Empty journal and fixtures."""
        call(f"{self.url}/__aimock/reset", {})

    def journal(self) -> list[Served]:
        """Every request there was, the oldest first."""
        return [
            Served(
                headers=entry["headers"],
                body=entry["body"],
                status=entry["response"]["status"] or 0,
                answer=(entry["response"].get("fixture") or {}).get("response"),
                fault=entry["response"].get("chaosAction"),
            )
            for entry in call(f"{self.url}/__aimock/journal")
        ]


@dataclass(frozen=True)
class Imposter:
    """One server of a mountebank, with its stubs."""

    control: str
    url: str

    def journal(self) -> list[Served]:
        """Every request there was, the oldest first."""
        matches = [match for stub in call(self.control)["stubs"] for match in stub.get("matches", ())]
        return [_match(match) for match in sorted(matches, key=lambda match: str(match["timestamp"]))]

    def requests(self) -> int:
        """How many requests there were, whether or not anything matched them."""
        return int(call(self.control)["numberOfRequests"])


@dataclass(frozen=True)
class Mountebank:
    """A running mountebank."""

    url: str

    @contextmanager
    def imposter(self, stubs: Sequence[Mapping[str, Any]]) -> Iterator[Imposter]:
        """A server with these stubs, for the length of the block."""
        wanted = {"protocol": "http", "host": "127.0.0.1", "recordRequests": True, "stubs": stubs}
        port = call(f"{self.url}/imposters", wanted)["port"]
        control = f"{self.url}/imposters/{port}"
        yield Imposter(control, f"http://127.0.0.1:{port}")
        call(control, method="DELETE")


def _match(match: Mapping[str, Any]) -> Served:
    response = match["response"]
    body = response.get("body")
    return Served(
        headers={name.lower(): value for name, value in match["request"]["headers"].items()},
        body=json.loads(match["request"]["body"]),
        status=response.get("statusCode", 0 if "fault" in response else 200),
        answer=_as_json(body) if isinstance(body, str) else body,
        fault=response.get("fault"),
    )


def _as_json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return None


def call(address: str, body: object = None, *, method: str | None = None) -> Any:
    """What a server's control says to `body` (None: GET). An answer that is no success is an error."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=_START_SECONDS) as response:  # noqa: S310 - the same
        return json.loads(response.read(), parse_float=Decimal)


@contextmanager
def aimock() -> Iterator[Aimock]:
    """aimock, for the length of the block, with nothing to answer yet."""
    program = install.script("@copilotkit/aimock", "dist/cli.js")
    with tempfile.TemporaryDirectory(prefix="igny8-aimock-") as name:
        fixtures = Path(name) / "none.json"
        fixtures.write_text('{"fixtures": []}', "utf-8")
        options = ("-h", "127.0.0.1", "-f", str(fixtures), "--journal-max", "0", "--fixture-counts-max", "0")
        with _running(program, *options, folder=Path(name), health="health") as url:
            yield Aimock(url)


@contextmanager
def mountebank() -> Iterator[Mountebank]:
    """mountebank, for the length of the block, without any imposter yet."""
    program = install.script("@mbtest/mountebank", "bin/mb")
    with tempfile.TemporaryDirectory(prefix="igny8-mountebank-") as name:
        options = ("start", "--host", "127.0.0.1", "--localOnly", "--nologfile", "--debug", "--loglevel", "warn")
        with _running(program, *options, folder=Path(name), health="config") as url:
            yield Mountebank(url)


@contextmanager
def _running(program: Path, *options: str, folder: Path, health: str) -> Iterator[str]:
    """The address of the program, once it answers at `health`."""
    install.install()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (str(install.node()), str(program), *options, "--port", str(port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(f"{url}/{health}", process, folder / "log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            call(address)
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The stand-in did not start:\n{log.read_text()[-3000:]}") from None
            time.sleep(0.05)
        else:
            return
