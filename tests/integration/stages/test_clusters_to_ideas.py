from __future__ import annotations

import pytest
from sqlalchemy import select

from pipeline.contract import AnswerRejected, Produced
from pipeline.core.matrix import SiteSettings
from pipeline.core.normal import title_key
from pipeline.core.states import ClusterStatus, IdeaStatus
from pipeline.db.session import Database
from pipeline.models import Cluster, Idea, IdeaKeyword, Keyword, Site, SiteTitle
from pipeline.services import keywords
from stages.clusters_to_ideas import ClustersToIdeas, IdeaAnswer, IdeasAnswer
from tests.support.builders import make_cluster, make_content, make_idea, make_keywords, make_subjects
from tests.support.questions import data_of, instructions_of

STAGE = ClustersToIdeas()
TEXTS = ["garden spade", "garden fork"]


def idea(title: str, *, outline: tuple[str, ...] = ("Why", "How"), keywords: tuple[str, ...] = ()) -> IdeaAnswer:
    return IdeaAnswer(title=title, angle="For beginners", outline=list(outline), keywords=list(keywords))


def answer(*ideas: IdeaAnswer | str) -> IdeasAnswer:
    return IdeasAnswer(ideas=[idea(given) if isinstance(given, str) else given for given in ideas])


@pytest.fixture
def cluster(database: Database, site: Site) -> Cluster:
    with database.transaction() as session:
        return make_cluster(session, site=site, name="Garden tools", description="Tools to dig", keywords=TEXTS)


def keep(
    database: Database, site: Site, cluster: Cluster, given: IdeasAnswer, settings: SiteSettings | None = None
) -> Produced:
    with database.transaction() as session:
        return STAGE.keep(session, make_subjects(session, [cluster], site=site, settings=settings), given)


def ideas(database: Database) -> list[Idea]:
    with database.reading() as session:
        return list(session.scalars(select(Idea).order_by(Idea.id)))


def titles(database: Database) -> set[str]:
    return {row.title for row in ideas(database)}


def targets(database: Database) -> dict[str, set[str]]:
    """Each idea's target keywords."""
    found: dict[str, set[str]] = {row.title: set() for row in ideas(database)}
    with database.reading() as session:
        links = select(Idea.title, Keyword.text).select_from(IdeaKeyword).join(Idea).join(Keyword)
        rows = session.execute(links)
        for title, text in rows:
            found[title].add(text)
    return found


def status(database: Database, cluster: Cluster) -> ClusterStatus:
    with database.reading() as session:
        return session.get_one(Cluster, cluster.id).status


def test_a_question_carries_the_cluster_and_the_site(database: Database, site: Site, cluster: Cluster) -> None:
    settings = SiteSettings()
    settings.content.language, settings.content.audience, settings.content.tone = "de", "beginners", "calm"
    settings.content.ideas_per_cluster = 4

    with database.reading() as session:
        question = STAGE.ask(session, make_subjects(session, [cluster], site=site, settings=settings))

    assert data_of(question) == {
        "cluster": {"name": "Garden tools", "description": "Tools to dig", "keywords": TEXTS},
        "ideas_wanted": 4,
        "existing_titles": [],
        "site": {"language": "de", "audience": "beginners", "tone": "calm", "author_profile": None},
    }
    assert "propose 4 articles" in instructions_of(question)
    assert (question.schema_name, question.answer) == ("ideas", IdeasAnswer)


def test_the_most_searched_keywords_are_shown_first(database: Database, site: Site) -> None:
    with database.transaction() as session:
        cluster = make_cluster(session, site=site)
        rows = make_keywords(session, site=site, texts=["unknown", "rare", "common"], cluster=cluster)
        rows[1].volume, rows[2].volume = 10, 1_000

    with database.reading() as session:
        data = data_of(STAGE.ask(session, make_subjects(session, [cluster], site=site)))

    assert data["cluster"]["keywords"] == ["common", "rare", "unknown"]


def test_a_question_warns_of_the_nearest_titles_of_ideas_and_contents(
    database: Database, site: Site, other_site: Site, cluster: Cluster
) -> None:
    with database.transaction() as session:
        for number in range(120):
            make_idea(session, site=site, title=f"About engines {number}")
        make_idea(session, site=site, title="Which garden tools to buy")
        make_content(session, site=site, title="The best fork")
        make_idea(session, site=other_site, title="Garden tools of others")

    with database.reading() as session:
        warned = data_of(STAGE.ask(session, make_subjects(session, [cluster], site=site)))["existing_titles"]

    assert len(warned) == 100
    assert set(warned[:2]) == {"Which garden tools to buy", "The best fork"}


def test_ideas_are_written_and_the_cluster_is_planned(database: Database, site: Site, cluster: Cluster) -> None:
    produced = keep(database, site, cluster, answer(idea("Choose a spade", keywords=(TEXTS[0],))))

    row = ideas(database)[0]
    assert (row.title, row.angle, row.outline) == ("Choose a spade", "For beginners", ["Why", "How"])
    assert (row.account_id, row.site_id, row.cluster_id, row.status) == (
        site.account_id,
        site.id,
        cluster.id,
        IdeaStatus.NEW,
    )
    assert produced == {cluster.id: [row.id]}
    assert status(database, cluster) is ClusterStatus.PLANNED


