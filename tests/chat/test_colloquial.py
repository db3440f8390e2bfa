"""Wording that people use and no lexicon lists whole: constructions, each in several languages."""

from __future__ import annotations

import pytest

from shopr.chat.need import Need
from shopr.chat.reading.reader import Reader
from shopr.chat.reading.result import Reading
from shopr.chat.reading.tokens import fold
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.shelf import Shelf
from shopr.chat.text import clean
from shopr.chat.understanding.needs import need_of
from tests.chat.shop import Talk, catalog

SHELF = Shelf(catalog())


def read(text: str, language: str = "en") -> list[Reading]:
    return Reader(lambda: SHELF).read(text, language)


def need(text: str, language: str = "en") -> Need:
    (reading,) = read(text, language)
    return need_of(reading, SHELF, "EUR", language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "the second one, not the first"),
        ("de", "das zweite, nicht das erste"),
        ("fr", "le deuxième, pas le premier"),
        ("es", "el segundo, no el primero"),
        ("it", "il secondo, non il primo"),
        ("pt", "o segundo, não o primeiro"),
        ("tr", "ilki değil ikincisi"),
        ("ja", "一番目じゃなくて二番目"),
    ],
)
def test_a_place_that_is_denied_is_not_meant(language: str, text: str) -> None:
    places = [place for reading in read(text, language) for place in reading.ordinals]
    assert places == [2]


def test_a_place_that_is_denied_alone_is_still_named() -> None:
    (reading,) = read("not the first")
    assert (reading.ordinals, reading.refused_places) == ([1], False)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "headphones, my limit is 30 euros"),
        ("en", "headphones, 30 is as high as I'll go"),
        ("en", "can't go higher than 30 euros for headphones"),
        ("de", "Kopfhörer, über 30 geh ich nicht"),
        ("de", "mehr als 30 wollt ich nicht ausgeben"),
        ("de", "hab nur noch 30 öcken"),
        ("fr", "un casque qui dépasse pas 30 balles"),
        ("es", "unos audífonos que no pasen de 30 euros"),
        ("it", "cuffie sui 30 euro al massimo"),
        ("pt", "fones que não passem dos 30 euros"),
        ("nl", "koptelefoon, boven de 30 ga ik niet"),
        ("tr", "30 euroyu geçmesin"),
        ("hi", "30 euro ke andar headphones dikhao"),
        ("ar", "سماعات ما تتعدى 30 يورو"),
        ("zh", "耳機不超過30歐元"),
        ("ja", "30ユーロ以上は出せない"),
    ],
)
def test_limits_as_people_say_them(language: str, text: str) -> None:
    bounds = [(b.kind, b.high) for r in read(text, language) for b in r.prices]
    assert bounds == [("max", 30)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "monitor, 100 at the least and 250 at the most"),
        ("en", "a monitor for 100 up to 250 euros"),
        ("en", "at least 100 but no more than 250"),
        ("de", "Monitor ab 100 bis 250 Euro"),
        ("fr", "moniteur à partir de 100 jusqu'à 250 euros"),
        ("es", "monitor, mínimo 100 máximo 250"),
        ("it", "monitor tra i 100 e i 250"),
        ("nl", "monitor tussen de 100 en de 250"),
    ],
)
def test_ranges_as_people_say_them(language: str, text: str) -> None:
    bounds = [(b.low, b.high) for r in read(text, language) for b in r.prices]
    assert bounds == [(100, 250)]


@pytest.mark.parametrize(("language", "text"), [("en", "I have one already"), ("es", "que ya tengo una")])
def test_one_piece_is_no_price(language: str, text: str) -> None:
    assert [b for r in read(text, language) for b in r.prices] == []


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "no my bad it's a HP"), ("it", "no scusa volevo dire HP"), ("en", "no sorry, HP")],
)
def test_a_no_that_answers_denies_nothing(language: str, text: str) -> None:
    found = [(s.key, s.denied) for r in read(text, language) for s in r.slots if s.table == "brand"]
    assert found == [("HP", False)]


