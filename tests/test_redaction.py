"""What goes, what stays, and that no text takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.redaction import covered, is_card, is_iban, names_a_person, redact, redact_values, redacted, suspect


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to ann.lee+shop@mail.example.co.uk, please", "write to [e-mail], please"),
        ("Пишите на ivan@почта.рф сегодня", "Пишите на [e-mail] сегодня"),
        ("card 4111 1111 1111 1111 exp 12/29", "card [card] exp 12/29"),
        ("5500-0000-0000-0004", "[card]"),
        ("378282246310005", "[card]"),
        ("４１１１ １１１１ １１１１ １１１１", "[card]"),
        ("٤١١١١١١١١١١١١١١١", "[card]"),
        ("pay to DE89 3704 0044 0532 0130 00 now", "pay to [account] now"),
        ("GB29NWBK60161331926819", "[account]"),
        ("call +44 20 7946 0958 or 020 7946 0958", "call [phone] or [phone]"),
        ("ring (555) 123-4567 / 555-123-4567", "ring [phone] / [phone]"),
        ("+49 (0)30 901820", "[phone]"),
        ("+49 30 90 18 20 7", "[phone]"),
        ("pwd=abc", "pwd=[secret]"),
        ("my pin is 471", "my pin is [secret]"),
        ("my password is hunter2!", "my password is [secret]"),
        ("api_key=abc123def", "api_key=[secret]"),
        ("PIN: 4711", "PIN: [secret]"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [secret]"),
        ("postgresql://shop:s3cret@db/shop", "postgresql://shop:[secret]@db/shop"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123", "[token]"),
        ("sk_0123456789abcdef_" + "0f" * 32, "[token]"),
        ("ghp_" + "a1" * 18, "[token]"),
        ("AKIAIOSFODNN7EXAMPLE", "[token]"),
        ("id 9f86d081884c7d659a2feaa0c55ad015", "id [token]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "[key]"),
    ],
)
def test_personal_data_and_secrets_go(text: str, left: str) -> None:
    assert redact(text) == left
    assert suspect(text)  # the quick look misses none


@pytest.mark.parametrize(
    "text",
    [
        "2 black mugs for £12.50, please",
        "order 20260101-000123 of 2026-01-01 10:15:00",
        "01-01-2026",
        "product P001169, EAN 4006381333931",
        "size 10-12, 100 x 200 cm, 1,234,567.89",
        'a 27" monitor with 2560x1440 at 144 Hz',
        "4111 1111 1111 1112",  # fails the check: a number, no card
        "my pin badge, a token of love, the secret garden",
        "@home at 5pm",
        "203.0.113.7",
        "https://shop.example/p/1234567890?ref=mail",
        "Donaudampfschifffahrtsgesellschaftskapitän",
        "0 items",
    ],
)
def test_what_shoppers_say_stays(text: str) -> None:
    assert redact(text) == text


def test_finds_are_counted_by_kind() -> None:
    found = redacted("a@b.example and c@d.example, 4111111111111111")
    assert found.text == "[e-mail] and [e-mail], [card]"
    assert found.found == {"e-mail": 2, "card": 1}


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact("a@b.example password=hunter22 4111111111111111 +44 20 7946 0958")
    assert redact(once) == once


def test_values_inside_other_values_are_found_and_secrets_go_by_name() -> None:
    given = {
        "user": {"mail": "a@b.example", "Password": "x", "tries": 3},
        "list": ["4111111111111111", None, True],
        "csrf_token": 1,
    }
    assert redact_values(given) == {
        "user": {"mail": "[e-mail]", "Password": "[secret]", "tries": 3},
        "list": ["[card]", None, True],
        "csrf_token": "[secret]",
    }
    deep: dict[str, object] = {}
    deep["again"] = deep
    assert "[too deep]" in str(redact_values(deep))


def test_luhn_and_iban_are_checked() -> None:
    assert is_card("4111111111111111")
    assert not is_card("4111111111111112")
    assert not is_card("0000000000000000")
    assert is_iban("GB29 NWBK 6016 1331 9268 19")
    assert not is_iban("GB28 NWBK 6016 1331 9268 19")


@given(text=st.text(max_size=300))
def test_any_text_can_be_redacted(text: str) -> None:
    assert isinstance(redact(text), str)


HOSTILE = ["a@", "a.", "4 ", "1-", "0/", "(0", "+1 ", "e1.", "eyJa.", "x://a:", "password: ", "DE89 ", "a=", "aA1+"]


@pytest.mark.parametrize("part", [*HOSTILE, "-----BEGIN PRIVATE KEY-----"])
def test_no_text_takes_long(part: str) -> None:
    def seconds(length: int) -> float:
        text = (part * length)[:length]
        begun = time.process_time()
        redact(text)
        return time.process_time() - begun

    # Quadratic time would be 16 times as long for 4 times the text, and minutes for the longest one.
    assert seconds(64_000) < 40 * max(seconds(16_000), 0.01)


def test_what_is_too_long_to_look_at_is_not_kept() -> None:
    found = redact("x" * 100_000 + " a@b.example")
    assert found.endswith("[12 characters]")
    assert "example" not in found


@given(st.text(max_size=200) | st.from_regex(r"[a-z ]{0,9}[+(]?[0-9 ().-]{5,18}[a-z ]{0,5}", fullmatch=True))
def test_the_quick_look_misses_nothing(text: str) -> None:
    assert suspect(text) or redact(text) == text


def test_what_names_a_person_is_covered() -> None:
    assert covered("mail ann@example.org of https://example.org/ann, art. 12345678", "#") == "mail # of # art. #"
    assert names_a_person("ann@example.org")
    assert names_a_person("+44 20 7946 0958")
    assert not names_a_person("u0042")
