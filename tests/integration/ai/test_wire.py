"""One attempt a call, and an end of it: by the clock, by bytes, by whatever its other side does."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from pipeline.ai import provider
from pipeline.ai.port import (
    KeyRefusedError,
    NoAdapterError,
    NotThereError,
    OutcomeUnknownError,
    Provider,
    ProviderError,
    RequestRefusedError,
    ThrottledError,
    UnavailableError,
    UnreadableAnswerError,
)
from tests.integration.ai.conftest import KEY, ask, image, text
from tests.support.provider_server import Fault, ProviderServer

NAMES = ("openai", "anthropic", "runware")


@pytest.fixture(params=NAMES)
def adapter(request: pytest.FixtureRequest) -> Provider:
    found: Provider = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=400), RequestRefusedError),
        (Fault(status=401, message=f"wrong key {KEY}"), KeyRefusedError),
        (Fault(status=404), NotThereError),
        (Fault(status=307, headers={"Location": "/elsewhere"}), NotThereError),
        (Fault(status=429, headers={"Retry-After": "0"}), ThrottledError),
        (Fault(status=500, headers={"x-should-retry": "true"}), UnavailableError),
        (Fault(disconnect="unread"), OutcomeUnknownError),
        (Fault(disconnect="unanswered"), OutcomeUnknownError),
        (Fault(disconnect="reset"), OutcomeUnknownError),
        (Fault(disconnect="cut"), OutcomeUnknownError),
    ],
)
def test_whatever_happens_is_one_request_and_one_error(
    server: ProviderServer, adapter: Provider, fault: Fault, kind: type[ProviderError]
) -> None:
    server.always = fault

    with pytest.raises(ProviderError) as raised:
        ask(adapter)

    assert type(raised.value) is kind
    assert KEY not in repr(raised.value)
    assert KEY not in repr(adapter._speaker)  # type: ignore[attr-defined]  # all of them have one
    # No error of an SDK comes along: it holds the request, with the key in its headers.
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    assert len(server.journal) == 1


@pytest.mark.parametrize("drips_headers", [True, False])
def test_a_provider_that_goes_on_slowly_is_left_at_the_deadline(
    server: ProviderServer, adapter: Provider, *, drips_headers: bool
) -> None:
    server.always = Fault(drip_seconds=0.02, drips_headers=drips_headers, body=b" " * 1_000)

    with pytest.raises(OutcomeUnknownError, match=r"no answer came within 0.2 s"):
        ask(adapter, timeout_seconds=0.2)


def test_who_cannot_be_reached_was_sent_nothing() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{bound.getsockname()[1]}"

        for name in NAMES:
            with pytest.raises(UnavailableError, match="cannot be reached"):
                ask(provider(name, base_url=nobody, api_key=KEY))


def test_who_accepts_and_never_answers_may_have_billed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"

        with pytest.raises(OutcomeUnknownError):
            ask(provider("openai", base_url=address, api_key=KEY), timeout_seconds=0.2)


@contextmanager
def _dead(port: int = 0) -> Iterator[tuple[str, int]]:
    """An address and a port of this machine where connections are neither made nor refused."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.2", port), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            with suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        yield full.getsockname()


