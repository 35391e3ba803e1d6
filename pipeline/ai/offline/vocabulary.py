"""Owns the words that say how somebody searches rather than what for, by language."""

from __future__ import annotations

#: Language name or code, lower case, to the name of its stemmer.
STEMMERS: dict[str, str] = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "nl": "dutch",
    "nb": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}

#: What stands behind one of these narrows the subject and is seldom the subject.
JOINTS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "for with without under below near vs versus in on at from between that when while by against "
        "after before during about",
        "de": "für mit ohne unter gegen im in auf bei zum zur vs",
        "fr": "pour avec sans sous dans en sur contre vs",
        "es": "para con sin bajo en sobre contra vs",
        "pt": "para com sem sob em sobre contra vs",
        "it": "per con senza sotto in su contro vs",
        "nl": "voor met zonder onder in op tegen vs",
    }.items()
}

#: Words without a subject of their own: grammar, praise, price, and the form of the answer.
WEAK: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "a an the and or of to is are was be do does did can could should will would my your our me i you we it "
        "its this these those there how what why when where who which whose not no any some all vs best better good "
        "great top cheap cheapest affordable budget expensive luxury premium cost costs costing price prices pricing "
        "review reviews reviewed rating ratings comparison compare compared alternatives alternative guide guides "
        "tutorial tutorials tip tips trick tricks idea ideas example examples list checklist template benefits "
        "benefit advantages disadvantages pros cons worth need know explained meaning definition difference "
        "differences types type kinds kind ways way easy simple quick fast new latest used online free sale deal deals "
        "discount buy buying shop store stores purchase choose choosing near me diy beginner beginners much many long "
        "often right perfect ultimate complete popular recommended",
        "de": "der die das den dem des ein eine einen einer und oder von zu ist sind wie was warum wann wo wer welche "
        "welcher welches beste besten bester bestes gut gute günstig günstige günstiger billig billige preis preise "
        "kosten test tests testsieger vergleich erfahrung erfahrungen man ratgeber anleitung tipps ideen kaufen "
        "online neu",
        "fr": "le la les l un une des du de d et ou est sont comment que quoi quel quelle quels quelles pourquoi où "
        "quand meilleur meilleure meilleurs meilleures bon bonne pas cher chère prix avis test tests comparatif guide "
        "conseils idées acheter en ligne nouveau gratuit",
        "es": "el la los las un una unos unas de del y o es son cómo como qué que cuál cuáles por cuándo dónde mejor "
        "mejores buen bueno buena barato barata baratos baratas precio precios opiniones comparativa guía consejos "
        "ideas comprar online nuevo gratis",
        "pt": "o a os as um uma de do da dos das e ou é são como que qual quais por quando onde melhor melhores "
        "bom boa "
        "barato barata baratos preço preços avaliação comparação guia dicas ideias comprar online novo grátis",
        "it": "il lo la i gli le un una di del della dei delle e o è sono come che cosa quale quali perché quando dove "
        "migliore migliori miglior buono economico economici prezzo prezzi recensioni confronto guida consigli idee "
        "comprare online nuovo gratis",
        "nl": "de het een en of van is zijn hoe wat waarom wanneer waar wie welke beste goede goed goedkoop goedkope "
        "prijs prijzen kosten review reviews vergelijken gids tips ideeën kopen online nieuw gratis",
    }.items()
}

#: The English words that start a question; the word after "how to" is what is done, not the subject.
QUESTION_WORDS = frozenset(
    ("how", "what", "why", "when", "where", "who", "which", "is", "are", "can", "should", "does", "do", "will")
)