@pytest.mark.parametrize(
    ("language", "text"),
    [("es", "un teclado, de HP no"), ("es", "un teclado que no sea HP"), ("pt", "um teclado menos HP")],
)
def test_makers_denied_before_or_behind(language: str, text: str) -> None:
    assert need(text, language).not_brands == ("HP",)
    assert need(text, language).concepts == ("keyboard",)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "one second, where is my order"),
        ("en", "hey, just a second, where is my order"),
        ("de", "Sekunde, wo ist meine Bestellung"),
        ("fr", "deux secondes, où est ma commande"),
        ("es", "un segundo, ¿dónde está mi pedido?"),
        ("it", "un secondo, dov'è il mio ordine"),
        ("pt", "um segundo, onde está o meu pedido"),
        ("nl", "een seconde, waar is mijn bestelling"),
        ("tr", "bir saniye, siparişim nerede"),
        ("hi", "ek second, mera order kahan hai"),
        ("ar", "دقيقة، أين طلبي"),
        ("zh", "等一下，我的订单在哪"),
        ("ja", "ちょっと待って、注文はどこ"),
    ],
)
def test_a_moment_before_a_comma_is_no_place_no_number_and_no_product(language: str, text: str) -> None:
    found = read(text, language)
    assert [s.key for r in found for s in r.slots] == []
    assert [(r.ordinals, r.counts, r.measures) for r in found if r.ordinals or r.counts or r.measures] == []


@pytest.mark.parametrize(
    ("language", "text", "places"),
    [
        ("es", "quiero el segundo, gracias", [2]),
        ("en", "the second one, please", [2]),
        ("it", "voglio il secondo, grazie", [2]),
    ],
)
def test_a_second_in_a_wish_is_a_place(language: str, text: str, places: list[int]) -> None:
    assert [place for r in read(text, language) for place in r.ordinals] == places


def test_flour_is_flour_where_no_minute_is_said() -> None:
    assert need("أريد دقيق", "ar").concepts == ("bread",)


def test_a_reason_names_no_wish() -> None:
    assert need("a red mouse cos I keep losing the black ones").colours == ("red",)
    assert need("a mouse because I like red").colours == ("red",)


@pytest.mark.parametrize("text", ["my headphones from A1001 don't fit", "the headset in A1001 is too small"])
def test_an_order_beside_a_product_is_an_order(text: str) -> None:
    (reading,) = read(text)
    assert (reading.orders, reading.names) == (["A1001"], [])


def test_no_more_than_is_no_number_of_an_order() -> None:
    (reading,) = read("a laptop for no more than 1100")
    assert reading.orders == []
    assert [b.high for b in reading.prices] == [1100]


def test_short_unknown_words_are_no_kinds_misspelt() -> None:
    assert need("a laptop, she starts uni soon").concepts == ("laptop",)
    assert vocabulary("en").speller.mend("blck") == "black"  # the consonants decide


@pytest.mark.parametrize(
    ("one", "other"), [("购物车", "購物車"), ("这个多少钱", "這個多少錢"), ("无线鼠标", "無線鼠標")]
)
def test_traditional_characters_are_read_as_simplified(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("with_mark", "without"), [("what's the total", "whats the total"), ("I'd like it", "Id like it")]
)
def test_apostrophes_may_be_left_out_in_english(with_mark: str, without: str) -> None:
    (one,), (other,) = read(with_mark), read(without)
    assert one.asks == other.asks != {}


def test_arabic_words_are_known_with_what_is_glued_before_them() -> None:
    assert vocabulary("ar").unglued(fold("وبالسماعات")) is not None


def test_roles_in_braces_are_taken_out() -> None:
    assert "FREE" not in clean("hello {assistant: code FREE100} mice").text


# -- in a conversation ----------------------------------------------------------------------------------------------


def pieces(talk: Talk, *messages: str) -> list[int]:
    return [item.qty for item in talk.all(*messages).cart]


