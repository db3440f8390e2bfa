"""Language identification: short messages, hostile ones, the conversation as prior, agreement with py3langid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shopr.chat.language import RTL, SUPPORTED, direction, identify

SENTENCES = yaml.safe_load(Path(__file__).with_name("language_sentences.yaml").read_text(encoding="utf-8"))


def test_short_messages_are_told_apart() -> None:
    pairs = [(code, text) for code, texts in SENTENCES.items() for text in texts]
    wrong = [(code, identify(text).language, text) for code, text in pairs if identify(text).language != code]
    assert len(wrong) <= 0.02 * len(pairs), wrong


@pytest.mark.parametrize("code", ["pl", "ru", "ko", "sv", "el", "he", "th", "uk", "hu"])
def test_a_language_the_shop_does_not_speak_is_called_so(code: str) -> None:
    found = [identify(text) for text in SENTENCES[code]]
    assert all(one.language == code and not one.supported for one in found)


@pytest.mark.parametrize("text", ["HP", "ok", "A1001", "1574598", "usb", "?", "", "   ", "🙂🙂", "Canon Pixma"])
@pytest.mark.parametrize("previous", ["de", "zh", "ar"])
def test_what_says_nothing_keeps_the_language_of_the_conversation(text: str, previous: str) -> None:
    assert identify(text, previous=previous).language == previous


def test_a_message_may_switch_the_language() -> None:
    assert identify("Können Sie das auf Deutsch sagen? Unter 80 Euro bitte", previous="en").language == "de"
    assert identify("show me something cheaper", previous="de").language == "en"
    assert identify("ilkini sepete ekle", previous="en").language == "tr"


def test_an_english_product_name_does_not_switch_it() -> None:
    assert identify("was kostet Logitech Wireless Mouse M185?").language == "de"
    assert identify("播放 The Two Gladiators").language == "zh"


def test_what_is_known_before_the_first_message_decides_a_bare_product() -> None:
    assert identify("wireless mouse", default="de").language == "de"
    assert identify("HDMI-Kabel", default="en").language == "de"


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text: str) -> None:
    found = identify(text, languages=SUPPORTED)
    assert found.language in SUPPORTED
    assert 0.0 <= found.confidence <= 1.0


def test_the_answer_does_not_depend_on_what_was_asked_before() -> None:
    first = identify("où est mon colis")
    for text in ("hello", "你好", "merhaba"):
        identify(text)
    assert identify("où est mon colis") == first


def test_only_the_beginning_of_a_long_message_is_looked_at() -> None:
    assert identify("where is my parcel please " * 20 + "ich und du " * 10_000).language == "en"


def test_directions() -> None:
    assert {direction(code) for code in RTL} == {"rtl"}
    assert direction("ar-EG") == "rtl"
    assert direction("de") == "ltr"


def test_shared_sets_hold_their_bar(shared_data: Path) -> None:
    shop = json.loads((shared_data / "chat" / "shop_sentences.json").read_text(encoding="utf-8"))
    pairs = [(code, text) for code, texts in shop.items() for text in texts]
    assert sum(identify(text, languages=shop).language == code for code, text in pairs) >= 0.99 * len(pairs)
