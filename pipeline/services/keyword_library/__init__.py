"""Owns the keyword library: what is in it, what is imported into it, and what a site takes out of it.

Never: commits. It belongs to the installation: every account reads it, whoever runs the installation changes it.
"""

from pipeline.services.keyword_library.changes import add_to_sector, remove_keywords, remove_sector
from pipeline.services.keyword_library.shelves import Shelf, find_sector, get_sector, list_seeds, shelves, take
from pipeline.services.keyword_library.starting_set import add_starting_set

__all__ = [
    "Shelf",
    "add_starting_set",
    "add_to_sector",
    "find_sector",
    "get_sector",
    "list_seeds",
    "remove_keywords",
    "remove_sector",
    "shelves",
    "take",
]
