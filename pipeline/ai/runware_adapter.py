"""Owns Runware's REST API: images only, always in base64, each with Runware's own figure of what it costs."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from pipeline.ai.adjustments import runware_image
from pipeline.ai.asking import MOST_IMAGE_BYTES, ask, field
from pipeline.ai.images import decoded
from pipeline.ai.port import (
    ImageReply,
    ImageRequest,
    NoAdapterError,
    TextReply,
    TextRequest,
    UnreadableAnswerError,
)
from pipeline.ai.refusals import Speaker, refusal_within
from pipeline.ai.wire import client
from pipeline.core.money import picodollars

_ADDRESS: Final = "https://api.runware.ai/v1"
#: Of the names of tasks: the same call has the same name, whoever sends it.
_TASKS: Final = uuid.UUID("6f0d2f0e-5a0c-4c5b-8d0e-9a3f6f1f0b57")
#: US dollars; beyond it a cost is nonsense.
_MOST_COST: Final = 1_000


class RunwareProvider:
    """Runware at one address with one key."""

    name = "runware"

    def __init__(self, *, base_url: str | None, api_key: str | None) -> None:
        """Without an address it is Runware's own."""
        self._speaker = Speaker(self.name, api_key)
        self._client = client()
        # Read now, as the SDKs read theirs: what is no address is known before anything is asked.
        self._address = self._client.build_request("POST", base_url or _ADDRESS).url
        if api_key:
            self._client.headers["authorization"] = f"Bearer {api_key}"

    def close(self) -> None:
        """Give up its connections; it is asked no more."""
        self._client.close()

    def complete_text(self, request: TextRequest) -> TextReply:
        """Runware is asked for images only: NoAdapterError."""
        raise NoAdapterError(f"{self.name} is asked for images only ({request.model}). Choose another provider.")

    def draw_image(self, request: ImageRequest) -> ImageReply:
        """Have one image inferred. Raises a `ProviderError`."""
        task = str(uuid.uuid5(_TASKS, request.call_key))
        asked = json.dumps([_task(request, task)]).encode()
        speaker = replace(self._speaker, model=request.model, draws=True)

        def send() -> bytes:
            answer = self._client.post(self._address, content=asked, headers={"content-type": "application/json"})
            return answer.content

        document, attempt = ask(send, speaker=speaker, seconds=request.timeout_seconds, most_bytes=MOST_IMAGE_BYTES)
        drawn = _of_task(document.get("data"), task)
        if drawn is not None:
            return ImageReply(decoded(drawn.get("imageBase64Data")), _cost(drawn.get("cost")))
        if document.get("errors") or document.get("error"):
            raise refusal_within(speaker, _first_error(document, task), attempt.headers)
        raise UnreadableAnswerError(f"{self.name} answered without an image: it may have been billed.")


def _task(request: ImageRequest, task: str) -> dict[str, Any]:
    sent = runware_image(request)
    return {
        "taskType": "imageInference",
        "taskUUID": task,
        "model": request.model,
        "positivePrompt": request.prompt,
        "width": sent["width"],
        "height": sent["height"],
        "numberResults": 1,
        "outputType": "base64Data",
        "outputFormat": "JPG",
        "includeCost": True,
    }


def _of_task(data: Any, task: str) -> dict[str, Any] | None:
    """What was drawn for the task; an answer may hold that of others, and errors beside it."""
    entries = [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
    own = [entry for entry in entries if str(entry.get("taskUUID", task)).lower() == task]
    return next((entry for entry in own if entry.get("imageBase64Data")), own[0] if own else None)


def _first_error(document: Any, task: str) -> Any:
    errors = document.get("errors")
    if not isinstance(errors, list):
        return document
    own = [error for error in errors if field(error, "taskUUID") in {None, task}]
    return {"errors": own or errors}


def _cost(cost: Any) -> int | None:
    """Runware's figure in picodollars; None where it is no amount."""
    if isinstance(cost, bool) or not isinstance(cost, int | Decimal):
        return None
    try:
        amount = Decimal(cost)
        return picodollars(amount) if amount.is_finite() and 0 <= amount <= _MOST_COST else None
    except ArithmeticError:
        return None
