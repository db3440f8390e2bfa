"""Rules about the cart: adding, taking out, quantities, corrections, looking at it."""

from __future__ import annotations

from shopr.chat.commands import Command
from shopr.chat.need import Need
from shopr.chat.state import placed
from shopr.chat.understanding.pieces import MOST, counts_relatively, pieces_off, places_by_number, quantity
from shopr.chat.understanding.scene import Scene

__all__ = ["cart_command"]

_LISTS = frozenset("search cheaper dearer more recommend trending new deals similar resume".split())


def cart_command(scene: Scene) -> Command | None:
    """What a clause asks of the cart; None where it is about something else."""
    bounded = bool(scene.reading.prices) and scene.state.topic == "search"  # "monte à 150-400"
    looking = 0 if bounded else max(scene.asks("show_cart"), scene.asks("total"))
    if scene.asks("clear_cart"):
        return Command("clear_cart")
    relative = _relative(scene) or _several(scene)
    if relative is not None:
        return relative
    corrected = _correction(scene)
    if corrected is not None:
        return corrected
    if scene.asks("remove") and scene.asks("remove") >= scene.asks("add"):
        removed = _remove(scene)
        if removed is not None:
            return removed
    summed = not bounded and scene.asks("total") >= max(scene.asks("add"), scene.asks("cheaper"), 1)
    if summed and not scene.need.has_subject and not (scene.reading.placed and scene.asks("price_of")):
        return Command("total")
    if scene.asks("add") and scene.asks("add") > scene.asks("show_cart") - 1:
        added = _add(scene)
        if added is not None:
            return added
    inserted = _into_cart(scene)
    if inserted is not None:
        return inserted
    if looking and looking >= scene.asks("cheaper") and not scene.need.has_subject:
        return Command("total" if scene.asks("total") >= scene.asks("show_cart") else "show_cart")
    if scene.marks("cart_word") and scene.bare and not scene.reading.asks:
        return Command("show_cart")
    if scene.asks("checkout") and scene.asks("checkout") > scene.asks("find") - 1:
        return Command("checkout")
    return None


def _into_cart(scene: Scene) -> Command | None:
    """What is pointed at with a word for the cart, or once more after something was put in, without a verb."""
    reading = scene.reading
    other = scene.asks(
        "remove", "compare", "details", "price_of", "stock", "order_status", "return", "similar", "total"
    )
    if other or scene.marks("negation_before", "no") or not (reading.placed or reading.ids):
        return None
    going_on = scene.state.topic == "cart" or bool(scene.cart)
    again = (
        going_on and (scene.marks("also") or scene.asks("another")) and scene.bare_of_subject and not scene.asks("find")
    )
    again = again and scene.asks("more") < 2  # كمان is "more" and "also"
    if not (again or scene.marks("cart_word")) or scene.asks("show_cart") > 2:
        return None
    ids = scene.pointed()
    return Command("add", ids=ids, quantity=quantity(scene)) if ids else None


def _correction(scene: Scene) -> Command | None:
    """A change of what was just put into the cart: "make that five", "I meant the third one"."""
    state, reading = scene.state, scene.reading
    fresh = state.topic == "cart" and bool(state.touched)
    said = scene.marks("correction", "only") or scene.asks("set_quantity")
    pieces = quantity(scene)
    named = scene.pointed(among=[*state.shown]) if reading.placed or reading.ids else ()
    if scene.asks("remove") and not scene.asks("set_quantity"):
        return None
    kind = _kind_put_in(scene) if said and pieces is not None else ()
    if kind and not scene.asks("find", "add", "more"):
        return Command("set_quantity", ids=kind, quantity=pieces)
    counted = scene.asks("set_quantity") > 1 or (said and state.topic == "cart")
    if counted and pieces is not None and (state.touched or named) and not scene.need.concepts:
        if scene.asks("add") and not scene.marks("correction") and not scene.asks("set_quantity"):
            return None
        return Command("set_quantity", ids=named or _still_in(scene), quantity=pieces)
    bare = not reading.has_need and not scene.asks("add", "remove", "more", "compare", "order_status", "total")
    alone = (bare and reading.counts and not reading.placed and pieces) or (_just_number(scene) and pieces is not None)
    if alone and fresh:
        return Command("set_quantity", ids=tuple(state.touched), quantity=pieces)  # "I need two of them"
    wrong = scene.marks("correction", "no") or scene.asks("set_quantity") or reading.refused_places
    if wrong and fresh and named and pieces is None and not scene.asks("remove", "compare", "details", "add"):
        return Command("correct_item", ids=named)
    return None


