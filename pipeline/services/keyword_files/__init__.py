"""Owns reading the keyword files people have, from any tool, without the database: see `reader`.

Never: decides which keywords are new; that is the caller's, by `pipeline.core.normal.keyword_key`.
"""

from pipeline.services.keyword_files.headers import Column
from pipeline.services.keyword_files.reader import KeywordFile, open_keyword_file
from pipeline.services.keyword_files.rows import MAX_KEYWORD_CHARACTERS, KeywordRow, RejectedRow
from pipeline.services.keyword_files.source import MAX_FILE_BYTES

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_KEYWORD_CHARACTERS",
    "Column",
    "KeywordFile",
    "KeywordRow",
    "RejectedRow",
    "open_keyword_file",
]
