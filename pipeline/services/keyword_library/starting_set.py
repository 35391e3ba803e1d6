"""Owns the set of keywords that is shipped: examples in our own words, their figures guessed, dated."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.models import Industry
from pipeline.services.keyword_files import KeywordRow
from pipeline.services.keyword_library.changes import add_to_sector

#: The day it was written.
WRITTEN_AT: Final = datetime(2026, 11, 28, tzinfo=UTC)
_FILE: Final = "starting_set.csv"


def add_starting_set(session: Session) -> bool:
    """Fill a library that is empty; False where there is something in it, which stays as it is."""
    if session.scalar(select(Industry.id).limit(1)) is not None:
        return False
    for (industry, sector), rows in starting_set().items():
        add_to_sector(session, rows, industry=industry, sector=sector, now=WRITTEN_AT, is_example=True)
    return True


@cache
def starting_set() -> dict[tuple[str, str], list[KeywordRow]]:
    """Industry and sector -> its keywords."""
    lines = files(__package__).joinpath(_FILE).read_text("utf-8").splitlines()
    records = list(csv.DictReader(lines))
    return {
        names: [
            KeywordRow(place, row["keyword"], int(row["volume"]), int(row["difficulty"]), row["intent"], None)
            for place, row in enumerate(of_sector, start=1)
        ]
        for names, of_sector in groupby(records, key=lambda row: (row["industry"], row["sector"]))
    }
