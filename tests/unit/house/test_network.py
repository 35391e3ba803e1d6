"""Which modules open connections at all: an address that a tenant sets is reached through `pipeline.net` alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support.sources import modules, name_of, tree_of

_OPENS = {"socket", "ssl", "http.client", "urllib.request", "smtplib", "ftplib", "httpx", "httpx2", "requests",
          "aiohttp", "urllib3", "websockets"}  # fmt: skip
#: Module -> whose address it reaches.
ALLOWED = {
    "pipeline/net.py": "tenants', checked and pinned",
    "pipeline/ai/wire.py": "the operator's AI providers (igny8 providers set)",
    "pipeline/ai/names.py": "none: it asks which addresses the names of those have",
    "pipeline/engine/mail.py": "the operator's server (IGNY8_SMTP_URL)",
    "pipeline/asgi.py": "none: it listens",
    "pipeline/services/heartbeats.py": "none: the name of this machine",
    "pipeline/local/broker.py": "this machine's broker",
    "pipeline/local/flower.py": "this machine's Flower",
    "pipeline/local/stack.py": "none: it looks for its sockets",
    "pipeline/tracing/engine.py": "the operator's collector (IGNY8_TRACES_URL)",
    "pipeline/engine/keepalive.py": "none: the numbers of options",
    "pipeline/local/workers.py": "none: the name of this machine",
    "pipeline/local/probes.py": "the API that the operator names, or this home's",
    "pipeline/local/ports.py": "none: it looks whether a port is free",
    "pipeline/local/web.py": "this machine's API",
}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_whoever_opens_a_connection_is_known_and_why() -> None:
    found = {name_of(path) for path in modules() if _OPENS & set(_imported(tree_of(path)))}

    assert found == set(ALLOWED)
