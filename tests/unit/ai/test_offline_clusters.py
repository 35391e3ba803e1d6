"""How the offline model groups keywords, batch after batch, as stage 1 asks it to."""

import random
from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[..., Any]
Names = tuple[str, ...]

HEADS = (
    "standing desk",
    "office chair",
    "monitor arm",
    "desk lamp",
    "mechanical keyboard",
    "laptop stand",
    "ergonomic mouse",
    "cable management tray",
    "noise cancelling headphones",
    "webcam",
)
WORDS = ("laptop", "sofa", "bicycle", "tent", "kettle", "guitar", "drone", "stroller", "mattress", "router")
TAILS = (
    "best {}",
    "{} for small rooms",
    "cheap {}",
    "how to clean {}",
    "{} 2026",
    "{} vs bench",
    "{} installation",
    "{} with wheels",
)
UNLISTED = (
    "{} museum",
    "wooden {}",
    "vintage {}",
    "{} factory tour",
    "repair {}",
    "{} history",
    "{} insurance",
    "{} law",
)
SYLLABLES = ("ba", "ko", "ri", "tu", "me", "lo", "sha", "pin", "dor", "ven", "gul", "xi")


def batched(answered: Ask, keywords: list[str], *, size: int = 50, language: str = "en") -> dict[str, list[str]]:
    """All clusters after every batch was asked for, name to keywords; each batch must place each keyword once."""
    clusters: dict[str, list[str]] = {}
    for start in range(0, len(keywords), size):
        batch = keywords[start : start + size]
        existing = [{"name": name, "keywords": held[:5], "size": len(held)} for name, held in clusters.items()]
        data = {
            "keywords": [{"keyword": keyword, "volume": 10} for keyword in batch],
            "existing_clusters": existing,
            "language": language,
        }
        answer = answered(data)["clusters"]
        assert sorted(keyword for cluster in answer for keyword in cluster["keywords"]) == sorted(batch)
        assert len({cluster["name"].casefold() for cluster in answer}) == len(answer)
        assert all(cluster["description"] for cluster in answer)
        for cluster in answer:
            clusters.setdefault(cluster["name"], []).extend(cluster["keywords"])
    return clusters


@pytest.mark.parametrize("size", [1, 7, 50, 80])
@pytest.mark.parametrize("order", ["by head", "by tail", "mixed"])
@pytest.mark.parametrize(("heads", "tails"), [(HEADS, TAILS), (WORDS, TAILS), (WORDS, UNLISTED), (HEADS, UNLISTED)])
def test_ten_heads_with_eight_tails_make_a_few_clusters_of_a_fair_size(
    answered: Ask, heads: Names, tails: Names, order: str, size: int
) -> None:
    by_tail = [tail.format(head) for tail in tails for head in heads]
    by_head = [tail.format(head) for head in heads for tail in tails]
    keywords = {"by head": by_head, "by tail": by_tail, "mixed": random.Random(4).sample(by_head, 80)}[order]

    clusters = batched(answered, keywords, size=size)

    assert 5 <= len(clusters) <= 30
    assert max(len(held) for held in clusters.values()) <= 20


def test_clusters_carry_the_subject_as_their_name(answered: Ask) -> None:
    clusters = batched(answered, [tail.format(head) for tail in TAILS for head in HEADS])

    assert {name.casefold() for name in clusters} == set(HEADS)
    assert all(name.casefold() in keyword for name, held in clusters.items() for keyword in held)


@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_random_keywords_make_twenty_to_sixty_clusters(answered: Ask, seed: int) -> None:
    dice = random.Random(seed)
    words = ["".join(dice.choices(SYLLABLES, k=3)) for _ in range(150)]
    keywords = list({" ".join(dice.sample(words, dice.randint(1, 3))): None for _ in range(230)})[:200]

    clusters = batched(answered, keywords)

    assert 20 <= len(clusters) <= 60
    assert max(len(held) for held in clusters.values()) <= 20


