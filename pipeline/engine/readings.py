"""Owns reading a stored answer: how it ended, the document in it, and what is wrong with it, in words that can be kept.

Never: money; an answer is settled before it is read, whatever it says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from pipeline.contract import Question, StoredImage
from pipeline.core.fences import bare_document, only_thinks
from pipeline.core.repairs import FAULT_LENGTH
from pipeline.core.words import one_line

#: Characters of an answer that are kept and read.
MOST_CHARACTERS: Final = 1_000_000
#: How an answer ended that had more: kept without its end.
OVERSIZE: Final = "oversize"
#: What helps where a model was cut off in its thoughts.
MORE_ROOM: Final = "If {model} thinks before it writes, give it more room: igny8 models set {model} --thinking-tokens N"
#: Answers have more bytes a token, in whatever language: one that was cut off with fewer is not all that was paid for.
_LEAST_BYTES_A_TOKEN: Final = 2
_FINISHES: Final = frozenset({"stop", "length", "refusal", "filter", "other"})
#: Characters of an answer that talks instead, and of what it says that are told.
_MOST_TALK: Final = 2_000
_MOST_SAID: Final = 300
#: What the validator says of a document that is none.
_NO_JSON: Final = "json_invalid"
_SHOWN_FAULTS: Final = 20
_NAME_LENGTH: Final = 60


class UselessAnswerError(Exception):
    """An answer came that cannot be used; its text says why, for the model and for people."""


def as_stored(text: object, finish: object) -> str:
    """An answer as it is kept: how it ended stands before the text, so that a stored one is read like a fresh one.

    Neither NUL nor lone surrogates, which PostgreSQL refuses; not more than can be read.
    """
    whole = text if isinstance(text, str) else ""
    kept = whole[:MOST_CHARACTERS].replace("\0", "�").encode("utf-8", "replace").decode()
    ended = finish if finish in _FINISHES else "other"
    return f"{OVERSIZE if len(whole) > MOST_CHARACTERS else ended}\n{kept}"


def text_of(stored: str) -> str:
    """What the model wrote."""
    return stored.partition("\n")[2]


def read_text(question: Question, stored: str) -> BaseModel:
    """The answer as the question's model; UselessAnswerError says what is wrong with it."""
    finish, _, text = stored.partition("\n")
    if finish == "length":
        raise UselessAnswerError("it was cut off before its end; be shorter")
    if finish == OVERSIZE:
        raise UselessAnswerError(f"it had more than {MOST_CHARACTERS:,} characters; be shorter")
    if finish == "refusal":
        raise UselessAnswerError(_with_words("the model refused to answer", text))
    if finish == "filter":
        raise UselessAnswerError("a filter of its provider withheld it")
    document = bare_document(text)
    if not document:
        raise UselessAnswerError("it was empty")
    try:
        answer = question.answer.model_validate_json(document)
        _refuse_doubles(document)
    except ValidationError as error:
        if _is_talk(document) and error.errors(include_url=False)[0]["type"] == _NO_JSON:
            raise UselessAnswerError(
                _with_words("it is words and no JSON document, perhaps a refusal", document)
            ) from None
        raise UselessAnswerError(_faults(error)) from None
    except (ValueError, RecursionError) as error:
        raise UselessAnswerError(told(str(error))) from None
    return answer


def is_cut_in_thoughts(stored: str, allowed_tokens: int) -> bool:
    """Whether an answer was cut off though it says little or nothing: the tokens may have gone into thoughts."""
    finish, _, text = stored.partition("\n")
    is_short = len(bare_document(text).encode()) < _LEAST_BYTES_A_TOKEN * allowed_tokens
    return finish == "length" and (is_short or only_thinks(text))


def read_image(stored: str) -> StoredImage:
    """The image a stored answer names; UselessAnswerError where the bytes were refused."""
    data = json.loads(stored)
    if "rejected" in data:
        raise UselessAnswerError(told(data["rejected"]))
    return StoredImage(**data)


def told(fault: str) -> str:
    """A fault as rows, models and people can be told it: one line, nothing invisible in it, no megabytes."""
    return one_line(fault, FAULT_LENGTH)


def _is_talk(document: str) -> bool:
    """Whether an answer that is no document is a few words: how models decline, in whatever language."""
    if len(document) > _MOST_TALK or any(mark in document for mark in '{}[]"'):
        return False
    return 2 * sum(sign.isalpha() or sign.isspace() for sign in document) > len(document)


def _with_words(fault: str, text: str) -> str:
    """A fault and what the model said, where it said something."""
    said = one_line(text, _MOST_SAID)
    return told(f"{fault}: {said}") if said.strip() else fault


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{_place(fault['loc']) or 'answer'}: {fault['msg']}" for fault in faults[:_SHOWN_FAULTS]]
    return told("; ".join(shown))


def _place(steps: Sequence[int | str]) -> str:
    """Where a fault is; a name that nobody asked for may be megabytes."""
    return ".".join(one_line(str(step), _NAME_LENGTH) for step in steps)


def _refuse_doubles(document: str) -> None:
    """A name twice in one object is two answers: the model's reader takes the last, another takes the first.

    The document has been validated: it is neither deep nor anything but JSON.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise UselessAnswerError("an object has the same name twice; give every name once")
        return found

    json.loads(document, object_pairs_hook=once)
