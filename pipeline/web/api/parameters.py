"""Owns the parameters that several operations share, so that they read the same everywhere."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Header, Path, Query
from pydantic import AfterValidator

from pipeline.core.normal import is_storable
from pipeline.services.idempotency import HEADER

LARGEST_ID: Final = 2**63 - 1


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("it holds characters that cannot be kept. Leave them out.")
    return text


#: A text that both databases can keep.
Text = Annotated[str, AfterValidator(_storable)]

SiteId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The site.", examples=[1])]
RunId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The run.", examples=[1])]
KeywordId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The keyword.", examples=[1])]
ClusterId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The cluster.", examples=[1])]
IdeaId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The idea.", examples=[1])]
TaskId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The content task.", examples=[1])]
ImageId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The image.", examples=[1])]
ContentId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The article.", examples=[1])]
CallId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The call.", examples=[640])]
AuthorProfileId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The author profile.", examples=[2])]
UserId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The user.", examples=[1])]
KeyId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The API key.", examples=[1])]
NotificationId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The notification.", examples=[1])]
WebhookId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The webhook.", examples=[1])]
DeliveryId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The delivery.", examples=[1])]
OfSite = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Only this site's.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Most entries of one answer.")]
After = Annotated[int, Query(ge=0, le=LARGEST_ID, description="Go on behind this id: `next` of the answer before.")]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Go on from here: `next` of the answer before.")]
Holding = Annotated[str, Query(alias="text", max_length=200, description="Only those that hold this text.")]
OnceKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description="Made by you, one a request: sent again within a day, it gets the answer of the first time.",
        examples=["6f1e8a52-7a3c-4e0e-9d0b-4f6a2f0c9b11"],
    ),
]
