"""Owns `credits show|entries|grant|refund`."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import uuid4

import typer

from pipeline.cli.edge import ACTOR, account_of, reading, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, LARGEST_ID, AccountOption, CsvOption, JsonOption, LimitOption
from pipeline.cli.output import csv_rows, document, say, table
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.money import credit_string, shown, ucr
from pipeline.services import audit, exports, refunds
from pipeline.services import credits as ledger
from pipeline.services import entries as ledger_entries
from pipeline.services.credits import Balance
from pipeline.services.entries import EntryKind

app = typer.Typer()
#: The ledger counts micro-credits in 64 bits.
_MOST_UCR: Final = 10**18
_KEY_CHARACTERS: Final = 80

AmountArgument = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="Credits, such as 250 or 12.5.", show_default=False)
]
CallArgument = Annotated[
    int, typer.Argument(metavar="CALL", max=LARGEST_ID, help="The call, by its id.", show_default=False)
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the entry.", show_default=False)]
KindOption = Annotated[EntryKind | None, typer.Option("--kind", help="Only entries of this kind.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why; kept with the entry.")]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="Book it once: a second grant of the same key changes nothing.")
]


@app.command("show")
def show(*, account: AccountOption = DEFAULT_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show what an account has, what is held for calls under way, and what is available."""
    with reading() as session:
        found = ledger.balance(session, account_of(session, account).id)
    _tell(found, as_json=as_json)


@app.command("entries")
def entries(
    *,
    kind: KindOption = None,
    limit: LimitOption = 50,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the movements of an account's balance, the newest first."""
    with reading() as session:
        owner = account_of(session, account)
        if as_csv:
            csv_rows(session, exports.of_entries(owner.id, kind=kind), as_json=as_json)
            return
        found = ledger_entries.list_entries(session, account_id=owner.id, kind=kind, limit=limit)
    if as_json:
        names = ("id", "kind", "call_id", "note", "created_at")
        document(
            [{**{name: getattr(row, name) for name in names}, "amount": credit_string(row.amount)} for row in found]
        )
        return
    rows = [
        (row.id, row.created_at.strftime("%Y-%m-%d %H:%M UTC"), row.kind, shown(row.amount), row.call_id, row.note)
        for row in found
    ]
    table(["id", "when", "kind", "credits", "call", "note"], rows, right=["id", "credits", "call"])


@app.command("grant")
def grant(
    amount: AmountArgument,
    *,
    account: AccountOption = DEFAULT_ACCOUNT,
    reason: NoteOption = "",
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account credits."""
    booked = _entry_key(key)
    amount_ucr = ucr(amount)
    if not 0 < amount_ucr <= _MOST_UCR:
        raise InvalidValueError(
            [Fault("AMOUNT", f"{amount} is not allowed. Give a number of credits above 0, such as 250.")]
        )
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        owner = account_of(session, account)
        if ledger.grant(session, account_id=owner.id, amount_ucr=amount_ucr, key=booked, note=reason, now=now):
            audit.record(
                session,
                account_id=owner.id,
                actor=ACTOR,
                action="credits.granted",
                subject_kind="account",
                subject_id=owner.id,
                now=now,
                details={"amount": credit_string(amount_ucr), "note": reason},
            )
        found = ledger.balance(session, owner.id)
    _tell(found, as_json=as_json)


@app.command("refund")
def refund(
    call_id: CallArgument,
    *,
    reason: ReasonOption,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Give back what a call was charged: once a call, as an entry of its own."""
    database = ready_database()
    now = database.now()
    with database.transaction() as session:
        owner = account_of(session, account)
        done = refunds.refund(session, account_id=owner.id, call_id=call_id, reason=reason, actor=ACTOR, now=now)
        found = ledger.balance(session, owner.id)
    if as_json:
        amounts = {"refunded": done.amount_ucr, "balance": found.balance_ucr, "available": found.available_ucr}
        told = {name: credit_string(amount) for name, amount in amounts.items()}
        document({"call_id": done.call_id, "is_new": done.is_new, **told})
        return
    if not done.is_new:
        say(f"Call {call_id} was given back before; nothing has changed.")
        return
    say(f"{credit_string(done.amount_ucr)} credits of call {call_id} are given back.")
    _tell(found, as_json=False)


def _entry_key(key: str | None) -> str:
    if key is not None and not 1 <= len(key) <= _KEY_CHARACTERS:
        raise InvalidValueError([Fault("--key", f"a key has 1 to {_KEY_CHARACTERS} characters; it has {len(key)}.")])
    return f"grant:{key or uuid4()}"


def _tell(found: Balance, *, as_json: bool) -> None:
    if as_json:
        amounts = {"balance": found.balance_ucr, "held": found.held_ucr, "available": found.available_ucr}
        document({name: credit_string(amount) for name, amount in amounts.items()})
        return
    balance, held = shown(found.balance_ucr), shown(found.held_ucr)
    say(f"{shown(found.available_ucr)} credits available ({balance} less {held} held).")
