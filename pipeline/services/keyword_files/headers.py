"""Owns the vocabulary of header rows: which heading means which column, in the tools and languages people export from.

Never: looks at a value; what a column without a known heading holds is `layout`'s question.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from pipeline.core.normal import keyword_key
from pipeline.core.normal_forms import normal_form


class Column(StrEnum):
    """What a column of a keyword file means here."""

    #: The search phrase itself; the only column a file must have.
    KEYWORD = "keyword"
    #: Searches a month.
    VOLUME = "volume"
    #: Difficulty of ranking, 0 to 100; never the competition among advertisers.
    DIFFICULTY = "difficulty"
    #: Why people search.
    INTENT = "intent"
    #: Where the figures were counted.
    COUNTRY = "country"


@dataclass(frozen=True)
class Heading:
    """A heading that is known: its column (None: known and not used), and its rank among rivals (0 wins)."""

    column: Column | None
    rank: int = 0
    #: Whether it can stand alone, as the heading of a list with nothing else in it.
    alone: bool = False


#: Written without accents, punctuation and units, as `_plain` leaves them. Within a column, earlier names win.
_ALONE = """keyword | keywords | key word | key words | keyword phrase | keyword phrases | keyword list | keywords list
| list of keywords | my keywords | seo keywords | target keyword | target keywords | keyword text | search keyword
| search keywords | keyword name | query | queries | top queries | top query | search query | search queries
| search term | search terms | search phrase | search phrases | searchterm | kw | kws
| suchbegriff | suchbegriffe | suchanfrage | suchanfragen | haufigste suchanfragen | schlusselwort | schlusselworter
| schluesselwort | schluesselwoerter | stichwort | stichworter
| mot cle | mots cles | requete | requetes | requetes les plus frequentes | principales requetes
| palabra clave | palabras clave | palabras claves | consulta | consultas | consultas principales
| parola chiave | parole chiave | query principali | palavra chave | palavras chave | principais consultas
| zoekwoord | zoekwoorden | zoekterm | zoektermen | zoekopdracht | zoekopdrachten
| słowo kluczowe | słowa kluczowe | fraza | frazy | klicove slovo | klicova slova | sokord | søkeord | søgeord
| avainsana | avainsanat | kulcsszo | cuvant cheie | anahtar kelime | anahtar kelimeler
| ключевое слово | ключевые слова | ключевая фраза | запрос | запросы | ключове слово | ключові слова
| キーワード | 検索キーワード | 关键词 | 關鍵字 | 关键字 | 키워드 | מילת מפתח | كلمة مفتاحية"""
_BESIDE_OTHERS = "term | terms | phrase | phrases | topic | begriff | begriffe | ph | name | text"
_VOLUME = """volume | search volume | avg monthly searches | average monthly searches | avg monthly search volume
| average monthly search volume | monthly search volume | monthly searches | monthly volume | avg search volume
| average search volume | local volume | local search volume | keyword volume | searches | searches per month
| searches month | vol | sv | msv | nq
| suchvolumen | monatliches suchvolumen | durchschnittl suchanfragen pro monat | ø suchanfragen pro monat
| durchschnittliche suchanfragen pro monat | suchanfragen pro monat | volumen
| volume de recherche | volume de recherches | recherches mensuelles | nbre moy de recherches mensuelles
| volumen de busqueda | volumen de busquedas | busquedas mensuales | promedio de busquedas mensuales
| volume di ricerca | volume de busca | volume de buscas | volume de pesquisa | zoekvolume | gemiddeld zoekvolume
| liczba wyszukiwan | частотность | 検索ボリューム | 搜索量
| impressions | impressionen | impresiones | impressioni | impressoes | vertoningen"""
_DIFFICULTY = """keyword difficulty | keyword difficulty index | kd | kd % | kd% | difficulty | seo difficulty
| search difficulty | keyword difficulty kd | difficulty score | seo keyword difficulty | sd
| schwierigkeit | keyword schwierigkeit | difficulte | difficulte du mot cle | dificultad | dificultad de palabra clave
| difficolta | dificuldade | moeilijkheid | trudnosc | сложность"""
_INTENT = (
    "intent | intents | search intent | keyword intent | main intent | user intent | in | suchintention | intention"
)
_COUNTRY = "country | country code | database | db | location | land | pays | pais | paese | kraj"
_UNUSED = """# | no | nr | id | number | position | average position | avg position | pos | rank | ranking
| previous position | current position | clicks | klicks | clics | clic | cliques | ctr | cpc | cps | cost per click
| competition | competition indexed value | competitive density | com | co | paid difficulty | global volume
| global search volume | worldwide volume | worldwide search volume | traffic | traffic potential | traffic %
| traffic cost | trend | trends | search trend | td | three month change | yoy change | currency | currency code
| top of page bid | bid | ad impression share | organic impression share | organic average position | in account
| in plan | serp features | serp features by keyword | sf | number of results | results | parent keyword
| parent topic | last update | last updated | updated | date | timestamp | url | link | page | pages | top pages
| landing page | match type | campaign | ad group | added excluded | branded | local | navigational | informational
| commercial | transactional | first seen | growth | words | word count | tags | category | source | notes | language
| device"""

_MAX_CHARACTERS = 100
_UNITS = re.compile(r"[(\[].*?[)\]]")
_WORLDWIDE = re.compile(r"\b(global|world|worldwide)\b")
_PER_MONTH = re.compile(r"^searches:")
_PUNCTUATION = re.compile(r"[^\w#%]+|_+")
_ALTERNATIVES = re.compile(r"\s*\|\s*")
#: The headings of how often a site's own pages were shown: a stand-in for the volume, with a warning.
_SHOWN = frozenset({"impressions", "impressionen", "impresiones", "impressioni", "impressoes", "vertoningen"})


def _names(text: str) -> list[str]:
    return _ALTERNATIVES.split(" ".join(text.split()))


def _vocabulary() -> dict[str, Heading]:
    known = {name: Heading(None) for name in _names(_UNUSED)}
    for column, names in (
        (Column.VOLUME, _VOLUME),
        (Column.DIFFICULTY, _DIFFICULTY),
        (Column.INTENT, _INTENT),
        (Column.COUNTRY, _COUNTRY),
    ):
        known |= {_plain(name): Heading(column, rank) for rank, name in enumerate(_names(names))}
    alone = _names(_ALONE)
    known |= {_plain(name): Heading(Column.KEYWORD, rank, alone=True) for rank, name in enumerate(alone)}
    return known | {name: Heading(Column.KEYWORD, len(alone)) for name in _names(_BESIDE_OTHERS)}


def heading(text: str) -> Heading | None:
    """Return what a cell of a header row stands for, whatever its case, accents and units; None: not known."""
    return _heading(text) if len(text) <= _MAX_CHARACTERS else None


@lru_cache(maxsize=1024)
def _heading(text: str) -> Heading | None:
    key = keyword_key(text)
    if _PER_MONTH.match(key):
        return Heading(None)
    for form in (_plain(key), _plain(_UNITS.sub(" ", key))):
        if known := _VOCABULARY.get(form):
            is_worldwide = known.column is Column.VOLUME and _WORLDWIDE.search(key)
            return Heading(None) if is_worldwide else known
    return None


def counts_impressions(text: str) -> bool:
    """Tell whether a volume heading counts how often a site's pages were shown, not how often people searched."""
    return _plain(keyword_key(text)) in _SHOWN


def _plain(text: str) -> str:
    letters = "".join(letter for letter in normal_form("NFKD", text) if not unicodedata.combining(letter))
    return " ".join(_PUNCTUATION.sub(" ", normal_form("NFC", letters)).split())


_VOCABULARY = _vocabulary()
