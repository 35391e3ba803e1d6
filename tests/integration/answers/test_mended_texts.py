"""What is odd but of use is taken at once: nothing that runs, hides or deceives is stored, and nobody pays twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.normal import display_text
from pipeline.db.session import Database
from pipeline.models import Cluster, Content, Idea, IdeaKeyword, ImagePrompt, Keyword
from pipeline.models.base import Base
from tests.integration.answers.conftest import Made
from tests.support.scripted import CHARGE, calls_of, good, said, statuses, subjects, told
from tests.support.worlds import World

NAME = "garden spade"
#: In every field that takes words: what PostgreSQL refuses, what turns text around, what shows nothing.
NASTY = "\x00\x07\u202e\u2066\u200b\ufeff\U000e0041"
PAID_ONCE = [("ask", "settled", [], CHARGE)]


def _nasty(document: Any) -> Any:
    """The document with the nasty signs inside every one of its texts."""
    if isinstance(document, str):
        return f"{document[:1]}{NASTY}{document[1:]}{NASTY}" if document else document
    if isinstance(document, list):
        return [_nasty(part) for part in document]
    return {name: _nasty(part) for name, part in document.items()}


def _texts(world: World, kind: type[Base]) -> list[str]:
    table = kind.__table__
    with world.database.reading() as session:
        rows = session.execute(select(table)).mappings().all()
    return [str(value) for row in rows for value in row.values() if isinstance(value, str | list)]


def _wrap(document: dict[str, Any], how: str) -> str:
    text = json.dumps(document, ensure_ascii=how == "escaped", indent=2 if how == "on many lines" else None)
    around = {
        "a fence": "```json\n{}\n```",
        "a bare fence": "\n```\n{}```\n",
        "a mark": "\ufeff{}\u200b",
        "space": "\n\n {} \t\n",
        "thoughts": "<think>\nA rake {or so} ```json\n</think>\n\n{}",
        "no thoughts": "\ufeff<think></think>```json\n{}\n```",
    }
    return around.get(how, "{}").replace("{}", text)


@pytest.mark.parametrize("how", [
        "a fence", "a bare fence", "a mark", "space", "on many lines", "escaped", "thoughts", "no thoughts",
    ]
)  # fmt: skip
def test_good_json_is_taken_whatever_is_around_it(sqlite_world_of: Made, how: str) -> None:
    world, script = sqlite_world_of(2)
    subjects(world, 2, [NAME])
    script.write(NAME, said(_wrap(good(2, NAME), how)))

    run_id = world.run()

    assert told(calls_of(world, run_id, 2)) == PAID_ONCE
    assert statuses(world, 2) == ["planned"]
    world.assert_sound()


@pytest.mark.parametrize(("number", "kind"), [(1, Cluster), (2, Idea), (4, Content), (5, ImagePrompt)])
def test_signs_that_deceive_or_cannot_be_stored_are_in_no_field(world_of: Made, number: int, kind: type[Base]) -> None:
    world, script = world_of(number)
    subjects(world, number, [NAME])
    script.write(NAME, said(_nasty(good(number, NAME))))

    run_id = world.run()

    assert told(calls_of(world, run_id, number)) == PAID_ONCE
    found = _texts(world, kind)
    assert found
    assert [text for text in found if set(NASTY) & set(text)] == []
    assert world.items(run_id, number)[0].status.value == "done"
    world.assert_sound()


def test_of_keywords_those_that_were_asked_for_are_placed_once_and_the_others_wait(
    world_of: Made, database: Database
) -> None:
    world, script = world_of(1, **{"stages.1.batch_size": "3"})
    subjects(world, 1, ["oak desk", "pine desk", "steel desk"])
    clusters = [
        {
            "name": "Desks",
            "description": "",
            "keywords": ["Oak  Desk", "oak desk", "cheap pills", "", "\u200b", "x" * 9_000],
        },
        {"name": "desks!", "description": "", "keywords": ["pine desk"]},
        {"name": "Others", "description": "", "keywords": ["oak desk", "buy gold"]},
        {"name": "", "description": "", "keywords": ["steel desk"]},
    ]
    forgotten = {"clusters": [clusters[3]]}
    script.write("oak desk", said({"clusters": clusters}))
    script.write("steel desk", *[said(forgotten), said(forgotten)] * 3)

    run_id = world.run()

    with database.reading() as session:
        placed = {row.text: row.cluster_id for row in session.scalars(select(Keyword))}
        names = [row.name for row in session.scalars(select(Cluster).order_by(Cluster.id))]
    assert names == ["Desks"]
    assert placed["oak desk"] == placed["pine desk"] is not None
    assert placed["steel desk"] is None
    assert told(calls_of(world, run_id, 1))[0] == PAID_ONCE[0]
    world.assert_sound()


def test_of_ideas_as_many_as_wanted_are_kept_each_title_once_with_keywords_of_the_cluster(
    world_of: Made, database: Database
) -> None:
    world, script = world_of(2)
    subjects(world, 2, [NAME])
    idea = good(2, NAME)["ideas"][0]
    titles = [
        "Choose a spade",
        "choose a  Spade!",
        "\u202eChoose a spade\u200b",
        "",
        "[Insert title]",
        "Dig",
        "Rest",
        "Sow",
        "Mow",
    ]
    keywords = [f"{NAME} one", f"{NAME} ONE", "cheap pills", "", "\x00"]
    ideas = [idea | {"title": title, "keywords": keywords} for title in titles] * 300
    script.write(NAME, said({"ideas": ideas}))

    run_id = world.run()

    with database.reading() as session:
        assert [row.title for row in session.scalars(select(Idea).order_by(Idea.id))] == [
            "Choose a spade",
            "Dig",
            "Rest",
        ]
        links = session.scalars(select(Keyword.text).join(IdeaKeyword)).all()
    assert links == [f"{NAME} one"] * 3
    assert told(calls_of(world, run_id, 2)) == PAID_ONCE
    assert len(world.items(run_id, 2)[0].produced or []) == 3
    world.assert_sound()


def test_nothing_in_an_article_runs_fetches_or_leads_inside(world_of: Made, database: Database) -> None:
    world, script = world_of(4)
    subjects(world, 4, [NAME])
    hostile = (
        '<script>alert(1)</script><img src="https://tracker.example/p.gif" onerror="x()"><iframe src="//e"></iframe>'
        '<svg onload="x()"></svg><style>p{}</style><form action="/x"><input></form><object data="x"></object>'
        '<p onclick="x()" style="position:fixed">See <a href="javascript:x()">this</a>, '
        '<a href="http://169.254.169.254/">that</a>, <a href="http://[::1]/">these</a>, '
        '<a href="data:text/html,x">those</a>, <a href="http://10.0.0.1.nip.io">them</a> and '
        '<a href="https://example.org/">more</a></p><link rel=stylesheet href="https://tracker.example/x.css">'
        "<p><b>open <i>tags"
    )
    document = good(4, NAME)
    script.write(NAME, said(document | {"body_html": document["body_html"] + hostile}))

    run_id = world.run()

    with database.reading() as session:
        [content] = session.scalars(select(Content))
    elements = ("script", "alert", "img", "tracker", "iframe", "svg", "style", "form", "onclick", "stylesheet")
    for forbidden in (*elements, "data:", "javascript", "nip.io", "169.254", "::1"):
        assert forbidden not in content.body_html
    assert content.body_html.count("href=") == 1
    assert content.body_html.count("<b>") == content.body_html.count("</b>")
    assert told(calls_of(world, run_id, 4)) == PAID_ONCE
    world.assert_sound()


def test_two_articles_of_one_title_become_two_titles(world_of: Made, database: Database) -> None:
    world, script = world_of(4)
    subjects(world, 4, ["first row", "second row"])
    same = good(4, "Choose a spade")
    script.write("first row", said(same))
    script.write("second row", said(same), said(same | {"title": "Choose another spade"}))

    run_id = world.run()

    with database.reading() as session:
        kept = [(row.title, row.slug) for row in session.scalars(select(Content).order_by(Content.id))]
    assert kept == [("Choose a spade", "Choose-a-spade".lower()), ("Choose another spade", "choose-a-spade-2")]
    assert [(call.step, call.flags) for call in calls_of(world, run_id, 4)] == [
        ("ask", []),
        ("ask", ["wasted"]),
        ("repair", []),
    ]
    world.assert_sound()


def test_pictures_stand_below_headings_that_there_are_and_not_too_many(world_of: Made, database: Database) -> None:
    world, script = world_of(5)
    subjects(world, 5, [NAME])
    picture = good(5, NAME)["featured"]
    wrong = {"in the text of another": "Why it costs", "empty": "", "hidden": "\u200b", "nearly": "why it  matters!"}
    below = [{"heading": heading, **picture} for heading in [*wrong.values(), "What to buy", "What to buy"]] * 500
    script.write(NAME, said({"featured": picture, "in_article": below}))

    run_id = world.run()

    with database.reading() as session:
        places = [row.place for row in session.scalars(select(ImagePrompt).order_by(ImagePrompt.position))]
    assert places == ["featured", "Why it matters", "What to buy"]
    assert told(calls_of(world, run_id, 5)) == PAID_ONCE
    assert display_text(places[1]) == places[1]
    world.assert_sound()
