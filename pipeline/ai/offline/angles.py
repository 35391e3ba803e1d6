"""Owns the kinds of article the offline model proposes: titles, the angle in one sentence, and headings.

In every text `{K}` is the keyword with a capital, `{k}` as written, and `{t}` what the keyword is about.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of article: `{K}`, `{k}` and `{t}` stand for keyword and topic."""

    #: For a keyword that names a thing.
    titles: tuple[str, ...]
    #: For a keyword that is a question itself.
    question_titles: tuple[str, ...]
    angle: str
    first_heading: str
    headings: tuple[str, ...]
    last_heading: str


KINDS: tuple[Kind, ...] = (
    Kind(
        titles=("{K}: a practical guide", "{K}, explained from the ground up", "{K}: what is worth knowing first"),
        question_titles=("{K}: a practical answer", "{K}? The answer from the ground up", "{K}: start here"),
        angle="A calm overview of the {t} subject for readers who want to understand before they spend time or money.",
        first_heading="What the {t} question is really about",
        headings=(
            "Where the {t} trend comes from",
            "The parts that matter and the parts that do not",
            "How to tell good advice from noise",
            "A realistic first plan",
            "Details most readers miss",
        ),
        last_heading="What to do next",
    ),
    Kind(
        titles=("{K}: how to choose without regret", "{K}: a short decision guide", "{K}: the choice made simpler"),
        question_titles=("{K}: the options side by side", "{K}? How to decide", "{K}: choosing a method"),
        angle="A guide to {t} decisions that starts from the reader's situation instead of a list of products.",
        first_heading="Start with what you need",
        headings=(
            "Three questions that narrow the field",
            "What {t} prices tell you",
            "Quality you can check yourself",
            "When the simple option is enough",
            "Trade-offs nobody mentions",
        ),
        last_heading="Making the final choice",
    ),
    Kind(
        titles=("{K}: mistakes that cost time and money", "{K}: what people get wrong", "{K} without the usual errors"),
        question_titles=("{K} without the usual mistakes", "{K}? What people get wrong", "{K}: errors to avoid"),
        angle="The common {t} errors, why sensible people make them, and what to do instead.",
        first_heading="Why the same mistakes keep happening",
        headings=(
            "Deciding too early",
            "Paying for the wrong things",
            "Forgetting about upkeep",
            "Trusting a single source",
            "Fixing a mistake that was already made",
        ),
        last_heading="A better way to begin",
    ),
    Kind(
        titles=("{K} on a small budget", "{K}: what it costs and what it saves", "{K}: spending less, getting more"),
        question_titles=("{K} on a small budget", "{K}? What it really costs", "{K}: the frugal way"),
        angle="An honest look at {t} costs: where saving works and where it comes back as trouble.",
        first_heading="Where the money goes",
        headings=(
            "Costs that are easy to overlook",
            "Where saving is safe",
            "Where saving turns out expensive",
            "Buying used, borrowing and waiting",
            "The {t} budget on one page",
        ),
        last_heading="Is it worth it?",
    ),
    Kind(
        titles=("{K}: the main options compared", "{K}: a side-by-side look", "{K}: strengths and weak points"),
        question_titles=("{K}: the main methods compared", "{K}? Three ways, compared", "{K}: which way works best"),
        angle="A side-by-side comparison of {t} options with criteria that readers can apply on their own.",
        first_heading="The criteria that count",
        headings=(
            "The everyday option",
            "The careful upgrade",
            "The specialist's choice",
            "How they compare in daily use",
            "What the differences mean after a year",
        ),
        last_heading="Which one fits whom",
    ),
    Kind(
        titles=("{K} for beginners: the first month", "{K}: getting started well", "{K} from zero: a gentle start"),
        question_titles=("{K}: the beginner's version", "{K}? A gentle start", "{K} for the first time"),
        angle="A gentle start into the {t} subject, one week at a time, for people who have never dealt with it.",
        first_heading="Before the first day",
        headings=(
            "Week one: the essentials",
            "Week two: finding a routine",
            "Week three: solving the first problems",
            "Week four: looking back",
            "Words worth knowing",
        ),
        last_heading="After the first month",
    ),
    Kind(
        titles=("{K}: care that makes it last", "{K}: keeping things in good order", "{K} in the long run"),
        question_titles=("{K} so that it lasts", "{K}? The long view", "{K}: habits that help"),
        angle="The long view of {t} decisions: small habits that keep results good long after the first enthusiasm.",
        first_heading="Why upkeep decides the result",
        headings=(
            "Small habits with a large effect",
            "A calendar for the year",
            "Signs that something needs attention",
            "Repair, replace or leave alone",
            "Help worth paying for",
        ),
        last_heading="A routine you can keep",
    ),
    Kind(
        titles=("{K}: questions readers ask, answered", "{K}: a checklist to keep", "{K}: short answers that help"),
        question_titles=("{K}: a checklist to keep", "{K}? And six questions behind it", "{K}: short answers"),
        angle="The {t} questions readers bring, answered briefly and in the order in which they come up.",
        first_heading="The question behind the questions",
        headings=(
            "What do I need first?",
            "How long does it take?",
            "What can go wrong?",
            "How do I know that my {t} choice was right?",
            "When should I ask somebody?",
        ),
        last_heading="The checklist",
    ),
)
