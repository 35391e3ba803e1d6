"""Owns what a receiver is told of an article, and the id of the telling.

Never: the wire; the database.
"""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any, Final

from pipeline.sites.port import Article, Picture, SiteRefusedError

#: Ids of deliveries are made within it: the same telling has the same id, whoever makes it, however often.
_NAMESPACE: Final = uuid.UUID("5d2f6f0e-6f2b-5f0c-9d7e-1f1b1a2c8f10")

_MARK: Final = "~"
_OF: Final = "."
#: A name, the delivery that placed it, and whose article it is; that last was not kept by earlier versions.
_PLACEMENT: Final = re.compile(r"(?P<name>.*)~[0-9a-f-]{36}(?:\.(?P<content>[0-9]{1,18}))?", re.DOTALL)
_OWN_NAME: Final = re.compile(r"content-([0-9]{1,18})")


def published(article: Article, *, site_id: int, name: str | None) -> tuple[str, dict[str, Any]]:
    """The id and the body that tell a receiver to show the article, or to show it anew.

    Raises SiteRefusedError where a picture cannot be read.
    """
    instant = article.published_at.isoformat().replace("+00:00", "Z")
    delivery_id = _delivery_id("published", site_id, article.content_id, article.version, instant)
    return delivery_id, {
        "id": delivery_id,
        "kind": "article.published",
        "site_id": site_id,
        "name": name,
        "article": {
            "id": article.content_id,
            "version": article.version,
            "title": article.title,
            "slug": article.slug,
            "meta_title": article.meta_title,
            "meta_description": article.meta_description,
            "excerpt": article.excerpt,
            "body_html": article.body_html,
            "tags": list(article.tags),
            "published_at": instant,
            "pictures": [_picture(picture) for picture in article.pictures],
        },
    }


def withdrawn(remote_id: str, *, site_id: int) -> tuple[str, dict[str, Any]]:
    """The id and the body that tell a receiver to take an article away.

    It says whose article it is: a receiver whose answer was lost does not know what we call it.
    """
    delivery_id, content_id = _delivery_id("withdrawn", site_id, remote_id), _content_in(remote_id)
    told = {"id": delivery_id, "kind": "article.withdrawn", "site_id": site_id, "name": name_in(remote_id)}
    return delivery_id, told if content_id is None else {**told, "article": {"id": content_id}}


def asked(*, site_id: int) -> tuple[str, dict[str, Any]]:
    """The id and the body that ask a receiver whether it is there; nothing is to be done."""
    delivery_id = str(uuid.uuid4())
    return delivery_id, {"id": delivery_id, "kind": "site.checked", "site_id": site_id}


def own_name(content_id: int) -> str:
    """What a placement is called where the receiver gave it no name."""
    return f"content-{content_id}"


def placement(name: str, delivery_id: str, *, content_id: int) -> str:
    """The remote id of what a delivery placed: taking it away is another telling than taking away an earlier one."""
    return f"{name}{_MARK}{delivery_id}{_OF}{content_id}"


def name_in(remote_id: str) -> str:
    """What the receiver calls the placement."""
    found = _PLACEMENT.fullmatch(remote_id)
    return found["name"] if found else remote_id


def _content_in(remote_id: str) -> int | None:
    """Which content it is; None of a placement of earlier versions that the receiver named."""
    found = _PLACEMENT.fullmatch(remote_id)
    if found and found["content"]:
        return int(found["content"])
    own = _OWN_NAME.fullmatch(name_in(remote_id))
    return int(own[1]) if own else None


def _picture(picture: Picture) -> dict[str, Any]:
    try:
        data = picture.path.read_bytes()
    except OSError as error:
        raise SiteRefusedError(
            f"The picture {picture.file_name} cannot be read ({error.strerror or error}). Make it anew, then try again."
        ) from None
    return {
        "place": picture.place,
        "file_name": picture.file_name,
        "mime": picture.mime,
        "alt_text": picture.alt_text,
        "width": picture.width,
        "height": picture.height,
        "data": base64.b64encode(data).decode("ascii"),
    }


def _delivery_id(*parts: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, parts))))
