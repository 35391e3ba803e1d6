"""Owns the figure of the demo: the whole story, from a keyword file to a published page, as a newcomer sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from pipeline.config import Config, child_environ

_AIM_SECONDS: Final = 60


def figures(*, quick: bool) -> Iterator[Figure]:
    """Wall seconds of `igny8 demo` in an empty home, beside the start of the program alone."""
    seconds, starts, told = [], [], {}
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
            starts.append(_timed(folder, "--help")[0])
            spent, output = _timed(folder, "demo", "--json")
            seconds.append(spent)
            told = json.loads(output)
    more: dict[str, Any] = {
        "aim_seconds": _AIM_SECONDS,
        "contents": told.get("contents"),
        "credits": (told.get("run") or {}).get("credits"),
    }
    yield Figure("demo: 200 keywords to pages", "seconds", seconds, "igny8 --help", starts, more=more)


def _timed(home: str, *words: str) -> tuple[float, str]:
    environ = child_environ(Config(home=Path(home)))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *words], env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    return time.monotonic() - began, done.stdout
