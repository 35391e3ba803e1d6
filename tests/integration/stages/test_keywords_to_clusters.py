from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from pipeline.contract import AnswerRejected, Produced
from pipeline.core.states import ClusterStatus, KeywordStatus
from pipeline.db.session import Database
from pipeline.models import Cluster, Keyword, Site
from stages.keywords_to_clusters import ClusterAnswer, ClustersAnswer, KeywordsToClusters
from tests.support.builders import make_cluster, make_keywords, make_subjects

STAGE = KeywordsToClusters()
TEXTS = ["garden spade", "garden fork", "pruning shears"]


def answer(*clusters: tuple[str, list[str]]) -> ClustersAnswer:
    return ClustersAnswer(
        clusters=[ClusterAnswer(name=name, description=f"About {name}", keywords=texts) for name, texts in clusters]
    )


@pytest.fixture
def keywords(database: Database, site: Site) -> list[Keyword]:
    with database.transaction() as session:
        return make_keywords(session, site=site, texts=TEXTS)


def keep(database: Database, site: Site, keywords: list[Keyword], given: ClustersAnswer) -> Produced:
    with database.transaction() as session:
        return STAGE.keep(session, make_subjects(session, keywords, site=site), given)


def placed(database: Database) -> dict[str, tuple[str, str | None]]:
    """Every keyword's status and cluster."""
    with database.reading() as session:
        rows = session.execute(
            select(Keyword.text, Keyword.status, Cluster.name).outerjoin(Cluster).order_by(Keyword.id)
        )
        return {text: (status.value, name) for text, status, name in rows}


def clusters(database: Database) -> list[Cluster]:
    with database.reading() as session:
        return list(session.scalars(select(Cluster).order_by(Cluster.id)))


def test_every_keyword_goes_into_its_cluster(database: Database, site: Site, keywords: list[Keyword]) -> None:
    produced = keep(database, site, keywords, answer(("Tools", TEXTS[:2]), ("Shears", TEXTS[2:])))

    assert placed(database) == {
        "garden spade": ("clustered", "Tools"),
        "garden fork": ("clustered", "Tools"),
        "pruning shears": ("clustered", "Shears"),
    }
    by_name = {cluster.name: cluster for cluster in clusters(database)}
    assert by_name["Tools"].description == "About Tools"
    assert (by_name["Tools"].account_id, by_name["Tools"].site_id) == (site.account_id, site.id)
    assert produced == {
        keyword.id: [by_name[name].id] for keyword, name in zip(keywords, ["Tools", "Tools", "Shears"], strict=True)
    }


def test_an_existing_cluster_is_reused_by_its_normalised_name_and_is_new_again(
    database: Database, site: Site, keywords: list[Keyword]
) -> None:
    with database.transaction() as session:
        existing = make_cluster(
            session, site=site, name="Garden Tools", description="Mine", status=ClusterStatus.PLANNED
        )

    keep(database, site, keywords, answer((" “garden-tools”\u200b ", TEXTS)))

    assert [(c.id, c.name, c.description, c.status) for c in clusters(database)] == [
        (existing.id, "Garden Tools", "Mine", ClusterStatus.NEW)
    ]


def test_a_cluster_that_waits_for_a_person_goes_on_waiting(
    database: Database, site: Site, keywords: list[Keyword]
) -> None:
    with database.transaction() as session:
        make_cluster(session, site=site, name="Tools", status=ClusterStatus.NEEDS_ATTENTION)

    keep(database, site, keywords, answer(("Tools", TEXTS)))

    assert clusters(database)[0].status is ClusterStatus.NEEDS_ATTENTION


def test_a_planned_cluster_that_gains_nothing_stays_planned(
    database: Database, site: Site, keywords: list[Keyword]
) -> None:
    with database.transaction() as session:
        make_cluster(session, site=site, name="Ponds", status=ClusterStatus.PLANNED)

    keep(database, site, keywords, answer(("Ponds", ["pond liner"]), ("Tools", TEXTS)))

    assert clusters(database)[0].status is ClusterStatus.PLANNED


def test_a_cluster_of_another_site_with_that_name_is_left_alone(
    database: Database, site: Site, other_site: Site, keywords: list[Keyword]
) -> None:
    with database.transaction() as session:
        theirs = make_cluster(session, site=other_site, name="Tools", status=ClusterStatus.PLANNED)

    keep(database, site, keywords, answer(("Tools", TEXTS)))

    assert [(c.site_id, c.status) for c in clusters(database)] == [
        (theirs.site_id, ClusterStatus.PLANNED),
        (site.id, ClusterStatus.NEW),
    ]


def test_an_invented_keyword_is_dropped_and_a_cluster_of_such_is_not_made(
    database: Database, site: Site, keywords: list[Keyword]
) -> None:
    keep(database, site, keywords, answer(("Tools", [*TEXTS, "chainsaw"]), ("Saws", ["chainsaw", "hand saw"])))

    assert list(placed(database)) == TEXTS
    assert [cluster.name for cluster in clusters(database)] == ["Tools"]


