"""Owns what the stages tell their models: an account's or a site's own words in the place of a stage's, by version.

Site → account → the stage's own. A version is never changed: a run asks with those that were in force when it was
accepted. Never: commits; renders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from pipeline.contract import stage
from pipeline.core import prompts as texts
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.normal import is_storable
from pipeline.models import Account, Prompt, Run, StageRun
from pipeline.services import audit

MOST_CHARACTERS: Final = 20_000


class PromptedStage(StrEnum):
    """The stages that tell a model something in words."""

    KEYWORDS_TO_CLUSTERS = "keywords_to_clusters"
    CLUSTERS_TO_IDEAS = "clusters_to_ideas"
    TASKS_TO_CONTENT = "tasks_to_content"
    CONTENT_TO_PROMPTS = "content_to_prompts"


class PromptOrigin(StrEnum):
    """Whose words are in force."""

    SITE = "site"
    ACCOUNT = "account"
    DEFAULT = "default"


@dataclass(frozen=True)
class InForce:
    """What a stage tells its model now, and whose words these are; the stage's own have no version."""

    stage: PromptedStage
    text: str
    origin: PromptOrigin
    version: int | None
    created_at: datetime | None

    @property
    def name(self) -> str:
        """The stage's name for people."""
        return stage(self.stage.value).definition.name

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What may stand in it, in braces."""
        return stage(self.stage.value).placeholders


def get_prompt(session: Session, which: PromptedStage, *, account_id: int, site_id: int | None = None) -> InForce:
    """What is in force for the account's site, or (None) for its sites that have none of their own."""
    levels = [PromptOrigin.ACCOUNT] if site_id is None else [PromptOrigin.SITE, PromptOrigin.ACCOUNT]
    for level in levels:
        row = _latest(session, which, account_id=account_id, site_id=site_id if level is PromptOrigin.SITE else None)
        if row is not None and row.text is not None:
            return InForce(which, row.text, level, row.version, row.created_at)
    return InForce(which, stage(which.value).prompt or "", PromptOrigin.DEFAULT, None, None)


def list_versions(
    session: Session, which: PromptedStage, *, account_id: int, site_id: int | None = None, limit: int = 50
) -> Sequence[Prompt]:
    """What was saved for the site, or (None) for the account, the newest first; one without a text was a reset."""
    query = select(Prompt).where(_of(which, account_id, site_id))
    return session.scalars(query.order_by(Prompt.version.desc()).limit(limit)).all()


def save(
    session: Session,
    which: PromptedStage,
    text: str | None,
    *,
    account_id: int,
    actor: str,
    now: datetime,
    site_id: int | None = None,
) -> InForce:
    """Let the site, or (None) the account, have these words; None: those above it again. What is there stays a version.

    What says the same writes nothing. InvalidValueError: every placeholder that the stage does not fill.
    """
    if text is not None:
        text = text.replace("\r\n", "\n").strip()
        _refuse(which, text)
    # Two saves at once come one after the other: the second has the next version.
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True))
    last = _latest(session, which, account_id=account_id, site_id=site_id)
    if text != (None if last is None else last.text):
        version = 1 if last is None else last.version + 1
        row = Prompt(account_id=account_id, site_id=site_id, stage_key=which.value, version=version, text=text)
        row.author, row.created_at = actor, now
        session.add(row)
        session.flush()
        audit.record(
            session,
            account_id=account_id,
            actor=actor,
            action="prompt.saved" if text is not None else "prompt.reset",
            subject_kind="account" if site_id is None else "site",
            subject_id=account_id if site_id is None else site_id,
            now=now,
            details={"stage": which.value, "version": version},
        )
    return get_prompt(session, which, account_id=account_id, site_id=site_id)


def in_force() -> ColumnElement[str | None]:
    """The words of the site or the account that a statement's `Run` asks with in its `StageRun`; NULL: the stage's."""
    of_account = (Prompt.account_id == Run.account_id) & Prompt.site_id.is_(None)
    return func.coalesce(_text_at_start(Prompt.site_id == Run.site_id), _text_at_start(of_account))


def _text_at_start(of: ColumnElement[bool]) -> ScalarSelect[str | None]:
    query = select(Prompt.text).where(of, Prompt.stage_key == StageRun.key, Prompt.created_at <= Run.created_at)
    return query.order_by(Prompt.version.desc()).limit(1).correlate(Run, StageRun).scalar_subquery()


def _latest(session: Session, which: PromptedStage, *, account_id: int, site_id: int | None) -> Prompt | None:
    query = select(Prompt).where(_of(which, account_id, site_id)).order_by(Prompt.version.desc()).limit(1)
    return session.scalar(query)


def _of(which: PromptedStage, account_id: int, site_id: int | None) -> ColumnElement[bool]:
    level = Prompt.site_id.is_(None) if site_id is None else Prompt.site_id == site_id
    return (Prompt.account_id == account_id) & (Prompt.stage_key == which.value) & level


def _refuse(which: PromptedStage, text: str) -> None:
    if not 1 <= len(text) <= MOST_CHARACTERS:
        told = f"a prompt has 1 to {MOST_CHARACTERS:,} characters; this has {len(text):,}."
        raise InvalidValueError([Fault("text", told)])
    if not is_storable(text):
        raise InvalidValueError([Fault("text", "it holds characters that cannot be kept. Leave them out.")])
    allowed = stage(which.value).placeholders
    listed = ", ".join(f"{{{name}}}" for name in allowed)
    strange = [name for name in texts.placeholders(text) if name not in allowed]
    if strange:
        raise InvalidValueError(
            [Fault("text", f"{{{name}}} is no placeholder of this stage. Allowed are: {listed}.") for name in strange]
        )
