"""Rules about the cart: adding, taking out, quantities, corrections, looking at it."""

from __future__ import annotations

from shopr.chat.commands import Command
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.understanding.scene import Scene

__all__ = ["cart_command"]

_MOST = 999
_LISTS = frozenset("search cheaper dearer more recommend trending new deals similar resume".split())


def cart_command(scene: Scene) -> Command | None:
    """What a clause asks of the cart; None where it is about something else."""
    looking = max(scene.asks("show_cart"), scene.asks("total"))
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
    if scene.asks("total") and scene.asks("total") >= scene.asks("add") and not scene.need.has_subject:
        return Command("total")
    if scene.asks("add") and scene.asks("add") > scene.asks("show_cart") - 1:
        added = _add(scene)
        if added is not None:
            return added
    placed = _into_cart(scene)
    if placed is not None:
        return placed
    if looking and not scene.need.has_subject:
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
    again = scene.state.topic == "cart" and scene.marks("also") and scene.bare_of_subject
    if not (again or scene.marks("cart_word")) or scene.asks("show_cart") > 2:
        return None
    ids = scene.pointed()
    return Command("add", ids=ids, quantity=_quantity(scene)) if ids else None


def _quantity(scene: Scene) -> int | None:
    """Pieces named in the clause: the first number that is not the "one" of "the second one"."""
    for number in scene.reading.counts:
        token = scene.reading.tokens[number.start]
        wordy = not token.key.isdigit() and number.value == 1
        before = scene.reading.tokens[number.start - 1].key if number.start else ""
        if _denied(scene, number.start):
            continue  # "four, not five"
        placed = wordy and (scene.reading.ordinals or "this" in scene.reading.references or scene.marks("one"))
        alone = not (scene.reading.points or scene.reading.has_need) and scene.marks("correction", "only")
        if placed and not alone and before not in ("add", "take", "only", "just"):
            continue  # "the black one"; but "sorry, I only need one"
        if number.value == int(number.value) and 0 <= number.value <= _MOST:
            return int(number.value)
    return None


def _denied(scene: Scene, place: int) -> bool:
    """Whether a word of denial stands right before a number."""
    if not place or not scene.marks("negation_before"):
        return False
    found = vocabulary(scene.state.language).book.find(scene.reading.tokens[max(place - 3, 0) : place])
    return any(m.key == "negation_before" and m.end == min(place, 3) for m in found)


def _correction(scene: Scene) -> Command | None:
    """A change of what was just put into the cart: "make that five", "I meant the third one"."""
    state = scene.state
    said = scene.marks("correction") or scene.asks("set_quantity") or scene.marks("only")
    quantity = _quantity(scene)
    named = scene.pointed(among=[*state.shown]) if scene.reading.placed or scene.reading.ids else ()
    counted = scene.asks("set_quantity") > 1 or (said and state.topic == "cart")
    if scene.asks("remove") and not scene.asks("set_quantity"):
        return None
    if counted and quantity is not None and (state.touched or named) and not scene.need.concepts:
        if scene.asks("add") and not scene.marks("correction") and not scene.asks("set_quantity"):
            return None
        return Command("set_quantity", ids=named or tuple(state.touched), quantity=quantity)
    bare = not scene.reading.has_need and not scene.asks("add", "remove", "more", "compare", "order_status", "total")
    if (
        bare
        and scene.reading.counts
        and not scene.reading.placed
        and state.topic == "cart"
        and state.touched
        and quantity
    ):
        return Command("set_quantity", ids=tuple(state.touched), quantity=quantity)  # "I need two of them"
    if _just_number(scene) and state.topic == "cart" and state.touched and quantity is not None:
        return Command("set_quantity", ids=tuple(state.touched), quantity=quantity)
    wrong = (scene.marks("correction", "no") or scene.asks("set_quantity")) and state.topic == "cart" and state.touched
    if wrong and named and quantity is None and not scene.asks("remove", "compare", "details", "add"):
        return Command("correct_item", ids=named)
    return None


