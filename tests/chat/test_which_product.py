"""Which of the products shown, or of those in the cart, a message means, and what is to be done with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shopr.chat.commands import Command
from shopr.chat.need import Need
from shopr.chat.reading.reader import Reader
from shopr.chat.shelf import Shelf
from shopr.chat.state import State, placed
from shopr.chat.text import clean
from shopr.chat.understanding.interpreter import Interpreter
from tests.chat.shop import Talk, catalog

SHELF = Shelf(catalog())
SHOWN = ["h1", "h2", "h3", "h4", "h6"]
LISTED = State(turn=2, topic="search", need=Need(concepts=("headphones",)), shown=SHOWN, listed="search")
COMPARED = replace(LISTED, topic="product", focus=["h1", "h3"])
BOUGHT = replace(LISTED, topic="cart", focus=["h2"], touched=["h2"], before={"h2": 0})


def commands(text: str, language: str, state: State, cart: tuple[str, ...] = ()) -> list[Command]:
    readings = Reader(lambda: SHELF).read(clean(text).text, language)
    prices = dict.fromkeys(SHOWN, 1999)
    return Interpreter(SHELF, "EUR").commands(readings, replace(state, language=language), cart=cart, prices=prices)


def done(text: str, language: str, state: State, cart: tuple[str, ...] = ()) -> tuple[str, tuple[str, ...], int | None]:
    """The only command: its name, products and pieces."""
    (command,) = commands(text, language, state, cart)
    return command.name, command.ids, command.quantity


@pytest.mark.parametrize(
    ("language", "text", "product"),
    [
        ("en", "cool, the second", "h2"),
        ("en", "alright number two", "h2"),
        ("en", "the bottom one'll do", "h6"),
        ("de", "der erste tuts", "h1"),
        ("fr", "super, le troisième", "h3"),
        ("fr", "allez, la 2", "h2"),
        ("es", "genial, la tercera", "h3"),
        ("it", "perfetto, la terza", "h3"),
        ("pt", "ótimo, a terceira", "h3"),
        ("nl", "top, de derde", "h3"),
        ("tr", "süper, ilki", "h1"),
        ("hi", "chalo teesra", "h3"),
        ("ar", "تمام، الثاني", "h2"),
        ("zh", "那就第一个", "h1"),
        ("ja", "OK、一つ目", "h1"),
    ],
)
def test_praise_and_a_place_take_what_is_there(language: str, text: str, product: str) -> None:
    assert done(text, language, LISTED) == ("add", (product,), None)


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "the second one"), ("en", "ok and the second?"), ("en", "cool, what about the second"), ("fr", "la 2e ?")],
)
def test_a_place_that_is_only_named_or_asked_about_is_told_of(language: str, text: str) -> None:
    assert done(text, language, LISTED) == ("details", ("h2",), None)


@pytest.mark.parametrize(("language", "text"), [("en", "the second"), ("fr", "la 2e"), ("de", "den zweiten")])
def test_a_bare_place_is_taken_from_a_new_list_by_somebody_who_buys(language: str, text: str) -> None:
    assert done(text, language, LISTED, ("m1",)) == ("add", ("h2",), None)


@pytest.mark.parametrize(
    ("language", "text", "product"),
    [
        ("en", "i'll take the 3", "h3"),
        ("de", "ich nehm die 3", "h3"),
        ("fr", "je prends le trois", "h3"),
        ("es", "me quedo con el 2", "h2"),
        ("it", "prendo la 3", "h3"),
        ("pt", "fico com o 3", "h3"),
        ("nl", "ik neem de 2", "h2"),
        ("tr", "3'ü alıyorum", "h3"),
        ("hi", "2 नंबर वाला दे दो", "h2"),
        ("ja", "3番ください", "h3"),
    ],
)
def test_a_number_behind_an_article_is_a_place(language: str, text: str, product: str) -> None:
    assert done(text, language, COMPARED) == ("add", (product,), None)


@pytest.mark.parametrize(
    ("language", "text"), [("it", "ne prendo 3"), ("de", "nehm ich 3 davon"), ("fr", "j'en prends 3")]
)
def test_a_number_without_an_article_is_pieces(language: str, text: str) -> None:
    state = replace(COMPARED, focus=["h3"])
    assert done(text, language, state) == ("add", ("h3",), 3)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "right, two of no. 1 then", ("h1", 2)),
        ("fr", "et trois de la 3", ("h3", 3)),
        ("de", "zwei von der 3", ("h3", 2)),
        ("es", "ponme tres de la 2", ("h2", 3)),
        ("it", "due della 3", ("h3", 2)),
        ("pt", "dois do 3", ("h3", 2)),
        ("hi", "doosri ke do packet rakh do tokri me", ("h2", 2)),
        ("zh", "第二个来两个", ("h2", 2)),
    ],
)
def test_pieces_of_a_place(language: str, text: str, expected: tuple[str, int]) -> None:
    product, pieces = expected
    assert done(text, language, LISTED) == ("add", (product,), pieces)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "swap the second for the third"),
        ("en", "the third instead of the second"),
        ("de", "tausch den zweiten gegen den dritten"),
        ("fr", "échange le 2 contre le 3"),
        ("es", "cambia el segundo por el tercero"),
        ("it", "cambia il secondo con il terzo"),
        ("pt", "troca o segundo pelo terceiro"),
        ("nl", "ruil de tweede om voor de derde"),
        ("tr", "ikincinin yerine üçüncüyü koy"),
        ("hi", "दूसरे की जगह तीसरा डाल दो"),
        ("ar", "شيلي التانية وحطي مكانها التالتة"),
        ("zh", "把第二个换成第三个"),
        ("ja", "二番目を三番目に替えて"),
    ],
)
def test_one_thing_of_the_cart_for_another(language: str, text: str) -> None:
    (command,) = commands(text, language, BOUGHT, ("h1", "h2"))
    assert (command.name, command.ids, command.value) == ("correct_item", ("h3",), "h2")


@pytest.mark.parametrize(
    ("language", "text", "pieces"),
    [
        ("en", "and drop the other to one", 1),
        ("en", "make the other one three", 3),
        ("de", "die anderen auf zwei runter", 2),
        ("es", "y el otro déjalo en uno", 1),
        ("it", "e l'altro portalo a due", 2),
        ("pt", "e o outro deixa em um", 1),
        ("zh", "另一个改成两个", 2),
    ],
)
def test_the_pieces_of_the_other_thing(language: str, text: str, pieces: int) -> None:
    assert done(text, language, BOUGHT, ("h1", "h2")) == ("set_quantity", ("h1",), pieces)


@pytest.mark.parametrize(
    ("language", "text", "products"),
    [
        ("en", "go with the latter", ("h3",)),
        ("en", "the former please", ("h1",)),
        ("de", "dann letzteren", ("h3",)),
        ("zh", "要后者", ("h3",)),
        ("ja", "後者で", ("h3",)),
        ("fr", "je prends les deux", ("h1", "h3")),
        ("nl", "allebei graag", ("h1", "h3")),
        ("zh", "两个都要", ("h1", "h3")),
    ],
)
def test_of_a_pair(language: str, text: str, products: tuple[str, ...]) -> None:
    assert done(text, language, COMPARED) == ("add", products, None)


@pytest.mark.parametrize(
    ("language", "text"), [("en", "one of each"), ("es", "uno de cada"), ("pt", "um de cada"), ("ar", "واحد من كل نوع")]
)
def test_one_of_each_is_of_the_pair_and_of_no_long_list(language: str, text: str) -> None:
    assert commands(text, language, COMPARED)[0].ids == ("h1", "h3")
    assert not any(c.name == "add" and len(c.ids) > 1 for c in commands(text, language, LISTED))


@pytest.mark.parametrize(
    ("language", "text", "product"),
    [
        ("en", "put the middle one in my cart", "h3"),
        ("fr", "mets celle du haut dans le panier", "h1"),
        ("de", "den ganz unten bitte", "h6"),
        ("es", "el del medio porfa", "h3"),
        ("it", "quella in cima, mettila", "h1"),
        ("tr", "ortadakini sepete at", "h3"),
        ("ar", "بدي اللي فوق", "h1"),
        ("zh", "倒数第一个给我来一个", "h6"),
        ("ja", "真ん中のをカートに入れて", "h3"),
    ],
)
def test_a_place_by_where_it_stands(language: str, text: str, product: str) -> None:
    name, ids, _ = done(text, language, LISTED)
    assert (name, ids) == ("add", (product,))


@pytest.mark.parametrize(
    ("language", "text", "after"),
    [
        ("en", "first one. ring it up", "checkout"),
        ("en", "first one and what's the total", "total"),
        ("es", "ponme la primera y cuánto es", "total"),
        ("de", "den ersten, was macht das", "total"),
    ],
)
def test_the_bill_right_after_a_place_takes_it(language: str, text: str, after: str) -> None:
    first, second = commands(text, language, LISTED)
    assert (first.name, first.ids, second.name) == ("add", ("h1",), after)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "en qué cambian el segundo y el tercero"),
        ("ja", "二個目と三個目くらべて"),
        ("ar", "إيش يفرق الثاني عن الثالث"),
    ],
)
def test_how_two_places_differ_is_a_comparison(language: str, text: str) -> None:
    assert done(text, language, LISTED)[:2] == ("compare", ("h2", "h3"))


def test_the_middle_is_there_only_of_an_odd_number() -> None:
    assert placed(SHOWN, [0, -1, 9]) == ("h3", "h6")
    assert placed(SHOWN[:4], [0]) == ()


def test_a_swap_keeps_the_pieces(talk: Talk) -> None:
    talk.all("headphones", "three of the first", "one of the second")
    shown = [p.id for p in talk.say("headphones").products]
    cart = {line.id: line.qty for line in talk.say("swap number 1 with number 3").cart}
    assert cart == {shown[1]: 1, shown[2]: 3}


@pytest.mark.parametrize(
    ("language", "text", "places"),
    [
        ("de", "vom ersten zwei und vom dritten einen", (("h1", "h3"), "2 1")),
        ("en", "two of the first and one of the third", (("h1", "h3"), "2 1")),
        ("es", "ponme dos del primero y tres del tercero", (("h1", "h3"), "2 3")),
    ],
)
def test_each_place_has_its_own_pieces(language: str, text: str, places: tuple[tuple[str, ...], str]) -> None:
    (command,) = commands(text, language, LISTED)
    assert (command.name, command.ids, command.value) == ("add", *places)


@pytest.mark.parametrize(
    ("language", "text"), [("en", "I'll take the cheaper of the two"), ("es", "me llevo el más barato de los dos")]
)
def test_the_cheaper_of_a_pair_is_one(language: str, text: str) -> None:
    state = replace(COMPARED, focus=["h2", "h3"])
    readings = Reader(lambda: SHELF).read(text, language)
    prices = {"h2": 4999, "h3": 2999}
    (command,) = Interpreter(SHELF, "EUR").commands(readings, replace(state, language=language), cart=[], prices=prices)
    assert (command.name, command.ids) == ("add", ("h3",))


def test_thanks_behind_places_take_them() -> None:
    assert done("il primo e il terzo, grazie", "it", LISTED) == ("add", ("h1", "h3"), None)
    assert done("thanks, and the third?", "en", LISTED) == ("details", ("h3",), None)


def test_the_first_one_of_arabic_is_one() -> None:
    assert done("ضيف أول وحدة", "ar", LISTED) == ("add", ("h1",), None)


def test_which_of_two_compared_is_cheaper_is_one_question() -> None:
    assert done("1 vs 2, which is cheaper?", "en", LISTED)[:2] == ("compare", ("h1", "h2"))
