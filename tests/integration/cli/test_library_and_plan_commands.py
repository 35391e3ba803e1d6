"""`keyword-library`, `plans` and `credit-packages`, as they are typed."""

from __future__ import annotations

from pathlib import Path

from pipeline.db.session import Database
from pipeline.services import keyword_library
from tests.integration.cli.conftest import Igny8


def test_a_new_installation_has_keywords_to_begin_with(ready: Database, igny8: Igny8) -> None:
    igny8("site", "add", "--name", "Beans", "--timezone", "UTC")

    listed = igny8("keyword-library", "list", "--json").json
    shown = igny8("keyword-library", "show", "Food & Drink", "Coffee")
    took = [igny8("keyword-library", "take", "Beans", "Food & Drink", "Coffee", "--json").json for _ in range(2)]

    assert ("Food & Drink", "Coffee") in [(row["industry"], row["sector"]) for row in listed]
    assert "These are examples: their figures are guesses" in shown.err
    assert [(told["imported"], told["duplicates"]) for told in took] == [(16, 0), (0, 16)]
    words = igny8("keywords", "list", "Beans", "--json").json
    assert {(word["volume"], word["difficulty"]) for word in words} == {(None, None)}


def test_a_file_goes_into_the_library_and_out_again(ready: Database, igny8: Igny8, tmp_path: Path) -> None:
    file = tmp_path / "words.csv"
    file.write_text("Keyword,Volume\nglazing a bowl,320\n,5\n", encoding="utf-8")

    imported = igny8("keyword-library", "import", "Crafts", "Pottery", str(file))
    shown = igny8("keyword-library", "show", "Crafts", "Pottery", "--json").json
    removed = igny8("keyword-library", "remove", "Crafts", "Pottery")
    gone = igny8("keyword-library", "remove", "Crafts", "Pottery")

    assert imported.out == "1 keyword imported, 0 were there already, 1 rejected; 2 read.\n"
    assert [(row["text"], row["volume"], row["is_example"]) for row in shown] == [("glazing a bowl", 320, False)]
    assert removed.out == "Pottery is gone, with 1 keyword.\n"
    assert (gone.code, "igny8 keyword-library list" in gone.err) == (1, True)
    with ready.reading() as session:
        assert "Crafts" not in {shelf.industry for shelf in keyword_library.shelves(session)}


def test_a_plan_limits_the_account_that_it_is_given_to(ready: Database, igny8: Igny8) -> None:
    assert igny8("plans", "list").out.startswith("No plan yet, and nothing is limited")
    igny8("plans", "set", "Small", "--most-sites", "1", "--price", "9.5", "--currency", "EUR")
    given = igny8("plans", "give", "Small")
    igny8("site", "add", "--name", "One", "--timezone", "UTC")
    refused = igny8("site", "add", "--name", "Two", "--timezone", "UTC")
    igny8("plans", "set", "Small", "--most-sites", "0")
    added = igny8("site", "add", "--name", "Two", "--timezone", "UTC")

    assert given.out == "default has the plan Small now.\n"
    assert (refused.code, "The plan Small has room for 1 sites" in refused.err) == (1, True)
    assert added.code == 0
    [plan] = igny8("plans", "list", "--json").json
    assert (plan["price"], plan["most_sites"]) == ("9.50", None)
    assert igny8("plans", "give").out == "default has no plan now.\n"


def test_a_package_is_booked_once_a_key(ready: Database, igny8: Igny8) -> None:
    igny8("credit-packages", "set", "Small", "--credits", "500")

    told = [igny8("credit-packages", "book", "Small", "--key", "i 1", "--json").json for _ in range(2)]
    said = igny8("credit-packages", "book", "Small", "--key", "i 1").out

    assert [(one["is_new"], one["balance"]) for one in told] == [(True, "10500"), (False, "10500")]
    assert "was booked under this key before: nothing was changed" in said
    assert igny8("credit-packages", "set", "Other").code == 2
