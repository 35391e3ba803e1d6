"""Owns a real HTTP server that speaks as OpenAI, Anthropic and Runware do, with a journal and faults by script.

An answer is what the offline model would say, so that whole runs work with it; `faults` says what goes wrong instead,
request after request. Every request is kept in `journal`, with what was billed for it.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import Message, TextRequest

#: By the first field of an answer's schema: what the offline model calls it.
_WRITERS = {"clusters": "clusters", "ideas": "ideas", "featured": "image_prompts", "body_html": "article"}
IMAGE_COST = "0.0013"


@dataclass(frozen=True)
class Fault:
    """What happens to one request instead of an answer, or to its answer."""

    #: Answer with this status and a body as the provider words it (or `body`).
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: The bytes of the answer, whatever they are.
    body: bytes | None = None
    #: Changes the answer's document before it is sent.
    change: Callable[[dict[str, Any]], Any] | None = None
    #: The text of the answer; usage as if it were any other.
    text: str | None = None
    #: Wait before anything is answered.
    latency_seconds: float = 0.0
    #: "unread": before the request is read; "unanswered" or "reset": after; "cut": in the middle of the body.
    disconnect: str | None = None
    #: Send the body a byte at a time, with this wait between two.
    drip_seconds: float = 0.0
    #: The same with the headers.
    drips_headers: bool = False
    #: Send the body in chunks of so many bytes.
    chunk_bytes: int = 0
    #: Sent before the answer, as it is.
    interim: bytes = b""
    #: The error's code and sentence of a `status`.
    code: str = "scripted"
    message: str = "this was in the script"


@dataclass(frozen=True)
class Received:
    """One request, and what was billed for it."""

    path: str
    headers: Mapping[str, str]
    body: Any
    #: Whether a whole answer was sent with success.
    answered: bool
    input_tokens: int = 0
    output_tokens: int = 0
    cost_dollars: Decimal = Decimal(0)
    fault: Fault | None = None


@dataclass
class ProviderServer:
    """A provider of the tests' own."""

    origin: str = ""
    journal: list[Received] = field(default_factory=list)
    #: What happens to the next requests, in turn; None: nothing.
    faults: list[Fault | None] = field(default_factory=list)
    #: What happens to every request after those.
    always: Fault | None = None
    #: Writes the text of an answer: messages, JSON schema or None.
    writer: Callable[[list[Message], Mapping[str, Any] | None], str] | None = None
    #: Tokens that are thought before each answer, of those that it may have.
    thinks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def openai(self) -> str:
        """The base URL for OpenAI's SDK."""
        return f"{self.origin}/v1"

    @property
    def anthropic(self) -> str:
        """The base URL for Anthropic's SDK."""
        return self.origin

    @property
    def runware(self) -> str:
        """The address of Runware's API."""
        return f"{self.origin}/runware/v1"

    def next_fault(self) -> Fault | None:
        """Take the next line of the script."""
        with self._lock:
            return self.faults.pop(0) if self.faults else self.always

    def note(self, received: Received) -> None:
        """Keep a request."""
        with self._lock:
            self.journal.append(received)


@contextmanager
def provider_server() -> Iterator[ProviderServer]:
    """The server, for the length of the block."""
    served = ProviderServer()

    class Handler(_Handler):
        server_of = served

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """Clients that go away are part of the script."""

    with Server(("127.0.0.1", 0), Handler) as server:
        served.origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_of: ProviderServer

    def do_POST(self) -> None:
        served, fault = self.server_of, self.server_of.next_fault() or Fault()
        headers = {name.lower(): value for name, value in self.headers.items()}
        if fault.disconnect == "unread":
            served.note(Received(self.path, headers, None, answered=False, fault=fault))
            self._hang_up(reset=True)
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, document, billed = _answer(served, self.path, body, fault)
        is_whole = status == 200 and fault.disconnect is None
        noted = Received(self.path, headers, body, answered=is_whole, fault=fault, **(billed if status == 200 else {}))
        # Before the answer, so that whoever has it finds its request in the journal.
        served.note(noted)
        time.sleep(fault.latency_seconds)
        if fault.disconnect in {"unanswered", "reset"}:
            self._hang_up(reset=fault.disconnect == "reset")
            return
        sent = fault.body if fault.body is not None else json.dumps(document).encode()
        with suppress(OSError):
            self._send(status, sent, fault)

    def _send(self, status: int, body: bytes, fault: Fault) -> None:
        self.wfile.write(fault.interim)
        head = f"HTTP/1.1 {status} Scripted\r\n"
        length = {"Transfer-Encoding": "chunked"} if fault.chunk_bytes else {"Content-Length": str(len(body))}
        shown = {"Content-Type": "application/json", **length, **fault.headers}
        if fault.chunk_bytes:
            starts = range(0, len(body), fault.chunk_bytes)
            chunks = [body[start : start + fault.chunk_bytes] for start in starts]
            body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
        head += "".join(f"{name}: {value}\r\n" for name, value in shown.items()) + "\r\n"
        if not fault.drip_seconds and fault.disconnect is None:
            self.wfile.write(head.encode() + body)
            return
        self._drip(head.encode(), fault.drip_seconds if fault.drips_headers else 0)
        if fault.disconnect == "cut":
            self.wfile.write(body[: len(body) // 2])
            self._hang_up(reset=False)
            return
        self._drip(body, fault.drip_seconds)

    def _drip(self, data: bytes, seconds: float) -> None:
        if not seconds:
            self.wfile.write(data)
            return
        for start in range(len(data)):
            self.wfile.write(data[start : start + 1])
            self.wfile.flush()
            time.sleep(seconds)

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close() if reset else self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def _answer(served: ProviderServer, path: str, body: Any, fault: Fault) -> tuple[int, Any, dict[str, Any]]:
    speak = _SPEAKERS.get(path)
    if speak is None:
        return 404, {"error": {"message": f"there is no {path}", "code": "unknown_url"}}, {}
    if fault.status is not None and fault.status != 200:
        return fault.status, _error(path, fault), {}
    document, billed = speak(served, body, fault)
    return 200, fault.change(document) if fault.change else document, billed


def _error(path: str, fault: Fault) -> Any:
    error = {"message": fault.message, "type": fault.code, "code": fault.code, "param": None}
    if path == "/v1/messages":
        return {"type": "error", "error": {"type": fault.code, "message": fault.message}}
    if path == "/runware/v1":
        return {"data": [], "errors": [{"code": fault.code, "message": fault.message}]}
    return {"error": error}


def _chat(served: ProviderServer, body: Any, fault: Fault) -> tuple[dict[str, Any], dict[str, Any]]:
    messages = [Message(m["role"], m["content"]) for m in body["messages"]]
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    most = body.get("max_completion_tokens") or body["max_tokens"]
    text, used, is_cut = _thought_over(served.thinks, most, *_written(served, messages, schema, fault))
    message = {"role": "assistant", "content": text, "refusal": None}
    document = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [
            {"index": 0, "message": message, "finish_reason": "length" if is_cut else "stop", "logprobs": None}
        ],
        "usage": {
            "prompt_tokens": used["input_tokens"],
            "completion_tokens": used["output_tokens"],
            "total_tokens": sum(used.values()),
        },
    }
    return document, used


def _messages(served: ProviderServer, body: Any, fault: Fault) -> tuple[dict[str, Any], dict[str, Any]]:
    messages = [Message(m["role"], m["content"]) for m in body["messages"]]
    if "system" in body:
        messages.insert(0, Message("system", body["system"]))
    schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    text, used, is_cut = _thought_over(served.thinks, body["max_tokens"], *_written(served, messages, schema, fault))
    thoughts = [{"type": "thinking", "thinking": "", "signature": "s"}] if served.thinks else []
    document = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [*thoughts, *([{"type": "text", "text": text}] if text else [])],
        "stop_reason": "max_tokens" if is_cut else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": used["input_tokens"],
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0,
            "output_tokens": used["output_tokens"],
        },
    }
    return document, used


