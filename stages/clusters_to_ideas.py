"""Stage 2, Clusters → Ideas: one question a cluster; titles the site already has are dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.contract import AnswerRejected, Message, Produced, Question, Stage, Subjects
from pipeline.core.answers import Answer, Many
from pipeline.core.html import plain_line
from pipeline.core.normal import keyword_key, title_key
from pipeline.core.prompts import data_message, render, site_data
from pipeline.core.refusals import is_refusal
from pipeline.core.states import ClusterStatus, move
from pipeline.core.words import nearest_by_words, stand_in
from pipeline.models import Cluster, Content, Idea, IdeaKeyword, Keyword, Site
from pipeline.models.inserting import insert_missing
from pipeline.models.sites import SiteTitle

#: Titles a question warns of, and keywords it shows.
SHOWN_TITLES = 100
SHOWN_KEYWORDS = 100
#: Of an answer; a site wants 20 at most.
_READ_IDEAS = 200
_TITLE_LENGTH = 300
_KEY_LENGTH = 600
_ANGLE_LENGTH = 1_000
_HEADING_LENGTH = 200
_HEADINGS = 20
_PROMPT = (files("stages") / "prompts" / "clusters_to_ideas.md").read_text("utf-8")


class IdeaAnswer(Answer):
    """One proposed article."""

    title: str
    angle: str
    outline: Many[str]
    keywords: Many[str]


class IdeasAnswer(Answer):
    """The proposed articles of one cluster."""

    ideas: Many[IdeaAnswer]


@dataclass(frozen=True)
class _Proposal:
    """An idea that can be kept."""

    title: str
    normalised_title: str
    angle: str
    outline: list[str]
    keywords: list[str]


class ClustersToIdeas(Stage[Cluster, IdeasAnswer]):
    """Proposes articles for a cluster: title, angle, outline, target keywords."""

    key = "clusters_to_ideas"
    subject = Cluster
    waits_as = ClusterStatus.NEW
    prompt = _PROMPT
    placeholders = ("language", "ideas_wanted")

    def ask(self, session: Session, subjects: Subjects[Cluster]) -> Question:
        """One question about one cluster."""
        cluster, content = subjects[0], subjects.settings.content
        keywords = _shown_keywords(session, cluster)
        wanted = content.ideas_per_cluster
        data = {
            "cluster": {"name": cluster.name, "description": cluster.description, "keywords": keywords},
            "ideas_wanted": wanted,
            "existing_titles": _existing_titles(session, subjects.site, near=[cluster.name, *keywords]),
            "site": site_data(content),
        }
        prompt = render(subjects.prompt or _PROMPT, {"language": content.language, "ideas_wanted": wanted})
        return Question(
            messages=(Message("system", prompt), Message("user", data_message(data))),
            answer=IdeasAnswer,
            schema_name="ideas",
            max_output_tokens=500 + 500 * wanted,
            useful_output_tokens=200 + 200 * wanted,
        )

    def keep(self, session: Session, subjects: Subjects[Cluster], answer: IdeasAnswer) -> Produced:
        """Write the ideas whose titles are new to the site; raises AnswerRejected where there is none."""
        cluster = subjects[0]
        wanted = subjects.settings.content.ideas_per_cluster
        proposals = _new_proposals(session, subjects.site, answer)[:wanted]
        ids = _written(session, cluster, proposals)
        if not ids:
            raise AnswerRejected(
                f"None of the {len(answer.ideas)} ideas can be used: each needs a title that the site does not have "
                "yet and an outline of at least one heading, without stand-ins for text to come. Propose others."
            )
        links = _keyword_links(
            session, cluster, {ids[p.normalised_title]: p for p in proposals if p.normalised_title in ids}
        )
        if links:
            session.execute(insert_missing(session, IdeaKeyword), links)
        cluster.status = move(cluster.status, ClusterStatus.PLANNED)
        cluster.times_tried = 0
        return {cluster.id: list(ids.values())}


def _shown_keywords(session: Session, cluster: Cluster) -> list[str]:
    """The cluster's keywords, the most searched first."""
    found = session.scalars(
        select(Keyword.text)
        .where(Keyword.cluster_id == cluster.id, Keyword.deleted_at.is_(None))
        .order_by(Keyword.volume.desc().nulls_last(), Keyword.id)
        .limit(SHOWN_KEYWORDS)
    )
    return list(found)


