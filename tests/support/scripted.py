"""Worlds whose provider answers by script: one stage at work, subjects known by their names, what each is answered."""

from __future__ import annotations

import io
import json
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from PIL import Image as PicturePixels
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.ai.port import ImageReply, ImageRequest, ProviderError, TextReply, TextRequest
from pipeline.config import config
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import AiCall, Base, Cluster, Content, ContentTask, ImagePrompt, Keyword, Site, StageRun
from tests.support.builders import make_cluster, make_content, make_content_task, make_image_prompt, make_keywords
from tests.support.worlds import World, make_world

Reply = TextReply | ImageReply | ProviderError
CHARGE = 1_100_000
HEADINGS = ("Why it matters", "What to buy")
SUBJECTS: dict[int, type[Base]] = {1: Keyword, 2: Cluster, 4: ContentTask, 5: Content, 6: ImagePrompt}


def picture(size: tuple[int, int] = (128, 72)) -> bytes:
    """The bytes of a small image."""
    file = io.BytesIO()
    PicturePixels.new("RGB", size, "green").save(file, "PNG")
    return file.getvalue()


class Script:
    """Answers a request by the name in it, in the order written, and keeps what was asked; an image is always there."""

    def __init__(self) -> None:
        self.replies: dict[str, deque[Reply]] = defaultdict(deque)
        self.texts: list[TextRequest] = []
        self.images: list[ImageRequest] = []

    def write(self, name: str, *replies: Reply) -> None:
        """What is answered about the subject of that name, one reply after the other."""
        self.replies[name].extend(replies)

    def complete_text(self, request: TextRequest) -> Any:
        self.texts.append(request)
        return self._next(request.messages[1].content)

    def draw_image(self, request: ImageRequest) -> Any:
        self.images.append(request)
        drawn = [name for name, replies in self.replies.items() if name in request.prompt and replies]
        return self._next(drawn[0]) if drawn else ImageReply(picture())

    def _next(self, asked: str) -> Reply:
        name = next(name for name in self.replies if name in asked)
        reply = self.replies[name].popleft()
        if isinstance(reply, ProviderError):
            raise reply
        return reply


def said(text: object, finish: Any = "stop", used: tuple[Any, Any] = (100, 10), cost: Any = None) -> TextReply:
    """A reply; what is no text is written as JSON."""
    return TextReply(text if isinstance(text, str) else json.dumps(text), *used, finish, cost)


def scripted_world(database: Database, number: int, **settings: str) -> tuple[World, Script]:
    """A site where stage `number` alone works, one subject a question; the real stages must be in force after it."""
    # Images are off unless both of their stages are on.
    at_work = {5, 6} if number in {5, 6} else {number}
    off = {f"stages.{each}.enabled": "false" for each in range(1, 8) if each not in at_work}
    alone = {**off, f"stages.{number}.batch_size": "1", f"stages.{number}.per_run_limit": "0"}
    world, script = make_world(database, settings=alone | settings), Script()
    world.provider.complete_text = script.complete_text  # type: ignore[method-assign]
    world.provider.draw_image = script.draw_image  # type: ignore[method-assign]
    return world, script


def subjects(world: World, number: int, names: Iterable[str]) -> None:
    """A row that waits for stage `number`, for each of these names."""
    with world.database.transaction() as session:
        for name in names:
            _subject(session, world.site(session), number, name)


def _subject(session: Session, site: Site, number: int, name: str) -> None:
    if number == 1:
        make_keywords(session, site=site, texts=[name])
    elif number == 2:
        make_cluster(session, site=site, name=name, keywords=[f"{name} one", f"{name} two"])
    elif number == 4:
        make_content_task(session, site=site, title=name)
    elif number == 5:
        body = "".join(f"<h2>{heading}</h2><p>Text.</p>" for heading in HEADINGS)
        make_content(session, site=site, title=name, body_html=body)
    else:
        content = make_content(session, site=site, title=name, status=ContentStatus.IMAGES)
        make_image_prompt(session, content=content).prompt = name


def good(number: int, name: str) -> dict[str, Any]:
    """A document that stage `number` keeps for the subject of that name."""
    if number == 1:
        return {"clusters": [{"name": "Garden tools", "description": "Tools.", "keywords": [name]}]}
    if number == 2:
        idea = {"title": f"How to use a {name}", "angle": "For all.", "outline": ["Begin", "Go on"], "keywords": [name]}
        return {"ideas": [idea]}
    if number == 4:
        body = f"<h2>Why</h2><p>{'A good tool lasts. ' * (config().min_words // 4 + 1)}</p>"
        told = {"meta_title": name, "meta_description": "All of it.", "excerpt": "All about it.", "tags": ["tools"]}
        return {"title": name, "slug": name.replace(" ", "-"), "body_html": body, **told}
    picture = {"prompt": f"A {name} in a garden", "alt_text": f"A {name}"}
    return {"featured": picture, "in_article": [{"heading": HEADINGS[0], **picture}]}


def statuses(world: World, number: int) -> list[str]:
    """The statuses of the subjects of stage `number`, in the order they were made."""
    kind: Any = SUBJECTS[number]
    with world.database.reading() as session:
        return [str(status) for status in session.scalars(select(kind.status).order_by(kind.id))]


def told(calls: Iterable[AiCall]) -> list[tuple[str, str, list[str], int]]:
    """Of every call: its step, how it ended, its flags, what it was charged."""
    return [(call.step, call.status.value, call.flags, call.charged_amount) for call in calls]


def calls_of(world: World, run_id: int, number: int) -> list[AiCall]:
    with world.database.reading() as session:
        query = select(AiCall).join(StageRun, StageRun.id == AiCall.stage_run_id)
        return list(
            session.scalars(query.where(StageRun.run_id == run_id, StageRun.number == number).order_by(AiCall.id))
        )
