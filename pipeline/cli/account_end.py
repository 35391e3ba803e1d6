"""Owns `account export|erase`: what an account takes along, and how it ends."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, say
from pipeline.core.errors import InvalidValueError
from pipeline.services import account_erasure, account_export

AccountArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The account, by name or id.", show_default=False)
]
FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="The file to make: one JSON object a line.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", help="Yes, erase it: it cannot be undone.")]


def export(account: AccountArgument, file: FileArgument, *, as_json: JsonOption = False) -> None:
    """Write all that an account has into a file, without what is secret: `{"table": …, "row": {…}}` a line."""
    database = ready_database()
    counts: dict[str, int] = {}
    with database.reading() as session:
        owner = account_of(session, account)
        with _new(file) as written:
            for table in account_export.tables():
                for row in account_export.rows_of(session, table, account_id=owner.id):
                    line = {"table": table.name, "row": row}
                    written.write(json.dumps(line, ensure_ascii=False, default=_plain) + "\n")
                    counts[table.name] = counts.get(table.name, 0) + 1
    if as_json:
        document({"account_id": owner.id, "file": file, "rows": counts})
        return
    say(f"{sum(counts.values()):,} rows of account {owner.name} are in {file}. Pictures are in `media/` of the home.")


def erase(account: AccountArgument, *, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Erase an account's people, keys, addresses and names; what was paid stays under a pseudonym."""
    if not yes:
        raise InvalidValueError(
            "This cancels the account's runs and erases its people, keys, webhooks, addresses, credentials, names and "
            "prompts, and whom its sites write for and as whom; it cannot be undone. "
            "`igny8 account export` first, then give --yes."
        )
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        row = account_of(session, account)
        name = row.name
        pseudonym = account_erasure.erase(session, row, actor=ACTOR, now=now)
    if as_json:
        document({"id": row.id, "name": pseudonym})
        return
    say(f"Account {row.id} ({name}) is {pseudonym} from now on. Its ledger stays.")


@contextmanager
def _new(file: Path) -> Iterator[TextIO]:
    """A new file that only its owner reads; it has its name once it is whole, and nothing stays of one that is not."""
    if os.path.lexists(file):
        raise InvalidValueError(f"{file} is there already. Give the name of a new file.")
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:100]}.")  # mkstemp makes it 600.
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            yield written
            written.flush()
            os.fsync(written.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(Decimal(value))
