from __future__ import annotations

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import states
from pipeline.core.errors import TransitionError
from pipeline.core.states import (
    LIVE_RUNS,
    RUN_SEVERITY,
    TRANSITIONS,
    CallStatus,
    ClusterStatus,
    ContentStatus,
    ContentTaskStatus,
    DeliveryStatus,
    IdeaStatus,
    ImagePromptStatus,
    ItemStatus,
    KeywordStatus,
    LaneStatus,
    PublicationStatus,
    RunStatus,
    StageRunStatus,
)

KINDS = tuple(TRANSITIONS)
FIRST: dict[type[StrEnum], StrEnum] = {
    RunStatus: RunStatus.QUEUED,
    StageRunStatus: StageRunStatus.PENDING,
    ItemStatus: ItemStatus.PENDING,
    LaneStatus: LaneStatus.OPEN,
    CallStatus: CallStatus.RESERVED,
    KeywordStatus: KeywordStatus.NEW,
    ClusterStatus: ClusterStatus.NEW,
    IdeaStatus: IdeaStatus.NEW,
    ContentTaskStatus: ContentTaskStatus.QUEUED,
    ImagePromptStatus: ImagePromptStatus.NEW,
    ContentStatus: ContentStatus.DRAFT,
    PublicationStatus: PublicationStatus.PLANNED,
    DeliveryStatus: DeliveryStatus.PENDING,
}
#: What nothing follows. Statuses of subjects end only where their work is done.
FINAL: dict[type[StrEnum], set[StrEnum]] = {
    RunStatus: set(RunStatus) - set(LIVE_RUNS),
    StageRunStatus: set(StageRunStatus) - {StageRunStatus.PENDING, StageRunStatus.RUNNING},
    ItemStatus: {ItemStatus.DONE, ItemStatus.SKIPPED, ItemStatus.RELEASED, ItemStatus.FAILED},
    LaneStatus: {LaneStatus.CLOSED},
    CallStatus: {CallStatus.SETTLED, CallStatus.VOIDED, CallStatus.LOST},
    KeywordStatus: {KeywordStatus.CLUSTERED},
    ClusterStatus: set(),
    IdeaStatus: {IdeaStatus.QUEUED},
    ContentTaskStatus: {ContentTaskStatus.WRITTEN},
    ImagePromptStatus: {ImagePromptStatus.DONE},
    ContentStatus: set(),
    PublicationStatus: set(),
    DeliveryStatus: set(),
}

kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
every_pair = st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.sampled_from(kind), st.sampled_from(kind)))


def test_every_status_of_the_house_has_its_transitions() -> None:
    defined = {
        kind
        for kind in vars(states).values()
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum
    }

    assert set(KINDS) == defined == set(FIRST) == set(FINAL)


@kinds
def test_every_status_can_be_reached_from_the_first(kind: type[StrEnum]) -> None:
    reached, ahead = set(), {FIRST[kind]}
    while ahead:
        reached |= ahead
        ahead = {new for old in ahead for new in kind if states.allowed(old, new)} - reached

    assert reached == set(kind)


@kinds
def test_only_what_is_over_is_final(kind: type[StrEnum]) -> None:
    final = {old for old in kind if not any(states.allowed(old, new) for new in kind)}

    assert final == FINAL[kind]


@kinds
def test_a_status_becomes_only_others_of_its_kind_and_never_itself(kind: type[StrEnum]) -> None:
    for old, ways in TRANSITIONS[kind].items():
        assert type(old) is kind
        assert {type(new) for new in ways} == {kind}
        assert old not in ways


@given(every_pair)
def test_the_gate_opens_exactly_for_what_is_allowed(pair: tuple[StrEnum, StrEnum]) -> None:
    old, new = pair

    if new in TRANSITIONS[type(old)].get(old, frozenset()):
        assert states.move(old, new) is new
        assert states.allowed(old, new)
    else:
        assert not states.allowed(old, new)
        with pytest.raises(TransitionError):
            states.move(old, new)


def test_a_closed_gate_says_what_is_open() -> None:
    with pytest.raises(TransitionError) as told:
        states.move(CallStatus.RESERVED, CallStatus.SETTLED)

    assert told.value.message == "reserved cannot become settled. From reserved it may become: dispatched, voided."


def test_a_final_status_says_that_it_is_final() -> None:
    with pytest.raises(TransitionError, match="nothing: it is final"):
        states.move(CallStatus.LOST, CallStatus.SETTLED)


@given(st.sampled_from(KINDS).flatmap(st.sampled_from))
def test_sources_are_all_that_may_become_it(new: StrEnum) -> None:
    found = states.sources(new)

    assert set(found) == {old for old in type(new) if states.allowed(old, new)}
    assert len(found) == len(set(found))


def test_live_runs_are_those_that_are_not_over() -> None:
    assert set(LIVE_RUNS) | set(RUN_SEVERITY) | {RunStatus.CANCELLED} == set(RunStatus)
    assert not set(LIVE_RUNS) & set(RUN_SEVERITY)


@pytest.mark.parametrize(
    ("stages", "run"),
    [
        ([], RunStatus.COMPLETED),
        ([StageRunStatus.SKIPPED] * 7, RunStatus.COMPLETED),
        ([StageRunStatus.COMPLETED, StageRunStatus.COMPLETED_WITH_ERRORS], RunStatus.COMPLETED_WITH_ERRORS),
        ([StageRunStatus.BUDGET_EXHAUSTED, StageRunStatus.COMPLETED_WITH_ERRORS], RunStatus.BUDGET_EXHAUSTED),
        ([StageRunStatus.PROVIDER_UNAVAILABLE, StageRunStatus.BUDGET_EXHAUSTED], RunStatus.PROVIDER_UNAVAILABLE),
        ([StageRunStatus.ACCOUNT_EXHAUSTED, StageRunStatus.PROVIDER_UNAVAILABLE], RunStatus.ACCOUNT_EXHAUSTED),
        ([StageRunStatus.FAILED, StageRunStatus.ACCOUNT_EXHAUSTED], RunStatus.FAILED),
        ([StageRunStatus.CANCELLED, StageRunStatus.FAILED], RunStatus.CANCELLED),
    ],
)
def test_a_run_ends_as_the_worst_of_its_stages(stages: list[StageRunStatus], run: RunStatus) -> None:
    assert states.worst(stages) is run


@given(st.lists(st.sampled_from(sorted(FINAL[StageRunStatus])), max_size=7), st.randoms())
def test_how_a_run_ends_depends_on_no_order_and_is_always_an_end(stages: list[StageRunStatus], chance: object) -> None:
    shuffled = list(stages)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis hands out a Random

    assert states.worst(stages) is states.worst(shuffled)
    assert states.worst(stages) in FINAL[RunStatus]


@pytest.mark.parametrize("live", [StageRunStatus.PENDING, StageRunStatus.RUNNING])
def test_a_run_with_a_live_stage_has_no_end(live: StageRunStatus) -> None:
    with pytest.raises(ValueError, match=r"."):
        states.worst([StageRunStatus.COMPLETED, live])
