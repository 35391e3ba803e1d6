"""Benchmarks are not run by the tests; that they still find what they measure is seen here."""

from __future__ import annotations

import subprocess
import sys

from tests.support.sources import ROOT


def test_every_benchmark_finds_what_it_measures() -> None:
    names = [f"benchmarks.{path.stem}" for path in sorted((ROOT / "benchmarks").glob("*.py"))]

    done = subprocess.run(
        [sys.executable, "-c", f"import {', '.join(names)}"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(names) > 1
