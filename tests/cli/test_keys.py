"""`shopr keys`: rotation loses nothing, and destroying asks first."""

from __future__ import annotations

import json

import pytest

from shopr.cli.main import main
from shopr.config import Settings
from shopr.security.audit import AuditLog, anchor_file
from shopr.security.crypto import Cipher
from shopr.security.crypto_keyfile import keyring_file
from shopr.storage import Database

HERE = {"table": "t", "row": "1", "subject": "ann"}


def called(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    printed = capsys.readouterr()
    assert end.value.code == status, printed.err
    return printed.out if status == 0 else printed.err


def test_keys_are_made_rotated_and_destroyed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Made a keyring" in called(capsys, "keys", "create")
    assert "There is a keyring already" in called(capsys, "keys", "create")
    with Database.open(settings) as database:
        token = Cipher.open(settings, database).encrypt("hello", **HERE)
        assert "wraps every data key" in called(capsys, "keys", "rotate")
        states = json.loads(called(capsys, "keys", "list", "--json"))
        assert [row["state"] for row in states] == ["retired", "active"]
        assert "secret" not in str(states)
        first, second = (row["id"] for row in states)
        assert "no way back" in called(capsys, "keys", "destroy", first, status=2)
        assert "is active" in called(capsys, "keys", "destroy", second, "--yes", status=2)
        assert "is destroyed" in called(capsys, "keys", "destroy", first, "--yes")
        assert "destroyed" in called(capsys, "keys", "list")
        assert Cipher.open(settings, database).decrypt(token, **HERE) == "hello"
        log = AuditLog(database, anchor_file(settings))
        assert [entry.action for entry in log.entries()] == ["key_destroyed", "key_rotated"]
        assert log.verify().sound
    assert keyring_file(settings).stat().st_mode & 0o777 == 0o600


def test_people_get_new_keys(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with Database.open(settings) as database:
        keys = Cipher.open(settings, database).keys
        before = keys.current("ann").id
        assert json.loads(called(capsys, "keys", "renew", "ann", "--json"))["chat_turns.said"]["seen"] == 0
        assert "chat_turns.said" in called(capsys, "keys", "renew")
        assert Cipher.open(settings, database).keys.current("ann").id != before


def test_keys_of_the_environment_are_rotated_there(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = "a:" + "A" * 43 + "=", "b:" + "B" * 42 + "A="
    monkeypatch.setenv("SHOPR_KEYS", first)
    assert "active" in called(capsys, "keys", "list")
    with Database.open(settings) as database:
        token = Cipher.open(settings, database).encrypt("hello", **HERE)
    monkeypatch.setenv("SHOPR_KEYS", f"{second},{first}")
    assert "Key b is active and wraps every data key" in called(capsys, "keys", "rotate")
    assert "Put the new key first in SHOPR_KEYS" in called(capsys, "keys", "destroy", "a", "--yes", status=2)
    monkeypatch.setenv("SHOPR_KEYS", second)
    with Database.open(settings) as database:
        assert Cipher.open(settings, database).decrypt(token, **HERE) == "hello"
    assert not keyring_file(settings).exists()