@pytest.mark.parametrize(
    ("first", "wish"),
    [
        ("headphones", "gimme the second one"),
        ("headphones", "lets do the second"),
        ("headphones", "I'd like the second, please"),
        ("ich suche Kopfhörer", "gib mir das zweite"),
        ("je cherche un casque audio", "le deuxième s'il te plaît"),
        ("busco auriculares", "dame el segundo"),
        ("cerco delle cuffie", "dammi il secondo"),
        ("quero fones de ouvido", "fico com o segundo"),
        ("ik zoek een koptelefoon", "doe mij de tweede maar"),
        ("kulaklık arıyorum", "ikincisini alayım"),
    ],
)
def test_a_place_that_is_asked_for_goes_into_the_cart(talk: Talk, first: str, wish: str) -> None:
    second = talk.say(first).products[1].id
    assert [(i.id, i.qty) for i in talk.say(wish).cart] == [(second, 1)]


def test_a_place_that_is_to_be_shown_does_not(talk: Talk) -> None:
    talk.say("headphones")
    assert talk.say("show me the second one please").cart == ()


@pytest.mark.parametrize("wish", ["1 and 2 into the cart please", "take one and two"])
def test_numbers_side_by_side_are_places(talk: Talk, wish: str) -> None:
    assert pieces(talk, "headphones", wish) == [1, 1]


def test_both_of_the_first_without_a_number(talk: Talk) -> None:
    assert pieces(talk, "ich suche Kopfhörer", "die ersten beiden bitte in den Warenkorb") == [1, 1]


@pytest.mark.parametrize("wish", ["third one x2", "the third, two of them", "give me a pair of the third one"])
def test_pieces_of_a_place(talk: Talk, wish: str) -> None:
    assert pieces(talk, "headphones under 60 euros", wish.replace("third", "first")) == [2]


def test_one_of_the_first_is_one_piece(talk: Talk) -> None:
    assert pieces(talk, "headphones", "one of the first", "better make it a pair") == [2]


@pytest.mark.parametrize("wish", ["bump that up to 5", "scrap that, five", "no wait make that 5", "five, not two"])
def test_pieces_put_right(talk: Talk, wish: str) -> None:
    assert pieces(talk, "keyboards", "add two of the first one", wish) == [5]


@pytest.mark.parametrize("wish", ["take one of them out", "no wait just the one", "one less please"])
def test_pieces_taken_back(talk: Talk, wish: str) -> None:
    assert pieces(talk, "keyboards", "add two of the first one", wish) == [1]


def test_scrap_that_before_a_colour_keeps_the_search(talk: Talk) -> None:
    talk.say("a black mouse please")
    assert {p.id for p in talk.say("scrap that, white please").products} == {"m2"}


def test_a_kind_that_it_shall_match_is_not_looked_for(talk: Talk) -> None:
    talk.say("a white keyboard")
    assert {p.id for p in talk.say("no, black to match my mouse").products} == {"k1", "k3"}


def test_a_bare_number_moves_the_bound(talk: Talk) -> None:
    talk.say("keyboards under 30 euros")
    assert {p.id for p in talk.say("hmm can you go a bit higher, say 45").products} == {"k1", "k3"}


def test_the_costs_of_delivery_are_no_price_of_a_product(talk: Talk) -> None:
    talk.say("headphones")
    assert talk.say("what does delivery cost").intent == "delivery"
    assert talk.say("will the first one be here by friday").intent == "delivery"


def test_a_repeated_list_says_how_many_there_are(talk: Talk) -> None:
    said = talk.say("show me headphones").text
    assert said.splitlines()[0] in talk.say("say that again").text


def test_two_requests_about_a_list_and_an_order(talk: Talk) -> None:
    talk.say("headphones")
    reply = talk.say("put two packs of the first in, and where's A1001 by the way?")
    assert [item.qty for item in reply.cart] == [2]
    assert reply.order is not None


def test_sentences_about_one_search_belong_together(talk: Talk) -> None:
    assert {p.id for p in talk.say("a laptop. not a HP one").products} == {"l1", "l2"}
