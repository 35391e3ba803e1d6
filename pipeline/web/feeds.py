"""Owns `/feeds/{token}.ics`: a site's calendar for programs that send no key; its secret is the address itself."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from pipeline.services import calendar, feeds
from pipeline.web.answers import problems

PATH: Final = "/feeds/{token}.ics"
MEDIA_TYPE: Final = "text/calendar"
router = APIRouter(tags=["feeds"])

Token = Annotated[str, Path(max_length=200, description="The secret of the feed.", examples=["3q2-7w…"])]


@router.get(
    PATH,
    operation_id="read_feed",
    response_class=Response,
    responses={
        200: {
            "description": "All that is planned, and 90 days of what was published.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        **problems(404, 422, 429),
    },
)
def read(request: Request, token: Token) -> Response:
    """Read a site's calendar as an iCalendar file. Needs no key: whoever knows the address may."""
    database = request.app.state.backend.database()
    with database.reading() as session:
        now = database.now()
        found = calendar.ical(session, feeds.site_of(session, token, now=now), now=now)
    headers = {"Cache-Control": "private, max-age=300", "Referrer-Policy": "no-referrer"}
    return Response(found, media_type=MEDIA_TYPE, headers=headers)
