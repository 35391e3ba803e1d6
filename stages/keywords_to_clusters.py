"""Stage 1, Keywords → Clusters: one question about a batch of keywords; each goes into one cluster, old or new."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.contract import AnswerRejected, Message, Produced, Question, Stage, Subjects
from pipeline.core.answers import Answer, Many
from pipeline.core.html import plain_line
from pipeline.core.normal import keyword_key, title_key
from pipeline.core.prompts import data_message, render, site_data
from pipeline.core.refusals import is_refusal
from pipeline.core.states import ClusterStatus, KeywordStatus, move
from pipeline.core.words import nearest_by_words, stand_in
from pipeline.models import Cluster, Keyword
from pipeline.models.inserting import insert_missing

#: Existing clusters a question offers, and keywords it shows of each.
OFFERED_CLUSTERS = 200
SHOWN_KEYWORDS = 5
#: How often a keyword may be forgotten.
TIMES_FORGOTTEN = 3
_NAME_LENGTH = 200
_KEY_LENGTH = 400
_DESCRIPTION_LENGTH = 1_000
_PROMPT = (files("stages") / "prompts" / "keywords_to_clusters.md").read_text("utf-8")


class ClusterAnswer(Answer):
    """One cluster and the keywords that go into it, as they were given."""

    name: str
    description: str
    keywords: Many[str]


class ClustersAnswer(Answer):
    """Every keyword's cluster."""

    clusters: Many[ClusterAnswer]


class KeywordsToClusters(Stage[Keyword, ClustersAnswer]):
    """Groups keywords that one family of articles can serve."""

    key = "keywords_to_clusters"
    subject = Keyword
    waits_as = KeywordStatus.NEW
    prompt = _PROMPT
    placeholders = ("language",)
    leaves_waiting = True

    def ask(self, session: Session, subjects: Subjects[Keyword]) -> Question:
        """One question about the whole batch, with the existing clusters that are nearest by words."""
        content = subjects.settings.content
        data = {
            "keywords": [{"keyword": keyword.text, "volume": keyword.volume} for keyword in subjects],
            "existing_clusters": _existing_clusters(session, subjects),
            "site": site_data(content),
        }
        return Question(
            messages=(
                Message("system", render(subjects.prompt or _PROMPT, {"language": content.language})),
                Message("user", data_message(data)),
            ),
            answer=ClustersAnswer,
            schema_name="clusters",
            max_output_tokens=1_000 + 60 * len(subjects),
            useful_output_tokens=250 + 10 * len(subjects),
        )

    def keep(self, session: Session, subjects: Subjects[Keyword], answer: ClustersAnswer) -> Produced:
        """Place every keyword that the answer places; what it forgot waits on, what it invented is dropped.

        Raises AnswerRejected where it places none.
        """
        waiting = {keyword.normalised: keyword for keyword in subjects if keyword.status is KeywordStatus.NEW}
        proposed, placed = _placements(waiting, answer)
        if waiting and not placed:
            raise AnswerRejected(
                f"No keyword of the {len(waiting)} was placed. Put every keyword, spelled as given, into one cluster."
            )
        clusters = _opened(session, subjects, proposed)
        for normalised, cluster_key in placed.items():
            keyword = waiting[normalised]
            keyword.cluster_id = clusters[cluster_key]
            keyword.status = move(keyword.status, KeywordStatus.CLUSTERED)
        for normalised in waiting.keys() - placed.keys():
            if waiting[normalised].times_tried + 1 >= TIMES_FORGOTTEN:
                waiting[normalised].status = move(waiting[normalised].status, KeywordStatus.NEEDS_ATTENTION)
        return {waiting[normalised].id: [clusters[cluster_key]] for normalised, cluster_key in placed.items()}


def _existing_clusters(session: Session, subjects: Subjects[Keyword]) -> list[dict[str, object]]:
    """The clusters of the site that share the most words with the keywords, nearest first."""
    rows = session.execute(select(Cluster.id, Cluster.name).where(Cluster.site_id == subjects.site.id)).all()
    nearest = nearest_by_words(
        [name for _, name in rows], (keyword.text for keyword in subjects), limit=OFFERED_CLUSTERS
    )
    chosen = [rows[index] for index in nearest]
    position = func.row_number().over(partition_by=Keyword.cluster_id, order_by=Keyword.id)
    members = (
        select(
            Keyword.cluster_id,
            Keyword.text,
            position.label("position"),
            func.count().over(partition_by=Keyword.cluster_id).label("size"),
        )
        .where(Keyword.cluster_id.in_([cluster_id for cluster_id, _ in chosen]), Keyword.deleted_at.is_(None))
        .subquery()
    )
    shown: dict[int, list[str]] = defaultdict(list)
    sizes: dict[int, int] = {}
    for cluster_id, text, _, size in session.execute(
        select(members).where(members.c.position <= SHOWN_KEYWORDS).order_by(members.c.cluster_id, members.c.position)
    ):
        shown[cluster_id].append(text)
        sizes[cluster_id] = size
    return [
        {"name": name, "keywords": shown[cluster_id], "size": sizes.get(cluster_id, 0)} for cluster_id, name in chosen
    ]


def _placements(
    waiting: Mapping[str, Keyword], answer: ClustersAnswer
) -> tuple[dict[str, ClusterAnswer], dict[str, str]]:
    """The clusters that get a keyword, by key, and each placed keyword's cluster key; the first to name it has it."""
    proposed: dict[str, ClusterAnswer] = {}
    placed: dict[str, str] = {}
    for cluster in answer.clusters:
        cluster_key = title_key(plain_line(cluster.name, _NAME_LENGTH))[:_KEY_LENGTH]
        if not cluster_key or stand_in(cluster.name[:_NAME_LENGTH]) or is_refusal(cluster.name):
            continue
        for text in cluster.keywords:
            normalised = keyword_key(text[:_KEY_LENGTH])
            if normalised in waiting and normalised not in placed:
                placed[normalised] = cluster_key
                proposed.setdefault(cluster_key, cluster)
    return proposed, placed


def _opened(session: Session, subjects: Subjects[Keyword], proposed: Mapping[str, ClusterAnswer]) -> dict[str, int]:
    """The ids of the proposed clusters: made where the site has none of that name, waiting for ideas in any case."""
    if not proposed:
        return {}
    rows = [_row(subjects, cluster_key, proposed[cluster_key]) for cluster_key in sorted(proposed)]
    # Two lanes may name one cluster at once: both insert in the order of names, so the second waits and neither fails.
    session.execute(insert_missing(session, Cluster), rows)
    clusters: Sequence[Cluster] = session.scalars(
        select(Cluster)
        .where(Cluster.site_id == subjects.site.id, Cluster.normalised.in_(proposed))
        .order_by(Cluster.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for cluster in clusters:
        if cluster.status is ClusterStatus.PLANNED:
            cluster.status = move(cluster.status, ClusterStatus.NEW)
    return {cluster.normalised: cluster.id for cluster in clusters}


def _row(subjects: Subjects[Keyword], cluster_key: str, cluster: ClusterAnswer) -> dict[str, object]:
    return {
        "account_id": subjects.site.account_id,
        "site_id": subjects.site.id,
        "name": plain_line(cluster.name, _NAME_LENGTH),
        "normalised": cluster_key,
        "description": plain_line(cluster.description, _DESCRIPTION_LENGTH),
    }
