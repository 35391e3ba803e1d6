"""Owns the figure of an upload: a file of 100,000 keywords posted to an empty site, by the process that serves it."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.asking import bearer, posted, unhurried
from benchmarks.figures import Figure
from benchmarks.keyword_import import in_a_process, prepared, write_keywords
from pipeline.core.roles import Role
from pipeline.services import api_keys
from tests.support.postgres import postgres_server

_AIM_SECONDS: Final = 20
#: As uvicorn hands a body on.
_CHUNK_BYTES: Final = 64 * 1024


def figures(*, quick: bool) -> Iterator[Figure]:
    """Seconds from the first byte to the report; the most memory that the process had."""
    count, rounds = (2_000, 1) if quick else (100_000, 3)
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder, postgres_server(durable=True) as server:
        file = Path(folder) / "keywords.csv"
        write_keywords(file, count)
        addresses: dict[str, Callable[[int], str]] = {
            "SQLite": lambda number: f"sqlite:///{folder}/{number}.db",
            "PostgreSQL": lambda number: server.create_database(f"upload_{number}"),
        }
        for name, address in addresses.items():
            seen = [in_a_process(_upload, address(number), file) for number in range(rounds)]
            more = {"peak_mb": max(peak for _, peak in seen), "aim_peak_mb": 300}
            what = f"upload of {count:,} keywords, {name}"
            yield Figure(what, "seconds", [seconds for seconds, _ in seen], aim=_AIM_SECONDS, more=more)


def _upload(url: str, file: Path) -> float:
    database, site_id = prepared(url)
    with database.transaction() as session:
        key = api_keys.make_key(session, account_id=1, role=Role.EDITOR, now=database.now()).key
    app, path = unhurried(database), f"/api/v1/sites/{site_id}/keywords/import"
    began = time.monotonic()
    report = json.loads(asyncio.run(posted(app, path, bearer(key), partial(_chunks, file))))
    assert report["imported"] == report["read"]  # noqa: S101 - no two rows of the file are alike
    return time.monotonic() - began


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            yield chunk
