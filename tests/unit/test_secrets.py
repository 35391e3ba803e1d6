from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.core.errors import NotReadyError
from pipeline.secrets import (
    ENCRYPTION_KEY,
    FLOWER_PASSWORD,
    add_key,
    decrypted,
    encrypted,
    ensure_secrets,
    keyring,
    read_secrets,
)


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = ensure_secrets(tmp_path)

    second = ensure_secrets(tmp_path)

    assert second == first == read_secrets(tmp_path)
    assert len(first[FLOWER_PASSWORD]) >= 24
    assert len(base64.urlsafe_b64decode(first[ENCRYPTION_KEY])) == 32


def test_file_is_the_owners_alone(tmp_path: Path) -> None:
    ensure_secrets(tmp_path)

    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600


def test_file_that_others_may_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    path.write_text(f"{FLOWER_PASSWORD}=chosen\n{ENCRYPTION_KEY}=key\n")
    path.chmod(0o644)

    kept = ensure_secrets(tmp_path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (kept[FLOWER_PASSWORD], kept[ENCRYPTION_KEY]) == ("chosen", "key")


def test_entries_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("# mine\nOTHER = a=b\n\n")

    kept = ensure_secrets(tmp_path)

    assert kept["OTHER"] == "a=b"
    assert read_secrets(tmp_path) == kept


def test_two_at_once_agree_on_one_value(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ensure_secrets(tmp_path), range(16)))

    assert all(each == made[0] for each in made)


def test_installation_without_secrets_has_none(tmp_path: Path) -> None:
    assert read_secrets(tmp_path) == {}


def test_what_is_encrypted_is_read_again_and_shows_nothing(tmp_path: Path) -> None:
    kept = encrypted("a long secret", home=tmp_path)

    assert decrypted(kept, home=tmp_path) == "a long secret"
    assert b"secret" not in kept
    assert kept != encrypted("a long secret", home=tmp_path)


def test_what_was_encrypted_elsewhere_or_changed_is_refused_with_the_remedy(tmp_path: Path) -> None:
    kept = encrypted("a long secret", home=tmp_path / "here")
    ensure_secrets(tmp_path / "there")

    for home, token in ((tmp_path / "there", kept), (tmp_path / "nowhere", kept), (tmp_path / "here", kept[:-9])):
        with pytest.raises(NotReadyError, match="Put back the file that belongs to this database"):
            decrypted(token, home=home)


def test_a_new_key_encrypts_and_those_before_it_still_decrypt(tmp_path: Path) -> None:
    first = encrypted("one", home=tmp_path)
    keys = add_key(tmp_path)
    second = encrypted("two", home=tmp_path)
    newest = add_key(tmp_path)

    assert [decrypted(kept, home=tmp_path) for kept in (first, second)] == ["one", "two"]
    assert second.startswith(keys.newest.encode())
    assert len(newest.keys) == 3
    assert not any(key in repr(newest) for key in newest.keys.values())


def test_what_is_renewed_is_under_the_newest_key_and_the_rest_is_left(tmp_path: Path) -> None:
    kept = encrypted("one", home=tmp_path)
    keys = add_key(tmp_path)

    renewed = keys.renewed(kept)

    assert renewed.startswith(keys.newest.encode())
    assert decrypted(renewed, home=tmp_path) == "one"
    assert keys.renewed(renewed) is renewed


def test_new_keys_made_at_once_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = {ring.newest for ring in pool.map(lambda _: add_key(tmp_path), range(4))}

    assert made <= set(keyring(tmp_path).keys)
    assert len(keyring(tmp_path).keys) == 5