def test_one_word_keywords_share_clusters_when_there_are_many(answered: Ask) -> None:
    dice = random.Random(9)
    keywords = list({"".join(dice.choices(SYLLABLES, k=4)): None for _ in range(230)})[:200]

    clusters = batched(answered, keywords)

    assert 20 <= len(clusters) <= 60


def test_few_unrelated_keywords_stay_apart(answered: Ask) -> None:
    assert set(batched(answered, ["standing desk", "yoga mat", "tax law"])) == {"Standing desk", "Yoga mat", "Tax law"}


def test_one_subject_with_more_keywords_than_a_cluster_holds_is_split(answered: Ask) -> None:
    clusters = batched(answered, [f"standing desk {chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(70)])

    assert all(name.startswith("Standing desk") for name in clusters)
    assert max(len(held) for held in clusters.values()) <= 20


def test_existing_cluster_is_reused_by_its_name(answered: Ask) -> None:
    existing = [{"name": "Standing Desks – Guides", "keywords": ["standing desk setup"], "size": 4}]
    data = {"keywords": [{"keyword": "cheap standing desk"}], "existing_clusters": existing, "language": "en"}

    (cluster,) = answered(data)["clusters"]

    assert cluster["name"] == "Standing Desks – Guides"


def test_full_cluster_is_not_reused_and_its_name_is_not_taken(answered: Ask) -> None:
    existing = [{"name": "Standing desk", "keywords": [], "size": 20}]
    data = {"keywords": [{"keyword": "cheap standing desk"}], "existing_clusters": existing, "language": "en"}

    (cluster,) = answered(data)["clusters"]

    assert cluster["name"] == "Standing desk 2"


@pytest.mark.parametrize(
    ("language", "heads", "tails"),
    [
        ("zh", ("升降桌", "办公椅", "机械键盘", "笔记本支架"), ("{}推荐", "{}价格", "{}怎么选", "{}评测", "二手{}")),
        ("Japanese", ("電動ベッド", "モニターアーム", "座椅子"), ("{}おすすめ", "{}価格", "{}の選び方", "{}口コミ")),
        ("th", ("โต๊ะปรับระดับ", "เก้าอี้สำนักงาน", "โคมไฟ"), ("{}ราคา", "{}รีวิว", "{}มือสอง")),
        ("hi", ("ऑफिस कुर्सी", "टेबल लैंप", "लैपटॉप स्टैंड"), ("{} कीमत", "{} समीक्षा", "सस्ता {}")),
        ("ru-RU", ("офисное кресло", "настольная лампа", "игровая мышь"), ("купить {}", "{} цена", "{} отзывы")),
        ("ar", ("كرسي مكتب", "مصباح ليلي", "حامل لابتوب"), ("{} سعر", "أفضل {}", "{} مستعمل")),
        ("German", ("Schreibtisch", "Bürostuhl", "Monitorarm"), ("bester {}", "{} günstig", "{} für kleine Räume")),
    ],
)
def test_keywords_of_other_languages_are_grouped_by_their_subject(
    answered: Ask, language: str, heads: Names, tails: Names
) -> None:
    keywords = [tail.format(head) for tail in tails for head in heads]

    clusters = batched(answered, keywords, language=language)

    assert sorted(map(len, clusters.values())) == [len(tails)] * len(heads)
    assert all(len({head for head in heads for keyword in held if head in keyword}) == 1 for held in clusters.values())


def test_odd_keywords_are_placed_like_any_other(answered: Ask) -> None:
    odd = [
        "???",
        "🪑",
        "C++",
        "c",
        "1984",
        "401k",
        "the who",
        "a",
        "vs",
        "how to",
        "  spaced   out ",
        "x" * 300,
        "{t} [a|b]",
    ]

    clusters = batched(answered, odd)

    assert all(name.strip() for name in clusters)


def test_no_keywords_make_no_clusters(answered: Ask) -> None:
    assert answered({"keywords": [], "existing_clusters": [], "language": "en"}) == {"clusters": []}
