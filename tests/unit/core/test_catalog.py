from __future__ import annotations

import pytest

from pipeline.core.catalog import STAGES

_TEXT, _IMAGE, _LOCAL = "text", "image", None


def test_the_seven_stages_are_those_of_the_contract() -> None:
    rows = [
        (s.number, s.key, s.name, s.model_type, s.calls, s.batch_size, s.per_run_limit, s.budget_pct) for s in STAGES
    ]

    assert rows == [
        (1, "keywords_to_clusters", "Keywords → Clusters", _TEXT, "per_batch", 50, 0, 15),
        (2, "clusters_to_ideas", "Clusters → Ideas", _TEXT, "per_item", 1, 10, 10),
        (3, "ideas_to_tasks", "Ideas → Tasks", _LOCAL, "local", 20, 0, None),
        (4, "tasks_to_content", "Tasks → Content", _TEXT, "per_item", 1, 5, 40),
        (5, "content_to_prompts", "Content → Prompts", _TEXT, "per_item", 1, 5, 5),
        (6, "prompts_to_images", "Prompts → Images", _IMAGE, "per_item", 1, 20, 30),
        (7, "review_to_approved", "Review → Approved", _LOCAL, "local", None, 10, None),
    ]


def test_the_default_budgets_are_all_there_is() -> None:
    assert sum(stage.budget_pct or 0 for stage in STAGES) == 100


@pytest.mark.parametrize(("number", "queue"), [(1, "text"), (3, "local"), (6, "image"), (7, "local")])
def test_a_stages_batches_go_to_the_queue_of_what_they_cost(number: int, queue: str) -> None:
    assert STAGES[number - 1].queue == queue