def _kind_put_in(scene: Scene) -> tuple[str, ...]:
    """What was put in last, named by its kind while another is looked for: "no, just two packs of batteries"."""
    kinds = set(scene.need.concepts)
    if not kinds or kinds & set(scene.state.need.concepts) or scene.need.brands or scene.need.names:
        return ()
    fitting = scene.pointed(among=[i for i in scene.state.touched if i in scene.cart])
    return fitting if set(fitting) <= set(scene.state.touched) else ()


def _still_in(scene: Scene) -> tuple[str, ...]:
    """What was put in last, where it is still there; else the only thing in the cart."""
    touched = tuple(i for i in scene.state.touched if i in scene.cart)
    return touched or (tuple(scene.cart) if len(scene.cart) == 1 else tuple(scene.state.touched))


def _relative(scene: Scene) -> Command | None:
    """More or less of what was put in last: "double that", "two more of them", "one less"."""
    state = scene.state
    if state.topic != "cart" or not state.touched or scene.need.has_subject or scene.reading.placed:
        return None
    if scene.asks("double"):
        return Command("set_quantity", ids=tuple(state.touched), value="double")
    taken = scene.asks("remove") and not scene.asks("fewer")
    other = scene.asks("set_quantity") or scene.reading.prices or scene.marks("correction", "only")
    if taken or (other and not counts_relatively(scene)):
        return None
    pieces = next((n for n in scene.counts if 1 <= n <= MOST), 1 if scene.asks("another") > 1 else None)
    if pieces is None:
        return None
    if scene.asks("fewer"):
        return Command("set_quantity", ids=tuple(state.touched), quantity=pieces, value="fewer")
    if scene.asks("another") or (scene.asks("more") and not scene.asks("find", "add")):
        return Command("set_quantity", ids=tuple(state.touched), quantity=pieces, value="more")
    return None


def _unwanted(scene: Scene) -> Need | None:
    """What is to go from the search rather than from the cart: "lose the Canons", where no Canon was put in."""
    need, reading = scene.need, scene.reading
    named = need.brands or need.colours or need.materials
    searching = scene.state.topic == "search" and bool(scene.state.need)
    if not (named and searching and scene.asks("remove") > scene.asks("add", "find", "set_quantity")):
        return None
    other = bool(reading.placed or reading.ids or reading.counts or reading.prices or need.concepts or need.names)
    other = other or len(reading.keys("brand")) > 1 or len(reading.keys("colours")) > 1  # "scrap Samsung, LG instead"
    if other or scene.marks("cart_word") or scene.pointed(among=scene.cart):
        return None
    return Need(not_brands=need.brands, not_colours=need.colours, not_materials=need.materials)


def _several(scene: Scene) -> Command | None:
    """Each place with its own pieces: "two of the first and one of the third"."""
    reading, shown = scene.reading, scene.state.shown
    counts, places = [n for n in reading.counts if 1 <= n.value <= MOST], reading.ordinals
    if (
        len(places) < 2
        or len(counts) != len(places)
        or len(reading.ordinal_at) != len(places)
        or not scene.marks("of", "quantity")
    ):
        return None
    if scene.asks("remove", "compare", "details", "stock", "price_of"):
        return None
    order = sorted(range(len(places)), key=lambda i: reading.ordinal_at[i])
    marks = [(c.start, "count") for c in counts] + [(p, "place") for p in reading.ordinal_at]
    kinds = [kind for _, kind in sorted(marks)]
    if kinds[::2] != [kinds[0]] * len(places) or kinds[1::2] != [kinds[1]] * len(places):
        return None  # neither "two of the first and …" nor "of the first two, …"
    ids = placed(shown, [places[i] for i in order])
    if len(ids) != len(places):
        return None
    pieces = " ".join(str(int(c.value)) for c in counts)
    return Command("add", ids=ids, value=pieces)