def _names_mean(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """A name has those addresses."""
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *more: Any, **named: Any) -> list[Any]:
        hosts = addresses if host == "many.example" else (host,)
        return [entry for each in hosts for entry in real(each, port, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How many seconds each address may take to be connected to."""
    seconds: list[float] = []
    real = socket.create_connection

    def connect(address: tuple[str, int], timeout: float, **named: Any) -> socket.socket:
        seconds.append(timeout)
        return real(address, timeout, **named)

    monkeypatch.setattr(socket, "create_connection", connect)
    return seconds


def test_the_dead_addresses_of_a_name_share_the_time_of_one_attempt(
    monkeypatch: pytest.MonkeyPatch, spent: list[float]
) -> None:
    with _dead() as (address, port):
        _names_mean(monkeypatch, *[address] * 6)

        with pytest.raises(UnavailableError, match="timed out"):
            ask(provider("openai", base_url=f"http://many.example:{port}", api_key=KEY), timeout_seconds=0.3)

    assert sum(spent) <= 0.3 + len(spent) * 0.001
    assert len(spent) > 1


def test_the_address_of_a_name_that_answers_is_found_behind_a_dead_one(
    monkeypatch: pytest.MonkeyPatch, server: ProviderServer, spent: list[float]
) -> None:
    port = int(server.origin.rpartition(":")[2])
    with _dead(port) as (address, _):
        _names_mean(monkeypatch, address, "127.0.0.1")

        ask(provider("openai", base_url=f"http://many.example:{port}/v1", api_key=KEY), timeout_seconds=2.0)

    assert len(spent) == 2
    assert spent[0] <= 1.0
    assert len(server.journal) == 1


def test_a_name_that_nobody_looks_up_in_time_was_sent_nothing(
    monkeypatch: pytest.MonkeyPatch, server: ProviderServer, adapter: Provider
) -> None:
    is_over = threading.Event()
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *more, **named: is_over.wait(5) and real(*more, **named))

    try:
        with pytest.raises(UnavailableError, match=r"nobody said within 0\.\d+ s which addresses"):
            ask(adapter, timeout_seconds=0.2)
    finally:
        is_over.set()

    assert server.journal == []


def test_a_name_that_cannot_be_looked_up_was_sent_nothing() -> None:
    for name in NAMES:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            ask(provider(name, base_url="http://a..b:9", api_key=KEY))


@pytest.mark.parametrize("name", NAMES)
def test_an_adapter_that_cannot_be_made_was_sent_nothing(name: str) -> None:
    with pytest.raises(NoAdapterError, match=f"igny8 providers set {name} --base-url") as raised:
        provider(name, base_url="http://192.168.1.300:11434/v1", api_key=KEY)

    assert KEY not in repr(raised.value)
    assert raised.value.__cause__ is None


def test_a_server_that_speaks_no_tls_was_sent_nothing(server: ProviderServer) -> None:
    address = server.openai.replace("http:", "https:")

    with pytest.raises(UnavailableError):
        ask(provider("openai", base_url=address, api_key=KEY))

    assert server.journal == []


def test_a_request_that_cannot_be_made_is_refused_and_not_sent(
    server: ProviderServer, openai: Provider, anthropic: Provider
) -> None:
    for adapter in (openai, anthropic):
        with pytest.raises(RequestRefusedError, match="cannot be made"):
            adapter.complete_text(text(model="\ud800"))

    assert server.journal == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(body=b" " * 43_000_000),
        # A few bytes, each in a chunk of its own.
        Fault(body=b" " * 100_000, chunk_bytes=1),
        # An answer that never begins.
        Fault(interim=b"HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n" * 20_000),
    ],
)
def test_what_is_more_than_anybody_reads_is_not_read(server: ProviderServer, adapter: Provider, fault: Fault) -> None:
    server.always = fault

    with pytest.raises(UnreadableAnswerError, match="than anybody reads"):
        ask(adapter)


def test_an_error_without_an_end_is_known_by_its_status(server: ProviderServer, openai: Provider) -> None:
    server.always = Fault(status=429, body=b" " * 5_000_000, headers={"Retry-After": "4"})

    with pytest.raises(ThrottledError) as raised:
        ask(openai)

    assert raised.value.retry_after_seconds == 4.0


def test_nothing_of_a_maze_of_errors_is_read_but_its_status(server: ProviderServer, openai: Provider) -> None:
    server.always = Fault(status=401, body=b'{"error":{"message":"read"},"maze":[' + b"{}," * 10_000_000 + b"{}]}")

    with pytest.raises(KeyRefusedError, match="HTTP status 401"):
        openai.draw_image(image())


def test_nothing_that_a_provider_wants_remembered_is_told_it_again(server: ProviderServer, adapter: Provider) -> None:
    server.faults = [Fault(headers={"Set-Cookie": "of=one; Path=/"})]

    ask(adapter)
    ask(adapter)

    assert "cookie" not in server.journal[1].headers


def test_what_is_compressed_is_not_unpacked(server: ProviderServer, adapter: Provider) -> None:
    answer = b'{"choices":[],"content":[],"data":[{"imageBase64Data":"QUJD"}]}'
    server.always = Fault(body=gzip.compress(answer), headers={"Content-Encoding": "gzip"})

    with pytest.raises(UnreadableAnswerError):
        ask(adapter)

    assert server.journal[0].headers["accept-encoding"] == "identity"


def test_an_adapter_serves_many_threads_at_once(server: ProviderServer, openai: Provider) -> None:
    all_there = threading.Barrier(8, timeout=30)

    def wait_for_all(*_: object) -> str:
        all_there.wait()
        return "{}"

    server.writer = wait_for_all

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: openai.complete_text(text()), range(8)))

    assert [reply.text for reply in replies] == ["{}"] * 8


def test_the_worker_loads_no_sdk_no_client_of_the_wire_and_no_tracing() -> None:
    # A part of OpenTelemetry is loaded by redis-py itself, where it is installed.
    tracing = ("pipeline.tracing.engine", "opentelemetry.sdk.trace.export", "opentelemetry.exporter", "google.protobuf")
    names = ("openai", "anthropic", "httpx2", "httpcore2", *tracing)
    program = (
        "import sys, pipeline.worker, stages, pipeline.engine.gateway, pipeline.engine.tasks\n"
        f"print([name for name in {names} if name in sys.modules])"
    )

    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert shown.stdout.strip() == "[]"
