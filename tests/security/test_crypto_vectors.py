"""Project Wycheproof's vectors, and a few of the standards' own that need no other data."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shopr.errors import InputError, SecurityError
from shopr.security.crypto_aead import derive, open_sealed, seal, unwrap, wrap


def vectors(shared_data: Path, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    file = json.loads((shared_data / "security" / "crypto" / f"{name}_test.json").read_text(encoding="utf-8"))
    for group in file["testGroups"]:
        for test in group["tests"]:
            yield group, test


def raw(test: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(test[name]) for name in names]


def test_every_aes_256_gcm_vector_agrees_and_every_other_size_is_refused(shared_data: Path) -> None:
    agreed = refused = 0
    for group, test in vectors(shared_data, "aes_gcm"):
        key, nonce, associated, message, sealed, tag = raw(test, "key", "iv", "aad", "msg", "ct", "tag")
        if (group["keySize"], group["ivSize"]) != (256, 96):
            refused += 1
            with pytest.raises(InputError, match="bits"):
                seal(key, nonce, message, associated)
            with pytest.raises(InputError, match="bits"):
                open_sealed(key, nonce, sealed + tag, associated)
            continue
        agreed += 1
        assert group["tagSize"] == 128
        if test["result"] == "valid":
            assert seal(key, nonce, message, associated) == sealed + tag
            assert open_sealed(key, nonce, sealed + tag, associated) == message
        else:
            with pytest.raises(SecurityError):
                open_sealed(key, nonce, sealed + tag, associated)
    assert agreed >= 60
    assert refused >= 200


def test_every_aes_kwp_vector_of_256_bits_agrees(shared_data: Path) -> None:
    agreed = 0
    for group, test in vectors(shared_data, "aes_kwp"):
        key, message, wrapped = raw(test, "key", "msg", "ct")
        if group["keySize"] != 256:
            with pytest.raises(InputError):
                unwrap(key, wrapped)
        elif test["result"] == "invalid":
            with pytest.raises(SecurityError):
                unwrap(key, wrapped)
        else:  # "acceptable" concerns the length of the key alone
            agreed += 1
            assert unwrap(key, wrapped) == message
            assert wrap(key, message) == wrapped
    assert agreed >= 15


def test_every_hkdf_vector_agrees(shared_data: Path) -> None:
    agreed = 0
    for _, test in vectors(shared_data, "hkdf_sha256"):
        key, salt, info = raw(test, "ikm", "salt", "info")
        if test["result"] == "invalid":
            with pytest.raises(InputError, match="Ask for 1 to 8160"):
                derive(key, info, salt=salt, length=test["size"])
        else:
            agreed += 1
            assert derive(key, info, salt=salt, length=test["size"]).hex() == test["okm"]
    assert agreed >= 80


def test_every_hmac_vector_agrees(shared_data: Path) -> None:
    for group, test in vectors(shared_data, "hmac_sha256"):
        key, message, tag = raw(test, "key", "msg", "tag")
        same = hmac.compare_digest(hmac.digest(key, message, "sha256")[: group["tagSize"] // 8], tag)
        assert same is (test["result"] == "valid"), test["tcId"]


def test_known_answers_without_other_data() -> None:
    # NIST's test case 16 of "The Galois/Counter Mode of Operation", RFC 5869's first case.
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    message = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        "b16aedf5aa0de657ba637b39"
    )
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = seal(key, bytes.fromhex("cafebabefacedbaddecaf888"), message, associated)
    assert sealed[-16:].hex() == "76fc6ece0f4e1768cddf8853bb2d551b"
    okm = derive(b"\x0b" * 22, bytes(range(0xF0, 0xFA)), salt=bytes(range(13)), length=42)
    assert okm.hex().startswith("3cb25f25faacd57a90434f64d0362f2a")


@pytest.mark.parametrize("size", [0, 1, 8, 11, 13, 16, 32, 128])
def test_no_other_nonce_size_is_taken(size: int) -> None:
    with pytest.raises(InputError, match="Only 96-bit nonces"):
        seal(b"k" * 32, b"n" * size, b"text", b"")


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
def test_no_other_key_size_is_taken(size: int) -> None:
    for call in (lambda k: seal(k, b"n" * 12, b"", b""), lambda k: wrap(k, b"x"), lambda k: unwrap(k, b"x" * 16)):
        with pytest.raises(InputError):
            call(b"k" * size)