def _lists(scene: Scene) -> bool:
    """Whether an earlier clause of the message makes a new list."""
    return any(c.name in _LISTS for c in scene.before)


def _places(scene: Scene) -> str:
    """The places named, as numbers from 1 or, from the end, from -1."""
    places = list(scene.reading.ordinals)
    if scene.reading.group is not None:
        which, n = scene.reading.group
        places += range(1, n + 1) if which == "first" else range(-n, 0)
    return " ".join(str(p) for p in places)


def _just_number(scene: Scene) -> bool:
    """Whether a clause is hardly more than a number: "five please", "five, not four"."""
    words = sum(t.kind in ("word", "number") for t in scene.reading.tokens)
    few = 3 if not scene.marks("negation_before", "correction") else 6
    return bool(scene.counts) and words <= few and not scene.reading.asks and not scene.reading.has_need


def _remove(scene: Scene) -> Command | None:
    reading = scene.reading
    unwanted = _unwanted(scene)
    if unwanted is not None:
        return Command("search", unwanted)
    if not (reading.points or scene.need.concepts or scene.need.brands or scene.marks("cart_word")):
        if scene.state.topic != "cart":
            return None
        return Command("remove", ids=tuple(scene.state.touched[:1]), quantity=pieces_off(scene))
    if scene.need.price_max is not None or (not scene.cart and not reading.points):
        return None
    others = [i for i in scene.cart if i not in scene.state.touched]
    if "other" in reading.references and len(others) == 1:
        return Command("remove", ids=tuple(others))
    shown = [i for i in scene.pointed() if i in scene.cart]
    ids = shown or list(scene.pointed(among=scene.cart))
    unnamed = not (scene.need.concepts or scene.need.brands or reading.ordinals or reading.ids)
    if not ids and (reading.references or unnamed) and scene.state.touched:  # "out of the cart", without an "it"
        ids = [i for i in scene.state.touched if i in scene.cart]
    if not ids and not (reading.points or scene.marks("cart_word")):
        return None
    return Command("remove", scene.need, ids=tuple(ids), quantity=pieces_off(scene))


_QUESTIONS = (
    "delivery arrival good_price compare order_status stock trending details total return help who_are_you repeat "
    "return_policy memory_show discount"
).split()


def _add(scene: Scene) -> Command | None:
    reading, state = scene.reading, scene.state
    if scene.asks(*_QUESTIONS) > max(scene.asks("add"), 1):
        return None  # "how long does shipping take"
    pieces = quantity(scene)
    if _lists(scene) and (reading.ordinals or reading.group) and not reading.ids:
        return Command("add", quantity=pieces, value=_places(scene))  # of the list that this message asks for
    narrows = (scene.need.brands or scene.need.colours) and scene.marks("only") and state.topic == "search"
    if narrows and not (reading.points or scene.marks("cart_word") or reading.counts):
        return None  # "only Philips"
    ids = scene.pointed()
    if reading.prices and state.need and not (ids or scene.marks("cart_word") or scene.need.has_subject):
        return None  # "put it at 150 to 400"
    numbered = places_by_number(scene) if not ids and not scene.need.concepts else ()
    if numbered:
        return Command("add", ids=numbered)
    if not ids and pieces is not None and not reading.points and state.focus == [] and pieces <= len(state.shown):
        ids, pieces = (state.shown[pieces - 1],), None
    plain = not ids and not scene.need.has_subject
    if plain and not reading.points and state.topic in ("product", "cart") and state.focus:
        ids = tuple(state.focus[:1])
    elif plain and len(state.shown) == 1:
        ids = tuple(state.shown)
    if not ids and scene.need.has_subject and scene.asks("add") < 2 and not scene.marks("cart_word"):
        return None  # "I take it you have headphones": a search
    if not ids and not scene.need.has_subject and not (reading.points or scene.marks("cart_word") or state.shown):
        return None
    return Command("add", scene.need, ids=ids, quantity=pieces)
