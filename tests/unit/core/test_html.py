from __future__ import annotations

import pytest

from pipeline.core.html import MAX_LENGTH, MAX_TAGS, UnusableBodyError, is_public_link, plain_line, read, sanitised
from pipeline.core.words import one_line


def test_structure_is_kept() -> None:
    body = (
        "<h2>A</h2><p>b <strong>c</strong><br>d</p><ul><li>e</li></ul><table><tbody><tr><td>f</td></tr></tbody></table>"
    )

    assert sanitised(body) == body


def test_an_h1_becomes_an_h2_because_the_title_is_the_h1() -> None:
    assert sanitised("<h1 class=x>Spades</h1>") == "<h2>Spades</h2>"


@pytest.mark.parametrize(
    "markup",
    [
        "<script>alert(1)</script>",
        "<style>p{display:none}</style>",
        '<iframe src="https://evil.example">fallback</iframe>',
        '<img src="https://tracker.example/p.gif" width=1>',
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><script>alert(1)</script></mtext></math>",
        "<object data=x>fallback</object>",
        "<!-- hidden -->",
        "<template><p>hidden</p></template>",
        "<scr\u200bipt>alert(1)</script>",
    ],
)
def test_what_runs_fetches_or_hides_goes_with_its_content(markup: str) -> None:
    cleaned = sanitised(f"<p>a</p>{markup}<p>b</p>")

    assert cleaned.replace("alert(1)", "").replace("<p></p>", "") == "<p>a</p><p>b</p>"


@pytest.mark.parametrize("attribute", ["onclick=x()", "style='position:fixed'", "id=x", "class=x", "srcdoc=x"])
def test_an_attribute_goes(attribute: str) -> None:
    assert sanitised(f"<p {attribute}>a</p>") == "<p>a</p>"


def test_a_public_link_stays_and_passes_nothing_on() -> None:
    cleaned = sanitised('<p><a href="https://example.org/a?b=1" target="_blank">x</a></p>')

    assert cleaned == '<p><a href="https://example.org/a?b=1" rel="nofollow noopener noreferrer">x</a></p>'


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "/relative",
        "//example.org/x",
        "http://localhost/",
        "http://127.0.0.1:8000/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0x1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://router.lan/",
        "http://db.internal./",
        "http://user:secret@example.org/",
        "http://127.0.0.1\u200b/",
        "http://intranet/",
        "http://[bad",
        "https:\\\\example.org",
        "http://169.254.169%2e254/",
        "http://169.254\u3002169\u3002254/",
        "http://169.254.169.\uff12\uff15\uff14/",
        "http://169.254.169.254\uff0e/",
        "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54.localdomain/",
        "http://10.0.0.1.nip.io/",
        "http://lvh.me/",
        "http://exa mple.org/",
    ],
)
def test_a_link_to_anywhere_else_leads_nowhere(url: str) -> None:
    assert not is_public_link(url)
    assert "href" not in sanitised(f'<p><a href="{url}">x</a></p>')


def test_characters_that_deceive_are_removed_even_as_references() -> None:
    assert sanitised("<p>a\u202eb&#x202E;c\u200bd&#x200b;e\x00f</p>") == "<p>abcdef</p>"


def test_the_lines_of_code_keep_their_indents() -> None:
    assert sanitised("<pre><code>if x:\n    y\n</code></pre>") == "<pre><code>if x:\n    y\n</code></pre>"


def test_a_code_fence_around_the_body_is_taken_off() -> None:
    assert sanitised("```html\n<p>a</p>\n```\n") == "<p>a</p>"


def test_what_was_left_open_is_closed() -> None:
    assert sanitised("<ul><li>a<li>b") == "<ul><li>a</li><li>b</li></ul>"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("x" * (MAX_LENGTH + 1), "characters"),
        ("<div>" * 50_000, "tags"),
        ("<b>" * MAX_TAGS + "<", "tags"),
        ("<blockquote>" * 60, "nested 60 deep"),
        ("<p>" + "<i><b><em><strong><code>" * 3 + "<p>x" * 4_900, "not closed"),
    ],
    ids=["megabytes", "50,000 nested tags", "unclosed tags", "deep", "repeated in every paragraph"],
)
@pytest.mark.timeout(10)
def test_a_body_made_to_cost_time_is_refused(body: str, why: str) -> None:
    with pytest.raises(UnusableBodyError, match=why):
        sanitised(body)


def test_a_body_is_read_as_lines_and_headings() -> None:
    body = read("<h2>Tom &amp; <em>Jerry</em></h2><p>one<br>two</p><h3>Next</h3><ul><li>three</li></ul>")

    assert body.headings == ["Tom & Jerry", "Next"]
    assert body.text.split() == ["Tom", "&", "Jerry", "one", "two", "Next", "three"]
    assert (body.paragraphs, body.depth) == (2, 2)


@pytest.mark.timeout(10)
def test_a_fence_and_white_space_made_to_cost_time_cost_none() -> None:
    assert sanitised("```\n" + " \n" * 150_000 + "<p>x</p>").endswith("<p>x</p>")


@pytest.mark.timeout(10)
def test_tags_told_apart_by_attributes_do_not_multiply() -> None:
    body = "".join(f"<i id={n}><p>x" for n in range(2_400)) + "<i " * 100

    assert len(sanitised(body)) < MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Choose <b>a</b> spade", "Choose a spade"),
        ("<script>alert(1)</script>Spades", "alert(1)Spades"),
        ('Spades <img src="https://tracker.example/p.gif" onerror=x()>', "Spades"),
        ("<scr<script>ipt>alert(1)</script>", "alert(1)"),
        ("<scr\u200bipt>x", "x"),
        ("How to use <h2> and <title>", "How to use <h2> and <title>"),
        ("a < b, vector<int>", "a < b, vector<int>"),
        ("x <img src=x onerror=alert(1) //", "x"),
        ("x <svg/onload=alert(1) <i a=1 <i a=2 <i a=3", "x"),
        ("When is a <b and c", "When is a <b and c"),
        ("<b a=" * 100_000, ""),
        ("<p>\u200b</p>", ""),
        ("<b " * 100_000, "<b " * 100_000),
    ],
)
@pytest.mark.timeout(5)
def test_a_line_has_no_stray_markup(text: str, line: str) -> None:
    assert plain_line(text, 60) == one_line(line, 60)
