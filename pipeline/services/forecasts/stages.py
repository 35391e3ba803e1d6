"""Owns what one stage of a run is expected to do: inputs, calls, credits under its cap, seconds with the delays.

Never: the database; it is handed what was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.core import usual_questions
from pipeline.core.catalog import Calls, ModelType, StageDefinition
from pipeline.core.matrix import SiteSettings
from pipeline.core.money import credit_string
from pipeline.core.pricing import Price
from pipeline.services.accounts import PROVIDER as OFFLINE
from pipeline.services.forecasts.paces import Pace
from pipeline.services.forecasts.questions import Questions
from pipeline.services.forecasts.recent import Recent
from pipeline.services.forecasts.worst_durations import worst_seconds
from pipeline.services.stage_runs import lane_count


class Cuts(StrEnum):
    """Whether the stage's cap would end it before its inputs are done."""

    NO = "no"
    #: Answers as long and as useless as they may be would.
    MAYBE = "maybe"
    #: Those that are expected do.
    YES = "yes"


class Basis(StrEnum):
    """What an expectation rests on."""

    RECENT_CALLS = "recent_calls"
    USUAL_FIGURES = "usual_figures"


@dataclass(frozen=True)
class StageForecast:
    """One stage: what it would take, ask, cost and last. Amounts are micro-credits."""

    definition: StageDefinition
    #: Why it would not work; None: it would.
    reason: str | None
    waiting: int
    coming: int
    taken: int = 0
    #: Inputs it comes to under its cap.
    done: int = 0
    price: Price | None = None
    calls: float = 0
    calls_worst: int = 0
    expected_ucr: int = 0
    worst_ucr: int = 0
    cap_ucr: int = 0
    cuts: Cuts = Cuts.NO
    basis: Basis | None = None
    #: Delays within the stage are part of both.
    seconds: float = 0
    seconds_worst: float = 0
    seconds_delayed: float = 0

    def as_json(self) -> dict[str, Any]:
        """For commands and the API; credits are decimal strings."""
        return {
            "number": self.definition.number,
            "key": self.definition.key,
            "name": self.definition.name,
            "reason": self.reason,
            "model": self.price.model if self.price else None,
            "provider": self.price.provider if self.price else None,
            "testing": self.price.testing if self.price else None,
            "inputs": {"waiting": self.waiting, "coming": self.coming, "taken": self.taken, "done": self.done},
            "calls": {"expected": round(self.calls), "worst": self.calls_worst},
            "credits": {
                "expected": credit_string(self.expected_ucr),
                "worst": credit_string(self.worst_ucr),
                "cap": credit_string(self.cap_ucr),
                "cap_cuts": self.cuts.value,
            },
            "expected_by": self.basis,
            "seconds": {
                "expected": round(self.seconds, 1),
                "worst": round(self.seconds_worst, 1),
                "delays": round(self.seconds_delayed, 1),
            },
        }


@dataclass(frozen=True)
class _Each:
    """What one question is expected to need: micro-credits, calls, seconds a call, tokens of all its calls."""

    amount_ucr: int
    calls: float
    seconds: float
    tokens: float

    def work_seconds(self, questions: int, *, calls: float, lanes: int, pace: Pace) -> float:
        """How long so many questions take in these lanes, of so many calls each, at the provider's pace at best."""
        at_best = questions * calls * pace.seconds_a_call(self.tokens / self.calls)
        return max(_parts(questions, lanes) * calls * self.seconds, at_best)


def local_stage(
    definition: StageDefinition, *, settings: SiteSettings, waiting: int, coming: int, taken: int, most: int
) -> StageForecast:
    """A stage that asks nothing: only its delays take time."""
    delays = _delays(definition, settings, taken)
    return StageForecast(
        definition=definition,
        reason=None,
        waiting=waiting,
        coming=coming,
        taken=taken,
        done=taken,
        seconds=delays,
        seconds_worst=_delays(definition, settings, most),
        seconds_delayed=delays,
    )


