"""Owns the kinds of values that settings of an installation have, with their bounds; a list is written with commas."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline.core.failpoints import parse


def _split(value: object) -> object:
    """Turn "1,5,15" into its parts; anything that is no text stays as it is."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError("give addresses or networks like 10.0.0.7 or 10.0.0.0/24, separated by commas") from None


def _failpoint(value: str) -> str:
    parse(value)
    return value


Seconds = Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Minutes = Annotated[tuple[Annotated[int, Field(ge=0, le=10_080)], ...], BeforeValidator(_split), Field(min_length=1)]
Proxies = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_split), Field(min_length=1)]
Instant = Annotated[str, AfterValidator(_failpoint)]
