"""Owns what a probe asks: does this worker, this beat, this API live, and can it do its work?

It is asked every few seconds by whatever supervises processes, so that it imports no model and opens one connection;
importing the whole command line would cost several times as much. Never: change anything, write anything.
"""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from pipeline.config import Config
from pipeline.core.liveness import Finding, Patience, Sign, Verdict, judge_beat, judge_worker, worst

_PATIENCE_SECONDS: Final = 4.0
#: Below the home: where the API listens.
_WEB_URL_FILE: Final = "web.url"


class Kind(StrEnum):
    """What is asked about."""

    #: Takes tasks and executes them.
    WORKER = "worker"
    #: Sends what is due.
    BEAT = "beat"
    #: Answers HTTP.
    WEB = "web"


#: What a probe exits with; 1 and 2 are left to what every command may come to.
EXIT_CODES: Final[Mapping[Verdict, int]] = {
    Verdict.READY: 0,
    Verdict.NOT_READY: 3,
    Verdict.STUCK: 4,
    Verdict.UNKNOWN: 5,
}


def exit_code(finding: Finding, *, only_alive: bool) -> int:
    """The code. `only_alive`: 0 for all that a restart would not mend."""
    return 0 if only_alive and finding.verdict is not Verdict.STUCK else EXIT_CODES[finding.verdict]


def probe(config: Config, kind: Kind, name: str | None) -> Finding:
    """Look at one process, or at all of the kind on this machine.

    `name` is that of its host, `<host>:<pid>`, a worker's name on the broker, or the API's address.
    """
    if kind is Kind.WEB:
        return _web(name or _web_url(config.home))
    try:
        signs, now = _read(config, kind)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from being read, nothing is known of the process
        return Finding(Verdict.UNKNOWN, f"the database cannot be read: {type(error).__name__}")
    mine = [sign for sign in signs if _is_meant(sign, kind, name)]
    if not mine:
        where = f"called {name}" if name else "of this machine"
        return Finding(Verdict.NOT_READY, f"no {kind} {where} has shown a sign of life")
    living = [sign for sign in mine if not sign.is_silent(now=now)]
    # What was killed leaves its sign behind: it counts where it stands still, or where nothing else is left.
    asked = [*living, *(sign for sign in mine if sign not in living and _stands_still(sign))] or mine[-1:]
    patience = Patience.of(config.canary_seconds, config.visibility_timeout_seconds)
    findings = [
        judge_worker(sign, patience, now=now) if kind is Kind.WORKER else judge_beat(sign, now=now) for sign in asked
    ]
    found = worst(findings)
    return Finding(found.verdict, f"{asked[findings.index(found)].name}: {found.detail}")


def _is_meant(sign: Sign, kind: Kind, name: str | None) -> bool:
    host_and_pid = sign.name.removeprefix(f"{kind}:")
    host = host_and_pid.rpartition(":")[0]
    return name in {host_and_pid, host, sign.details.get("node")} if name else host == socket.gethostname()


def _stands_still(sign: Sign) -> bool:
    """Whether the process of a silent sign is on this machine still: halted, or hanging."""
    import psutil

    _, host, pid = sign.name.split(":")
    began_at = sign.instant("began_at")
    if host != socket.gethostname() or began_at is None:
        return False
    try:
        # Another program may have got the number since.
        return bool(psutil.Process(int(pid)).create_time() <= began_at.timestamp())
    except psutil.Error:
        return False


def _read(config: Config, kind: Kind) -> tuple[list[Sign], datetime]:
    """The signs, the latest last, and the instant by the database's clock."""
    rows, now = _sqlite(config) if config.database_url.startswith("sqlite") else _postgresql(config)
    prefix = f"{kind}:"
    signs = [Sign(name, at, details) for name, at, details in rows if name.startswith(prefix)]
    return sorted(signs, key=lambda sign: sign.at), now


_ROWS: Final = "SELECT name, at, details FROM heartbeats"


def _sqlite(config: Config) -> tuple[list[tuple[str, datetime, Any]], datetime]:
    import sqlite3

    path = config.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_PATIENCE_SECONDS)) as connection:
        rows = connection.execute(_ROWS).fetchall()
    read = [(name, datetime.fromisoformat(at).replace(tzinfo=UTC), json.loads(details)) for name, at, details in rows]
    return read, datetime.now(UTC)


def _postgresql(config: Config) -> tuple[list[tuple[str, datetime, Any]], datetime]:
    import psycopg

    address = config.database_url.replace("postgresql+psycopg", "postgresql", 1)
    with psycopg.connect(address, connect_timeout=int(_PATIENCE_SECONDS), autocommit=True) as connection:
        connection.execute(f"SET statement_timeout = {int(_PATIENCE_SECONDS * 1000)}")
        rows = connection.execute(f"{_ROWS} UNION ALL SELECT '', clock_timestamp(), NULL").fetchall()
    now = next(at for name, at, _ in rows if not name)
    return [row for row in rows if row[0]], now


def _web_url(home: Path) -> str | None:
    try:
        return (home / _WEB_URL_FILE).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _web(url: str | None) -> Finding:
    if url is None:
        return Finding(Verdict.NOT_READY, "the API of this home has not begun to listen")
    if not url.startswith(("http://", "https://")):
        return Finding(Verdict.UNKNOWN, f"{url} is no address. Give one such as http://127.0.0.1:8000.")
    alive = _status(f"{url.rstrip('/')}/livez")
    if alive != HTTPStatus.OK:
        return Finding(Verdict.STUCK, f"{url} does not answer")
    healthy = _status(f"{url.rstrip('/')}/healthz")
    if healthy != HTTPStatus.OK:
        return Finding(Verdict.NOT_READY, f"{url} cannot read its database")
    return Finding(Verdict.READY, f"{url} answers")


def _status(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310 - http, as was looked at
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except (OSError, ValueError):
        return None