def _relative(scene: Scene) -> Command | None:
    """More or less of what was put in last: "double that", "two more of them", "one less"."""
    state = scene.state
    if state.topic != "cart" or not state.touched or scene.need.has_subject or scene.reading.placed:
        return None
    if scene.asks("double"):
        return Command("set_quantity", ids=tuple(state.touched), value="double")
    quantity = next((n for n in scene.counts if 1 <= n <= _MOST), None)
    if scene.asks("set_quantity"):
        return None
    if quantity is None or scene.reading.prices or scene.marks("correction", "only"):
        return None
    if scene.asks("fewer"):
        return Command("set_quantity", ids=tuple(state.touched), quantity=quantity, value="fewer")
    if scene.asks("another") or (scene.asks("more") and not scene.asks("find", "add")):
        return Command("set_quantity", ids=tuple(state.touched), quantity=quantity, value="more")
    return None


def _several(scene: Scene) -> Command | None:
    """Each place with its own pieces: "two of the first and one of the third"."""
    reading, shown = scene.reading, scene.state.shown
    counts, places = [n for n in reading.counts if 1 <= n.value <= _MOST], reading.ordinals
    if len(places) < 2 or len(counts) != len(places) or len(reading.ordinal_at) != len(places) or not scene.marks("of"):
        return None
    if scene.asks("remove", "compare", "details", "stock", "price_of"):
        return None
    order = sorted(range(len(places)), key=lambda i: reading.ordinal_at[i])
    if not all(c.start < reading.ordinal_at[i] for c, i in zip(counts, order, strict=True)):
        return None
    indices = [places[i] - 1 if places[i] > 0 else places[i] for i in order]
    if not all(-len(shown) <= i < len(shown) for i in indices):
        return None
    pieces = " ".join(str(int(c.value)) for c in counts)
    return Command("add", ids=tuple(shown[i] for i in indices), value=pieces)


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
    if not (reading.points or scene.need.concepts or scene.need.brands or scene.marks("cart_word")):
        return Command("remove", ids=tuple(scene.state.touched[:1])) if scene.state.topic == "cart" else None
    if scene.need.price_max is not None or (not scene.cart and not reading.points):
        return None
    shown = [i for i in scene.pointed() if i in scene.cart]
    ids = shown or list(scene.pointed(among=scene.cart))
    unnamed = not (scene.need.concepts or scene.need.brands or reading.ordinals or reading.ids)
    if not ids and (reading.references or unnamed) and scene.state.touched:  # "out of the cart", without an "it"
        ids = [i for i in scene.state.touched if i in scene.cart]
    if not ids and not (reading.points or scene.marks("cart_word")):
        return None
    return Command("remove", scene.need, ids=tuple(ids), quantity=_pieces_off(scene))


def _pieces_off(scene: Scene) -> int | None:
    """Pieces to take out of more: "remove one of them"."""
    return scene.counts[0] if scene.counts and scene.marks("of") and not scene.reading.ordinals else None


def _add(scene: Scene) -> Command | None:
    reading, state = scene.reading, scene.state
    quantity = _quantity(scene)
    if _lists(scene) and (reading.ordinals or reading.group) and not reading.ids:
        return Command("add", quantity=quantity, value=_places(scene))  # of the list that this message asks for
    ids = scene.pointed()
    if not ids and quantity is not None and not reading.points and state.focus == [] and quantity <= len(state.shown):
        ids, quantity = (state.shown[quantity - 1],), None
    if (
        not ids
        and not scene.need.has_subject
        and not reading.points
        and state.topic in ("product", "cart")
        and state.focus
    ):
        ids = tuple(state.focus[:1])
    if not ids and not scene.need.has_subject and len(state.shown) == 1:
        ids = tuple(state.shown)
    if not ids and scene.need.has_subject and scene.asks("add") < 2 and not scene.marks("cart_word"):
        return None  # "I take it you have headphones": a search
    if not ids and not scene.need.has_subject and not (reading.points or scene.marks("cart_word") or state.shown):
        return None
    return Command("add", scene.need, ids=ids, quantity=quantity)
