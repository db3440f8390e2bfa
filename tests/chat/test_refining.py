"""Refinements as people say them: amounts said instead, values taken back, limits lifted, kinds by their use."""

from __future__ import annotations

import pytest

from tests.chat.test_spoken import bounds


@pytest.mark.parametrize(
    ("language", "text", "bound"),
    [
        ("en", "max 150, ok 170 then", ("max", 170)),
        ("de", "bis 80, ach komm 100", ("max", 100)),
        ("fr", "à moins de 100, allez 120", ("max", 120)),
        ("es", "hasta 400 máximo, bueno 600", ("max", 600)),
        ("it", "massimo 100, dai 120", ("max", 120)),
        ("pt", "até 100, pronto 120", ("max", 120)),
        ("nl", "tot 100, nou vooruit 120", ("max", 120)),
        ("tr", "en fazla 100, hadi 120 olsun", ("max", 120)),
        ("hi", "100 tak, chalo 120", ("max", 120)),
        ("zh", "两百以内,算了三百也行", ("max", 300)),
        ("ja", "100ユーロ以下、いや120ユーロで", ("max", 120)),
    ],
)
def test_an_amount_said_instead_takes_the_place_of_the_one_that_bounded(
    language: str, text: str, bound: tuple[str, int]
) -> None:
    assert bounds(text, language)[-1] == bound  # the later of two bounds holds


@pytest.mark.parametrize(
    ("language", "text", "bound"),
    [
        ("en", "under 50, 20 of them please", ("max", 50)),
        ("en", "under 50, ok 2 then", ("max", 50)),
        ("de", "bis 100, ja und 30 Stück", ("max", 100)),
    ],
)
def test_pieces_behind_a_bound_are_no_amount_said_instead(language: str, text: str, bound: tuple[str, int]) -> None:
    assert bounds(text, language) == [bound]


@pytest.mark.parametrize(
    ("language", "text", "amount"),
    [
        ("de", "was unter nem zehner", 10),
        ("nl", "onder een tientje", 10),
        ("it", "sotto una cinquantina", 50),
        ("es", "hasta 25 euritos", 25),
        ("tr", "20 yi geçmeyenlerden göster", 20),
        ("ar", "آخري 500", 500),
        ("ar", "ما تفوتش 200", 200),
        ("ja", "80ユロー以下て", 80),
    ],
)
def test_amounts_as_they_are_called(language: str, text: str, amount: int) -> None:
    assert bounds(text, language) == [("max", amount)]
