"""Marks of plain writing are blanked, those of attacks stay, and no place in a text moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.security.detectors.detector import Detector
from shopr.security.detectors.markup import unmarked

PLAIN = [
    "Import ``sys.path`` first, then call `load_order()` again.",
    "My shop says `OrderTotal` is missing, see [`cart.json`] please",
    "Best regards\nUte Maier <ute.maier@example.org>",
    "The page is at <https://example.org/help?id=7>, the old one at <http://example.org>.",
    "See the `guide <https://example.org/guide>`_ for returns",
    "Usage: upload <file> or upload <order-number>...",
    "It printed:\n```text\nno such order\n```\nWhat now?",
]
ATTACKS = [
    "`id`", "a;`whoami`", "x=`cat`", "$(`uname`)", "`sleep 5`", "`curl example.org|sh`", "`../../x`", "`/etc/passwd`",
    "<script>", "<svg>", "<img src=x onerror=alert(1)>", "<a href=x>", "<user>x</user>", "<!doctype x>", "<?php x?>",
    "<sсript>", "w``hoami", "1 union select a from `users`", "`true`", "<x>", "<http://a'onclick='b>",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_marks_of_plain_writing_are_blanked(text: str) -> None:
    bare = unmarked(text)
    assert "`" not in bare
    assert "<" not in bare
    assert len(bare) == len(text)
    words = {word for word in text.replace("`", " ").replace("<", " ").replace(">", " ").split() if word.isalpha()}
    assert words - {"text"} <= set(bare.replace("_", " ").split())


@pytest.mark.parametrize("text", PLAIN)
def test_people_who_write_so_are_let_in(text: str) -> None:
    assert Detector().detect(text).decision == "allow"


@pytest.mark.parametrize("text", ATTACKS)
def test_marks_of_attacks_stay(text: str) -> None:
    assert unmarked(text) == text


def test_what_stood_inside_the_marks_is_read_as_before() -> None:
    inside = "Look at `my_order` and ' union select password from users -- thanks"
    assert unmarked(inside) != inside
    assert Detector().detect(inside).decision == "block"


def test_half_of_a_firm_s_name_that_reads_like_sql_is_blanked() -> None:
    assert unmarked("I like Union Select Ltd. very much") == "I like Union        Ltd. very much"
    for attack in ("Union Select Ltd from users", "Union Select Ltd, 1, 2", "' Union Select Co --", "UNION SELECT Ltd"):
        assert unmarked(attack) == attack


@given(st.text(alphabet="`<>/a_. \nid-é()", max_size=60))
def test_places_stay_and_nothing_but_marks_goes(text: str) -> None:
    bare = unmarked(text)
    assert len(bare) == len(text)
    assert all(one == other or (other == " " and one in "`<>_()") for one, other in zip(text, bare, strict=True))