def _existing_titles(session: Session, site: Site, *, near: Sequence[str]) -> list[str]:
    """The titles of the site that share the most words with `near`: those an answer might repeat."""
    ideas = select(Idea.title).where(Idea.site_id == site.id)
    contents = select(Content.title).where(Content.site_id == site.id)
    on_the_site = select(SiteTitle.title).where(SiteTitle.site_id == site.id)
    titles = sorted(session.scalars(ideas.union(contents, on_the_site)))
    return [titles[index] for index in nearest_by_words(titles, near, limit=SHOWN_TITLES)]


def _new_proposals(session: Session, site: Site, answer: IdeasAnswer) -> list[_Proposal]:
    """The usable ideas of the answer whose titles neither the site nor an earlier one of them has."""
    proposals: dict[str, _Proposal] = {}
    for idea in answer.ideas[:_READ_IDEAS]:
        proposal = _proposal(idea)
        if proposal is not None:
            proposals.setdefault(proposal.normalised_title, proposal)
    taken = {title for table in (Idea, Content, SiteTitle) for title in _taken(session, site, table, proposals)}
    return [proposal for normalised_title, proposal in proposals.items() if normalised_title not in taken]


def _proposal(idea: IdeaAnswer) -> _Proposal | None:
    title = plain_line(idea.title, _TITLE_LENGTH)
    normalised_title = title_key(title)
    headings = (plain_line(heading, _HEADING_LENGTH) for heading in idea.outline[: _HEADINGS * 2])
    outline = [heading for heading in dict.fromkeys(headings) if heading][:_HEADINGS]
    angle = plain_line(idea.angle, _ANGLE_LENGTH)
    unfinished = stand_in("\n".join([title, *outline])) or any(map(is_refusal, (title, angle, *outline)))
    if not normalised_title or len(normalised_title) > _KEY_LENGTH or not outline or unfinished:
        return None
    return _Proposal(title, normalised_title, angle, outline, idea.keywords)


def _taken(
    session: Session, site: Site, table: type[Idea | Content | SiteTitle], titles: Iterable[str]
) -> Iterable[str]:
    return session.scalars(
        select(table.normalised_title).where(table.site_id == site.id, table.normalised_title.in_(list(titles)))
    )


def _written(session: Session, cluster: Cluster, proposals: Sequence[_Proposal]) -> dict[str, int]:
    """Insert the ideas; return the ids by normalised title. One that another lane wrote meanwhile is left out."""
    if not proposals:
        return {}
    rows = [
        {
            "account_id": cluster.account_id,
            "site_id": cluster.site_id,
            "cluster_id": cluster.id,
            "title": proposal.title,
            "normalised_title": proposal.normalised_title,
            "angle": proposal.angle,
            "outline": proposal.outline,
        }
        # In one order in every lane, so that two of them with two titles in common wait instead of blocking each other.
        for proposal in sorted(proposals, key=lambda proposal: proposal.normalised_title)
    ]
    statement = insert_missing(session, Idea).returning(Idea.normalised_title, Idea.id)
    return dict(session.execute(statement, rows).all())


def _keyword_links(session: Session, cluster: Cluster, ideas: Mapping[int, _Proposal]) -> list[dict[str, int]]:
    """Each idea's target keywords among the cluster's own; the nearest one where it names none of them."""
    there = (Keyword.cluster_id == cluster.id, Keyword.deleted_at.is_(None))
    own = select(Keyword.normalised, Keyword.id).where(*there).order_by(Keyword.id)
    ids = dict(session.execute(own).all())
    links: list[dict[str, int]] = []
    for idea_id, proposal in ideas.items():
        named = dict.fromkeys(keyword_key(text[:_KEY_LENGTH]) for text in proposal.keywords)
        targets = [ids[normalised] for normalised in named if normalised in ids]
        if not targets:
            texts = list(ids)
            targets = [ids[texts[index]] for index in nearest_by_words(texts, [proposal.title], limit=1)]
        links.extend({"idea_id": idea_id, "keyword_id": keyword_id} for keyword_id in targets)
    return links
