"""Rules about products: searching, narrowing down, comparing, asking about one, lists of the shop."""

from __future__ import annotations

from dataclasses import replace

from shopr.chat.commands import Command
from shopr.chat.need import Need
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.understanding.going_on import one_of_those, only_asked
from shopr.chat.understanding.pieces import quantity
from shopr.chat.understanding.scene import Scene

__all__ = ["product_command"]


def product_command(scene: Scene) -> Command | None:
    """What a clause asks about products; None where it is about something else."""
    if only_asked(scene):
        return scene.before[-1]
    if one_of_those(scene):
        return Command("add", scene.before[-1].need, quantity=quantity(scene))
    for rule in (_compare, _about_one, _stock, _more, _by_price, _listed, _pointed, _search):
        command = rule(scene)
        if command is not None:
            return command
    return None


def _compare(scene: Scene) -> Command | None:
    two = len(set(scene.reading.ordinals)) > 1
    two = two and bool(scene.asks("cheaper", "dearer", "good_price", "which") or scene.marks("or"))
    shown = scene.asks("find") > max(scene.asks("good_price", "which"), 0)  # "show me the first or the second"
    if scene.reading.prices and not scene.reading.points:
        return None  # "better between 150 and 400"
    if not (scene.asks("compare") or (two and not shown and not scene.asks("add", "remove"))):
        return None  # "is the third better than the second?" compares as well
    ids = scene.pointed()
    numbered = [n for n in scene.counts if 1 <= n <= len(scene.state.shown)]
    if len(ids) < 2 and numbered:  # "compare 1 and 3", "the first and 3"
        ids = tuple(dict.fromkeys((*ids, *(scene.state.shown[n - 1] for n in numbered))))
    if len(ids) < 2:
        ids = (
            tuple(dict.fromkeys((*ids, *scene.state.focus, *scene.state.shown)))[:2] if not scene.need.concepts else ids
        )
    if scene.need.has_subject and len(ids) < 2:
        return None
    return Command("compare", ids=ids[:5])


def _about_one(scene: Scene) -> Command | None:
    """Price, price history, details, likeness, delivery of products that are pointed at."""
    for name, ask in (
        ("good_price", "good_price"),
        ("similar", "similar"),
        ("delivery", "delivery"),
        ("details", "details"),
        ("price", "price_of"),
    ):
        if not scene.asks(ask) or (ask != "good_price" and scene.asks("cheaper") > scene.asks(ask)):
            continue
        wished = scene.asks("cheaper") >= scene.asks("good_price") and scene.state.topic == "search"
        if name == "good_price" and (scene.reading.prices or wished):
            continue  # a bound or a wish, not a question about a price
        if name == "similar" and scene.state.listed == "alternatives" and scene.reading.placed:
            continue  # "the first alternative"
        if name == "details" and scene.asks("help") > scene.asks(ask):
            continue  # "was kannst du"
        ids = scene.pointed()
        if not ids and scene.bare_of_subject and (scene.state.focus or scene.state.shown):
            ids = tuple(scene.state.focus[:1] or scene.state.shown[:1])
        if ids:
            return Command(name, ids=ids[:5])
        if name == "delivery" and not scene.need.concepts:
            return Command("delivery")
        if name not in ("price", "delivery") and not scene.need.has_subject:
            return Command("clarify", value="which_product")
    due = scene.asks("arrival") or (scene.marks("when") and not scene.reading.asks)
    if due and scene.reading.placed and not scene.asks("add", "compare"):
        return Command("delivery", ids=scene.pointed()[:5])  # "will the first one be here by Friday?"
    if scene.reading.ids and scene.marks("order_word") and not scene.asks("order_status", "return"):
        return Command("add", ids=tuple(scene.reading.ids[:5]))
    if scene.reading.ids and not scene.asks("add"):
        return Command("stock" if scene.asks("stock") else "details", ids=tuple(scene.reading.ids[:5]))
    return None


def _stock(scene: Scene) -> Command | None:
    if _had_now(scene):
        return Command("search", Need(in_stock=True))
    if not scene.asks("stock"):
        return None
    reading, state = scene.reading, scene.state
    many = scene.asks("which") or ("these" in reading.references and "this" not in reading.references)
    if scene.need.has_subject or (many and state.need) or _any_such(scene):
        return None  # a search for what is in stock
    ids = scene.pointed()
    spoken_of = "this" in reading.references or (state.topic == "product" and not many)
    if not ids and spoken_of and not scene.need.without("in_stock"):
        ids = tuple(state.focus[:1])  # "any left?", of the product that was just spoken of
    if ids and not (many and len(ids) > 1):
        return Command("stock", ids=ids[:5])
    return None


