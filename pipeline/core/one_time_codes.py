"""Owns one-time codes (RFC 6238) and recovery codes: how they are made, read and told apart. Pure, the time given.

A code stands for a step of 30 seconds; that of the step before or after is right too, since clocks differ.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from pyotp import TOTP, random_base32

ISSUER: Final = "IGNY8 Pipeline"
DIGITS: Final = 6
RECOVERY_CODES: Final = 10
#: What anybody can type: a recovery code with its hyphen, a one-time code with spaces.
MAX_CHARACTERS: Final = 40
_STEP_SECONDS: Final = 30
#: Steps around the present one, the likeliest first.
_DRIFTS: Final = (0, -1, 1)
#: Without l and o, 0 and 1, which are mistaken for each other: 32 signs, five bits each.
_SIGNS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_HALF: Final = 5


def make_secret() -> str:
    """A secret of 160 random bits, in base 32, as apps take it."""
    return random_base32()


def address_of(secret: str, *, name: str) -> str:
    """What an app reads of a picture: `otpauth://totp/…`."""
    return TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def step_of(secret: str, code: str, *, now: datetime) -> int | None:
    """The step that the code is of; None: it is none of this moment."""
    present = int(now.timestamp()) // _STEP_SECONDS
    sent = "".join(code.split())
    if len(sent) != DIGITS or not (sent.isascii() and sent.isdecimal()):
        return None
    app, steps = TOTP(secret), (present + drift for drift in _DRIFTS)
    return next((step for step in steps if compare_digest(app.generate_otp(step), sent)), None)


def make_recovery_codes() -> tuple[str, ...]:
    """Codes of 50 random bits, such as `k3vqm-9xw2d`: each opens once, when the app is gone."""
    return tuple(f"{_half()}-{_half()}" for _ in range(RECOVERY_CODES))


def recovery_hash(code: str) -> str:
    """What is kept of a recovery code, however it was typed: its SHA-256."""
    plain = "".join(sign for sign in code.casefold() if sign.isalnum())
    return sha256(plain.encode("utf-8", "replace")).hexdigest()


def _half() -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(_HALF))
