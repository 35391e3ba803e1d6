"""Owns texts that commands are given: a file in UTF-8, or what is piped in."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.core.errors import InvalidValueError


def read_text(file: str) -> str:
    """The text of a file (-: standard input), before anything of the database is asked. InvalidValueError."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except OSError as error:
        raise InvalidValueError(f"{file} cannot be read: {error.strerror}. Give the path of a text file.") from None
    except UnicodeDecodeError:
        raise InvalidValueError(f"{file} is no text in UTF-8. Save it as UTF-8, then try again.") from None
