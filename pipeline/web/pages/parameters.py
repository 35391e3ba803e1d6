"""Owns what may stand in the address of a page: the API's ids and bounds; what is none of them is no page."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

from pipeline.web.api.parameters import LARGEST_ID, ContentId, RunId, SiteId, Text, WebhookId

#: Behind which row a list goes on, and before which.
After = Annotated[int, Query(ge=0, le=LARGEST_ID)]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]
Holding = Annotated[Text, Query(max_length=200)]
#: A form sends an empty text where nothing was chosen.
Chosen = Annotated[Text, Query(max_length=64)]
#: Where somebody wanted to go.
LONGEST_PLACE: Final = 2_000
Where = Annotated[str, Query(max_length=LONGEST_PLACE)]
WhichSite = Annotated[int, Query(ge=1, le=LARGEST_ID)]

WhichSector = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]
#: How many rows of a list are passed over.
Further = Annotated[int, Query(ge=0, le=100_000)]

__all__ = [
    "LONGEST_PLACE",
    "After",
    "Before",
    "Chosen",
    "ContentId",
    "Further",
    "Holding",
    "RunId",
    "SiteId",
    "WebhookId",
    "Where",
    "WhichSector",
    "WhichSite",
]
