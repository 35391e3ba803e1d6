"""Owns the seven stages as data: numbers, keys, names, what each works on, its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ModelType(StrEnum):
    """What a model makes."""

    #: Words.
    TEXT = "text"
    #: Pictures.
    IMAGE = "image"


class Calls(StrEnum):
    """How many questions a stage asks."""

    #: None: the stage works inside the database.
    LOCAL = "local"
    #: One question about the whole batch.
    PER_BATCH = "per_batch"
    #: One question about each item.
    PER_ITEM = "per_item"


@dataclass(frozen=True)
class StageDefinition:
    """One stage as the settings page, the queue names and the reports know it."""

    number: int
    key: str
    name: str
    model_type: ModelType | None
    calls: Calls
    #: Items between two delays; None: the stage has no batches.
    batch_size: int | None
    #: Inputs a run takes at most; 0: all that wait.
    per_run_limit: int
    #: Share of the available credits, whole percent; None: the stage spends none.
    budget_pct: int | None

    @property
    def has_ai(self) -> bool:
        """Whether it asks a model."""
        return self.model_type is not None

    @property
    def queue(self) -> str:
        """The queue its batches go to, one a cost class."""
        return self.model_type.value if self.model_type else "local"


STAGES: tuple[StageDefinition, ...] = (
    StageDefinition(1, "keywords_to_clusters", "Keywords → Clusters", ModelType.TEXT, Calls.PER_BATCH, 50, 0, 15),
    StageDefinition(2, "clusters_to_ideas", "Clusters → Ideas", ModelType.TEXT, Calls.PER_ITEM, 1, 10, 10),
    StageDefinition(3, "ideas_to_tasks", "Ideas → Tasks", None, Calls.LOCAL, 20, 0, None),
    StageDefinition(4, "tasks_to_content", "Tasks → Content", ModelType.TEXT, Calls.PER_ITEM, 1, 5, 40),
    StageDefinition(5, "content_to_prompts", "Content → Prompts", ModelType.TEXT, Calls.PER_ITEM, 1, 5, 5),
    StageDefinition(6, "prompts_to_images", "Prompts → Images", ModelType.IMAGE, Calls.PER_ITEM, 1, 20, 30),
    StageDefinition(7, "review_to_approved", "Review → Approved", None, Calls.LOCAL, None, 10, None),
)

BY_KEY = {stage.key: stage for stage in STAGES}
BY_NUMBER = {stage.number: stage for stage in STAGES}
