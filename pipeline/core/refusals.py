"""Owns how a refusal in words is told from a text: models decline inside the very fields they were to fill.

Models decline in the language of what they were to write, or in English: the commonest languages stand here, and all of
them are looked for in every text. Never: a verdict on a whole article; one may well be about machines that are sorry.
"""

from __future__ import annotations

import re
from typing import Final

_SAID: Final = 300
#: What may stand between regret and what it is about.
_GAP: Final = r"[^!?\n]{0,60}?"

_REGRET: Final = r"(?:(?:i['’]?m|i am)\s+(?:\w+\s+)?(?:sorry|afraid)|sorry|i\s+(?:\w+\s+)?apologi[sz]e|unfortunately)"
_UNABLE: Final = (
    r"i(?:\s*(?:can['’]?t|cannot|can not|won['’]?t|will not|do not|don['’]t)|['’]?m not able to|"
    r" am not able to|['’]?m unable to| am unable to)\b"
)
_DEED: Final = (
    r"(?:help|assist|comply|fulfil|provide|create|generate|write|produce|answer|complete|process|do (?:that|this))"
)
#: Of each language: regret and a first person that cannot; a first person that cannot do this; what it says it is.
_BY_LANGUAGE: Final = {
    "English": (
        rf"{_REGRET}\b[^!?\n]{{0,40}}?\b{_UNABLE}"
        rf"|{_UNABLE}\s+(?:\w+\s+)?{_DEED}\b[^.!?\n]{{0,40}}?\b(?:with )?(?:that|this|request)\b"
        r"|as\s+an?\s+(?:ai|artificial intelligence|large language|language)\b[^.!?\n]{0,30}?,\s*i\b"
    ),
    "German": (
        rf"(?:(?:es )?tut mir (?:\w+ )?leid|leider|entschuldigung|verzeihung|ich bedau[e]?re)\b{_GAP}"
        rf"\b(?:ich (?:kann|darf|werde|bin)|(?:kann|darf|werde|bin) ich)\b{_GAP}\b(?:nicht|keine?n?)\b"
        r"|ich (?:kann|darf|werde) (?:\w+ ){0,2}(?:dabei|damit|das|dies\w*|deine\w*|ihre\w*)\b[^.!?\n]{0,40}?"
        r"\bnicht (?:\w+ )?(?:helfen|weiterhelfen|tun|schreiben|erstellen|beantworten|erfüllen|nachkommen|unterstützen)"
        r"|als (?:ki\b|ki-|künstliche intelligenz|sprachmodell)[^.!?\n]{0,30}?\b(?:ich|kann|darf)\b"
    ),
    "French": (
        rf"(?:(?:je suis )?(?:\w+ )?(?:désolée?|navrée?)|je (?:regrette|m['’]excuse)|malheureusement)\b{_GAP}"
        r"\bje (?:ne|n['’])\s*(?:peux|puis|suis|pourrai|ai)\b"
        r"|je ne (?:peux|puis) pas (?:\w+ )?(?:aider|répondre|écrire|créer|générer|fournir|traiter|satisfaire|faire)\b"
        r"[^.!?\n]{0,40}?\b(?:cela|ça|cette|ce|demande)\b"
        r"|en tant qu(?:['’](?:ia|intelligence|assistant)|e modèle)\b[^.!?\n]{0,40}?\bje\b"
    ),
    "Spanish": (
        rf"(?:lo (?:siento|lamento)|me temo|disculp\w+|perdón|lamentablemente|desafortunadamente)\b{_GAP}"
        r"\bno (?:puedo|podré|me es posible|soy capaz|estoy en condiciones)\b"
        r"|no puedo (?:ayudar\w*|responder|escribir|crear|generar|proporcionar|cumplir|procesar|hacer)\b[^.!?\n]{0,40}?"
        r"\b(?:eso|esto|esa|esta|solicitud|petición)\b"
        r"|como (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje)\b[^.!?\n]{0,20}?,\s*(?:yo|no|me)\b"
    ),
    "Italian": (
        rf"(?:mi (?:di)?spiace|spiacente|mi scuso|purtroppo)\b{_GAP}\bnon (?:posso|riesco|sono in grado)\b"
        r"|non posso (?:aiutar\w*|rispondere|scrivere|creare|generare|fornire|soddisfare|farlo)\b[^.!?\n]{0,40}?"
        r"\b(?:questo|questa|ciò|richiesta)\b"
        r"|(?:in quanto|come) (?:ia|intelligenza artificiale|modello linguistico)\b[^.!?\n]{0,20}?,\s*(?:io|non)\b"
    ),
    "Portuguese": (
        rf"(?:desculp\w+|sinto muito|lamento|infelizmente|peço desculpas?)\b{_GAP}\bnão (?:posso|consigo|sou capaz)\b"
        r"|não (?:posso|consigo) (?:ajudar|responder|escrever|criar|gerar|fornecer|atender|fazer)\b[^.!?\n]{0,40}?"
        r"\b(?:isso|isto|esse|essa|este|esta|pedido|solicitação)\b"
        r"|como (?:uma? )?(?:ia|inteligência artificial|modelo de linguagem)\b[^.!?\n]{0,20}?,\s*(?:eu|não)\b"
    ),
    "Dutch": (
        rf"(?:het spijt (?:me|mij)|sorry|helaas|excuses)\b{_GAP}\b(?:ik (?:kan|mag|ben)|(?:kan|mag|ben) ik)\b{_GAP}"
        r"\b(?:niet|geen)\b"
        r"|ik kan (?:\w+ ){0,2}(?:daarbij|hierbij|daarmee|dit|dat|deze)\b[^.!?\n]{0,30}?\bniet (?:\w+ )?"
        r"(?:helpen|doen|schrijven|maken|beantwoorden)"
        r"|als (?:ai\b|ai-|taalmodel)[^.!?\n]{0,30}?\b(?:ik|kan)\b"
    ),
    "Polish": (
        rf"(?:przykro mi|przepraszam|niestety)\b{_GAP}\bnie (?:mogę|potrafię|jestem w stanie)\b"
        r"|jako (?:model językowy|sztuczna inteligencja|ai)\b[^.!?\n]{0,20}?,?\s*(?:ja|nie)\b"
    ),
    "Turkish": (
        rf"(?:üzgünüm|maalesef|özür dilerim|kusura bakma\w*)\b{_GAP}"
        r"\b\w+(?:amam|emem|am[ıi]yorum|emiyorum|amayaca[ğg][ıi]m|emeyece[ğg]im)\b"
        r"|bir (?:yapay zek[aâ]|dil modeli)\w* olarak\b"
    ),
    "Russian": (
        rf"(?:извините?|простите|прошу прощения|к сожалению|мне жаль|сожалею)\b{_GAP}"
        r"\bне (?:могу|смогу|имею возможности|в состоянии)\b"
        r"|как (?:языковая модель|искусственный интеллект|ии)\b[^.!?\n]{0,20}?,\s*я\b"
    ),
    "Arabic": r"(?:عذر|آسف|أعتذر|للأسف)[^!؟\n]{0,60}?(?:لا (?:يمكنني|أستطيع)|لست قادر|لن (?:أتمكن|أستطيع))",
    "Chinese": (
        r"(?:很)?(?:抱歉|对不起|對不起|遗憾|遺憾|不好意思)[^！？\n]{0,40}?我?(?:无法|無法|不能|没办法|沒辦法)"
        r"|作[为為](?:一[个個名])?(?:ai|人工智[能慧]|[语語]言模型)[^。！？\n]{0,20}?我"
    ),
    "Japanese": (
        r"(?:申し訳(?:ありません|ございません|ない)|すみません|ごめんなさい|恐れ入ります|残念ながら)[^！？\n]{0,60}?"
        r"(?:できません|出来ません|できかねます|いたしかねます)"
        r"|(?:ai(?:アシスタント)?|人工知能|(?:大規模)?言語モデル)(?:として|である|です)[^。！？\n]{0,10}?(?:私|わたし|、)"
    ),
    "Korean": (
        r"(?:죄송|유감|미안)[^!?\n]{0,60}?(?:수(?:가)? 없|드리기 어렵|못합니다|못 합니다)"
        r"|(?:ai|인공지능|언어 모델)(?:로서|으로서|이기 때문에)"
    ),
}
_REFUSAL: Final = re.compile(rf"\W*(?:{'|'.join(_BY_LANGUAGE.values())})", re.IGNORECASE)


def is_refusal(text: str) -> bool:
    """Whether `text` begins as a refusal does: "I'm sorry, but I can't …", "Leider kann ich dabei nicht helfen"."""
    return _REFUSAL.match(text[:_SAID]) is not None
