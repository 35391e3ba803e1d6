"""Owns the sentences the offline model writes with, and how one is filled.

`[one|another]` is a choice; `{t}` is the topic, `{k}` a keyword, `{h}` the heading. A topic stands only where it reads
well in singular and plural: before a noun, or as the name of a subject.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.ai.offline.dice import Dice
from pipeline.ai.offline.words import capital, shorten

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_HEADING_LIMIT = 100

LEADS: tuple[str, ...] = (
    (
        "People who search for “{k}” [usually|often|mostly] want [a clear answer|one good reason|a place to start] "
        "and [find|are given] a list of products instead."
    ),
    "The words “{k}” look [simple|harmless], but the [needs|situations] behind them [differ|vary] a great deal.",
    (
        "[Few|Not many] subjects collect as [much|many pages of] advice as the {t} question, and [little|hardly any] "
        "of it says where to [begin|start]."
    ),
    "This article [takes|looks at] the {t} question [one step at a time|in plain language|from the reader's side].",
    (
        "[Somebody|Anyone] who types “{k}” has [already made half a decision|a reason], and it is worth "
        "[naming|finding] it."
    ),
    "A good {t} decision [starts|begins] long before [the first purchase|anything is ordered|the first comparison].",
    (
        "There is [no single|seldom one] right answer to “{k}”, but there are [better and worse|wise and hasty] ways "
        "to look for one."
    ),
    (
        "[Read|Take] what follows as [notes|a set of notes] from [a patient friend|somebody who asked first]: "
        "[keep|use] what fits and [leave|skip] the rest."
    ),
)

OPENERS: tuple[str, ...] = (
    "“{h}” is [the part|a point] that [most guides|many articles] [skip|pass over], and that is a [pity|mistake].",
    "[Under this heading|Here] belongs everything that [makes|turns] a {t} plan [workable|realistic]: “{h}”.",
    "When the talk turns to “{h}”, [opinions|answers] [divide|drift apart] [quickly|early].",
    "It [helps|pays] to treat “{h}” as a [separate|practical] [step|question], [apart from|before] everything else.",
    "“{h}” sounds [obvious|dry|small], yet [much|a good part] of every {t} project [depends|turns] on it.",
    "[Let us|It is time to] look at “{h}” with [a cool head|fresh eyes|an open mind].",
    "For [many|most] readers, “{h}” is where the {t} plan [becomes|gets] [concrete|interesting|personal].",
    "[Nothing|Hardly anything] in the {t} world is [discussed|argued about] as [often|calmly] as “{h}”.",
    (
        "[Some|A few] thoughts on “{h}”, [collected|put together] for people who meet the {t} subject [again|for the "
        "first time]."
    ),
    "[Ask|Question] three people about “{h}” and you [get|hear] [four|at least three] answers.",
    "The [shortest|most useful] way into “{h}” is [an example|a plain question|a look at daily use].",
    (
        "Whoever [has followed|follows] {t} advice [for a while|for more than a month] [comes back|returns] to “{h}” "
        "[sooner or later|in the end]."
    ),
)

THOUGHTS: tuple[str, ...] = (
    (
        "[The most|Most] useful {t} advice [fits|can be written] on [half a page|one page], and the rest is "
        "[repetition|decoration]."
    ),
    (
        "[Price|The price] is a [weak|poor] guide here, because it [mixes|adds up] [quality, fashion and "
        "transport|material, service and a name]."
    ),
    (
        "What [works|goes well] for [a neighbour|a colleague|an expert] [may fail|does not have to work] in [another "
        "room|a smaller household|a different routine]."
    ),
    (
        "[Two|Three] options that look [alike|the same] on paper can [feel|turn out] [quite|very] different after [a "
        "week|a month|ten days] of use."
    ),
    "[Experience|Practice] shows that the [second|later] {t} decision is [usually|often] the [better|calmer] one.",
    (
        "The market for {t} changes [every year|with every season], while the [needs|reasons] behind it "
        "[stay|remain] [surprisingly|remarkably] stable."
    ),
    "A [small|modest] [test|trial] tells [more|far more] than [ten|a dozen] [reviews|opinions] written by strangers.",
    "[Habits|Routines] matter more than equipment, [and|as] every {t} story [shows|tells].",
    "[Much|A lot of] {t} disappointment comes from [expectations|promises] that nobody [wrote down|checked].",
    "[Good|Careful] sources [name|admit] their limits; [weak|careless] ones [promise|offer] an answer for everybody.",
    (
        "The phrase “{k}” is [searched|typed] by beginners and experts alike, and they [need|want] different "
        "[answers|pages]."
    ),
    (
        "It is [normal|quite normal] that the first {t} plan [changes|is revised] [twice|once or twice] before it "
        "[holds|works]."
    ),
    "[Time|Patience] is the [cheapest|most underrated] [tool|resource] in any {t} project.",
    (
        "[Numbers|Figures] look [exact|convincing], but [few|only some] of them [were measured|are measured] under "
        "everyday conditions."
    ),
    "What counts as good depends on [how often|for how long] and [by whom|in which place] it is used.",
    (
        "An [old|earlier] solution that [works|does its job] is [seldom|rarely] improved by a [new|fashionable] one "
        "that almost does."
    ),
    "[Behind|Beneath] every {t} recommendation stands [an assumption|a situation] that [may|might] not be yours.",
    (
        "The difference [shows|becomes visible] [on busy days|in winter|when something breaks], not on the first "
        "afternoon."
    ),
    "[Friends|Colleagues] with [similar|the same] needs are a better [source|guide] than any ranking.",
    "The more [precise|concrete] the wish, the [shorter|clearer] the list of {t} options that [remains|is left].",
    "[Comfort|Ease of use] is [hard|difficult] to [measure|compare] and [easy|quick] to [notice|feel].",
    "{t} [rules|rules of thumb] are [fine|useful] as a start and [poor|risky] as a last word.",
    "[One|A single] [bad|unlucky] experience says [little|not much]; [three|several] of the same kind are a pattern.",
    "The [quiet|unspectacular] choice has [one|a] great advantage: [nobody|no one] has to think about it again.",
)

ADVICE: tuple[str, ...] = (
    (
        "[Start|Begin] with [what you already own|the room you have|an ordinary week], and [write down|note] "
        "[two|three] things that have to [change|improve] before [any money moves|you spend anything]."
    ),
    (
        "[Set|Agree on] a limit for [time and money|money] first, and [only then|after that] look at what the {t} "
        "market [offers|has to offer]."
    ),
    (
        "[Measure|Count] [twice|everything once more], because [most|many] returns [happen|are caused] by a number "
        "that was [guessed|remembered wrongly]."
    ),
    (
        "[Keep|Save] a [short list|page of notes] with the reasons for each {t} choice; it [helps|saves time] when "
        "you [decide|compare] [again|a second time]."
    ),
    (
        "[Ask|Find out] how an option [behaves|holds up] after [a year|twelve months], not [how it looks|what it "
        "promises] on day one."
    ),
    "[Try|Test] the [simplest|plainest] version for [a week|two weeks], then [add|change] one thing at a time.",
    (
        "[Compare|Look at] [two|three] {t} options at most; [a longer list|more of them] only [delays|clouds] the "
        "decision."
    ),
    (
        "[Read|Look for] the [critical|less friendly] reviews first and [ask|check] whether their "
        "[complaint|problem] would be yours too."
    ),
    "[Plan|Reserve] [an hour|half an afternoon] for the [first|initial] setup, so that [nothing|no step] is rushed.",
    (
        "[Talk|Speak] to somebody who has [lived|worked] with the same {t} [question|problem], and [ask|listen to] "
        "what they would do differently."
    ),
    (
        "[Leave|Keep] a [fifth|quarter] of the budget for what [turns up|comes] later: [parts|small parts], "
        "[cleaning|maintenance] and second thoughts."
    ),
    (
        "[Check|Look up] the return [rules|conditions] [early|before you order], because a {t} choice is "
        "[easier|lighter] when it can be undone."
    ),
    "[Sleep on it|Wait a night]; a good {t} offer is [still|nearly always] good [tomorrow|on the next day].",
    (
        "[Put|Write] the date of the next [check|look] into the calendar, [otherwise|or] it will [not happen|be "
        "forgotten]."
    ),
    (
        "[Search|Look] once more for “{k}” [after|when you have done] this exercise; [half|most] of the results will "
        "no longer [matter|interest you]."
    ),
    "[Choose|Take] the option you can [explain|describe] in one sentence to [a friend|somebody else].",
    (
        "[Take|Make] [a photo|a few photos] of how things are [today|now], because the [memory|mind] of the "
        "beginning [fades|changes] [fast|quickly]."
    ),
    (
        "[Do|Settle] the [dull|boring] part of the {t} plan first: [cables, corners and paperwork|space, access and "
        "storage]."
    ),
    "[Give|Allow] every change [ten days|two weeks] before you [judge|replace] it.",
    "[Split|Divide] the {t} decision into what [must|has to] be right [now|today] and what can [wait|follow later].",
)

CLOSINGS: tuple[str, ...] = (
    "[That|This] alone [settles|answers] [half|a good part] of the {t} question.",
    "[Everything|All] else can [wait|follow].",
    "[It is|This is] a [small|modest] step, and it [pays|is repaid] [every day|over time].",
    "[After|From] that, the next step [is|becomes] [easier to see|clear].",
    "[Seen|Read] this way, “{k}” is [less a riddle than it seems|a plan and no longer a puzzle].",
    "The rest is [practice|a matter of practice].",
    "[Those|People] who keep [to this|it simple] [rarely|seldom] [regret|return to] their {t} choice.",
    "[In short|Put briefly]: [less|fewer things], but [better|well chosen].",
    "[So|And so] the {t} plan [stays|remains] [small enough|simple enough] to [finish|be kept].",
    "[None|Nothing] of this [is|has to be] [perfect|expensive] to [work|be useful].",
    "[With|Given] that in mind, the [details|remaining details] [fall|drop] into place.",
    "[A|One] [calm|quiet] hour is [enough|all it takes] for this part.",
)

LIST_LEADS: tuple[str, ...] = (
    "[A|One] short list [helps|keeps things simple]:",
    "[Before|As long as] the {t} decision is [made|open], [check|go through] these points:",
    "[In|For] practice, [this|the following] has [proved|turned out] useful:",
    "[Keep|Have] [an eye on|in mind] the following:",
    "[What|The points that] [experienced|patient] people look at first:",
    "[Write|Put] these on [one page|a card]:",
)

LIST_ITEMS: tuple[str, ...] = (
    "[The|How much] space [you have|that is there], measured [today|and not guessed].",
    "[The|An honest] budget, with [a fifth|a quarter] kept [back|for later].",
    "[Who|The people who] will use it, and [how often|for how long].",
    "One [reason|good reason] for this {t} choice, in [your own|plain] words.",
    "[What|The things that] you [already own|have] and [want|would like] to keep.",
    "[A|The] date for the [first|next] [check|review].",
    "[Two|Three] sources that [earn nothing|do not profit] from your decision.",
    "[The|A] plan for [cleaning|upkeep] and [repair|storage].",
    "[What|How much] [waiting|another month] would [cost|change].",
    "[The|Your] answer to “{k}” in one sentence.",
    "[Somebody|A person] to ask when [something|it] goes wrong.",
    "[The|Any] return [rules|conditions] in [writing|black and white].",
)


class Deck:
    """Deals sentences in a mixed order; all of them once before any comes again."""

    def __init__(self, sentences: Sequence[str], dice: Dice) -> None:
        """Mix these sentences."""
        self._sentences = sentences
        self._dice = dice
        self._rest: list[str] = []

    def deal(self) -> str:
        """The next sentence, not yet filled."""
        if not self._rest:
            self._rest = self._dice.shuffled(self._sentences)
        return self._rest.pop()


def fill(sentence: str, *, dice: Dice, topic: str, keyword: str, heading: str) -> str:
    """The sentence with its choices made and its places filled."""
    chosen = _CHOICE.sub(lambda match: dice.pick(match[1].split("|")), sentence)
    name = shorten(heading.rstrip(" .:"), limit=_HEADING_LIMIT)
    return capital(chosen.format(t=topic, k=keyword, h=name))
