"""One request over `pipeline.net`: nothing sent and no answer are two things, and an answer has bounds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.net import Limits, NoAnswerError, TooLongError, UnreachableError, request


@contextmanager
def _answering(data: bytes, *, drip_seconds: float = 0) -> Iterator[str]:
    """A server that sends these bytes to whoever comes first, and goes; dripping, it sends them again and again."""
    server = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            try:
                connection.sendall(data)
                while drip_seconds and not done.wait(drip_seconds):
                    connection.sendall(b"x")
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    done.set()
    thread.join()
    server.close()


def _ask(url: str, *, timeout_seconds: float = 5, most_bytes: int = 100) -> str:
    limits = Limits(timeout_seconds, most_bytes=most_bytes, must_be_whole=True)
    return request("GET", url, None, headers={}, limits=limits, allow_private=True).text


def test_a_whole_answer_is_read() -> None:
    with _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as url:
        assert _ask(url) == "{}"


_HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"
_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}"


@pytest.mark.parametrize("data", [b"", _HALF, _CHUNK], ids=["nothing", "half", "chunk"])
def test_an_answer_that_breaks_off_is_none(data: bytes) -> None:
    with _answering(data) as url, pytest.raises(NoAnswerError):
        _ask(url)


def test_an_answer_that_never_ends_is_cut() -> None:
    beginning = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"
    with _answering(beginning, drip_seconds=0.05) as url, pytest.raises(NoAnswerError):
        _ask(url, timeout_seconds=0.4, most_bytes=9_000)


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n{}"], ids=["head", "body"])
def test_where_it_was_cut_is_no_end_of_an_answer(beginning: bytes) -> None:
    with (
        _answering(beginning, drip_seconds=0.05) as url,
        pytest.raises(NoAnswerError, match=r"did not answer within 0\.4 s\."),
    ):
        _ask(url, timeout_seconds=0.4, most_bytes=9_000)


def test_an_answer_that_is_too_long_is_not_taken() -> None:
    with _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"x" * 200) as url, pytest.raises(TooLongError):
        _ask(url)


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(UnreachableError) as refused:
        _ask(f"http://127.0.0.1:{port}/")

    assert not isinstance(refused.value, NoAnswerError)