def _images(_served: ProviderServer, body: Any, _fault: Fault) -> tuple[dict[str, Any], dict[str, Any]]:
    width, height = map(int, body["size"].split("x"))
    return {"created": 1, "data": [{"b64_json": _drawn(width, height), "revised_prompt": body["prompt"]}]}, {}


def _inference(_served: ProviderServer, body: Any, _fault: Fault) -> tuple[dict[str, Any], dict[str, Any]]:
    drawn = [
        {
            "taskType": "imageInference",
            "taskUUID": task["taskUUID"],
            "imageUUID": task["taskUUID"],
            "imageBase64Data": _drawn(task["width"], task["height"]),
            "cost": float(IMAGE_COST),
        }
        for task in body
    ]
    return {"data": drawn}, {"cost_dollars": Decimal(IMAGE_COST) * len(drawn)}


_SPEAKERS: Mapping[str, Callable[[ProviderServer, Any, Fault], tuple[dict[str, Any], dict[str, Any]]]] = {
    "/v1/chat/completions": _chat,
    "/v1/images/generations": _images,
    "/v1/messages": _messages,
    "/runware/v1": _inference,
}


def _written(
    served: ProviderServer, messages: list[Message], schema: Mapping[str, Any] | None, fault: Fault
) -> tuple[str, dict[str, int]]:
    text = fault.text if fault.text is not None else (served.writer or written)(messages, schema)
    asked = sum(len(message.content.encode()) for message in messages)
    return text, {"input_tokens": -(-asked // 4), "output_tokens": -(-len(text.encode("utf-8", "replace")) // 4)}


def _thought_over(thinks: int, most: int, text: str, used: dict[str, int]) -> tuple[str, dict[str, int], bool]:
    """An answer behind so many tokens of thoughts, both billed; whether it was cut off where no more were allowed."""
    wanted = thinks + used["output_tokens"]
    if not thinks or wanted <= most:
        return text, used | {"output_tokens": wanted}, False
    return text[: 4 * max(most - thinks, 0)], used | {"output_tokens": most}, True


def written(messages: list[Message], schema: Mapping[str, Any] | None) -> str:
    """What the offline model answers; questions of the fake stages are answered with their own words."""
    if schema is None:
        told = next(m.content for m in messages if m.role == "system" and "JSON schema: " in m.content)
        schema = json.loads(told.rpartition("JSON schema: ")[2])
        messages = [m for m in messages if m.content != told]
    fields = schema["properties"]
    if "texts" in fields:
        return json.dumps({"texts": json.loads(messages[0].content)["texts"]})
    name = next((writer for key, writer in _WRITERS.items() if key in fields), None)
    if name is None:
        return json.dumps(_least(schema, schema.get("$defs", {})))
    request = TextRequest("m", tuple(messages), schema, name, 100_000, None, 10, "")
    return OfflineProvider(latency_seconds=0).complete_text(request).text


def _least(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Any:
    """The smallest document of a schema."""
    if "$ref" in schema:
        return _least(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _least(schema["anyOf"][0], defs)
    kinds = {"string": "word", "integer": 1, "number": 1, "boolean": True, "array": [], "null": None}
    if schema.get("type") in kinds:
        return kinds[schema["type"]]
    return {name: _least(inner, defs) for name, inner in schema.get("properties", {}).items()}


@lru_cache(maxsize=8)
def _drawn(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 60)).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()
