"""Stage 6, Prompts → Images: one image a prompt; a content whose prompts are all done or failed goes to review."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.contract import ImageQuestion, Produced, Stage, StoredImage, Subjects
from pipeline.core.states import ContentStatus, ImagePromptStatus, move
from pipeline.models import Content, Image, ImagePrompt, Site

#: Pixels.
WIDTH = 1_280
HEIGHT = 720


class PromptsToImages(Stage[ImagePrompt, StoredImage]):
    """Has the images drawn."""

    key = "prompts_to_images"
    subject = ImagePrompt
    waits_as = ImagePromptStatus.NEW

    def ask(self, session: Session, subjects: Subjects[ImagePrompt]) -> ImageQuestion:  # noqa: ARG002 - the row says it all
        """One image of the prompt, in the site's style."""
        prompt, style = subjects[0].prompt, subjects.settings.ai.image_style
        if style and style.casefold() not in prompt.casefold():
            prompt = f"{prompt} Style: {style}."
        return ImageQuestion(prompt=prompt, width=WIDTH, height=HEIGHT)

    def keep(self, session: Session, subjects: Subjects[ImagePrompt], answer: StoredImage) -> Produced:
        """Write the image, in the place of one that a person sent back; the last of a content sends it to review."""
        prompt = subjects[0]
        image = _image_of(session, prompt) or Image(
            account_id=prompt.account_id,
            site_id=prompt.site_id,
            content_id=prompt.content_id,
            image_prompt_id=prompt.id,
            alt_text=prompt.alt_text,
        )
        image.sha256, image.mime, image.width, image.height = answer.sha256, answer.mime, answer.width, answer.height
        session.add(image)
        _close(session, prompt, ImagePromptStatus.DONE)
        return {prompt.id: [image.id]}

    @property
    def given_up_as(self) -> ImagePromptStatus:
        """An image that did not come keeps nobody waiting."""
        return ImagePromptStatus.FAILED

    def give_up(self, session: Session, subject: ImagePrompt, reason: str) -> None:  # noqa: ARG002 - the item's row keeps the reason
        """No image came of it; its content does not wait for it any longer. One that a person has sent back stays."""
        has_image = _image_of(session, subject) is not None
        _close(session, subject, ImagePromptStatus.DONE if has_image else self.given_up_as)

    def bypass(self, session: Session, site: Site) -> None:
        """Images are off: contents go on without them; their prompts wait for a run that draws."""
        waiting = update(Content).where(Content.site_id == site.id, Content.status == ContentStatus.IMAGES)
        session.execute(waiting.values(status=ContentStatus.REVIEW))


def _image_of(session: Session, prompt: ImagePrompt) -> Image | None:
    """What was drawn of the prompt before a person wanted another."""
    return session.scalar(select(Image).where(Image.image_prompt_id == prompt.id))


def _close(session: Session, prompt: ImagePrompt, status: ImagePromptStatus) -> None:
    prompt.status = move(prompt.status, status)
    session.flush()
    # Locked before the count: of two lanes with the last two prompts, the second sees what the first wrote. Not a full
    # lock: each lane's new image already shares the content's key, and the two would wait for each other.
    content = session.get_one(Content, prompt.content_id, with_for_update={"key_share": True}, populate_existing=True)
    statuses = set(session.scalars(select(ImagePrompt.status).where(ImagePrompt.content_id == content.id)))
    if ImagePromptStatus.NEW in statuses:
        return
    content.images_missing = ImagePromptStatus.FAILED in statuses
    # A retried prompt's content is further on already.
    if content.status is ContentStatus.IMAGES:
        content.status = move(content.status, ContentStatus.REVIEW)
    session.flush()
