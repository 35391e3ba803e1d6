"""Owns the figures of beat's sending: so many messages, beside as many that Celery and kombu publish by themselves."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure, rounded
from benchmarks.processes import processes
from benchmarks.stack import start_broker
from pipeline.config import Config, use_config
from pipeline.core.catalog import STAGES
from pipeline.engine import dispatch
from pipeline.engine.app import app
from pipeline.local.stack import use_broker
from scheduler.publishing import ROWS
from scheduler.sending import Message, Sender

_AIM: Final = 1.2


def figures(*, count: int, rounds: int) -> Iterator[Figure]:
    """Milliseconds of sending, over one connection each."""
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
        config = Config(home=Path(folder))
        use_config(config)
        try:
            with processes(config.home / "logs") as started:
                start_broker(started, config)
                use_broker(config)
                yield from _measured(count, rounds)
        finally:
            use_config(None)


def _measured(count: int, rounds: int) -> Iterator[Figure]:
    sender = Sender(app)
    publications = [Message(ROWS.task, (number,)) for number in range(count)]
    lanes = [dispatch.Chain(number, STAGES[0].key, admitted=True, lane=1) for number in range(count)]
    chains = [lane.links() for lane in lanes]
    with app.connection_for_write() as connection:
        producer = app.amqp.Producer(connection, auto_declare=False)

        def celery_alone() -> None:
            for number in range(count):
                app.send_task(ROWS.task, args=[number], producer=producer)

        def celery_chains() -> None:
            for first, *rest in chains:
                app.send_task(first.task, args=first.args, producer=producer, chain=list(reversed(rest)))

        def kombu_alone() -> None:
            for number in range(count):
                producer.publish([[number], {}, {}], routing_key="publish", exchange="", serializer="json", retry=False)

        ways: list[tuple[str, Callable[[], Any], str, Callable[[], Any]]] = [
            (f"sending {count:,} publications", lambda: sender.send(publications), "Celery's send_task", celery_alone),
            (
                f"sending {count:,} lanes",
                lambda: dispatch.publish(lanes),
                "Celery's send_task, same chains",
                celery_chains,
            ),
        ]
        for name, ours, baseline_name, baseline in ways:
            for warm in (kombu_alone, baseline, ours):
                warm()
            seen, bare, raw = [], [], []
            for _ in range(rounds):
                bare.append(_milliseconds(baseline))
                seen.append(_milliseconds(ours))
                raw.append(_milliseconds(kombu_alone))
            more = {"kombu_alone_ms": rounded(statistics.median(raw))}
            yield Figure(name, "milliseconds", seen, baseline_name, bare, aim=_AIM, more=more)
    sender.close()


def _milliseconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000
