"""Owns the answer "clusters": keywords grouped by what they are about, existing clusters first.

Four steps, each on what the one before left: clusters that exist, subjects that several keywords share,
groups that a single keyword resembles, and mixed groups of what is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from pipeline.ai.offline.answers import Answer, Data, Site, read_data
from pipeline.ai.offline.subjects import Gram, best_subject, contains, holders, widened
from pipeline.ai.offline.words import Phrase, capital, join, language_code, normal, read_phrase, shorten
from pipeline.ai.port import TextRequest

#: A cluster never holds more keywords than this.
CLUSTER_LIMIT = 20
#: Keywords that are alone stand alone while there are at most this many clusters, or one for every so many keywords.
CLUSTERS_AT_EASE = 6
KEYWORDS_PER_CLUSTER = 5
#: Between the subjects in the name of a mixed cluster.
MIXED = " · "
#: Between a subject and what sets this cluster of it apart.
APART = ": "
_ALIKE = 75
_NAME_LIMIT = 60


class Keyword(Data):
    """One keyword to place."""

    keyword: str


class ExistingCluster(Data):
    """A cluster the site has: a few of its keywords, and how many it holds."""

    name: str
    keywords: tuple[str, ...] = ()
    size: int = 0


class ClustersData(Data):
    """The data of the question."""

    keywords: tuple[Keyword, ...]
    existing_clusters: tuple[ExistingCluster, ...] = ()
    language: str | None = None
    site: Site = Site()


@dataclass
class Group:
    """One cluster in the making; `room` counts down with every keyword put in."""

    name: str
    subject: Gram
    room: int
    examples: list[Phrase]
    existing: bool = False
    members: list[Phrase] = field(default_factory=list)

    @property
    def mixed(self) -> bool:
        """Whether it holds keywords that have nothing in common."""
        return MIXED in self.name

    def put(self, phrase: Phrase) -> None:
        """Place a keyword here."""
        self.members.append(phrase)
        self.examples.append(phrase)
        self.room -= 1


def clusters(request: TextRequest) -> Answer:
    """The answer to a "clusters" question: every keyword in exactly one cluster, verbatim."""
    data = read_data(request, ClustersData)
    language = language_code(data.language or data.site.language)
    texts = dict.fromkeys(row.keyword for row in data.keywords)
    phrases = [read_phrase(text, language) for text in texts if text.strip()]
    groups = [_existing(cluster, language) for cluster in data.existing_clusters]
    held = sum(CLUSTER_LIMIT - group.room for group in groups)

    rest = _reuse(phrases, groups)
    rest = _share(rest, groups)
    rest = _resemble(rest, groups)
    _gather(rest, groups, at_most=max(CLUSTERS_AT_EASE, (held + len(phrases)) // KEYWORDS_PER_CLUSTER))

    order = {phrase.text: position for position, phrase in enumerate(phrases)}
    used = sorted((group for group in groups if group.members), key=lambda group: order[group.members[0].text])
    return {"clusters": [_written(group) for group in used]}


def _existing(cluster: ExistingCluster, language: str) -> Group:
    subject = read_phrase(cluster.name.partition(APART)[0], language).stems
    return Group(
        name=cluster.name,
        subject=subject,
        room=CLUSTER_LIMIT - max(cluster.size, len(cluster.keywords)),
        examples=[read_phrase(keyword, language) for keyword in cluster.keywords],
        existing=True,
    )


def _reuse(phrases: Sequence[Phrase], groups: Sequence[Group]) -> list[Phrase]:
    """Put keywords into the existing clusters of their subject, the most precise one first."""
    rest = []
    for phrase in phrases:
        fits = [group for group in groups if group.room > 0 and not group.mixed and contains(phrase, group.subject)]
        if fits:
            max(fits, key=lambda group: (len(group.subject), fuzz.token_set_ratio(phrase.text, group.name))).put(phrase)
        else:
            rest.append(phrase)
    return rest


def _share(phrases: Sequence[Phrase], groups: list[Group]) -> list[Phrase]:
    """Open a cluster for every subject that at least two keywords share, the most telling one first."""
    rest = list(phrases)
    while (subject := best_subject(rest, limit=CLUSTER_LIMIT)) is not None:
        members = holders(rest, subject)[:CLUSTER_LIMIT]
        _open(members, groups, subject=widened(members, subject))
        taken = {phrase.text for phrase in members}
        rest = [phrase for phrase in rest if phrase.text not in taken]
    return rest


def _resemble(phrases: Sequence[Phrase], groups: Sequence[Group]) -> list[Phrase]:
    """Put a keyword that is alone into a cluster that speaks of the same thing in other words."""
    rest = []
    for phrase in phrases:
        scores = [(_likeness(phrase, group), -position) for position, group in enumerate(groups) if group.room > 0]
        score, position = max(scores, default=(0.0, 0))
        if score >= _ALIKE:
            groups[-position].put(phrase)
        else:
            rest.append(phrase)
    return rest


def _likeness(phrase: Phrase, group: Group) -> float:
    subjects = [" ".join(example.stems) for example in group.examples]
    found = process.extractOne(" ".join(phrase.stems), subjects, scorer=fuzz.token_sort_ratio, score_cutoff=_ALIKE)
    shared = any(stem in group.subject for stem in phrase.stems) and not group.mixed
    return max(float(found[1]) if found else 0.0, float(_ALIKE) if shared else 0.0)


def _gather(phrases: Sequence[Phrase], groups: list[Group], *, at_most: int) -> None:
    """Place what is alone: by itself while there are few clusters, else into mixed ones of what is most alike."""
    rest = list(phrases)
    free = at_most - len(groups)
    if len(rest) > max(free, 0) * KEYWORDS_PER_CLUSTER:
        for group in [group for group in groups if group.mixed]:
            rest = _fill(rest, group, wanted=group.room)
    bundles = max(free, -(-len(rest) // CLUSTER_LIMIT), 1)
    while rest:
        wanted = -(-len(rest) // bundles)
        group = _open([rest.pop(0)], groups)
        rest = _fill(rest, group, wanted=wanted - 1)
        group.name = _mixed_name(group, groups)
        bundles = max(bundles - 1, 1)


def _fill(phrases: list[Phrase], group: Group, *, wanted: int) -> list[Phrase]:
    """Move up to `wanted` keywords into the group, those most like its first; return the others in order."""
    if wanted < 1 or not phrases:
        return phrases
    first = group.examples[0].subject if group.examples else group.name
    subjects = [phrase.subject for phrase in phrases]
    chosen = {index for _, _, index in process.extract(first, subjects, scorer=fuzz.WRatio, limit=wanted)}
    for index in sorted(chosen):
        group.put(phrases[index])
    return [phrase for index, phrase in enumerate(phrases) if index not in chosen]


def _open(members: Sequence[Phrase], groups: list[Group], *, subject: Gram | None = None) -> Group:
    gram = subject or members[0].stems
    group = Group(name=_name(members, gram, groups), subject=gram, room=CLUSTER_LIMIT, examples=[])
    for phrase in members:
        group.put(phrase)
    groups.append(group)
    return group


def _name(members: Sequence[Phrase], subject: Gram, groups: Sequence[Group]) -> str:
    """The subject as written; where a cluster has that name, with the first words that set this one apart."""
    words = [token for token in (*members[0].lead, *members[0].trail) if token.stem in subject]
    plain = shorten(capital(join(words[: len(subject)]) or members[0].subject), limit=_NAME_LIMIT)
    taken = {normal(group.name) for group in groups}
    others = [t for phrase in members for t in (*phrase.lead, *phrase.trail) if t.stem not in subject]
    names = [plain, *(f"{plain}{APART}{token.surface}" for token in others)]
    numbered = (f"{plain} {number}" for number in range(2, len(groups) + 3))
    return next(name for name in (*names, *numbered) if normal(name) not in taken)


def _mixed_name(group: Group, groups: Sequence[Group]) -> str:
    if len(group.members) == 1:
        return group.name
    parts = dict.fromkeys(capital(shorten(phrase.subject, limit=_NAME_LIMIT // 3)) for phrase in group.members)
    name = MIXED.join(list(parts)[:3]) if len(parts) > 1 else f"{next(iter(parts))}{MIXED}{len(group.members)}"
    taken = {normal(other.name) for other in groups if other is not group}
    return name if normal(name) not in taken else f"{name}{MIXED}{len(groups)}"


def _written(group: Group) -> Answer:
    quoted = " and ".join(f"“{shorten(phrase.text, limit=60)}”" for phrase in group.members[:2])
    about = f"Several small topics: {group.name}" if group.mixed else f"Searches about {group.name}"
    return {
        "name": group.name,
        "description": f"{about}, for example {quoted}.",
        "keywords": [phrase.text for phrase in group.members],
    }
