"""Words and messages of every language: complete, equal placeholders, plural forms as CLDR has them, no conflicts."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from importlib.resources import files

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from shopr.chat.lexicon import LANGUAGES, lexicon, missing
from shopr.chat.reading.tokens import fold

OTHERS = [code for code in LANGUAGES if code != "en"]


@cache
def catalog(code: str) -> Catalog:
    with files("shopr.chat").joinpath("locales", code, "messages.po").open("rb") as lines:
        return read_po(lines, locale=code)


def _forms(message: object) -> list[str]:
    string = message.string  # type: ignore[attr-defined]
    return list(string) if isinstance(string, (list, tuple)) else [string]


def _names(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@cache
def _english() -> dict[str, object]:
    return {m.id[0] if isinstance(m.id, tuple) else m.id: m for m in catalog("en") if m.id and not m.context}


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated_and_none_is_strange(code: str) -> None:
    mine = [m for m in catalog(code) if m.id]
    plain = {m.id[0] if isinstance(m.id, tuple) else m.id for m in mine if not m.context}
    assert plain == set(_english())
    assert all(text.strip() for m in mine for text in _forms(m))
    assert {m.context for m in mine} <= {None, "informal"}


@pytest.mark.parametrize("code", OTHERS)
def test_placeholders_are_those_of_english(code: str) -> None:
    for message in catalog(code):
        if not message.id:
            continue
        key = message.id[0] if isinstance(message.id, tuple) else message.id
        wanted = set().union(*(_names(text) for text in _forms(_english()[key])))
        assert all(_names(text) == wanted for text in _forms(message)), (code, key)


@pytest.mark.parametrize("code", LANGUAGES)
def test_plural_forms_are_as_many_as_the_language_has(code: str) -> None:
    own = catalog(code)
    # CLDR's "many" of Romance languages is for millions, which gettext's rules leave to the last form.
    expected = {"many"} if code in {"fr", "es", "it", "pt"} else set()
    assert own.num_plurals == len((set(Locale(code).plural_form.tags) | {"other"}) - expected)
    assert all(len(_forms(m)) == own.num_plurals for m in own if isinstance(m.id, tuple))


@pytest.mark.parametrize("code", OTHERS)
def test_few_messages_are_left_in_english(code: str) -> None:
    same = [
        key for m in catalog(code) if m.id and not m.context
        for key in [m.id[0] if isinstance(m.id, tuple) else m.id]
        for text in [_forms(m)[-1]]
        if text == _forms(_english()[key])[-1] and re.search(r"[a-z]{3}", re.sub(r"\{\w+\}", "", text))
    ]  # fmt: skip
    assert set(same) <= {"status_pending", "cart_total", "compare_stock", "quick_no", "details_none"}, same


@pytest.mark.parametrize("code", LANGUAGES)
def test_messages_are_plain(code: str) -> None:
    for message in catalog(code):
        if message.id:
            for text in _forms(message):
                assert not re.search(r"[!！<>]|[\U0001f300-\U0001faff]", text), (code, text)


@pytest.mark.parametrize("code", OTHERS)
def test_the_lexicon_has_every_key_of_english(code: str) -> None:
    assert not any(missing(code).values())


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_word_names_two_colours_numbers_or_kinds(code: str) -> None:
    words = lexicon(code)
    tables = {
        "numbers": words.numbers,
        "colours": words.colours,
        "materials": words.materials,
        "languages": words.languages,
    }
    for name, table in tables.items():
        owners = Counter(fold(w) for ws in table.values() for w in {fold(x) for x in ws})
        assert not [w for w, n in owners.items() if n > 1], (code, name)


@pytest.mark.parametrize("code", OTHERS)
def test_few_words_name_two_kinds_of_product(code: str) -> None:
    owners = Counter(w for ws in lexicon(code).concepts.values() for w in {fold(x) for x in ws})
    twice = [w for w, n in owners.items() if n > 1]
    assert len(twice) <= 12, twice
