"""Passwords and keys of programs."""

from __future__ import annotations

import pytest

from shopr.clock import ManualClock
from shopr.errors import InputError
from shopr.security.apikeys import ApiKeys, origin_of
from shopr.security.passwords import Passwords
from shopr.storage import Database, SubjectStores

QUICK = Passwords(time_cost=1, memory_kib=64, lanes=1)
SITE = "https://shop.example"


@pytest.fixture
def keys(database: Database, clock: ManualClock) -> ApiKeys:
    return ApiKeys(database, clock=clock, hasher=QUICK)


def test_passwords_are_argon2id_with_the_recommended_cost() -> None:
    stored = Passwords().hash("correct horse battery staple")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "horse" not in stored
    assert Passwords().verify(stored, "correct horse battery staple")


def test_a_password_fits_its_own_hash_alone() -> None:
    stored = QUICK.hash("correct horse battery staple")
    assert stored != QUICK.hash("correct horse battery staple")
    for wrong in ("correct horse battery stapl", "Correct horse battery staple", "", "x" * 100_000):
        assert not QUICK.verify(stored, wrong)
    assert not QUICK.verify(None, "nobody has this password")
    assert not QUICK.verify("rubbish", "correct horse battery staple")


def test_the_same_password_from_another_keyboard_fits() -> None:
    assert QUICK.verify(QUICK.hash("\u00dcbergr\u00f6\u00dfe 12"), "U\u0308bergro\u0308\u00dfe 12")


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 1025])
def test_too_short_and_too_long_passwords_are_refused(password: str) -> None:
    with pytest.raises(InputError, match="bounds are 12 and 1024"):
        QUICK.hash(password)


def test_a_hash_with_other_parameters_is_outdated() -> None:
    stored = QUICK.hash("correct horse battery staple")
    assert not QUICK.is_outdated(stored)
    assert Passwords(time_cost=2, memory_kib=64, lanes=1).is_outdated(stored)


def test_a_secret_key_is_shown_once_and_stored_as_a_hash(keys: ApiKeys, database: Database) -> None:
    text, made = keys.create("ann", "nightly import", scopes=["import"])
    assert keys.authenticate(text) == made
    with database.read() as connection:
        stored = connection.exec_driver_sql("SELECT secret_hash FROM api_keys").scalar()
    assert str(stored).startswith("$argon2id$")
    assert text.split("_")[2] not in str(stored) + repr(made)
    assert len(text.split("_")[2]) == 64


def test_wrong_keys_are_none(keys: ApiKeys) -> None:
    text, made = keys.create("ann", "import")
    flipped = text[:-1] + ("0" if text[-1] != "0" else "1")
    for wrong in ("", "sk_", text[:-1], flipped, f"sk_{'0' * 16}_{'0' * 64}", f"pk_{made.id}", text + "\n", "é" * 300):
        assert keys.authenticate(wrong, origin=SITE) is None
    assert keys.authenticate(text) == made  # also after it is remembered
    assert keys.authenticate(flipped) is None


def test_a_revoked_or_expired_key_is_none_at_once(keys: ApiKeys, clock: ManualClock) -> None:
    text, made = keys.create("ann", "import", days=1)
    other, _ = keys.create("ann", "export", days=None)
    assert keys.authenticate(text)
    clock.advance(86_401)
    assert keys.authenticate(text) is None
    assert keys.authenticate(other)
    assert [key.label for key in keys.of("ann")] == ["import", "export"]
    assert keys.revoke(keys.authenticate(other).id)  # type: ignore[union-attr]
    assert keys.authenticate(other) is None
    assert keys.revoke(made.id)
    assert not keys.revoke(made.id)


def test_a_publishable_key_is_bound_to_its_origins(keys: ApiKeys) -> None:
    text, made = keys.create(
        "ann", "widget", kind="publishable", origins=["https://Shop.example:443/", "http://localhost:3000"]
    )
    assert made.origins == (SITE, "http://localhost:3000")
    assert keys.authenticate(text, origin=SITE) == made
    for origin in (
        None,
        "",
        "null",
        "https://shop.example.evil.test",
        "http://shop.example",
        "https://shop.example:444",
    ):
        assert keys.authenticate(text, origin=origin) is None


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "publishable"},
        {"origins": [SITE]},
        {"kind": "publishable", "origins": ["*"]},
        {"kind": "publishable", "origins": ["https://*.example"]},
        {"kind": "publishable", "origins": ["javascript:alert(1)"]},
        {"kind": "publishable", "origins": ["https://shop.example/path"]},
        {"kind": "other"},
        {"days": 0},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(keys: ApiKeys, given: dict[str, object]) -> None:
    with pytest.raises(InputError):
        keys.create("ann", "x", **given)  # type: ignore[arg-type]


def test_an_erased_person_has_no_keys(keys: ApiKeys, database: Database, clock: ManualClock) -> None:
    text, _ = keys.create("ann", "import")
    assert SubjectStores(database, clock=clock).erase("ann")["api_keys"] == 1
    assert keys.authenticate(text) is None


def test_an_origin_has_one_spelling() -> None:
    assert origin_of("HTTPS://Shop.Example:443/") == SITE
    assert origin_of("http://[::1]:8080") == "http://[::1]:8080"
    with pytest.raises(InputError):
        origin_of("https://ann@shop.example")
    with pytest.raises(InputError):
        origin_of("https://shop.example:99999")