def test_titles_the_site_has_as_idea_or_content_are_dropped(
    database: Database, site: Site, other_site: Site, cluster: Cluster
) -> None:
    with database.transaction() as session:
        make_idea(session, site=site, title="Choose a spade!")
        make_content(session, site=site, title="The best fork")
        make_idea(session, site=other_site, title="Sharpen a spade")

    keep(database, site, cluster, answer("CHOOSE A SPADE", "the best “fork”", "Sharpen a spade"))

    with database.reading() as session:
        mine = select(Idea.title).where(Idea.cluster_id == cluster.id)
        assert list(session.scalars(mine)) == ["Sharpen a spade"]


def test_a_title_twice_in_an_answer_is_kept_once(database: Database, site: Site, cluster: Cluster) -> None:
    keep(database, site, cluster, answer("Choose a spade", "Choose a  spade.", "Choose a fork"))

    assert titles(database) == {"Choose a spade", "Choose a fork"}


def test_more_ideas_than_wanted_are_cut(database: Database, site: Site, cluster: Cluster) -> None:
    keep(database, site, cluster, answer(*[f"Idea {number}" for number in range(9)]))

    assert titles(database) == {"Idea 0", "Idea 1", "Idea 2"}


def test_target_keywords_are_the_clusters_own(database: Database, site: Site, cluster: Cluster) -> None:
    given = answer(idea("Choose a spade", keywords=("Garden  Spade", "chainsaw", "garden spade", "garden fork")))

    keep(database, site, cluster, given)

    assert targets(database) == {"Choose a spade": {"garden spade", "garden fork"}}


def test_an_idea_that_names_none_of_them_targets_the_nearest(database: Database, site: Site, cluster: Cluster) -> None:
    keep(database, site, cluster, answer(idea("How to mend a fork", keywords=("chainsaw",))))

    assert targets(database) == {"How to mend a fork": {"garden fork"}}


@pytest.mark.parametrize(
    "given",
    [
        answer(),
        answer(""),
        answer("\u200b\x00\u2060"),
        answer(idea("Choose a spade", outline=())),
        answer(idea("Choose a spade", outline=("", " \u200b"))),
        answer("[Insert title here]"),
        answer(idea("Choose a spade", outline=("Why", "TODO: more"))),
        answer("Taken"),
    ],
    ids=["refusal as an empty list", "no title", "zero-width title", "no outline", "empty outline", "stand-in title",
         "stand-in heading", "taken"],
)  # fmt: skip
def test_an_answer_without_a_usable_idea_is_rejected_and_writes_nothing(
    database: Database, site: Site, cluster: Cluster, given: IdeasAnswer
) -> None:
    with database.transaction() as session:
        make_content(session, site=site, title="taken")

    with pytest.raises(AnswerRejected, match="None of the"):
        keep(database, site, cluster, given)

    assert {row.cluster_id for row in ideas(database)}.isdisjoint({cluster.id})
    assert status(database, cluster) is ClusterStatus.NEW


def test_hostile_texts_are_stored_clean_and_cut(database: Database, site: Site, cluster: Cluster) -> None:
    given = IdeasAnswer(
        ideas=[
            IdeaAnswer(
                title="Cho\x00ose \u202ea spade " * 1_000_000,
                angle="\x00 angle " * 1_000_000,
                outline=["\u2066How\u2069\n to"] * 100_000 + ["x" * 1_000_000],
                keywords=["y" * 1_000_000] * 100,
            )
        ]
    )

    keep(database, site, cluster, given)

    row = ideas(database)[0]
    assert row.title.startswith("Choose a spade Choose")
    assert (len(row.title) <= 300, len(row.angle) <= 1_000, row.outline) == (True, True, ["How to"])


def test_an_idea_that_another_lane_wrote_meanwhile_is_left_out(
    database: Database, site: Site, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other lane's commit falls between this one's look and its insert.
    monkeypatch.setattr("stages.clusters_to_ideas._taken", lambda *_: ())
    with database.transaction() as session:
        make_idea(session, site=site, title="Choose a spade")

    produced = keep(database, site, cluster, answer("Choose a spade", "Choose a fork"))

    assert titles(database) == {"Choose a spade", "Choose a fork"}
    assert len(produced[cluster.id]) == 1


def test_a_keyword_that_was_deleted_is_neither_shown_nor_targeted(
    database: Database, site: Site, cluster: Cluster
) -> None:
    with database.transaction() as session:
        gone = session.scalars(select(Keyword).where(Keyword.text == TEXTS[0])).one()
        keywords.delete(session, gone, actor="ada", now=database.now())

    with database.reading() as session:
        question = STAGE.ask(session, make_subjects(session, [cluster], site=site))
    keep(database, site, cluster, answer(idea("Spades", keywords=(TEXTS[0],))))

    assert data_of(question)["cluster"]["keywords"] == TEXTS[1:]
    assert targets(database) == {"Spades": {TEXTS[1]}}


def test_a_title_that_others_have_on_the_site_is_warned_of_and_dropped(
    database: Database, site: Site, cluster: Cluster
) -> None:
    with database.transaction() as session:
        own = {"account_id": site.account_id, "site_id": site.id}
        session.add(SiteTitle(**own, remote_id="1", title="Garden Spades", normalised_title=title_key("Garden Spades")))
    with database.reading() as session:
        question = STAGE.ask(session, make_subjects(session, [cluster], site=site))

    keep(database, site, cluster, answer("garden spades", "Forks"))

    assert "Garden Spades" in data_of(question)["existing_titles"]
    assert titles(database) == {"Forks"}
