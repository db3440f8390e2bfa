"""Canonicalisation: what is hidden comes out, in bounded rounds, views and memory; a fixed point stays one."""

from __future__ import annotations

import base64
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.security.canonical import MAX_ROUNDS, MAX_VIEWS, SIDE_VIEWS, canonical, views
from shopr.security.canonical.decoding import base64_texts, decode_percent
from shopr.security.canonical.folding import fold, is_plain_character
from shopr.security.canonical.views import GROWTH
from shopr.security.training.disguise import DISGUISES

HOSTILE = st.text(
    alphabet=st.one_of(
        st.sampled_from("%2527<>'\"&#x;\\u{}abcdef0123456789/*!+ \t\n-=()^$@`,."),
        st.sampled_from("ａ＇\u200b\xad\x00аеос’“﷼ﬁℌ"),
        st.characters(),
    ),
    max_size=200,
)


def texts(text: str) -> list[str]:
    return [view.text for view in views(text)]


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("%27%20or%201", "' or 1"),
        ("%252527", "'"),
        ("%u0027 or", "' or"),
        ("&#x27;&#111;r&lt;", "'or<"),
        (r"\u0027\x3c\u{3e}", "'<>"),
        ("..%c0%af..%e0%80%af", "../../"),
        ("%c0%ae%c1%9c", ".\\"),
        ("%c0%ee%c0%2f", "./"),
        ("ｓｅｌｅｃｔ＇", "select'"),
        ("sel\u200bect s\xadcript u\x00nion", "select script union"),
        ("ѕеlесt frоm", "select from"),
        ("‘x’ “y”", "'x' \"y\""),
        ("union/**/select", "union select"),
        ("un/*x*/ion", "union"),
        ("/*!50000select*/ 1", "select 1"),
        ("c'a't ${IFS}/etc", "cat  /etc"),
        ("w\\hoami", "whoami"),
        ("'al'+'ert'", "'alert'"),
        ("1+union+select", "1 union select"),
        (r"x\nid\n", "x\nid\n"),
        ("j\na\nv\na", "java"),
    ],
)
def test_what_is_hidden_comes_out(hidden: str, shown: str) -> None:
    assert shown in texts(hidden)


@pytest.mark.parametrize("name", sorted(DISGUISES))
def test_every_disguise_comes_off(name: str) -> None:
    plain = "1' union select 1, 2 from users where 'a' = 'a"
    found = [t.lower() for t in texts(DISGUISES[name](plain, np.random.default_rng(1)))]
    assert any("union select 1, 2 from users where 'a' = 'a" in " ".join(t.split()) for t in found)


def test_base64_is_read_where_it_holds_text_even_cut() -> None:
    whole = base64.b64encode(b"alert(document.cookie)").decode()
    assert "alert(document.cookie)" in texts(f"eval(atob('{whole}'))")
    assert any("document.cookie" in one for one in base64_texts(whole[2:]))
    assert base64_texts("internationalisation") == []
    assert base64_texts("12345678901234567890") == []


@pytest.mark.parametrize("text", ["привет, как дела", "où est l'été", "我想买红色的连衣裙", "Ελληνικά", "naïve café"])
def test_plain_text_of_any_language_stays_as_it_is(text: str) -> None:
    assert canonical(text) == text


def test_rounds_are_bounded() -> None:
    once = "<script>"
    for _ in range(MAX_ROUNDS + 2):
        once = quote(once, safe="")
    found = views(once)
    assert len([view for view in found if view.name not in SIDE_VIEWS]) <= MAX_ROUNDS + 2
    assert "<script>" not in found[-1].text


def test_invalid_escapes_are_left_alone() -> None:
    assert decode_percent("100% of %zz") == "100% of %zz"
    assert canonical(r"\u{110000} &#xffffff; %ud800") == r"\u{110000} " + canonical("&#xffffff;") + " %ud800"


@given(HOSTILE)
def test_views_are_distinct_few_and_bounded(text: str) -> None:
    found = views(text)
    assert found[0].text == text
    assert len(found) <= MAX_VIEWS
    assert len({view.text for view in found}) == len(found)
    assert all(len(view.text) <= max(len(text), GROWTH * len(text) + 1000) for view in found)


@given(HOSTILE)
def test_a_fixed_point_is_its_own_reading(text: str) -> None:
    last = text
    for _ in range(40):
        following = canonical(last)
        if following == last:
            break
        last = following
    assert canonical(last) == last
    assert [view.text for view in views(last) if view.name not in SIDE_VIEWS] == [last]


@given(HOSTILE)
def test_folding_folds_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_plain_characters() -> None:
    assert is_plain_character("é")
    assert is_plain_character("я")
    assert not is_plain_character("а")  # Cyrillic, drawn like the Latin a
    assert not is_plain_character("ｓ")
    assert not is_plain_character("\u200b")
