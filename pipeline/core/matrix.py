"""Owns the shape, defaults and bounds of a site's settings: the stage matrix and its neighbours (docs/settings.md).

A run freezes one `SiteSettings` and reads nothing else afterwards.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    field_validator,
    model_validator,
)

from pipeline.core import calendar
from pipeline.core.catalog import BY_NUMBER, STAGES, Calls, StageDefinition
from pipeline.core.errors import InvalidValueError

IMAGES_OFF = "images are off"
SWITCHED_OFF = "switched off"
_IMAGE_STAGES = (5, 6)

Percent = Annotated[StrictInt, Field(ge=0, le=100)]
Delay = Annotated[StrictInt, Field(ge=0, le=86_400)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WORKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")


def _one_time(text: str) -> str:
    try:
        return calendar.parse_time_slot(text)
    except InvalidValueError as error:
        raise ValueError(error.message) from None


class Group(BaseModel):
    """A group of settings: unknown names are refused, values are checked on every change."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Automation(Group):
    """When runs start by themselves."""

    enabled: StrictBool = False
    frequency: Literal["hourly", "daily", "weekly"] = "daily"
    #: Wall time at the site; hourly runs use its minute.
    time: Annotated[str, AfterValidator(_one_time)] = "02:00"
    weekday: Weekday = "mon"
    #: What happens when a run is due while one is live.
    overlap: Literal["skip", "queue"] = "skip"
    jitter_minutes: Annotated[StrictInt, Field(ge=0, le=720)] = 0
    pause_after_failures: Annotated[StrictInt, Field(ge=0, le=1_000)] = 5


class StageRow(Group):
    """One row of the matrix; None where a column does not apply to the stage."""

    enabled: StrictBool = True
    #: Items between two delays.
    batch_size: Annotated[StrictInt, Field(ge=1, le=500)] | None
    #: Inputs a run takes at most; 0: all that wait.
    per_run_limit: Annotated[StrictInt, Field(ge=0, le=100_000)]
    use_testing: StrictBool | None = False
    #: Share of the run's available credits: a ceiling, not a reservation.
    budget_pct: Percent | None
    #: Lanes; local stages have one, and no choice.
    concurrency: Annotated[StrictInt, Field(ge=1, le=32)] | None = 1


class Delays(Group):
    """Seconds to wait, kept as rows and not as messages."""

    within_stage: Delay = 3
    between_stage: Delay = 5


class Publishing(Group):
    """What happens to finished content, and when."""

    auto_approval_enabled: StrictBool = True
    auto_publish_enabled: StrictBool = True
    publish_days: list[Weekday] = Field(default_factory=lambda: list(_WORKDAYS))
    time_slots: list[str] = Field(default_factory=lambda: ["09:00", "14:00", "18:00"])
    skip_dates: Annotated[list[date], Field(max_length=1_000)] = Field(default_factory=list)

    @field_validator("publish_days")
    @classmethod
    def _days(cls, days: list[str]) -> list[str]:
        return list(calendar.parse_days(days))

    @field_validator("time_slots")
    @classmethod
    def _slots(cls, slots: list[str]) -> list[str]:
        try:
            return list(calendar.parse_time_slots(slots))
        except InvalidValueError as error:
            raise ValueError(error.message) from None

    @field_validator("skip_dates")
    @classmethod
    def _dates(cls, dates: list[date]) -> list[date]:
        return sorted(set(dates))


class Ai(Group):
    """Parameters of AI calls; None inherits from the account, then from the system."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[StrictInt, Field(ge=256, le=200_000)] | None = None
    image_style: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    image_quality: Annotated[str, Field(min_length=1, max_length=50)] | None = None


class ContentContext(Group):
    """What the text stages are told about the site."""

    language: Annotated[str, Field(min_length=2, max_length=35)] = "en"
    audience: Annotated[str, Field(max_length=500)] | None = None
    tone: Annotated[str, Field(max_length=200)] | None = None
    author_profile: Annotated[str, Field(max_length=2_000)] | None = None
    ideas_per_cluster: Annotated[StrictInt, Field(ge=1, le=20)] = 3
    in_article_images: Annotated[StrictInt, Field(ge=0, le=10)] = 2


def default_row(stage: StageDefinition) -> StageRow:
    """The stage's row as a new site has it."""
    return StageRow(
        batch_size=stage.batch_size,
        per_run_limit=stage.per_run_limit,
        use_testing=False if stage.has_ai else None,
        budget_pct=stage.budget_pct,
        concurrency=None if stage.calls is Calls.LOCAL else 1,
    )


class SiteSettings(Group):
    """Everything one site decides, under one GET and one PUT (plan 2.5, 3.2)."""

    automation: Automation = Field(default_factory=Automation)
    #: Keys 1 to 7.
    stages: dict[int, StageRow] = Field(default_factory=lambda: {s.number: default_row(s) for s in STAGES})
    delays: Delays = Field(default_factory=Delays)
    publishing: Publishing = Field(default_factory=Publishing)
    ai: Ai = Field(default_factory=Ai)
    content: ContentContext = Field(default_factory=ContentContext)

    @field_validator("stages")
    @classmethod
    def _seven(cls, rows: dict[int, StageRow]) -> dict[int, StageRow]:
        if set(rows) != set(BY_NUMBER):
            raise ValueError("the matrix has exactly the stages 1 to 7")
        return {number: _fitted(BY_NUMBER[number], rows[number]) for number in sorted(rows)}

    @model_validator(mode="after")
    def _budget(self) -> Self:
        total = sum(row.budget_pct or 0 for row in self.stages.values())
        if total > 100:  # noqa: PLR2004 - a hundred percent
            raise ValueError(
                f"stages.budget_pct: the budgets of all AI stages add up to {total} %; at most 100 % is allowed "
                "(stages that are switched off count too). Lower one of them."
            )
        return self

    def off_reason(self, number: int) -> str | None:
        """Why the stage is off in a run, or None. One of the two image stages off means images are off: both rest."""
        if number in _IMAGE_STAGES and not all(self.stages[n].enabled for n in _IMAGE_STAGES):
            return IMAGES_OFF
        return None if self.stages[number].enabled else SWITCHED_OFF

    @property
    def capacity(self) -> calendar.Capacity:
        """How many articles the calendar takes a day, a week, a month."""
        return calendar.capacity(self.publishing.publish_days, self.publishing.time_slots)


def _fitted(stage: StageDefinition, row: StageRow) -> StageRow:
    """The row with the columns that do not apply emptied, and those that do filled."""
    return row.model_copy(
        update={
            "batch_size": None if stage.batch_size is None else row.batch_size or stage.batch_size,
            "use_testing": bool(row.use_testing) if stage.has_ai else None,
            "budget_pct": (stage.budget_pct if row.budget_pct is None else row.budget_pct) if stage.has_ai else None,
            "concurrency": None if stage.calls is Calls.LOCAL else row.concurrency or 1,
        }
    )
