"""Owns whether a run could ask all that it would have to: of each AI stage its model, price, key and what it can.

Everything that is missing is told at once, before anything is spent; then the prices are what a run freezes.
Never: asks a provider; writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy.orm import Session

from pipeline.ai import ADAPTERS
from pipeline.config import config
from pipeline.core.catalog import STAGES, ModelType, StageDefinition
from pipeline.core.errors import Fault, NotReadyError, PreflightError
from pipeline.core.matrix import SiteSettings
from pipeline.core.pricing import Price
from pipeline.core.providers import AI_PROVIDERS, MAKES, ProviderName
from pipeline.core.usual_questions import usual
from pipeline.services import models as ai_models
from pipeline.services import providers
from pipeline.services.models import NoPriceError
from pipeline.services.settings import Frozen

#: Type, whether the testing model, the live one that the account prefers.
_Wanted: TypeAlias = tuple[ModelType, bool, str | None]
_WITH_KEYS: Final = frozenset(name.value for name in AI_PROVIDERS)


@dataclass(frozen=True)
class _Found:
    """A model of that kind with its price, and what is wrong with it: (what is missing, the sentence)."""

    price: Price | None
    faults: tuple[tuple[str, str], ...] = ()


class Preflight:
    """What the AI stages of runs would ask at this moment; models, prices and keys are each looked up once."""

    def __init__(self, session: Session) -> None:
        """Nothing is read before it is asked for."""
        self._session = session
        self._models: dict[_Wanted, _Found] = {}
        self._keys: dict[str, str | None] = {}

    def prices(self, frozen: Frozen, *, only: Collection[str] | None = None) -> dict[str, Any]:
        """A frozen price for each AI stage that may work. PreflightError names everything that is missing."""
        found = {definition: self._of(definition, frozen) for definition in stages_that_ask(frozen.settings, only=only)}
        faults = [fault for definition, each in found.items() for fault in _told(definition, each, frozen.settings)]
        if faults:
            raise PreflightError(faults)
        return {str(definition.number): each.price.as_json() for definition, each in found.items() if each.price}

    def _of(self, definition: StageDefinition, frozen: Frozen) -> _Found:
        model_type = definition.model_type
        assert model_type is not None  # noqa: S101 - only of stages that ask
        use_testing = bool(frozen.settings.stages[definition.number].use_testing)
        preferred = None if use_testing else frozen.preferred_models.get(model_type.value)
        wanted = model_type, use_testing, preferred
        if wanted not in self._models:
            self._models[wanted] = self._look_up(*wanted)
        return self._models[wanted]

    def _look_up(self, model_type: ModelType, use_testing: bool, preferred: str | None) -> _Found:  # noqa: FBT001 - the parts of one key
        told: list[tuple[str, str]] = []
        try:
            price = ai_models.price_for(self._session, model_type, use_testing=use_testing, preferred=preferred)
        except NoPriceError as error:
            price = error.price
            told.append(("price", error.message))
        except NotReadyError as error:
            return _Found(None, (("model", error.message),))
        return _Found(price, (*told, *self._unreachable(price), *_unable(price)))

    def _unreachable(self, price: Price) -> Iterator[tuple[str, str]]:
        """Why nobody here could ask the model's provider."""
        if price.provider not in ADAPTERS:
            known = ", ".join(sorted(ADAPTERS))
            nobody = f"The model {price.model!r} is of {price.provider}, which nobody here knows how to ask."
            yield "model", f"{nobody} Choose a model of one of {known}."
        key_fault = self._key_fault(price.provider)
        if key_fault is not None:
            yield "key", key_fault

    def _key_fault(self, provider: str) -> str | None:
        if provider not in _WITH_KEYS:
            return None
        if provider not in self._keys:
            try:
                providers.access_of(self._session, ProviderName(provider), home=config().home)
                self._keys[provider] = None
            except NotReadyError as error:
                self._keys[provider] = error.message
        return self._keys[provider]


def stages_that_ask(settings: SiteSettings, *, only: Collection[str] | None = None) -> list[StageDefinition]:
    """The AI stages that may work in a run with these settings; `only`: in a retry, which opens just these."""
    return [each for each in STAGES if each.has_ai and _may_ask(each, settings, only)]


def _may_ask(definition: StageDefinition, settings: SiteSettings, only: Collection[str] | None) -> bool:
    if only is not None:
        return definition.key in only
    return settings.off_reason(definition.number) is None and bool(settings.stages[definition.number].budget_pct)


def _unable(price: Price) -> Iterator[tuple[str, str]]:
    """What the stages of its type need and the model's provider cannot."""
    if price.provider in _WITH_KEYS and price.model_type not in MAKES[ProviderName(price.provider)]:
        told = f"The model {price.model!r} is of {price.provider}, which makes no {price.model_type}s."
        yield "capability", f"{told} Have a model of another provider asked: igny8 models set NAME --default"


def _too_short(definition: StageDefinition, settings: SiteSettings, price: Price) -> Iterator[tuple[str, str]]:
    """That the model's longest answer would be of no use to the stage."""
    limit, thinking = price.capabilities.output_token_limit, price.capabilities.thinking_tokens
    if limit is None or price.model_type is not ModelType.TEXT:
        return
    batch_size = settings.stages[definition.number].batch_size or 1
    needed = thinking + usual(definition, batch_size=batch_size, content=settings.content).useful_output
    if limit < needed:
        of_them = f", {thinking:,} of them for its thoughts" if thinking else ""
        told = f"The model {price.model!r} answers with at most {limit:,} tokens; {needed:,} are needed here{of_them}."
        yield "capability", f"{told} Choose another model, or ask for less at once: batch size, ideas, images."


def _told(definition: StageDefinition, found: _Found, settings: SiteSettings) -> Iterator[Fault]:
    too_short = () if found.price is None else _too_short(definition, settings, found.price)
    for what, sentence in (*found.faults, *too_short):
        yield Fault(f"stages.{definition.number}.{what}", f"{definition.name}: {sentence}")