def asking_stage(
    definition: StageDefinition,
    *,
    settings: SiteSettings,
    price: Price,
    questions: Questions,
    recent: Recent | None,
    pace: Pace,
    cap_ucr: int,
    waiting: int,
    coming: int,
    taken: int,
    most: int,
) -> StageForecast:
    """A stage that asks: what its questions have lately needed, else what they usually do; never above its cap."""
    each = _expected(definition, settings, price, questions=questions, recent=recent)
    asked = _affordable(questions, a_question=each.amount_ucr, cap_ucr=cap_ucr)
    done = taken if asked == questions.count else min(taken, _parts(taken * asked, questions.count))
    delays, lanes = _delays(definition, settings, done), _lanes(definition, settings, max(done, 1))
    seconds = each.work_seconds(asked, calls=each.calls, lanes=lanes, pace=pace) + delays
    return StageForecast(
        definition=definition,
        reason=None,
        waiting=waiting,
        coming=coming,
        taken=taken,
        done=done,
        price=price,
        calls=asked * each.calls,
        calls_worst=2 * questions.worst_askings,
        expected_ucr=min(asked * each.amount_ucr, questions.worst_ucr, cap_ucr),
        worst_ucr=min(questions.worst_ucr, cap_ucr),
        cap_ucr=cap_ucr,
        cuts=_cuts(questions, asked=asked, cap_ucr=cap_ucr),
        basis=Basis.USUAL_FIGURES if recent is None else Basis.RECENT_CALLS,
        seconds=seconds,
        seconds_worst=max(seconds, _seconds_worst(definition, settings, questions=questions, most=most, pace=pace)),
        seconds_delayed=delays,
    )


def _expected(
    definition: StageDefinition, settings: SiteSettings, price: Price, *, questions: Questions, recent: Recent | None
) -> _Each:
    """What the account's recent questions have needed, else what they usually do."""
    calls = recent.calls if recent else 1.0
    if definition.model_type is ModelType.IMAGE:
        amount = round(calls * questions.ask_ucr)
        return _Each(amount, calls, recent.seconds if recent else _usual_seconds(price), 0)
    if recent is not None:
        return _Each(price.token_charge_ucr(round(recent.tokens)), calls, recent.seconds, recent.tokens)
    batch_size = settings.stages[definition.number].batch_size or 1
    output = usual_questions.usual(definition, batch_size=batch_size, content=settings.content).output
    tokens = round(questions.prompt_bytes / usual_questions.BYTES_A_TOKEN) + output
    return _Each(price.token_charge_ucr(tokens), calls, _usual_seconds(price, output), tokens)


def _usual_seconds(price: Price, output: int = 0) -> float:
    """How long an answer of so many tokens, or an image, usually takes."""
    if price.provider == OFFLINE:
        return usual_questions.SECONDS_OFFLINE
    return usual_questions.usual_seconds(output) if output else usual_questions.SECONDS_AN_IMAGE


def _seconds_worst(
    definition: StageDefinition, settings: SiteSettings, *, questions: Questions, most: int, pace: Pace
) -> float:
    lanes = _lanes(definition, settings, max(most, 1))
    return worst_seconds(questions, lanes=lanes, pace=pace) + _delays(definition, settings, most)


def _cuts(questions: Questions, *, asked: int, cap_ucr: int) -> Cuts:
    if asked < questions.count:
        return Cuts.YES
    return Cuts.MAYBE if questions.worst_ucr > cap_ucr else Cuts.NO


def _affordable(questions: Questions, *, a_question: int, cap_ucr: int) -> int:
    """How many of the questions are asked before the cap leaves no room for another."""
    if questions.least_ucr > cap_ucr:
        return 0
    if a_question <= 0:
        return questions.count
    return min(questions.count, (cap_ucr - questions.least_ucr) // a_question + 1)


def _lanes(definition: StageDefinition, settings: SiteSettings, inputs: int) -> int:
    row = settings.stages[definition.number]
    return lane_count(definition, inputs=inputs, batch_size=row.batch_size, concurrency=row.concurrency)


def _delays(definition: StageDefinition, settings: SiteSettings, inputs: int) -> float:
    """Seconds between the batches of one lane; the last one waits for nothing."""
    size = settings.stages[definition.number].batch_size or inputs
    if not inputs:
        return 0
    lanes = 1 if definition.calls is Calls.LOCAL else _lanes(definition, settings, inputs)
    return (_parts(_parts(inputs, size), lanes) - 1) * settings.delays.within_stage


def _parts(whole: int, size: int) -> int:
    """How many parts of that size there are, the last one perhaps smaller."""
    return -(-whole // size)
