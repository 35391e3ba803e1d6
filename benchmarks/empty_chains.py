"""Owns the floor: three empty tasks a stage as one chain, with the engine's own Celery settings and no database.

What a stage costs beyond it is the engine; what it costs up to it is three messages.
"""

from __future__ import annotations

from typing import Final

from celery import Celery, Task

from benchmarks.raw_celery import STAGES

#: Nobody reads this queue: a run that ended leaves a message there, and the driver counts them.
ENDED_QUEUE: Final = "ended"

app = Celery("floor", events="pipeline.engine.events:GuardedEvents")
app.config_from_object("celeryconfig")
app.conf.imports = ()


def send_stage(number: int) -> None:
    """The chain of a stage, as the engine sends it: one message that carries the other two links."""
    links = [app.signature(f"floor.{name}", args=(number,), immutable=True) for name in ("finish", "batch")]
    with app.producer_or_acquire() as producer:
        app.send_task("floor.admit", args=(number,), producer=producer, chain=links)


def ended() -> int:
    """How many runs have ended since the broker started."""
    with app.connection_for_write() as connection:
        return int(connection.default_channel.queue_declare(ENDED_QUEUE).message_count)


@app.task(name="floor.admit")
def admit(number: int) -> None:
    """Nothing."""


@app.task(name="floor.batch")
def batch(number: int) -> None:
    """Nothing."""


@app.task(name="floor.finish", bind=True)
def finish(self: Task, number: int) -> None:
    """Send the next stage; the last one tells that the run ended."""
    self.request.chain = None
    if number < STAGES:
        send_stage(number + 1)
    else:
        app.send_task("floor.ended", queue=ENDED_QUEUE)