def test_a_keyword_named_twice_goes_to_the_first(database: Database, site: Site, keywords: list[Keyword]) -> None:
    keep(database, site, keywords, answer(("Tools", [*TEXTS, TEXTS[0]]), ("Spades", TEXTS[:1])))

    assert {name for _, name in placed(database).values()} == {"Tools"}
    assert [cluster.name for cluster in clusters(database)] == ["Tools"]


def test_a_keyword_spelled_a_little_differently_is_recognised(
    database: Database, site: Site, keywords: list[Keyword]
) -> None:
    keep(database, site, keywords, answer(("Tools", ["Garden  Spade", "GARDEN\u200b FORK", "pruning shears"])))

    assert {status for status, _ in placed(database).values()} == {"clustered"}


def test_one_name_twice_in_an_answer_is_one_cluster(database: Database, site: Site, keywords: list[Keyword]) -> None:
    keep(database, site, keywords, answer(("Tools", TEXTS[:1]), ("tools.", TEXTS[1:])))

    assert [cluster.name for cluster in clusters(database)] == ["Tools"]
    assert {status for status, _ in placed(database).values()} == {"clustered"}


def test_a_forgotten_keyword_stays_new_and_produces_nothing(
    database: Database, site: Site, keywords: list[Keyword]
) -> None:
    produced = keep(database, site, keywords, answer(("Tools", TEXTS[:2])))

    assert placed(database)["pruning shears"] == ("new", None)
    assert set(produced) == {keyword.id for keyword in keywords[:2]}


def test_a_keyword_forgotten_for_the_third_time_needs_a_person(database: Database, site: Site) -> None:
    with database.transaction() as session:
        fresh = make_keywords(session, site=site, texts=TEXTS[:1])
        twice = make_keywords(session, site=site, texts=TEXTS[1:], times_tried=2)

    keep(database, site, [*fresh, *twice], answer(("Tools", [TEXTS[0], TEXTS[1]])))

    assert [status for status, _ in placed(database).values()] == ["clustered", "clustered", "needs_attention"]


@pytest.mark.parametrize(
    "given",
    [
        answer(),
        answer(("Tools", [])),
        answer(("Tools", ["chainsaw"])),
        answer(("\u200b", TEXTS)),
        answer(("", TEXTS)),
        answer(("Tools", ["I'm sorry, I can't help with that."])),
    ],
    ids=["refusal as an empty list", "empty cluster", "only invented", "zero-width name", "no name", "refusal as text"],
)
def test_an_answer_that_places_nothing_is_rejected_and_writes_nothing(
    database: Database, site: Site, keywords: list[Keyword], given: ClustersAnswer
) -> None:
    with pytest.raises(AnswerRejected, match="No keyword of the 3 was placed"):
        keep(database, site, keywords, given)

    assert clusters(database) == []
    assert {status for status, _ in placed(database).values()} == {"new"}


def test_hostile_names_and_megabytes_are_stored_clean_and_cut(
    database: Database, site: Site, keywords: list[Keyword]
) -> None:
    given = ClustersAnswer(
        clusters=[
            ClusterAnswer(
                name="\x00\u202eTools " * 100_000,
                description="\x00<script>\u2066 words " * 100_000,
                keywords=["x" * 5_000_000, *TEXTS],
            )
        ]
    )

    keep(database, site, keywords, given)

    cluster = clusters(database)[0]
    assert cluster.name.startswith("Tools Tools")
    assert len(cluster.name) <= 200
    assert len(cluster.description) <= 1_000
    assert not set("\x00\u202e\u2066") & set(cluster.name + cluster.description)


def test_a_keyword_that_no_longer_waits_is_left_alone(database: Database, site: Site, keywords: list[Keyword]) -> None:
    with database.transaction() as session:
        session.get_one(Keyword, keywords[0].id).status = KeywordStatus.NEEDS_ATTENTION

    keep(database, site, keywords, answer(("Tools", TEXTS)))

    assert placed(database)["garden spade"] == ("needs_attention", None)


def test_two_lanes_that_name_the_same_clusters_at_once_share_them(database: Database, site: Site) -> None:
    names = [f"Cluster {letter}" for letter in "abcdef"]
    with database.transaction() as session:
        batches = [
            make_keywords(session, site=site, texts=[f"{side} {name}" for name in names]) for side in ("left", "right")
        ]
    start, failures = threading.Barrier(2), []

    def lane(batch: list[Keyword], order: int) -> None:
        given = answer(*[(name, [row.text]) for name, row in list(zip(names, batch, strict=True))[::order]])
        start.wait()
        try:
            keep(database, site, batch, given)
        except Exception as error:  # noqa: BLE001 - the test's own thread reports it
            failures.append(error)

    threads = [
        threading.Thread(target=lane, args=(batch, order)) for batch, order in zip(batches, (1, -1), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert sorted(cluster.name for cluster in clusters(database)) == names
    assert {status for status, _ in placed(database).values()} == {"clustered"}
