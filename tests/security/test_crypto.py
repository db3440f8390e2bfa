"""Envelopes: what opens, what does not, whose keys are gone, and nonces that never come twice."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import ConfigError, InputError, SecurityError, StorageError
from shopr.security.crypto import PREFIX, Cipher, Envelope, TextCipher
from shopr.security.crypto_aead import joined
from shopr.security.crypto_datakeys import DataKeys, Tombstones
from shopr.security.crypto_keyfile import FileKeyring, keyring_file
from shopr.security.crypto_keyring import Keyring, KeyService, MasterKey
from shopr.storage import Database, SubjectStores
from shopr.storage.subjects import SubjectStore

HERE = {"table": "messages", "row": "17", "subject": "ann"}
TEXT = "My card ends in 4242, send it to Łódź 🙂"


def test_a_text_comes_back_and_is_nowhere_in_the_envelope(cipher: Cipher) -> None:
    token = cipher.encrypt(TEXT, **HERE)
    assert cipher.decrypt(token, **HERE) == TEXT
    assert isinstance(cipher, TextCipher)
    raw = base64.urlsafe_b64decode(token.removeprefix(PREFIX) + "==")
    assert raw[0] == 1
    assert b"4242" not in raw
    assert len(raw) == 1 + 16 + 40 + 12 + len(TEXT.encode()) + 16


def test_the_same_text_never_gives_the_same_envelope_key_or_nonce(cipher: Cipher) -> None:
    envelopes = [Envelope.parse(cipher.encrypt("yes", **HERE)) for _ in range(200)]
    for part in ("wrapped", "nonce", "sealed"):
        assert len({getattr(e, part) for e in envelopes}) == 200
    assert len({e.key_id for e in envelopes}) == 1


@given(text=st.text(max_size=200), row=st.text(max_size=20), subject=st.text(max_size=20))
def test_any_text_comes_back(text: str, row: str, subject: str) -> None:
    place = {"table": "t", "row": row, "subject": subject}
    assert _memory().decrypt(_memory().encrypt(text, **place), **place) == text


_ONE: list[Cipher] = []


def _memory() -> Cipher:
    if not _ONE:
        folder = Path(os.environ["SHOPR_HOME"])
        database = Database.open(url=f"sqlite:///{folder / 'memory.db'}")
        _ONE.append(
            Cipher(DataKeys(database, Keyring.generate(), Tombstones(folder / "erased.txt"), clock=ManualClock()))
        )
    return _ONE[0]


def test_truncation_at_every_length_is_refused(cipher: Cipher) -> None:
    token = cipher.encrypt(TEXT, **HERE)
    raw = base64.urlsafe_b64decode(token.removeprefix(PREFIX) + "==")
    for length in range(len(token)):
        with pytest.raises(SecurityError):
            cipher.decrypt(token[:length], **HERE)
    for length in range(len(raw)):
        with pytest.raises(SecurityError):
            cipher.decrypt(PREFIX + base64.urlsafe_b64encode(raw[:length]).decode().rstrip("="), **HERE)
    with pytest.raises(SecurityError):
        cipher.decrypt(PREFIX + base64.urlsafe_b64encode(raw + b"\0").decode().rstrip("="), **HERE)


def test_a_flip_of_any_bit_is_refused(cipher: Cipher) -> None:
    raw = bytearray(base64.urlsafe_b64decode(cipher.encrypt("abc", **HERE).removeprefix(PREFIX) + "=="))
    for bit in range(8 * len(raw)):
        raw[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SecurityError):
            cipher.decrypt(PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("="), **HERE)
        raw[bit // 8] ^= 1 << bit % 8


def test_another_spelling_of_the_same_bytes_is_refused(cipher: Cipher) -> None:
    token = cipher.encrypt("ab", **HERE)
    for other in (token + "=", token + "==", token + "\n", " " + token, token.upper(), token.replace("e1.", "e2.")):
        with pytest.raises(SecurityError):
            cipher.decrypt(other, **HERE)


@pytest.mark.parametrize("part", ["table", "row", "subject"])
def test_an_envelope_does_not_open_in_another_place(cipher: Cipher, part: str) -> None:
    token = cipher.encrypt(TEXT, **HERE)
    with pytest.raises(SecurityError):
        cipher.decrypt(token, **{**HERE, part: "other"})


def test_parts_of_a_place_cannot_flow_into_each_other(cipher: Cipher) -> None:
    assert joined(b"ab", b"c") != joined(b"a", b"bc")
    token = cipher.encrypt(TEXT, table="messages1", row="7", subject="ann")
    with pytest.raises(SecurityError):
        cipher.decrypt(token, table="messages", row="17", subject="ann")


def test_parts_of_two_envelopes_cannot_be_mixed(cipher: Cipher) -> None:
    one, two = (Envelope.parse(cipher.encrypt(text, **HERE)) for text in ("one", "two"))
    for mixed in (
        Envelope(one.key_id, two.wrapped, one.nonce, one.sealed),
        Envelope(one.key_id, one.wrapped, two.nonce, one.sealed),
        Envelope(one.key_id, one.wrapped, one.nonce, two.sealed),
    ):
        with pytest.raises(SecurityError):
            cipher.decrypt(mixed.text(), **HERE)


def test_a_wrong_key_id_is_refused(cipher: Cipher) -> None:
    mine = Envelope.parse(cipher.encrypt(TEXT, **HERE))
    bobs = Envelope.parse(cipher.encrypt(TEXT, table="messages", row="17", subject="bob"))
    for key_id, words in ((bobs.key_id, "another person"), ("0" * 32, "is not there")):
        with pytest.raises(SecurityError, match=words):
            cipher.decrypt(Envelope(key_id, mine.wrapped, mine.nonce, mine.sealed).text(), **HERE)


def test_erasing_a_person_makes_every_copy_unreadable(cipher: Cipher, database: Database) -> None:
    tokens = [cipher.encrypt(TEXT, **HERE), cipher.encrypt(TEXT, table="profiles", row="1", subject="ann")]
    bobs = cipher.encrypt(TEXT, table="messages", row="17", subject="bob")
    stores = SubjectStores(database)
    assert isinstance(cipher.keys, SubjectStore)
    stores.register(cipher.keys)
    assert stores.export("ann")["data_keys"] == []
    assert stores.erase("ann")["data_keys"] == 1
    assert stores.erase("ann")["data_keys"] == 0
    for token in tokens:
        with pytest.raises(SecurityError, match="was erased"):
            cipher.decrypt(token, **HERE)
    assert cipher.decrypt(bobs, table="messages", row="17", subject="bob") == TEXT
    again = cipher.encrypt("I am back", **HERE)  # under a new key: what was before stays gone
    assert cipher.decrypt(again, **HERE) == "I am back"
    with pytest.raises(SecurityError):
        cipher.decrypt(tokens[0], **HERE)


def test_a_restored_backup_does_not_bring_an_erased_person_back(settings: Settings, ready: Settings) -> None:
    with Database.open(settings) as database:
        cipher = Cipher.open(settings, database)
        token = cipher.encrypt(TEXT, **HERE)
        with database.read() as connection:
            kept = [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM data_keys")]
        cipher.keys.erase("ann")
        with database.begin() as connection:  # somebody puts back what was there before
            connection.exec_driver_sql("INSERT INTO data_keys VALUES (?, ?, ?, ?, ?, ?)", kept[0])
        with pytest.raises(SecurityError, match="was erased"):
            cipher.decrypt(token, **HERE)
        fresh = cipher.encrypt(TEXT, **HERE)  # under a new key, in the place of the dead one
        assert Envelope.parse(fresh).key_id != kept[0][0]
        assert cipher.decrypt(fresh, **HERE) == TEXT
        with database.begin() as connection:
            row = (*kept[0][:2], *kept[0][3:])
            connection.exec_driver_sql("INSERT INTO data_keys VALUES (?, ?, NULL, ?, ?, ?)", row)
        assert Cipher.open(settings, database).keys.settle() == 0  # opening has settled it
        with pytest.raises(SecurityError, match="was erased"):
            Cipher.open(settings, database).decrypt(token, **HERE)


def test_an_erasure_elsewhere_holds_here_within_seconds(cipher: Cipher, database: Database, clock: ManualClock) -> None:
    token = cipher.encrypt(TEXT, **HERE)
    assert cipher.decrypt(token, **HERE) == TEXT
    with database.begin() as connection:  # as another process does
        connection.exec_driver_sql("DELETE FROM data_keys")
    clock.advance(6)
    with pytest.raises(SecurityError):
        cipher.decrypt(token, **HERE)


def test_master_keys_turn_without_a_pause_and_old_ones_can_be_destroyed(
    settings: Settings, ready: Settings, clock: ManualClock
) -> None:
    with Database.open(settings) as database:
        ring = FileKeyring(keyring_file(settings), clock=clock)
        cipher = Cipher.open(settings, database, masters=ring, clock=clock)
        tokens = {s: cipher.encrypt(TEXT, table="t", row="1", subject=s) for s in ("ann", "bob", "eve")}
        first = ring.active()
        elsewhere = FileKeyring(keyring_file(settings))  # another process, which rotates
        second = elsewhere.rotate()
        assert [key.state for key in elsewhere.keys] == ["retired", "active"]
        clock.advance(6)
        assert cipher.decrypt(tokens["ann"], table="t", row="1", subject="ann") == TEXT  # a retired key unwraps
        tokens["new"] = cipher.encrypt(TEXT, table="t", row="1", subject="new")  # and this process follows the file
        assert ring.active() == second
        assert cipher.keys.rewrap(limit=2) == 1  # stopped half way
        assert cipher.keys.rewrap(limit=2) == 0
        with pytest.raises(InputError, match="is active"):
            ring.destroy(second)
        elsewhere.destroy(first)
        clock.advance(6)
        for subject, token in tokens.items():
            assert cipher.decrypt(token, table="t", row="1", subject=subject) == TEXT


def test_what_only_a_destroyed_key_unlocks_is_gone_and_says_so(
    settings: Settings, ready: Settings, clock: ManualClock
) -> None:
    with Database.open(settings) as database:
        ring = FileKeyring(keyring_file(settings), clock=clock)
        cipher = Cipher.open(settings, database, masters=ring, clock=clock)
        token = cipher.encrypt(TEXT, **HERE)
        first = ring.active()
        ring.rotate()
        ring.destroy(first)
        clock.advance(6)
        with pytest.raises(SecurityError, match=r"master key .* was destroyed"):
            cipher.decrypt(token, **HERE)
        other = Cipher.open(settings, database, masters=Keyring.generate(), clock=clock)
        with pytest.raises(SecurityError, match="not on this keyring"):
            other.decrypt(token, **HERE)


def test_a_key_service_elsewhere_may_hold_the_master_key(database: Database, tmp_path: Path) -> None:
    class Service:
        """As a key management service does: keys never leave it."""

        ring, calls = Keyring.generate(), 0

        def active(self) -> str:
            return self.ring.active()

        def wrap(self, key: bytes) -> tuple[str, bytes]:
            self.calls += 1
            return self.ring.wrap(key)

        def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
            self.calls += 1
            return self.ring.unwrap(key_id, wrapped)

    service = Service()
    assert isinstance(service, KeyService)
    cipher = Cipher(DataKeys(database, service, Tombstones(tmp_path / "gone"), clock=ManualClock()))
    for number in range(50):
        place = {"table": "t", "row": str(number), "subject": "ann"}
        assert cipher.decrypt(cipher.encrypt(TEXT, **place), **place) == TEXT
    assert service.calls <= 4  # not one a record


def test_fifty_threads_make_one_key(cipher: Cipher, database: Database) -> None:
    barrier, tokens = threading.Barrier(50), []

    def write() -> None:
        barrier.wait()
        tokens.append(cipher.encrypt(TEXT, **HERE))

    threads = [threading.Thread(target=write) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 50
    assert len({Envelope.parse(token).key_id for token in tokens}) == 1
    assert all(cipher.decrypt(token, **HERE) == TEXT for token in tokens)


# -- nonces -----------------------------------------------------------------------------------------------------------


def test_children_of_a_fork_draw_other_nonces(cipher: Cipher) -> None:
    cipher.encrypt(TEXT, **HERE)  # whatever state there might be is there before the fork
    reading, writing = os.pipe()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:  # no test may run on in the child
            try:
                os.write(writing, "".join(f"{cipher.encrypt(TEXT, **HERE)}\n" for _ in range(20)).encode())
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    os.close(writing)
    with os.fdopen(reading) as lines:
        found = [Envelope.parse(line.strip()) for line in lines]
    assert len(found) == 80
    assert len({e.nonce for e in found}) == len({e.wrapped for e in found}) == 80


def test_a_restored_snapshot_that_draws_the_same_numbers_does_not_use_a_key_twice(cipher: Cipher) -> None:
    def snapshot() -> Cipher:
        left = iter(bytes([n]) * 64 for n in range(100))
        return Cipher(cipher.keys, random=lambda n: next(left)[:n])

    one, two = snapshot().encrypt("pay ann", **HERE), snapshot().encrypt("pay bob", **HERE)
    a, b = Envelope.parse(one), Envelope.parse(two)
    assert a.nonce == b.nonce  # the random numbers did repeat
    assert a.wrapped != b.wrapped  # the keys did not
    assert [cipher.decrypt(t, **HERE) for t in (one, two)] == ["pay ann", "pay bob"]
    moved = snapshot().encrypt("pay ann", **{**HERE, "row": "18"})
    assert Envelope.parse(moved).wrapped != a.wrapped


def test_a_restart_draws_other_nonces(settings: Settings, ready: Settings) -> None:
    script = (
        "from shopr.config import Settings\nfrom shopr.storage import Database\n"
        "from shopr.security.crypto import Cipher\n"
        "s = Settings(); c = Cipher.open(s, Database.open(s))\n"
        "print(*(c.encrypt('x', table='t', row='1', subject='ann') for _ in range(20)))"
    )
    tokens = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        tokens += done.stdout.split()
    found = [Envelope.parse(token) for token in tokens]
    assert len({e.nonce for e in found}) == len({e.wrapped for e in found}) == 40
    assert len({e.key_id for e in found}) == 1  # the second process found the first one's keys
    with Database.open(settings) as database:
        cipher = Cipher.open(settings, database)
        assert {cipher.decrypt(t, table="t", row="1", subject="ann") for t in tokens} == {"x"}


# -- keyrings ---------------------------------------------------------------------------------------------------------


def test_the_keyring_is_made_on_first_use_for_its_owner_alone(settings: Settings) -> None:
    path = keyring_file(settings)
    ring = FileKeyring(path)
    assert path.parent == settings.home / "keys"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert FileKeyring(path).active() == ring.active()
    assert "secret" not in repr(ring.keys) + repr(ring)


def test_a_keyring_that_others_may_read_is_refused(settings: Settings) -> None:
    FileKeyring(keyring_file(settings))
    keyring_file(settings).chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        FileKeyring(keyring_file(settings))


@pytest.mark.parametrize("text", ["", "{}", '{"keys": 1}', '{"keys": []}', '{"keys": [{"id": "a", "secret": "eA=="}]}'])
def test_a_damaged_keyring_is_refused_and_kept(settings: Settings, text: str) -> None:
    path = keyring_file(settings)
    FileKeyring(path)
    path.write_text(text)
    with pytest.raises(ConfigError):
        FileKeyring(path)
    assert path.read_text() == text


def test_a_keyring_that_is_gone_is_named(settings: Settings) -> None:
    ring = FileKeyring(keyring_file(settings))
    keyring_file(settings).unlink()
    with pytest.raises(StorageError, match="Restore the folder of keys"):
        ring.active()


def test_two_processes_that_make_the_keyring_at_once_get_the_same(settings: Settings) -> None:
    path, found, barrier = keyring_file(settings), [], threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        found.append(FileKeyring(path).active())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_eight_rotations_at_once_lose_no_key(settings: Settings) -> None:
    rings = [FileKeyring(keyring_file(settings)) for _ in range(8)]
    threads = [threading.Thread(target=ring.rotate) for ring in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = [key.state for key in FileKeyring(keyring_file(settings)).keys]
    assert states == ["retired"] * 8 + ["active"]


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, settings: Settings, ready: Settings) -> None:
    old, new = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    with Database.open(settings) as database:
        monkeypatch.setenv("SHOPR_KEYS", f"old:{old}")
        token = Cipher.open(settings, database).encrypt(TEXT, **HERE)
        assert not keyring_file(settings).exists()
        assert settings.misspelt() == {}
        monkeypatch.setenv("SHOPR_KEYS", f"new:{new}, old:{old}")
        cipher = Cipher.open(settings, database)
        assert cipher.decrypt(token, **HERE) == TEXT
        assert cipher.keys.rewrap() == 0
        monkeypatch.setenv("SHOPR_KEYS", f"new:{new}")
        assert Cipher.open(settings, database).decrypt(token, **HERE) == TEXT


@pytest.mark.parametrize("value", ["x", "a:b", "a:QUJD", ":" + "A" * 44, "a:" + "QUFB" * 20])
def test_a_bad_list_of_keys_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ConfigError) as error:
        Keyring.from_environment({"SHOPR_KEYS": value})
    assert value not in str(error.value)


def test_production_makes_up_no_key(tmp_path: Path, ready: Settings) -> None:
    settings = Settings(environment="production", home=tmp_path / "prod")  # type: ignore[arg-type]
    with Database.open(ready) as database, pytest.raises(ConfigError, match="shopr keys create"):
        Cipher.open(settings, database)


def test_a_keyring_needs_exactly_one_active_key() -> None:
    one = MasterKey("a", b"1" * 32)
    for keys in ((), (one, MasterKey("b", b"2" * 32)), (MasterKey("a", b"1" * 32, "retired"),)):
        with pytest.raises(ConfigError, match="active"):
            Keyring(keys)
    with pytest.raises(ConfigError, match="same id"):
        Keyring((one, MasterKey("a", b"2" * 32, "retired")))


# -- inside another store's transaction -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_store_may_encrypt_inside_its_own_transaction(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "sqlite":
        database: Database = request.getfixturevalue("database")
    else:
        database = Database.open(url=request.getfixturevalue("postgres_url"))
    cipher = Cipher(DataKeys(database, Keyring.generate(), Tombstones(tmp_path / "gone"), clock=ManualClock()))
    with database.begin():  # a new person's first message: the key is made here
        tokens = [cipher.encrypt(TEXT, **HERE) for _ in range(3)]
        assert cipher.decrypt(tokens[0], **HERE) == TEXT
    assert [cipher.decrypt(token, **HERE) for token in tokens] == [TEXT] * 3
    assert len({Envelope.parse(token).key_id for token in tokens}) == 1
    database.close()


def test_a_key_that_was_rolled_back_is_not_used_again(cipher: Cipher, database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.begin():
        lost = cipher.encrypt(TEXT, **HERE)
        raise ZeroDivisionError
    with pytest.raises(SecurityError):
        cipher.decrypt(lost, **HERE)
    kept = cipher.encrypt(TEXT, **HERE)
    assert Envelope.parse(kept).key_id != Envelope.parse(lost).key_id
    assert cipher.decrypt(kept, **HERE) == TEXT
