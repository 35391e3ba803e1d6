"""Owns in which encoding a keyword file is written, and reads its physical lines in it.

Never: knows a delimiter, a header or a keyword.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core.errors import RefusedFileError

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

#: A longer physical line is cut here: what a person wrote stands at its beginning, and memory stays bounded.
MAX_LINE_CHARACTERS = 65_536

_CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 16
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What spreadsheets and editors save besides Unicode; of two equally good guesses the earlier one is taken.
_LEGACY_CODECS = (
    *("cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949", "mac_roman", "cp850"),
)
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_TYPOGRAPHY = frozenset("\u2018\u2019\u201c\u201d\u201e\u2013\u2014\u2026\u00a0\u00ab\u00bb\u00bf\u00a1\u20ac\u00ae")
_HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]")
_OTHER_SCRIPT_IN_WORD = re.compile("[A-Za-z][\u0370-\u05ff\u0600-\u06ff]|[\u0370-\u05ff\u0600-\u06ff][A-Za-z]")


@dataclass(frozen=True)
class Encoding:
    """A codec of the standard library and, where it had to be guessed, the sentence that says so."""

    codec: str
    warning: str | None = None


def detect_encoding(data: bytes) -> Encoding:
    """Return the encoding of a whole file: by its mark, as UTF-16 or UTF-8 without one, else the likeliest legacy one.

    Raises `RefusedFileError` where no encoding makes sense of the bytes.
    """
    for mark, codec in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return Encoding(codec)
    if unmarked := _unmarked_utf16(data[:_SAMPLE_BYTES]):
        return Encoding(unmarked)
    valid, invalid = _utf8_tally(data)
    if not invalid:
        return Encoding("utf-8")
    # In any legacy encoding valid UTF-8 sequences are rare accidents, so a majority means a damaged UTF-8 file.
    if valid >= invalid:
        return Encoding("utf-8", "The file is UTF-8 with damaged places; lines whose keyword is damaged were rejected.")
    return _legacy(data)


def physical_lines(data: bytes, encoding: Encoding) -> Iterator[str]:
    """Yield each line with its line end, split at LF, CR LF and CR alone; bytes without meaning become U+FFFD."""
    with io.TextIOWrapper(io.BytesIO(data), encoding=encoding.codec, errors="replace", newline="") as text:
        while line := text.readline(MAX_LINE_CHARACTERS):
            if len(line) == MAX_LINE_CHARACTERS and line[-1] not in "\r\n":
                rest = line
                while rest and rest[-1] not in "\r\n":
                    rest = text.readline(MAX_LINE_CHARACTERS)
                line += "\n"
            yield line


def _unmarked_utf16(sample: bytes) -> str | None:
    """Tell UTF-16 by its NULs: in text with any ASCII in it they all stand in the same half of the pairs."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd * 10 >= len(sample) // 2 > 1 and even * 20 <= odd and odd:
        return "utf-16-le"
    if even * 10 >= len(sample) // 2 > 1 and odd * 20 <= even and even:
        return "utf-16-be"
    return None


def _utf8_tally(data: bytes) -> tuple[int, int]:
    """Count the valid characters beyond ASCII and the bytes that are none, in bounded memory."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    valid = invalid = 0
    for start in range(0, len(data), _CHUNK_BYTES):
        end = start + _CHUNK_BYTES
        text = decoder.decode(data[start:end], final=end >= len(data))
        if text.isascii():
            continue
        beyond = len(text) - len(text.encode("ascii", "ignore"))
        escaped = len(text) - len(_ESCAPED_BYTE.sub("", text))
        valid, invalid = valid + beyond - escaped, invalid + escaped
    return valid, invalid


def _legacy(data: bytes) -> Encoding:
    # Imported here: most files are Unicode, and the detector is slow to load.
    from charset_normalizer import from_bytes

    matches = from_bytes(_telling_lines(data), cp_isolation=list(_LEGACY_CODECS))
    if not matches:
        raise RefusedFileError(
            "The encoding of the file cannot be recognised, or it is no text at all. Save it as CSV in UTF-8."
        )
    codec = _preferred(min(matches, key=_unlikeliness))
    warning = f"The file is not Unicode; it was read as {codec}. If letters look wrong, save it as CSV in UTF-8."
    return Encoding(codec, warning)


def _telling_lines(data: bytes) -> bytes:
    """Return the lines with bytes beyond ASCII, as many as a sample holds: only they tell encodings apart."""
    telling = bytearray()
    first = _BEYOND_ASCII.search(data)
    start = data.rfind(b"\n", 0, first.start()) + 1 if first else 0
    for line in data[start : start + _CHUNK_BYTES].splitlines(keepends=True):
        if not line.isascii():
            telling += line[:_SAMPLE_BYTES]
        if len(telling) >= _SAMPLE_BYTES:
            break
    return bytes(telling)


def _unlikeliness(match: CharsetMatch) -> tuple[float, float, float, int]:
    """Order the detector's guesses; a short list of keywords alone leaves it with many equally good ones."""
    return (
        round(match.chaos, 1),
        round(_oddity(str(match)), 2),
        -match.coherence,
        _LEGACY_CODECS.index(_preferred(match)),
    )


def _preferred(match: CharsetMatch) -> str:
    """Return the first of the codecs that read the sample alike, which the detector reports as one guess."""
    return min(match.could_be_from_charset, key=_LEGACY_CODECS.index)


def _oddity(text: str) -> float:
    """Return the share of what nobody writes in keywords: signs for letters, capitals, two scripts in a word."""
    beyond = [letter for letter in text if not letter.isascii() and letter not in _TYPOGRAPHY]
    signs = sum(not letter.isalnum() for letter in beyond)
    capitals = sum(letter.isupper() for letter in beyond)
    mixed = len(_OTHER_SCRIPT_IN_WORD.findall(text)) + len(_HALF_WIDTH_KANA.findall(text))
    return (signs + mixed + capitals / 4) / max(1, len(beyond))
