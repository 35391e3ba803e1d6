"""Owns the addresses that settings of an installation hold, each with its form and the sentence that says it.

The default of a setting is not looked at: it is ours.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator


def _of_form(pattern: str, told: str) -> AfterValidator:
    """A text of that form, or the sentence."""
    form: Final = re.compile(pattern)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(told)
        return value

    return AfterValidator(check)


def _without_end(value: str) -> str:
    return value.rstrip("/")


_DATABASE: Final = "give sqlite:///<path> or postgresql+psycopg://<user>:<password>@<host>/<database>"
_BROKER: Final = "give an address like redis://<host>:6379/0, or remove it to use the embedded broker"
_PAGES: Final = "give an address like https://<host>, or remove it to lead to where it listens"
_COLLECTOR: Final = "give an address like http://<host>:4318/v1/traces, or remove it to tell no traces"
_SMTP: Final = "give smtp://<user>:<password>@<host>:587 or smtps://…, or remove it to send no e-mail"
_SENDER: Final = "give an address like igny8@example.com"

DatabaseUrl = Annotated[str, _of_form(r"(?s:(sqlite:///|postgresql\+psycopg://).*)", _DATABASE)]
BrokerUrl = Annotated[str, _of_form(r"(?s:[a-z][a-z0-9+]*://.*)", _BROKER)]
#: Where people's browsers go.
PagesUrl = Annotated[str, _of_form(r"https?://[^@/\s?#]+(/[^\s?#]*)?", _PAGES), AfterValidator(_without_end)]
#: Where traces are told.
CollectorUrl = Annotated[str, _of_form(r"https?://[^@/\s]+/\S*", _COLLECTOR)]
SmtpUrl = Annotated[str, _of_form(r"smtps?://([^@/\s]+@)?[^@/:\s]+(:\d{1,5})?/?", _SMTP)]
Sender = Annotated[str, _of_form(r"[^@\s<>]+@[^@\s<>]+", _SENDER)]
