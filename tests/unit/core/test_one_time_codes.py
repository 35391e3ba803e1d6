"""One-time codes are those of RFC 6238, of this step and its neighbours; recovery codes are read however typed."""

from __future__ import annotations

from base64 import b32encode
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.core.one_time_codes import RECOVERY_CODES, make_recovery_codes, make_secret, recovery_hash, step_of

#: The secret of the RFC's test vectors, appendix B; its codes of eight digits end with ours.
_SECRET = b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")],
)
def test_the_codes_of_the_rfc_are_right(seconds: int, code: str) -> None:
    assert step_of(_SECRET, code, now=datetime.fromtimestamp(seconds, UTC)) == seconds // 30


def test_a_step_before_and_behind_is_right_and_no_further() -> None:
    at = datetime.fromtimestamp(1_111_111_109, UTC)

    found = [step_of(_SECRET, "081804", now=at + timedelta(seconds=30 * steps)) for steps in range(-3, 4)]
    assert [step is not None for step in found] == [False, False, True, True, True, False, False]


@pytest.mark.parametrize("code", ["", "28708", "2870822", "28708a", "２８７０８２", "k3vqm-9xw2d", "\ud800"])
def test_what_is_no_code_is_none(code: str) -> None:
    assert step_of(_SECRET, code, now=datetime.fromtimestamp(59, UTC)) is None


def test_a_code_is_read_with_its_spaces() -> None:
    assert step_of(_SECRET, " 287 082 ", now=datetime.fromtimestamp(59, UTC)) == 1


def test_recovery_codes_are_many_and_told_apart_however_they_are_typed() -> None:
    codes = make_recovery_codes()

    assert len(set(codes)) == RECOVERY_CODES
    assert len({recovery_hash(code) for code in codes}) == RECOVERY_CODES
    assert recovery_hash(codes[0]) == recovery_hash(f" {codes[0].upper().replace('-', ' ')} ")
    assert len(make_secret()) == 32
