"""Owns `/images` and `/content/{content_id}/images`: what the images of an article show, and their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from fastapi import Path as PathParameter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from pipeline.config import config
from pipeline.core.errors import NotFoundError
from pipeline.core.roles import Scope
from pipeline.core.states import ImagePromptStatus
from pipeline.engine.media import MediaStore
from pipeline.models import Image, ImagePrompt
from pipeline.services import content, images
from pipeline.web.answers import problems
from pipeline.web.api.parameters import ContentId, ImageId, Text
from pipeline.web.api.settings import IfNoneMatch
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(tags=[Scope.CONTENT.value])
_CHUNK_BYTES: Final = 64 * 1024
_IMAGE: Final[dict[str, Any]] = {
    "position": 0,
    "place": "featured",
    "prompt": "A standing desk in a bright room",
    "alt_text": "A standing desk by a window",
    "status": "done",
    "image_id": 5,
    "mime": "image/png",
    "width": 1280,
    "height": 720,
}
Position = Annotated[
    int, PathParameter(ge=0, le=10_000, description="Which of its images: 0 is the featured one.", examples=[0])
]
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_BYTES: Final[dict[str, Any]] = {
    "description": "The bytes of the image; they never change.",
    "headers": {"ETag": {"description": "Strong: of these very bytes.", "schema": {"type": "string"}}},
    "content": dict.fromkeys(("image/png", "image/jpeg", "image/webp"), _BINARY),
}


class ImageOfContent(BaseModel):
    """What an image of an article is to show, and the image, once there is one."""

    model_config = ConfigDict(json_schema_extra={"examples": [_IMAGE]})

    position: int
    #: `featured`, or the heading it follows.
    place: str
    prompt: str
    alt_text: str
    status: ImagePromptStatus
    image_id: int | None
    mime: str | None
    #: Pixels.
    width: int | None
    height: int | None


class NewImagePrompt(BaseModel):
    """What an image is to show from now on; as before where nothing is said."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"prompt": "A desk by night"}, {}]})

    prompt: Text | None = None


class ImagesOfContent(BaseModel):
    """The images of an article in the order of their places."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_IMAGE]}]})

    items: list[ImageOfContent]


@router.get(
    "/content/{content_id}/images",
    operation_id="list_images",
    response_model=ImagesOfContent,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.CONTENT)
def list_all(unit: Unit, content_id: ContentId) -> dict[str, Any]:
    """List what the images of an article show, also those that failed or are still to be made."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    return {"items": [_shown(prompt, image) for prompt, image in images.list_images(unit.session, article)]}


@router.post(
    "/content/{content_id}/images/{position}/regenerate",
    operation_id="regenerate_image",
    status_code=202,
    response_model=ImageOfContent,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.CONTENT)
def regenerate(
    unit: Unit, content_id: ContentId, position: Position, new: NewImagePrompt | None = None
) -> ImageOfContent:
    """Have an image of an article in review drawn again by the next run; the one that is there stays until then."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    prompt = new.prompt if new is not None else None
    images.regenerate(unit.session, article, position, prompt=prompt, actor=unit.caller.actor, now=unit.now)
    found = images.list_images(unit.session, article)
    return next(_shown(row, image) for row, image in found if row.position == position)


@router.get(
    "/images/{image_id}",
    operation_id="get_image",
    response_class=Response,
    responses={
        200: _BYTES,
        304: {"description": "It is still what `If-None-Match` says."},
        **problems(401, 403, 404, 422),
    },
)
@reads(Scope.CONTENT)
def show(unit: Unit, image_id: ImageId, if_none_match: IfNoneMatch = None) -> Response:
    """Read the bytes of an image."""
    image = images.get_image(unit.session, account_id=unit.account_id, image_id=image_id)
    etag = f'"{image.sha256}"'
    headers = {"ETag": etag, "Cache-Control": "private, max-age=31536000, immutable"}
    marks = [mark.strip().removeprefix("W/") for mark in (if_none_match or "").split(",")]
    if "*" in marks or etag in marks:
        return Response(status_code=304, headers=headers)
    path = MediaStore(config().home / "media").path(image.sha256, image.mime)
    if not path.is_file():
        raise NotFoundError(f"The bytes of image {image_id} are not on this machine.")
    headers |= {"Content-Length": str(path.stat().st_size), "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_chunks(path), media_type=image.mime, headers=headers)


def _chunks(path: Path) -> Iterator[bytes]:
    """The bytes, read while they are sent: the transaction of the request is over by then."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _shown(prompt: ImagePrompt, image: Image | None) -> ImageOfContent:
    return ImageOfContent(
        position=prompt.position,
        place=prompt.place,
        prompt=prompt.prompt,
        alt_text=prompt.alt_text,
        status=prompt.status,
        image_id=image and image.id,
        mime=image and image.mime,
        width=image and image.width,
        height=image and image.height,
    )
