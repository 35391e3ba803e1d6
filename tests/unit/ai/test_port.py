"""The port's errors and the list of providers."""

import pickle
import subprocess
import sys

import pytest

from pipeline.ai import provider
from pipeline.ai.offline import OfflineProvider
from pipeline.ai.port import (
    KeyRefusedError,
    OutcomeUnknownError,
    ProviderError,
    QuotaExhaustedError,
    RequestRefusedError,
    ThrottledError,
    UnavailableError,
)
from pipeline.core.errors import NotReadyError, PipelineError


def test_offline_is_opened_by_its_name() -> None:
    opened = provider("offline")

    assert isinstance(opened, OfflineProvider)
    assert opened.name == "offline"


def test_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        NotReadyError, match=r"no AI provider called 'oracle'.*Known providers: anthropic, offline, openai, runware"
    ):
        provider("oracle")


@pytest.mark.parametrize(
    "error",
    [RequestRefusedError, KeyRefusedError, QuotaExhaustedError, ThrottledError, UnavailableError, OutcomeUnknownError],
)
def test_every_error_is_a_provider_error_with_a_sentence(error: type[ProviderError]) -> None:
    raised = error()

    assert isinstance(raised, PipelineError)
    assert isinstance(raised, ProviderError)
    assert raised.message.endswith(".")


def test_wait_survives_the_way_between_processes() -> None:
    sent = pickle.loads(pickle.dumps(ThrottledError("Slow down.", retry_after_seconds=2.5)))  # noqa: S301 - our own bytes.

    assert (sent.message, sent.retry_after_seconds) == ("Slow down.", 2.5)


def test_naming_the_providers_loads_none_of_them() -> None:
    heavy = ("PIL", "rapidfuzz", "snowballstemmer", "slugify", "openai", "anthropic", "httpx2", "pipeline.ai.offline")
    program = f"import sys, pipeline.ai; print([name for name in {heavy!r} if name in sys.modules])"

    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert shown.stdout.strip() == "[]"
