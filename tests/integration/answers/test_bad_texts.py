"""Bad output is normal: whatever a text model answers is stored, charged and flagged; asked once more; then the item
fails, never the run. Every case with what becomes of the item and of the money.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.ai.port import (
    OutcomeUnknownError,
    ProviderError,
    QuotaExhaustedError,
    RequestRefusedError,
    TextReply,
    TextRequest,
)
from pipeline.core.states import RunStatus
from pipeline.engine import questions
from pipeline.services.forecasts import forecast
from tests.integration.answers.conftest import Made
from tests.support.scripted import CHARGE, calls_of, good, said, statuses, subjects, told

BAD, BETTER = "rusty rake", "shiny spade"
IDEA = good(2, BAD)["ideas"][0]
ARTICLE = good(4, BAD)
CLUSTER = good(1, BAD)["clusters"][0]
FEATURED = good(5, BAD)["featured"]
#: Python by itself takes half a minute to put them in order.
MARKS = "a" + "\u0301" * 60_000 + "\u0327" * 60_000
INVISIBLE = "\u200b\u2060\u00ad\ufeff"


def _ideas(**changes: object) -> dict[str, Any]:
    return {"ideas": [IDEA | changes]}


#: What every text stage may be answered, whatever it asked for: by name, the reply and what is wrong with it.
ANY_STAGE: dict[str, tuple[TextReply, str]] = {
    "empty": (said(""), "it was empty"),
    "white space": (said(" \n\t\r\n "), "it was empty"),
    "zero width": (said("\ufeff\u200b\u200d\u2060"), "it was empty"),
    "an empty fence": (said("```json\n\n```"), "it was empty"),
    "no json": (
        said("Here are your ideas: one, two, three."),
        "it is words and no JSON document, perhaps a refusal: Here",
    ),
    "prose around json": (said('Sure! ```json\n{"ideas": []}\n``` Anything else?'), "Invalid JSON"),
    "half a document": (said('{"ideas": [{"title": "Ha'), "Invalid JSON"),
    "cut off": (said('{"ideas": [{"title": "Ha', "length"), "cut off before its end"),
    "cut off, though it reads": (said(_ideas(), "length"), "cut off before its end"),
    "a refusal in words": (said("I'm sorry, but I can't help with that."), "perhaps a refusal: I'm sorry, but I can't"),
    "a refusal in German": (said("Dabei kann ich leider nicht helfen."), "perhaps a refusal: Dabei kann ich"),
    "a refusal in Thai": (said("ขออภัย ฉันไม่สามารถช่วยเรื่องนี้ได้"), "perhaps a refusal: ขออภัย"),
    "a refusal in Hindi": (said("क्षमा करें, मैं इसमें मदद नहीं कर सकता।"), "perhaps a refusal: क्षमा करें"),
    "a refusal in a fence": (said("```\nJe ne peux pas.\n```"), "perhaps a refusal: Je ne peux pas."),
    "a refusal": (said("I can't help with that.", "refusal"), "refused to answer: I can't help with that."),
    "an empty refusal": (said("", "refusal"), "refused to answer"),
    "a refusal of megabytes": (said("I will not. " * 70_000, "refusal"), "refused to answer: I will not."),
    "filtered": (said("", "filter"), "a filter of its provider withheld it"),
    "filtered half way": (said('{"ideas": [', "filter"), "a filter of its provider withheld it"),
    "filtered at the end": (said(_ideas(), "filter"), "a filter of its provider withheld it"),
    "an error as json": (said({"error": "I cannot comply"}), "Extra inputs are not permitted"),
    "null": (said("null"), "should be an object"),
    "a number": (said("42"), "should be an object"),
    "a text": (said('"ideas"'), "should be an object"),
    "a list": (said([IDEA]), "should be an object"),
    "two documents": (said('{"ideas": []} {"ideas": []}'), "trailing characters"),
    "a trailing comma": (said('{"ideas": [],}'), "Invalid JSON"),
    "a document within a text": (said(json.dumps(json.dumps(_ideas()))), "should be an object"),
    "a document within a list": (said([_ideas()]), "should be an object"),
    "names in capitals": (said({"Ideas": [IDEA]}), "ideas: Field required"),
    "names that look alike": (said({"\u0456deas": [IDEA]}), "ideas: Field required"),
    "its schema": (said({"properties": {"ideas": {"type": "array"}}, "type": "object"}), "ideas: Field required"),
    "the call of a tool": (said({"name": "answer", "arguments": json.dumps(_ideas())}), "ideas: Field required"),
    "a line of a stream": (said('data: {"ideas": []}'), "Invalid JSON"),
    "two lines of documents": (said('{"ideas": []}\n{"ideas": []}'), "trailing characters"),
    "yaml": (said("ideas:\n  - title: Rakes\n    angle: For all\n"), "perhaps a refusal: ideas"),
    "markdown": (said("# Ideas\n\n1. **Rakes**: for all\n2. *Spades*\n" * 100), "Invalid JSON"),
    "markup": (said("<ideas><idea>Rakes</idea></ideas>"), "perhaps a refusal: <ideas>"),
    "only thoughts": (said("<think>A rake, perhaps.</think>\n"), "it was empty"),
    "thoughts without an end": (said('<think>{"ideas": [{"title": "A rake'), "Invalid JSON"),
    "thoughts behind it": (said('{"ideas": []}<think>Done.</think>'), "trailing characters"),
    "thoughts twice": (said('<think>1</think><think>2</think>{"ideas": []}'), "Invalid JSON"),
    "utf-16 read as bytes": (said('{"ideas": []}'.encode("utf-16").decode("latin-1")), "Invalid JSON"),
    "comments": (said('{"ideas": [] /* none */}'), "Invalid JSON"),
    "single quotes": (said("{'ideas': []}"), "Invalid JSON"),
    "NaN": (said('{"ideas": NaN}'), "ideas"),
    "infinity": (said('{"ideas": -Infinity}'), "ideas"),
    "a huge number": (said('{"ideas": 1' + "0" * 5_000 + "}"), "number out of range"),
    "deep": (said("[" * 100_000), "recursion limit"),
    "deep in a field": (said('{"ideas": ' + '{"ideas":' * 5_000), "recursion limit"),
    "half a surrogate": (said('{"ideas": [{"title": "\\ud800", "angle": "", "outline": [], "keywords": []}]}'), "JSON"),
    "raw NUL": (said('{"ideas":\x00[]}'), "Invalid JSON"),
    "binary": (said("\x00\x01\ud800\udfff\xff"), "Invalid JSON"),
    "megabytes": (said("x" * 50_000_000), "more than 1,000,000 characters"),
    "megabytes of white space": (said('{"ideas": []' + " " * 5_000_000 + "}"), "more than 1,000,000 characters"),
    "a name of NUL": (said('{"ideas": [], "\\u0000\\u202e": 1}'), "Extra inputs are not permitted"),
    "a name of megabytes": (said({"ideas": [], "x" * 900_000: 1}), "Extra inputs are not permitted"),
    "a million faults": (said('{"ideas": [' + ",".join(["{}"] * 300_000) + "]}"), "ideas.0.title: Field required"),
    "sixty thousand names": (said({f"n{number}": 1 for number in range(60_000)}), "Field required"),
}
OF_IDEAS: dict[str, tuple[TextReply, str]] = {
    "the list is no list": (said({"ideas": IDEA}), "ideas"),
    "a field is missing": (said({"ideas": [{"title": "Rakes"}]}), "ideas.0.angle: Field required"),
    "a name of nothing": (said('{"ideas": [], "": 1}'), "Extra inputs are not permitted"),
    "a prototype": (said({"ideas": [], "__proto__": {"admin": True}}), "Extra inputs are not permitted"),
    "a list of lists": (said({"ideas": [[IDEA]]}), "ideas.0"),
    "a list of nothing": (said({"ideas": [None]}), "ideas.0"),
    "true in its place": (said({"ideas": True}), "ideas"),
    "a title in a list": (said(_ideas(title=["Rakes"])), "ideas.0.title"),
    "an outline as a text": (said(_ideas(outline="Why; how")), "ideas.0.outline"),
    "keywords as numbers": (said(_ideas(keywords=[1, 2])), "ideas.0.keywords.0"),
    "a field too many": (said(_ideas(url="http://169.254.169.254/")), "ideas.0.url: Extra inputs"),
    "a field of another kind": (said(_ideas(title=7)), "ideas.0.title"),
    "a field is null": (said(_ideas(angle=None)), "ideas.0.angle"),
    "a name twice": (said('{"ideas": [], "ideas": [' + json.dumps(IDEA) + "]}"), "same name twice"),
    "a name twice within": (said('{"ideas": [{"title": "a", ' + json.dumps(IDEA)[1:] + "]}"), "same name twice"),
    "an empty list": (said({"ideas": []}), "None of the 0 ideas"),
    "no title": (said(_ideas(title="")), "None of the 1 ideas"),
    "a title of nothing visible": (said(_ideas(title=INVISIBLE)), "None of the 1 ideas"),
    "no outline": (said(_ideas(outline=[])), "None of the 1 ideas"),
    "an outline of nothing": (said(_ideas(outline=["", INVISIBLE, "\x00"])), "None of the 1 ideas"),
    "a stand-in": (said(_ideas(title="[Insert title here]")), "None of the 1 ideas"),
    "a stand-in below": (said(_ideas(outline=["Why", "TODO: more"])), "None of the 1 ideas"),
    "a refusal as the title": (said(_ideas(title="I'm sorry, but I can't help with that.")), "None of the 1 ideas"),
    "a refusal as the outline": (said(_ideas(outline=["As an AI language model, I cannot plan"])), "None of the 1"),
    "a refusal of its language": (said(_ideas(title="Lo siento, no puedo ayudar con eso.")), "None of the 1 ideas"),
}
OF_CLUSTERS: dict[str, tuple[TextReply, str]] = {
    "an empty list": (said({"clusters": []}), "No keyword of the 1 was placed"),
    "only invented keywords": (said({"clusters": [CLUSTER | {"keywords": ["cheap pills"]}]}), "No keyword of the 1"),
    "no keywords": (said({"clusters": [CLUSTER | {"keywords": []}]}), "No keyword of the 1 was placed"),
    "a cluster without a name": (said({"clusters": [CLUSTER | {"name": INVISIBLE}]}), "No keyword of the 1"),
    "a refusal as the name": (said({"clusters": [CLUSTER | {"name": "I'm sorry, I can't"}]}), "No keyword of the 1"),
    "a refusal of its language": (
        said({"clusters": [CLUSTER | {"name": "抱歉，我无法协助。"}]}),
        "No keyword of the 1",
    ),
    "a stand-in as the name": (said({"clusters": [CLUSTER | {"name": "[Insert name]"}]}), "No keyword of the 1"),
    "another stage's answer": (said(good(2, BAD)), "clusters: Field required"),
}
OF_ARTICLES: dict[str, tuple[TextReply, str]] = {
    "too short": (said(ARTICLE | {"body_html": "<p>Short.</p>"}), "1 words; at least"),
    "a refusal as the body": (
        said(ARTICLE | {"body_html": "<p>I'm sorry, I can't write that.</p>"}),
        "words; at least",
    ),
    "a refusal before the body": (
        said(ARTICLE | {"body_html": "<p>As an AI language model, I cannot judge.</p>" + ARTICLE["body_html"]}),
        "begins as a refusal",
    ),
    "a refusal as the title": (said(ARTICLE | {"title": "I'm sorry, but I cannot help"}), "begins as a refusal"),
    "a refusal of its language": (
        said(ARTICLE | {"title": "Es tut mir leid, das kann ich nicht schreiben"}),
        "begins as a refusal",
    ),
    "a refusal of its language before the body": (
        said(ARTICLE | {"body_html": "<p>Désolé, je ne peux pas juger.</p>" + ARTICLE["body_html"]}),
        "begins as a refusal",
    ),
    "words that show nothing": (said(ARTICLE | {"body_html": f"<p>{(INVISIBLE + ' ') * 5_000}</p>"}), "0 words"),
    "words in a script": (said(ARTICLE | {"body_html": f"<script>{'word ' * 2_000}</script>"}), "0 words"),
    "words in attributes": (said(ARTICLE | {"body_html": f"<p title='{'word ' * 2_000}'>x</p>"}), "1 words"),
    "fifty thousand nested tags": (said(ARTICLE | {"body_html": "<div>" * 50_000 + ARTICLE["body_html"]}), "tags; at"),
    "nested too deeply": (said(ARTICLE | {"body_html": "<blockquote>" * 100 + ARTICLE["body_html"]}), "deep; at most"),
    "marks by the ten thousand": (said(ARTICLE | {"body_html": f"<h2>{MARKS}</h2><p>x</p>"}), "2 words; at least"),
    "half a megabyte": (said(ARTICLE | {"body_html": "<p>" + "word " * 100_000}), "characters; at most"),
    "markdown": (said(ARTICLE | {"body_html": "## Why\n\n" + "word " * 2_000}), "no paragraphs"),
    "no title": (said(ARTICLE | {"title": "\x00 \u200b"}), "title is empty"),
    "a title of kilobytes": (said(ARTICLE | {"title": "rake " * 500}), "longer than 300"),
    "no excerpt": (said(ARTICLE | {"excerpt": ""}), "excerpt is empty"),
    "lorem ipsum": (said(ARTICLE | {"body_html": ARTICLE["body_html"] + "<p>Lorem ipsum dolor</p>"}), "stand-in"),
    "something to insert": (said(ARTICLE | {"excerpt": "Call us at [insert number]."}), "stand-in"),
    "something to do": (said(ARTICLE | {"body_html": ARTICLE["body_html"] + "<p>TODO: prices</p>"}), "stand-in"),
}
OF_PICTURES: dict[str, tuple[TextReply, str]] = {
    "no prompt": (said({"featured": FEATURED | {"prompt": INVISIBLE}, "in_article": []}), "no usable prompt"),
    "a refusal as the prompt": (
        said({"featured": FEATURED | {"prompt": "I'm sorry, but I can't describe that."}, "in_article": []}),
        "no usable prompt",
    ),
    "a refusal of its language": (
        said({"featured": FEATURED | {"prompt": "К сожалению, я не могу это описать."}, "in_article": []}),
        "no usable prompt",
    ),
    "a stand-in": (said({"featured": FEATURED | {"prompt": "[Insert picture]"}, "in_article": []}), "no usable prompt"),
    "nothing featured": (said({"featured": None, "in_article": []}), "featured"),
}
CASES = {1: OF_CLUSTERS, 2: ANY_STAGE | OF_IDEAS, 4: OF_ARTICLES, 5: OF_PICTURES}
_PAID_TWICE = [("ask", "settled", ["wasted"], CHARGE), ("repair", "settled", ["wasted"], CHARGE)]


@pytest.mark.parametrize("number", CASES)
@pytest.mark.timeout(120)
def test_what_cannot_be_used_is_charged_and_flagged_asked_once_more_and_fails_its_item_alone(
    world_of: Made, number: int
) -> None:
    """All cases in one run: each twice for a subject of its own; among them subjects that the repair does well by."""
    cases = CASES[number]
    world, script = world_of(number)
    world.set_balance("200000")
    names = {f"tool {at:03}": case for at, case in enumerate(cases)}
    subjects(world, number, [*names, BETTER])
    for name, case in names.items():
        script.write(name, cases[case][0], cases[case][0])
    script.write(BETTER, cases[next(iter(cases))][0], said(good(number, BETTER)))

    run_id = world.run()

    *failed, repaired = world.items(run_id, number)
    told_of = dict(zip(cases, failed, strict=True))
    assert {case: item.status.value for case, item in told_of.items() if item.status.value != "failed"} == {}
    begins = "the answer could not be used: "
    assert {case: item.error for case, item in told_of.items() if not (item.error or "").startswith(begins)} == {}
    assert {case: item.error for case, item in told_of.items() if cases[case][1] not in (item.error or "")} == {}
    assert {case: item.error for case, item in told_of.items() if len(item.error or "") > 2_100} == {}
    assert {case: item.credits for case, item in told_of.items() if item.credits != 2 * CHARGE} == {}
    of_repaired = [("ask", "settled", ["wasted"], CHARGE), ("repair", "settled", [], CHARGE)]
    assert told(calls_of(world, run_id, number)) == _PAID_TWICE * len(cases) + of_repaired
    assert (repaired.status.value, repaired.credits) == ("done", 2 * CHARGE)
    *attention, better = statuses(world, number)[: len(cases) + 1]
    assert set(attention) == {"needs_attention"}
    assert better != "needs_attention"
    assert world.driver.status(run_id) is RunStatus.COMPLETED_WITH_ERRORS
    world.assert_sound()


@pytest.mark.parametrize(
    ("error", "statuses_of_calls"),
    [(RequestRefusedError, ["voided"]), (OutcomeUnknownError, ["lost"] * 3), (QuotaExhaustedError, ["voided"])],
)
def test_what_a_provider_says_of_an_error_is_kept_as_one_line_whatever_it_is(
    world_of: Made, error: type[ProviderError], statuses_of_calls: list[str]
) -> None:
    world, script = world_of(2)
    subjects(world, 2, [BAD])
    script.write(BAD, *[error("bad\x00\ud800\u202e request\n" + "x" * 3_000_000)] * 3)

    run_id = world.run()

    calls = calls_of(world, run_id, 2)
    assert [call.status.value for call in calls] == statuses_of_calls
    [item] = world.items(run_id, 2)
    reasons = [world.stages(run_id)[2].reason, item.error, *[call.error for call in calls]]
    told_of = [reason for reason in reasons if reason and reason != "0 done, 1 failed"]
    assert len(told_of) > len(calls)
    assert [reason[:60] for reason in told_of if not reason.startswith("bad request x") or len(reason) > 3_000] == []
    world.assert_sound()


@pytest.mark.parametrize("is_payable", [True, False], ids=["less shown", "not paid"])
def test_a_repair_is_shown_what_can_be_paid_and_one_that_cannot_be_paid_ends_no_stage(
    world_of: Made, monkeypatch: pytest.MonkeyPatch, *, is_payable: bool
) -> None:
    """The question fits its budget; with 25,000 characters of an answer it does not, nor with errors so long."""
    world, script = world_of(4, **{"stages.4.budget_pct": "1"})
    world.set_balance("20000")
    subjects(world, 4, [BAD, BETTER])
    script.write(BAD, said("rake " * 5_000, "length"), said(good(4, BAD)))
    script.write(BETTER, said(good(4, BETTER)))
    fault, repair = "rust " * (1 if is_payable else 5_000), questions.repair
    monkeypatch.setattr(questions, "repair", lambda asked, **told: repair(asked, **told | {"fault": fault}))

    run_id = world.run()

    steps = [(call.step, call.status.value) for call in calls_of(world, run_id, 4)]
    first, second = world.items(run_id, 4)
    assert second.status.value == "done"
    if is_payable:
        assert steps == [("ask", "settled"), ("repair", "settled"), ("ask", "settled")]
        shown = script.texts[1].messages[-2].content
        assert 5_000 < len(shown) < 20_000
        assert shown.endswith("left out.]")
        assert first.status.value == "done"
    else:
        assert steps == [("ask", "settled"), ("ask", "settled")]
        assert (first.status.value, first.credits) == ("failed", CHARGE)
        assert "its repair could not be paid: that needs up to" in (first.error or "")
    assert world.driver.status(run_id).value == ("completed" if is_payable else "completed_with_errors")
    world.assert_sound()


def test_no_run_costs_more_than_its_forecast_at_worst(world_of: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer is long, dear and useless: a batch of three is halved until each is alone, each asking repaired."""
    world, _ = world_of(1, **{"stages.1.batch_size": "3", "stages.1.concurrency": "1"})
    world.set_balance("200000")
    subjects(world, 1, ["rake", "spade", "hoe"])
    useless = said("\U0001f600" * 50_000)

    def dear(request: TextRequest) -> TextReply:
        shown = sum(len(message.content.encode()) for message in request.messages)
        return replace(useless, input_tokens=shown, output_tokens=request.max_output_tokens)

    monkeypatch.setattr(world.provider, "complete_text", dear)
    with world.database.reading() as session:
        worst = forecast(session, world.site(session), now=world.driver.clock.at).stages[0]

    run_id = world.run()

    assert len(calls_of(world, run_id, 1)) == worst.calls_worst == 2 * 5
    assert worst.worst_ucr / 2 < world.stages(run_id)[1].spent <= worst.worst_ucr < worst.cap_ucr
    assert {item.status.value for item in world.items(run_id, 1)} == {"failed"}
