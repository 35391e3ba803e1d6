"""Owns `make soak SEED=1 MINUTES=30 BACKEND=redis`: faults of all kinds for so long, then a table of what held.

Ends with 1 where an invariant was broken. The same seed chooses the same faults again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.faults.harness.backends import BACKENDS
from tests.faults.harness.campaign import running_campaign, say
from tests.faults.harness.soaking import TIMES, VARIANTS, Soak

_NAMES: Final = {
    "embedded": "SQLite and the embedded broker",
    "redis": "PostgreSQL and Redis",
    "rabbitmq": "PostgreSQL and RabbitMQ",
}
_MOST_TOLD: Final = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print, and tell by the exit code."""
    given = _parser().parse_args(arguments)
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:8.1f} s  {line}", file=sys.stderr, flush=True)  # noqa: T201 - a log

    with (
        tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name,
        running_campaign(Path(name), on=given.backend, times=TIMES, variants=VARIANTS) as campaign,
    ):
        soak = Soak(campaign, seed=given.seed, tell=tell)
        soak.run(minutes=given.minutes)
        lost = campaign.count_lost(soak.sites)
    say(
        f"Seed {given.seed}, {given.minutes:g} minutes on {_NAMES[given.backend]}: {len(soak.sites)} sites, "
        f"{soak.rows.checked} of them compared, {lost} calls lost, {campaign.sampler.missed} samples missed.\n"
    )
    _table(("fault", "injected"), [*sorted(soak.injected.items()), ("**all**", sum(soak.injected.values()))])
    _table(("invariant", "checked", "broken"), [(law.name, law.checked, len(law.broken)) for law in soak.laws])
    broken = [f"{law.name}: {line}" for law in soak.laws for line in law.broken[:_MOST_TOLD]]
    for line in broken:
        say(f"BROKEN: {line}")
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--seed", default="1", help="what all faults follow from")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long faults strike")
    parser.add_argument("--backend", choices=BACKENDS, default="redis")
    return parser


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    say(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        say(f"| {' | '.join(map(str, row))} |")
    say("")


if __name__ == "__main__":
    sys.exit(main())
