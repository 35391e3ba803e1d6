from __future__ import annotations

import pytest

from pipeline.core.refusals import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I can’t assist with this request.",
        "I'm sorry. I can't do that.",
        "Sorry, I cannot provide that.",
        "I am very sorry, but I am unable to write about it",
        "Unfortunately, I cannot create this image.",
        "I can't help with that request.",
        "I cannot fulfil this request",
        "I'm unable to generate that.",
        "As an AI language model, I don't have opinions",
        '"As an AI, I cannot …',
        "I apologize, but I can't continue",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Es tut mir sehr leid. Ich kann diesen Artikel nicht schreiben.",
        "Leider kann ich dazu keine Inhalte erstellen",
        "Ich kann dir dabei leider nicht weiterhelfen.",
        "Als KI-Sprachmodell kann ich keine Meinung äußern",
        "Je suis désolé, mais je ne peux pas répondre à cette demande.",
        "Désolée, je n'ai pas le droit d'écrire cela",
        "Je ne peux pas vous aider avec cette demande",
        "En tant qu'IA, je ne peux pas avoir d'opinion",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Lamentablemente, no puedo escribir este artículo",
        "No puedo ayudarte con esa solicitud",
        "Como modelo de lenguaje, no tengo opiniones",
        "Mi dispiace, ma non posso aiutarti con questa richiesta.",
        "Purtroppo non sono in grado di scriverlo",
        "Desculpe, mas não posso ajudar com isso.",
        "Sinto muito, mas não consigo criar esse conteúdo",
        "Como uma IA, não posso opinar",
        "Het spijt me, maar daar kan ik niet bij helpen.",
        "Helaas kan ik geen artikel hierover schrijven",
        "Przykro mi, ale nie mogę w tym pomóc.",
        "Üzgünüm, bu konuda yardımcı olamam.",
        "Maalesef bu isteği yerine getiremiyorum",
        "Извините, но я не могу помочь с этим запросом.",
        "К сожалению, я не смогу написать такую статью",
        "عذرًا، لا يمكنني المساعدة في ذلك.",
        "抱歉，我无法协助完成这个请求。",
        "很抱歉，我不能提供这方面的内容",
        "作为一个人工智能语言模型，我没有个人观点",
        "申し訳ありませんが、そのご依頼にはお応えできません。",
        "すみません。その画像は作成できません",
        "죄송하지만 그 요청은 도와드릴 수 없습니다.",
    ],
)
def test_a_refusal_is_recognised(text: str) -> None:
    assert is_refusal(text)
    assert is_refusal(f"\u201c{text.upper()}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Why saying sorry helps",
        "Sorry, your spade is blunt: how to sharpen it",
        "I can't believe it's not butter: a history",
        "I Can't Write! Ten ways out of the block",
        "As an artist, I draw every day",
        "As an AI engineer you will need this",
        "What to do when your printer cannot print",
        "Unfortunately common: ten mistakes with spades",
        "x" * 1_000_000,
        "Leider geil: zehn Spaten im Test",
        "Als KI-Entwickler brauchst du diese Werkzeuge",
        "Ich kann das nicht mehr sehen: Grau im Garten",
        "Entschuldigung schreiben: so geht es",
        "Désolé, nous sommes fermés : que faire un dimanche",
        "Je ne peux pas dormir : dix conseils",
        "Lo siento: cómo pedir perdón de verdad",
        "No puedo dormir: diez consejos",
        "Como elegir una mesa",
        "Purtroppo piove: cosa fare in giardino",
        "Desculpas aceitas: uma história",
        "Helaas pindakaas: tien recepten",
        "Niestety pada: co robić w ogrodzie",
        "Maalesef yağmur yağıyor",
        "К сожалению, дожди: что делать в саду",
        "抱歉，今天下雨：花园里做什么",
        "作为园丁，你需要知道的事",
        "すみませんの使い方",
        "AIとは何か",
        "죄송합니다 올바른 사용법",
    ],
)
def test_an_honest_text_is_none(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    "sign", ["i'm ", "sorry ", "leider ", "ich kann das ", "je ne ", "抱歉", "üzgünüm ", " ", "ама"]
)
def test_no_text_takes_long(sign: str) -> None:
    assert not is_refusal(sign * 10_000)
