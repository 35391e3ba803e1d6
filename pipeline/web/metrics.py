"""Owns `/metrics`: the figures of this installation as Prometheus reads them, from the database at every scrape.

They are about every account, so that no API key opens them: whoever asks sends the installation's own token.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from pipeline.config import config
from pipeline.core.money import UCR_PER_CREDIT
from pipeline.db.session import Database
from pipeline.secrets import METRICS_TOKEN, ensure_secrets, read_secrets
from pipeline.services.metrics import Metrics, read_metrics
from pipeline.services.provider_health import Trouble
from pipeline.web.errors import problem
from pipeline.web.strangers import Strangers, address_of, secret_of

PATH: Final = "/metrics"
router = APIRouter()
_log = structlog.get_logger()
_CLOSED: Final = f"Send the entry {METRICS_TOKEN} of secrets.env as `Authorization: Bearer TOKEN`."


@router.get(PATH, include_in_schema=False)
def metrics(request: Request) -> Response:
    """Tell the figures of this moment to whoever has the token."""
    secret = secret_of(request.headers, {})
    strangers: Strangers = request.app.state.strangers
    if secret is None or not _is_token(secret):
        if secret is not None:
            strangers.forget(secret, address_of(request))
        return problem(HTTPStatus.UNAUTHORIZED, _CLOSED, headers={"WWW-Authenticate": "Bearer"})
    strangers.know(secret)
    try:
        text = exposition(request.app.state.backend.database())
    except SQLAlchemyError as error:
        _log.warning("web.database_not_read", error=type(error).__name__)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "The database cannot be read. `igny8 doctor` says why.")
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def exposition(database: Database) -> bytes:
    """The figures in Prometheus's text format."""
    with database.reading() as session:
        found = read_metrics(session, now=database.now())
    collectors = CollectorRegistry()
    collectors.register(_Collector(found))
    return generate_latest(collectors)


class _Collector(Collector):
    """The figures of one moment as metrics."""

    def __init__(self, found: Metrics) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        found = self._found
        yield _family("igny8_runs", "Runs, by status.", "status", found.runs.items())
        yield _family("igny8_calls", "Calls to AI providers, by status.", "status", found.calls.items())
        yield _family("igny8_publications", "Publications, by status.", "status", found.publications.items())
        yield _family("igny8_deliveries", "Deliveries of notifications, by status.", "status", found.deliveries.items())
        yield _credits("igny8_credits_balance", "Credits of all accounts.", found.balance_ucr)
        yield _credits("igny8_credits_held", "Credits held for calls under way.", found.held_ucr)
        numbers = {work: due.number for work, due in found.due.items()}
        yield _family("igny8_due", "Rows that are due and were not sent yet.", "work", numbers.items())
        ages = {work: due.age_seconds for work, due in found.due.items()}
        yield _family("igny8_due_age_seconds", "Since when the first of them is due; 0: none is.", "work", ages.items())
        yield _family(
            "igny8_queue_oldest_seconds",
            "For how long the oldest work of a queue has waited to be taken; 0: none waits.",
            "queue",
            found.queues.items(),
        )
        living = {kind: each.number for kind, each in found.processes.items()}
        yield _family(
            "igny8_processes", "Processes that showed a sign of life within two minutes.", "kind", living.items()
        )
        yield from _of_models(found.troubles)
        signs = {kind: each.age_seconds for kind, each in found.processes.items() if each.age_seconds is not None}
        yield _family(
            "igny8_sign_of_life_age_seconds", "Since the latest sign of life of a kind.", "kind", signs.items()
        )


def _of_models(troubles: Sequence[Trouble]) -> Iterator[Metric]:
    """Models that answer have no line."""
    labels = ["provider", "model"]
    failures = GaugeMetricFamily("igny8_provider_failures", "Calls of a model that failed in a row.", labels=labels)
    is_open = GaugeMetricFamily("igny8_provider_open", "1: a model is left alone because it fails.", labels=labels)
    for each in troubles:
        failures.add_metric([each.provider, each.model], each.failures)
        is_open.add_metric([each.provider, each.model], each.state != "failing")
    yield failures
    yield is_open


def _family(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, value in values:
        family.add_metric([str(word)], value)
    return family


def _credits(name: str, text: str, amount_ucr: int) -> GaugeMetricFamily:
    # Prometheus knows floats alone: these are for curves, not for books.
    return GaugeMetricFamily(name, text, value=amount_ucr / UCR_PER_CREDIT)


def _is_token(given: str) -> bool:
    home = config().home
    token = read_secrets(home).get(METRICS_TOKEN) or ensure_secrets(home)[METRICS_TOKEN]
    return hmac.compare_digest(given.encode(), token.encode())
