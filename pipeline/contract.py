"""Owns the seam between the engine and a stage: what a stage asks, what it keeps.

A stage imports nothing else of the pipeline but the tables and `core`.
Never: queues, money, time, retries, or what comes next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, overload

from pydantic import BaseModel
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from pipeline.ai.port import Message
from pipeline.config import config
from pipeline.core.catalog import BY_KEY, StageDefinition
from pipeline.core.errors import PipelineError
from pipeline.core.matrix import SiteSettings
from pipeline.models import Base, Site

__all__ = [
    "AnswerRejected",
    "ImageQuestion",
    "Message",
    "NeededSetting",
    "Produced",
    "Question",
    "Stage",
    "StoredImage",
    "Subjects",
    "stage",
]

SubjectT = TypeVar("SubjectT", bound=Base)
AnswerT = TypeVar("AnswerT")

#: Subject id -> ids of the rows it became.
Produced: TypeAlias = Mapping[int, Sequence[int]]


class AnswerRejected(PipelineError):  # noqa: N818 - a verdict on an answer, not a fault of the program
    """The answer cannot be kept."""


@dataclass(frozen=True)
class Question:
    """A text question: messages, the shape of the answer, and how long the answer may and must be (tokens)."""

    messages: tuple[Message, ...]
    answer: type[BaseModel]
    schema_name: str
    max_output_tokens: int
    #: Under this an answer is not worth asking for.
    useful_output_tokens: int


@dataclass(frozen=True)
class ImageQuestion:
    """A request for one image, in pixels."""

    prompt: str
    width: int
    height: int


@dataclass(frozen=True)
class StoredImage:
    """The answer to an ImageQuestion: verified bytes, stored by their content hash."""

    sha256: str
    mime: str
    width: int
    height: int


@dataclass(frozen=True)
class NeededSetting:
    """A switch of the site a stage cannot work without, and what is said when it is off."""

    #: Dotted, such as `publishing.auto_approval_enabled`.
    path: str
    reason: str

    def is_on(self, settings: SiteSettings) -> bool:
        """Whether the switch is on."""
        group, name = self.path.split(".")
        return bool(getattr(getattr(settings, group), name))


class Subjects(Sequence[SubjectT], Generic[SubjectT]):
    """The rows of one claim in the order of their positions, with the site and its frozen settings.

    Rows are read when first looked at: a set-based `keep` that needs only `ids` reads none.
    """

    def __init__(
        self,
        session: Session,
        kind: type[SubjectT],
        ids: Sequence[int],
        *,
        site: Site,
        settings: SiteSettings,
        prompt: str | None = None,
    ) -> None:
        """`ids` are rows of `kind`, all of `site`; `prompt` is what the account has in the place of the stage's own."""
        self._session = session
        self._kind = kind
        self._rows: list[SubjectT] | None = None
        self.ids = tuple(ids)
        self.site = site
        self.settings = settings
        self.prompt = prompt

    @property
    def min_words(self) -> int:
        """Least words of an article in this installation."""
        return config().min_words

    def _all(self) -> list[SubjectT]:
        if self._rows is None:
            identity: Any = self._kind.__table__.c.id
            found = {row.id: row for row in self._session.scalars(select(self._kind).where(identity.in_(self.ids)))}  # type: ignore[attr-defined]  # every subject has an id
            self._rows = [found[subject_id] for subject_id in self.ids if subject_id in found]
        return self._rows

    @overload
    def __getitem__(self, index: int) -> SubjectT: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[SubjectT]: ...
    def __getitem__(self, index: int | slice) -> SubjectT | Sequence[SubjectT]:
        return self._all()[index]

    def __iter__(self) -> Iterator[SubjectT]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self.ids)


class Stage(Generic[SubjectT, AnswerT]):
    """One of the seven. Subclasses set `key`, `subject`, `waits_as`; the engine finds what is defined."""

    #: As in the catalog.
    key: ClassVar[str]
    #: The table its inputs are rows of; they have id, site_id, status, times_tried.
    subject: ClassVar[type[Base]]
    #: The status in which a row waits for this stage.
    waits_as: ClassVar[StrEnum]
    #: A site setting without which the stage rests.
    needed_setting: ClassVar[NeededSetting | None] = None
    #: What the model is told, unless the account has words of its own; and the placeholders either may have.
    prompt: ClassVar[str | None] = None
    placeholders: ClassVar[tuple[str, ...]] = ()
    #: Whether `keep` may leave a subject waiting: it then goes to the end of the queue.
    leaves_waiting: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "key" in cls.__dict__:
            _DEFINED[cls.key] = cls()

    @property
    def definition(self) -> StageDefinition:
        """Its line of the catalog."""
        return BY_KEY[self.key]

    @property
    def waiting(self) -> ColumnElement[bool]:
        """Whether a row waits for this stage."""
        status: ColumnElement[Any] = self.subject.__table__.c.status
        return status == self.waits_as

    @property
    def given_up_as(self) -> StrEnum:
        """The status of a subject that was tried in vain."""
        return type(self.waits_as)("needs_attention")

    def ask(self, session: Session, subjects: Subjects[SubjectT]) -> Question | ImageQuestion:
        """What to ask about these subjects. Reads only; AI stages alone have it."""
        raise NotImplementedError(f"{self.key} asks nothing")  # pragma: no cover - the engine never asks a local stage

    def keep(self, session: Session, subjects: Subjects[SubjectT], answer: AnswerT) -> Produced | None:
        """Write what the answer says and move the subjects on; local stages get None and a whole slice of subjects.

        May raise AnswerRejected before it writes anything: the model is shown why, once.
        """
        raise NotImplementedError

    def give_up(self, session: Session, subject: SubjectT, reason: str) -> None:  # noqa: ARG002 - stages with more to say override it
        """The subject was tried in vain: it leaves the queue and needs a person."""
        subject.status = self.given_up_as  # type: ignore[attr-defined]  # every subject has a status

    def bypass(self, session: Session, site: Site) -> None:
        """The stage is off in this run: move on what would otherwise wait for nothing."""


_DEFINED: dict[str, Stage[Any, Any]] = {}


def stage(key: str) -> Stage[Any, Any]:
    """The stage of that key; KeyError where no module that defines it has been imported."""
    return _DEFINED[key]
