"""`shopr users`: accounts from the command line, each act on record, no password on it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from shopr.cli.main import main
from shopr.config import Settings
from shopr.shop import Shop

GOOD = "seven green lamps"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["users", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def secret(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(f"{GOOD}\nand more\n", encoding="utf-8")
    return str(file)


@pytest.fixture
def shop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name in ("home", "database_url"):
        monkeypatch.setenv(f"SHOPR_{name.upper()}", str(getattr(settings, name)))
    return Shop.open(settings)


def test_an_account_is_made_listed_and_signed_in_with(
    shop: Shop, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "add", "Maria", "--role", "operator", "--password-file", secret)[0] == 0
    status, out, _ = run(capsys, "add", "ann", "--user-id", "u005", "--password-file", secret, "--json")
    assert (status, json.loads(out)["user_id"]) == (0, "u005")
    assert GOOD not in out
    _, out, _ = run(capsys, "list", "--json")
    assert {(row["name"], row["role"]) for row in json.loads(out)} == {("maria", "operator"), ("ann", "user")}
    _, out, _ = run(capsys, "list", "--role", "operator")
    assert "maria" in out
    assert "ann" not in out
    assert shop.enter("maria", GOOD, token=None, address="203.0.113.7")[0].outcome == "accepted"


def test_a_password_comes_from_stdin_or_a_prompt(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{GOOD}\n"))
    assert run(capsys, "add", "ann", "--password-file", "-")[0] == 0
    monkeypatch.setattr("click.prompt", lambda *args, **kwargs: "short")
    status, _, err = run(capsys, "password", "ann")
    assert status == 2
    assert "bounds are 12 and 1024" in err


def test_roles_locks_and_sessions(shop: Shop, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "add", "ann", "--password-file", secret)
    shop.enter("ann", GOOD, token=None, address="203.0.113.7", agent="Firefox/1 Linux")
    status, out, _ = run(capsys, "sessions", "ann", "--json")
    assert (status, json.loads(out)[0]["device"]) == (0, "Firefox on Linux")
    assert "1 session ended" in run(capsys, "sessions", "ann", "--end")[1]
    assert "from the next log-in on" in run(capsys, "role", "ann", "analyst")[1]
    assert run(capsys, "lock", "ann", "--reason", "a lost phone")[0] == 0
    assert "a lost phone" in run(capsys, "list")[1]
    assert shop.enter("ann", GOOD, token=None, address="203.0.113.7")[0].outcome == "closed"
    assert run(capsys, "unlock", "ann", "--reason", "found")[0] == 0
    status, _, err = run(capsys, "unlock", "ann", "--reason", "found")
    assert (status, "not locked" in err) == (1, True)
    said = [entry.action for entry in shop.security.audit.entries(10)][::-1]
    assert said == ["account_created", "session_ended", "role_changed", "account_locked", "account_unlocked"]


def test_mistakes_are_told_with_the_fix(shop: Shop, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "add", "maria", "--password-file", secret)
    for arguments, said in (
        (("lock", "marai", "--reason", "x"), "Did you mean 'maria'"),
        (("add", "maria", "--password-file", secret), "has an account already"),
        (("add", "a b", "--password-file", secret), "letters, digits"),
        (("add", "bob", "--password-file", "nowhere"), "no password could be read"),
        (("role", "maria", "king"), "king"),
    ):
        status, _, err = run(capsys, *arguments)
        assert (status, said in err) == (2, True), err