def _any_such(scene: Scene) -> bool:
    """Whether any product of a description will do: "een zwarte die leverbaar is"."""
    ones = {n.end for n in scene.reading.counts if n.value == 1}
    described = any(s.start in ones and s.table in ("colours", "brand") for s in scene.reading.slots)
    described = described or bool(scene.asks("more") and (scene.need.brands or scene.need.colours))  # "another HP one"
    return described and scene.state.topic in ("search", "cart", "product") and bool(scene.state.need)


_HAVING = frozenset("which find want more".split())


def _had_now(scene: Scene) -> bool:
    """Whether it is asked which of those shown can be had: "which ones do you have right now?"."""
    state, asks = scene.state, set(scene.reading.asks)
    asked = scene.asks("which") and not asks - _HAVING and (scene.marks("now") or "find" in asks)
    return bool(asked and state.topic == "search" and state.shown and not scene.need and not scene.reading.placed)


def _more(scene: Scene) -> Command | None:
    more = scene.asks("more") if not scene.asks("cheaper", "dearer") and not scene.reading.placed else 0
    if more and not scene.need and state_listed(scene) and more >= scene.asks("find"):
        return Command("more")
    return None


def state_listed(scene: Scene) -> bool:
    """Whether there is a list to go on with."""
    return bool(scene.state.shown)


def _by_price(scene: Scene) -> Command | None:
    """Cheaper or better than what was shown, or the cheapest of it."""
    state = scene.state
    for name in ("cheaper", "dearer"):
        if not scene.asks(name) or scene.reading.prices or scene.asks("deals", "compare"):
            continue
        if scene.need.not_brands and not scene.need.has_subject:
            continue  # "no HP, they're too expensive"
        same = not scene.need.concepts or set(scene.need.concepts) & set(state.need.concepts)
        if state.need and same and state.shown:
            one = scene.pointed()[:1] if scene.reading.placed or scene.reading.ids else ()
            return Command(name, replace(scene.need, sort="relevance"), ids=one)
        if scene.need.has_subject:
            return Command("search", replace(scene.need, sort="cheap" if name == "cheaper" else "dear"))
    return None


def _listed(scene: Scene) -> Command | None:
    """Lists that the shop makes: recommendations, what is popular, new or reduced, presents."""
    subject = scene.need.has_subject
    for name in ("deals", "trending", "new"):
        if scene.asks(name) and not (name == "new" and scene.asks("find") and subject and scene.asks("new") < 2):
            return Command(name, scene.need)
    if scene.asks("recommend", "gift") and scene.reading.words and not scene.need.without("gift_for"):
        return Command("off_topic")  # recommend … something that no product and no word of the shop names
    if scene.asks("recommend") and not subject and scene.asks("recommend") >= scene.asks("find"):
        return Command("recommend", scene.need)
    narrows = scene.state.need.has_subject and bool(scene.need.without("gift_for"))  # "in pink, it's for my daughter"
    if scene.need.gift_for and not subject and (scene.asks("gift") or scene.asks("recommend")) and not narrows:
        return Command("recommend", scene.need)
    return None


def _pointed(scene: Scene) -> Command | None:
    """A place in the list without a word on what to do: what there is to say of that product."""
    best = {"cheapest", "dearest"} & set(scene.reading.references) and not scene.asks("find")
    plain = not set(scene.reading.asks) - {"which", "greet", "praise"}
    wanted = scene.asks("want") >= max(scene.asks("find"), 1) or (scene.marks("yes") and plain)
    polite = not set(scene.reading.asks) - {"thanks", "praise", "greet"}
    agreeing = scene.marks("so_then") or ((scene.asks("praise") or _thanked_last(scene)) and not _asking(scene))
    wanted = bool(wanted or (agreeing and polite)) and not (
        _asking(scene) and scene.marks("yes")
    )  # "then the second one"
    described = ("colours", "brands") if wanted and scene.reading.placed else ()  # "I'll have the first white one"
    if (
        not (scene.reading.placed or best)
        or scene.need.has_subject
        or scene.need.without("in_stock", "sort", *described)
        or not scene.state.shown
    ):
        return None
    ids = scene.pointed()
    if ids and scene.reading.placed and wanted and not scene.asks(*_SHOWING):
        return Command("add", ids=ids, quantity=quantity(scene))  # "I'd like the third one", "… three of the first"
    told = bool(ids) and scene.reading.placed and not set(scene.reading.asks) - {"which"}
    instead = bool(ids) and scene.reading.placed and not set(scene.reading.asks) - _OFFERED
    if instead and scene.state.listed == "alternatives":
        return Command("add", ids=ids, quantity=quantity(scene))  # in place of what could not be put in
    if told and len(ids) > 1 and "both" in scene.reading.references:
        return Command("add", ids=ids)  # "both of the first two please"
    if told and quantity(scene) is not None:
        return Command("add", ids=ids, quantity=quantity(scene))  # "three of the second one", "the third, twice"
    if told and _goes_on_buying(scene):
        return Command("add", ids=ids)
    return Command("details", ids=ids[:1]) if ids else None


