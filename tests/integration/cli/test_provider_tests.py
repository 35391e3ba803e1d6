"""`providers test`, `models catalogue` and `models add-from-catalogue`, as they are typed."""

from __future__ import annotations

from pipeline.db.session import Database
from tests.integration.cli.conftest import Igny8


def test_a_provider_that_works_says_what_was_proved_and_what_it_cost(ready: Database, igny8: Igny8) -> None:
    told, said = igny8("providers", "test", "offline"), igny8("providers", "test", "offline", "--json").json

    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("offline works: offline-writer-testing was asked.")
    assert "no customer paid" in told.out
    assert (said["works"], said["status"], said["error"]) == (True, "settled", None)
    reported = igny8("report", "model", "--json").json["items"]
    assert [(row["name"], row["answered"]) for row in reported] == [("Provider tests", 2)]


def test_a_provider_that_cannot_be_asked_says_what_to_do(ready: Database, igny8: Igny8) -> None:
    without_model, without_key = igny8("providers", "test", "openai"), None
    igny8("models", "add-from-catalogue", "gpt-6-luna")
    without_key = igny8("providers", "test", "openai")
    unknown = igny8("providers", "test", "stripe")

    assert (without_model.code, without_key.code, unknown.code) == (1, 1, 2)
    assert "igny8 models catalogue --provider openai" in without_model.err
    assert "igny8 providers set openai --api-key-stdin" in without_key.err


def test_a_model_is_found_in_the_catalogue_and_added(ready: Database, igny8: Igny8) -> None:
    listed = igny8("models", "catalogue", "--provider", "runware").out
    added = igny8("models", "add-from-catalogue", "runware:100@1", "--default")

    assert "check against your provider's price list" in listed
    assert "runware:100@1" in listed
    assert "was added" in added.out
    assert added.err == "offline-painter had this place before and is no longer the default.\n"
    assert igny8("models", "add-from-catalogue", "runware:100@1").code == 1
    model = next(row for row in igny8("models", "list", "--json").json if row["name"] == "runware:100@1")
    assert (model["is_default"], model["cost_per_image"], model["credits_per_image"]) == (True, "0.0013", 1)
