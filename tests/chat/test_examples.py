"""The examples of what shoppers say: whole, told apart, and the held-out ones kept apart."""

from __future__ import annotations

import pytest

from shopr.chat.commands import NAMES
from shopr.chat.examples import HERE, MEANT, read_examples
from shopr.chat.lexicon import LANGUAGES

LEAST = {"en": 25}
LEAST_OF_OTHERS = 15


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!?。！？؟।")


def test_requests_are_answered_by_commands_that_there_are() -> None:
    assert set().union(*MEANT.values()) <= NAMES


def test_there_are_two_files_a_language_and_no_others() -> None:
    names = {path.name for path in HERE.glob("*.yaml")}
    assert names == {f"{code}{part}.yaml" for code in LANGUAGES for part in ("", ".held")}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_request_has_enough_examples_of_which_a_fifth_is_held_out(language: str) -> None:
    shown, held = read_examples(language), read_examples(language, held_out=True)
    assert list(shown) == list(held)
    assert set(shown) == set(MEANT)
    for intent, texts in shown.items():
        total = len(texts) + len(held[intent])
        assert total >= LEAST.get(language, LEAST_OF_OTHERS), intent
        assert len(held[intent]) == total // 5, intent


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_message_stands_twice(language: str) -> None:
    every = [
        _plain(text)
        for held_out in (False, True)
        for texts in read_examples(language, held_out=held_out).values()
        for text in texts
    ]
    assert all(every)
    assert sorted({text for text in every if every.count(text) > 1}) == []
