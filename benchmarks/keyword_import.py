"""Owns the figure of the import: a file of 100,000 keywords into an empty site, beside a bare executemany."""

from __future__ import annotations

import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import insert

from benchmarks.figures import Figure
from pipeline.core.states import KeywordStatus
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.models import Keyword
from pipeline.models.base import table_of
from pipeline.services import accounts, keywords, sites
from pipeline.services.keyword_files import open_keyword_file
from tests.support.postgres import postgres_server

_BASELINE: Final = "the same rows by one bare executemany"
_AIM_SECONDS: Final = 20
_WORDS: Final = ("standing", "desk", "ergonomic", "chair", "monitor", "arm", "lamp", "cable", "quiet", "keyboard")


def figures(*, quick: bool) -> Iterator[Figure]:
    """Seconds of one import, on SQLite and on PostgreSQL; the most memory its process had."""
    count, rounds = (2_000, 1) if quick else (100_000, 3)
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder, postgres_server(durable=True) as server:
        file = Path(folder) / "keywords.csv"
        write_keywords(file, count)
        addresses: dict[str, Callable[[int], str]] = {
            "SQLite": lambda number: f"sqlite:///{folder}/{number}.db",
            "PostgreSQL": lambda number: server.create_database(f"import_{number}"),
        }
        for name, address in addresses.items():
            imported, bare = [], []
            for number in range(rounds):
                imported.append(in_a_process(_import, address(2 * number), file))
                bare.append(in_a_process(_insert, address(2 * number + 1), file))
            yield Figure(
                f"import of {count:,} keywords, {name}",
                "seconds",
                [seconds for seconds, _ in imported],
                _BASELINE,
                [seconds for seconds, _ in bare],
                more={"aim_seconds": _AIM_SECONDS, "peak_mb": max(peak for _, peak in imported), "aim_peak_mb": 300},
            )


def in_a_process(work: Callable[[str, Path], float], url: str, file: Path) -> tuple[float, float]:
    """Seconds of the work and peak megabytes of the process that did it and nothing else."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, url, file))


def _measured(work: Callable[[str, Path], float], url: str, file: Path) -> tuple[float, float]:
    seconds = work(url, file)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _import(url: str, file: Path) -> float:
    database, site_id = prepared(url)
    began = time.monotonic()
    with database.transaction() as session:
        site = session.get_one(sites.Site, site_id)
        report = keywords.import_keywords(session, site, open_keyword_file(file), now=database.now())
    assert report.imported == report.read  # noqa: S101 - no two rows of the file are alike
    return time.monotonic() - began


def _insert(url: str, file: Path) -> float:
    database, site_id = prepared(url)
    lines = file.read_text().splitlines()[1:]
    shared = {"account_id": 1, "site_id": site_id, "status": KeywordStatus.NEW, "times_tried": 0}
    began = time.monotonic()
    now = database.now()
    rows = []
    for line in lines:
        text, volume, difficulty = line.split(",")
        row = {"text": text, "normalised": text, "volume": int(volume), "difficulty": int(difficulty)}
        rows.append({**shared, **row, "created_at": now})
    with database.transaction() as session:
        session.connection().execute(insert(table_of(Keyword)), rows)
    return time.monotonic() - began


def prepared(url: str) -> tuple[Database, int]:
    """A new database at that address, and its one site."""
    database = Database(url)
    upgrade(database)
    now = database.now()
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)
        site = sites.add_site(session, account_id=account.id, name="site", timezone="UTC", now=now)
        return database, site.id


def write_keywords(file: Path, count: int) -> None:
    """Write so many keywords with their figures, no two alike."""
    chosen = random.Random(1)
    with file.open("w") as output:
        output.write("Keyword,Volume,Difficulty\n")
        for number in range(count):
            words = " ".join(chosen.choices(_WORDS, k=3))
            output.write(f"{words} {number},{chosen.randrange(100_000)},{chosen.randrange(101)}\n")
