"""Owns the figures of AI providers: what their adapters add to start-up and to a call, and what a hostile answer costs.

Each round is a process of its own; the server of the tests is another one, so that only the caller is measured.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from pipeline.ai import provider
from pipeline.ai.port import ImageRequest, Message, ProviderError, TextRequest
from tests.support.provider_server import Fault, ProviderServer, provider_server

_BASELINE: Final = "celery, redis, sqlalchemy, psycopg"
_TIMED: Final = "import time; begun = time.process_time(); import {}; print(time.process_time() - begun)"
_IMPORT_RATIO: Final = 1.3
_OVERHEAD_MS: Final = 3
_HOSTILE_BYTES: Final = 50_000_000
_HOSTILE_SECONDS: Final = 5
_HOSTILE_MB: Final = 256
_TEXT: Final = TextRequest(
    model="any",
    messages=(Message("system", "Answer with one word."), Message("user", "Which? " * 500)),
    schema={"type": "object", "properties": {"word": {"type": "string"}}},
    schema_name="word",
    max_output_tokens=1_000,
    temperature=0.5,
    timeout_seconds=30,
    call_key="k" * 64,
)
_IMAGE: Final = ImageRequest("any", "A chair", 1_024, 1_024, "standard", "", 30, "k" * 64)
#: What a hostile provider sends, of the length that is asked for.
_HOSTILE: Final[dict[str, Callable[[int], Fault]]] = {
    "a text without an end": lambda size: Fault(body=b'{"choices":[{"message":{"content":"' + b"a" * size),
    "empty objects": lambda size: Fault(body=b'{"choices":[' + b"{}," * (size // 3)),
    "nested arrays": lambda size: Fault(body=b"[" * size),
    "an error without an end": lambda size: Fault(status=500, body=b'{"error":{"message":"' + b"a" * size),
    "pieces of 64 bytes": lambda size: Fault(body=b"a" * size, chunk_bytes=64),
}


def figures(*, quick: bool) -> Iterator[Figure]:
    """Import of the worker, CPU of a call beside the bare SDK's, memory and seconds of hostile answers."""
    rounds, calls = (1, 20) if quick else (5, 200)
    yield _imported(3 * rounds)
    yield from _overheads(rounds, calls)
    yield from _hostile(_HOSTILE_BYTES // 10 if quick else _HOSTILE_BYTES)


def _imported(rounds: int) -> Figure:
    seen: dict[str, list[float]] = {"pipeline.worker": [], _BASELINE: []}
    for _ in range(rounds):
        for what, seconds in seen.items():
            done = subprocess.run([sys.executable, "-c", _TIMED.format(what)], check=True, capture_output=True)
            seconds.append(float(done.stdout))
    ours, theirs = seen.values()
    return Figure("import of pipeline.worker", "CPU seconds", ours, _BASELINE, theirs, aim=_IMPORT_RATIO)


def _overheads(rounds: int, calls: int) -> Iterator[Figure]:
    for name, bare in (("openai", _bare_openai), ("anthropic", _bare_anthropic)):
        ours, theirs = [], []
        for _ in range(rounds):
            with _Served(Fault(text='{"word": "this"}')) as addresses:
                mine, sdk = _in_a_process(_both, name, bare, addresses[name], calls)
            ours.append(mine)
            theirs.append(sdk)
        added = statistics.median(mine - sdk for mine, sdk in zip(ours, theirs, strict=True))
        more = {"added_ms": round(added, 3), "aim_added_ms": _OVERHEAD_MS}
        yield Figure(f"a call through the adapter of {name}", "CPU ms", ours, "the bare SDK", theirs, more=more)


def _both(name: str, bare: Callable[[str], Callable[[], Any]], address: str, calls: int) -> tuple[float, float]:
    """CPU milliseconds of a call by the adapter and by the bare SDK, one after the other in one process."""
    adapter = provider(name, base_url=address, api_key="none")
    ways: list[Callable[[], Any]] = [lambda: adapter.complete_text(_TEXT), bare(address)]
    for way in ways:
        way()
    spent = [0.0, 0.0]
    for _ in range(calls):
        for number, way in enumerate(ways):
            begun = time.process_time()
            way()
            spent[number] += time.process_time() - begun
    return spent[0] * 1_000 / calls, spent[1] * 1_000 / calls


def _bare_openai(address: str) -> Callable[[], Any]:
    from openai import OpenAI

    client = OpenAI(api_key="none", base_url=address, max_retries=0)
    messages: Any = [{"role": m.role, "content": m.content} for m in _TEXT.messages]
    return lambda: client.chat.completions.create(
        model="any", messages=messages, max_completion_tokens=1_000, temperature=0.5
    )


def _bare_anthropic(address: str) -> Callable[[], Any]:
    from anthropic import Anthropic

    client = Anthropic(api_key="none", base_url=address, max_retries=0)
    system, question = (m.content for m in _TEXT.messages)
    return lambda: client.messages.create(
        model="any", messages=[{"role": "user", "content": question}], system=system, max_tokens=1_000
    )


def _hostile(size: int) -> Iterator[Figure]:
    for told, fault in _HOSTILE.items():
        with _Served(fault(size)) as addresses:
            seen = {name: _in_a_process(_refused, name, addresses[name]) for name in ("openai", "anthropic", "runware")}
        more = {"peak_mb": round(max(peak for _, peak in seen.values())), "aim_peak_mb": _HOSTILE_MB}
        what = f"{size // 1_000_000} MB of {told}, the worst adapter"
        yield Figure(what, "seconds", [max(seconds for seconds, _ in seen.values())], aim=_HOSTILE_SECONDS, more=more)


def _refused(name: str, address: str) -> tuple[float, float]:
    """Seconds until the answer is refused, and the most megabytes that the process had."""
    adapter = provider(name, base_url=address, api_key="none")
    begun = time.monotonic()
    with suppress(ProviderError):
        adapter.draw_image(_IMAGE) if name == "runware" else adapter.complete_text(_TEXT)
    return time.monotonic() - begun, _peak_mb()


def _peak_mb() -> float:
    """The most memory since this program began; getrusage would count that of the program that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def _in_a_process(work: Callable[..., tuple[float, float]], *arguments: Any) -> tuple[float, float]:
    ours, theirs = get_context("spawn").Pipe(duplex=False)
    process = get_context("spawn").Process(target=_sent, args=(theirs, work, *arguments))
    process.start()
    theirs.close()
    found: tuple[float, float] = ours.recv()
    process.join()
    return found


def _sent(results: Connection, work: Callable[..., tuple[float, float]], *arguments: Any) -> None:
    results.send(work(*arguments))


class _Served:
    """The provider of the tests in a process of its own: the addresses of its APIs."""

    def __init__(self, always: Fault) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, always))

    def __enter__(self) -> dict[str, str]:
        self._process.start()
        addresses: dict[str, str] = self._ours.recv()
        return addresses

    def __exit__(self, *_: object) -> None:
        self._ours.send("end")
        self._process.join()


def _serve(asked: Connection, always: Fault) -> None:
    with provider_server() as server:
        server.always = always
        asked.send(_addresses(server))
        asked.recv()


def _addresses(server: ProviderServer) -> dict[str, str]:
    return {"openai": server.openai, "anthropic": server.anthropic, "runware": server.runware}
