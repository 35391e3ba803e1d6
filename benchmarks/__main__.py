"""Owns the command: `python -m benchmarks [NAME…] [--quick]` prints one JSON line a figure; notes go to stderr."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from benchmarks import (
    allocation,
    api,
    beat,
    calendar_slots,
    concurrency,
    connections,
    console_pages,
    console_watchers,
    demo,
    engine_loop,
    keyword_import,
    providers,
    search,
)
from benchmarks.figures import Figure, note, print_figure

BENCHMARKS: dict[str, Callable[..., Iterator[Figure]]] = {
    "engine": engine_loop.figures,
    "import": keyword_import.figures,
    "calendar": calendar_slots.figures,
    "allocation": allocation.figures,
    "beat": beat.figures,
    "api": api.figures,
    "search": search.figures,
    "concurrency": concurrency.figures,
    "console": console_pages.figures,
    "watchers": console_watchers.figures,
    "providers": providers.figures,
    "connections": connections.figures,
    "demo": demo.figures,
}


def main() -> None:
    """Measure what was asked for, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="one small round each: does it still run?")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; choose from {', '.join(BENCHMARKS)}")
    for name in chosen.names or BENCHMARKS:
        note(f"{name} …")
        for figure in BENCHMARKS[name](quick=chosen.quick):
            print_figure(figure)


if __name__ == "__main__":
    main()