def _thanked_last(scene: Scene) -> bool:
    """Whether thanks stand behind a place, as behind a wish: "the first and the third, thanks"."""
    if not scene.asks("thanks") or not scene.reading.ordinal_at:
        return False
    found = vocabulary(scene.state.language).book.find(scene.reading.tokens)
    return any(m.key == "thanks" and m.start > max(scene.reading.ordinal_at) for m in found)


def _asking(scene: Scene) -> bool:
    """Whether a place is asked about: "ok, and the third?"."""
    return scene.reading.question or scene.marks("what_about", "or", "when")


def _goes_on_buying(scene: Scene) -> bool:
    """Whether nothing but a place is said of a new list by somebody who has put things into the cart: "la 2e"."""
    reading, state = scene.reading, scene.state
    fresh = state.topic == "search" and not state.focus and bool(scene.cart)
    doubt = _asking(scene) or scene.marks("no", "negation_before", "correction") or bool(reading.words)
    return fresh and not reading.asks and not doubt and len(reading.ordinals) == 1


_OFFERED = frozenset("which find similar recommend want".split())
"""Words for what was just offered instead of what could not be put in: "the first alternative then"."""
_SHOWING = ("details", "compare", "price_of", "stock", "delivery", "good_price", "similar", "help")


def _search(scene: Scene) -> Command | None:
    """A new search, a narrower one, or one gone back to."""
    need, state = scene.need, scene.state
    if scene.marks("anything", "release"):
        loosened = _loosened(scene)
        if loosened is not None:
            return loosened
    if scene.asks("resume") and (need.has_subject or state.need):
        return Command("resume", need)
    if (
        need.has_subject
        and state.topic_of(need.concepts) is not None
        and scene.reading.references
        and not scene.asks("find")
    ):
        return Command("resume", need)
    instead = _instead(scene)
    if instead is not None:
        return Command("search", instead, value="instead")
    if need.concepts or (need and (state.need or need.brands or need.colours or need.words or need.names)):
        return Command("search", need)
    if need.gift_for or need.attributes or need.price_max is not None or need.price_min is not None:
        return Command("search", need)
    if need and any(c.name == "search" for c in scene.before):
        return Command("search", need)  # "a printer. not an HP one"
    return None


def _instead(scene: Scene) -> Need | None:
    """The search under way with another kind of product, where the kind was a slip: "keyboards, not mice"."""
    need, had = scene.need, scene.state.need
    if not (need.concepts and had.concepts) or set(need.concepts) & set(had.concepts):
        return None
    given_up = set(need.not_concepts) & set(had.concepts)
    slip = scene.marks("slip") and scene.state.topic == "search" and not scene.asks("find")
    if not (given_up or slip):
        return None
    other = replace(need, not_concepts=tuple(c for c in need.not_concepts if c not in given_up))
    return had.without("names", "words", "measures").refined(other)


def _loosened(scene: Scene) -> Command | None:
    """Constraints that matter no longer: "any brand", "forget the limit"; not "any brand except HP"."""
    had, need = scene.state.need, scene.need
    other = need.names or (need.words and not need.concepts) or not set(need.concepts) <= set(had.concepts)
    for mark, fields in (
        ("brand_word", ("brands", "not_brands")),
        ("colour_word", ("colours", "not_colours")),
        ("price_word", ("price_min", "price_max")),
    ):
        said = scene.marks(mark) or (mark == "price_word" and _limit_named(scene))
        if said and not other and not any(getattr(need, name) for name in fields):
            return Command("search", need, value=" ".join(fields))
    return None


def _limit_named(scene: Scene) -> bool:
    """Whether a limit is spoken of: "the cap", "la límite"."""
    return bool(vocabulary(scene.state.language).limits.find(scene.reading.tokens))
