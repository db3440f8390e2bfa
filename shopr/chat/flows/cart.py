"""The cart: adding, taking out, quantities, corrections, totals. What may be done is commerce's to say."""

from __future__ import annotations

from dataclasses import replace

from shopr.chat.commands import Command
from shopr.chat.facts import Line, Many, Money
from shopr.chat.flows.search import present
from shopr.chat.need import Need
from shopr.chat.shelving import SURE
from shopr.chat.state import placed
from shopr.chat.turn import MOST_SHOWN, Turn
from shopr.commerce.carts import CartChange

__all__ = ["FLOWS", "offer_alternatives"]


_RELATED = 2
"""Products that are named along with what was put into the cart, at most."""


def add(turn: Turn, command: Command) -> None:
    """Put products in; where it is not clear which, show them and ask."""
    if command.value and not command.ids:
        command = replace(command, ids=_placed(turn, command.value), value="")
    if not command.ids and not command.need and len(turn.state.shown) == 1:
        command = replace(
            command, ids=tuple(turn.state.shown)
        )  # what this message asked for: "the GW405AA. in the cart"
    if not command.ids:
        _which(turn, command)
        return
    known = turn.sold(command.ids)
    for product_id in command.ids:
        if product_id not in known:
            turn.say("unknown_product", id=product_id)
            turn.flags.add("no_exact_match")
    added = []
    before = {line.product_id: line.quantity for line in turn.cart().lines}
    pieces = dict(zip(command.ids, map(int, command.value.split()), strict=True)) if command.value else {}
    for product_id in known:
        quantity = pieces.get(product_id, command.quantity or 1)
        change = turn.commerce.carts.add(turn.owner, product_id, quantity)
        if change:
            added.append(product_id)
            _price_moved(turn, product_id)
        else:
            _refused(turn, product_id, quantity, change)
    _added(turn, added, command.quantity or 1, before)


def _placed(turn: Turn, places: str) -> tuple[str, ...]:
    """The products at places of the list shown last."""
    return placed(turn.state.shown, [int(p) for p in places.split()])


def _added(turn: Turn, added: list[str], quantity: int, before: dict[str, int]) -> None:
    if not added:
        return
    state = turn.state
    if len(added) == 1:
        turn.say("added", quantity=quantity, title=turn.title(added[0]))
    else:
        turn.say("added_many", titles=Many(tuple(turn.title(i) for i in added)))
    state.topic, state.touched, state.focus = "cart", added, added
    state.before = {i: before.get(i, 0) for i in added}
    _total(turn)
    _goes_with(turn, added)
    turn.quick += ["quick_cart", "quick_checkout"]


def _goes_with(turn: Turn, added: list[str]) -> None:
    """What is bought along with what was put in, where orders tell so: named with its price, never put in."""
    if turn.related is None or len(added) != 1 or turn.state.tone in ("angry", "anxious", "hurried"):
        return
    held = {line.product_id for line in turn.cart().lines}
    near = [i for i, _ in turn.related(added[0], _RELATED + len(held)) if i not in held]
    ids = [i for i in turn.sold(near) if turn.stock(i) != 0][:_RELATED]
    if ids:
        turn.say("goes_with")
        for product_id in ids:
            turn.lines.append(Line("", {"parts": (turn.title(product_id), turn.price(product_id) or "–")}))


def _which(turn: Turn, command: Command) -> None:
    """Where no product is named: the cheapest if that was said, else what there is to choose from."""
    need = command.need
    if need.names:  # a model by its name
        hits = turn.find(need)
        if hits.exact and len(hits) == 1:
            only = str(turn.shelf.catalog.frame["product_id"].iat[int(hits.rows[0])])
            add(turn, Command("add", ids=(only,), quantity=command.quantity))
            return
    if need.has_subject and need.sort in ("cheap", "dear"):
        hits = turn.find(replace(need, in_stock=True))
        if len(hits) and hits.exact:
            first = str(turn.shelf.catalog.frame["product_id"].iat[int(hits.rows[0])])
            add(turn, Command("add", ids=(first,), quantity=command.quantity))
            return
    if need.has_subject:
        turn.state.search(need)
        present(turn, need)
    turn.say("which_product")
    turn.flags.add("clarifies")


def _price_moved(turn: Turn, product_id: str) -> None:
    """Say where the price is another than the one the shopper was told."""
    told, now = turn.state.prices.get(product_id), turn.price(product_id)
    if told is not None and now is not None and told != now.amount:
        turn.say("price_changed", before=Money(told, now.currency), price=now)
        turn.state.prices[product_id] = now.amount


def _refused(turn: Turn, product_id: str, quantity: int, change: CartChange) -> None:
    ruling = change.ruling
    title = turn.title(product_id)
    if ruling.code == "out_of_stock":
        turn.say("not_added_stock", title=title)
        turn.flags.add("stock_notice")
        offer_alternatives(turn, product_id)
    elif ruling.code == "too_few":
        left = int(ruling.facts.get("available", 0))
        turn.say("not_added_enough", n=left, count=left, title=title, quantity=quantity)
        turn.flags.add("stock_notice")
    elif ruling.code in ("too_many", "too_many_lines"):
        turn.say("quantity_range", low=1, high=int(ruling.facts.get("bound", 999)))
    else:
        turn.say("product_gone")


def offer_alternatives(turn: Turn, product_id: str) -> None:
    """Show products of the same kind that are in stock."""
    row = turn.shelf.row(product_id)
    kinds = turn.shelf.kinds
    named = [(c, int(kinds.sure[c][list(rows).index(row)])) for c, rows in kinds.rows.items() if row in rows]
    if not named:
        return
    best = max(sure for _, sure in named)
    concepts = tuple(c for c, sure in named if sure == best or sure >= SURE)
    need = Need(concepts=concepts, in_stock=True)
    hits = turn.find(need)
    ids = [str(turn.shelf.catalog.frame["product_id"].iat[int(r)]) for r in hits.rows[: MOST_SHOWN + 1]]
    products = [turn.product(i, 0.5) for i in ids if i != product_id]
    if products:
        turn.say("in_stock_alternatives")
        turn.show(products, "alternatives")
        if not turn.state.need or turn.state.need.names:  # the model is given up
            turn.state.need = need


def set_quantity(turn: Turn, command: Command) -> None:
    """Say how many pieces there shall be of what was put in last."""
    done = []
    for product_id in command.ids:
        quantity = _pieces(turn, product_id, command)
        change = turn.commerce.carts.set_quantity(turn.owner, product_id, quantity)
        if change:
            done.append(product_id)
        else:
            _refused(turn, product_id, quantity, change)
    for product_id in done:
        line = turn.cart().line(product_id)
        quantity = line.quantity if line is not None else 0
        if quantity:
            turn.say("quantity_set", quantity=quantity, title=turn.title(product_id))
        else:
            turn.say("removed", title=turn.title(product_id))
    if done:
        turn.state.topic, turn.state.touched, turn.state.focus = "cart", done, done
        _total(turn)


def _pieces(turn: Turn, product_id: str, command: Command) -> int:
    """How many pieces there shall be: as many as said, or so many more, fewer or twice as many as there are."""
    line = turn.cart().line(product_id)
    held = line.quantity if line is not None else 0
    said = command.quantity if command.quantity is not None else 1
    relative = {"double": held * 2, "more": held + said, "fewer": max(held - said, 0)}
    return relative.get(command.value, said)


def correct_item(turn: Turn, command: Command) -> None:
    """Not that one, this one: undo the last change of the cart, or take out what is named; put in what was meant."""
    before = {command.value: 0} if command.value else {i: turn.state.before.get(i, 0) for i in turn.state.touched}
    quantity = 1
    for product_id, held in before.items():
        line = turn.cart().line(product_id)
        if line is not None:
            quantity = max(line.quantity - held, 1)
        turn.commerce.carts.set_quantity(turn.owner, product_id, held)
        turn.say("removed", title=turn.title(product_id))
    add(turn, Command("add", ids=command.ids, quantity=quantity))


def remove(turn: Turn, command: Command) -> None:
    """Take products out, or some pieces of them."""
    gone = []
    for product_id in command.ids:
        line = turn.cart().line(product_id)
        left = line.quantity - command.quantity if line is not None and command.quantity else 0
        change = turn.commerce.carts.set_quantity(turn.owner, product_id, max(left, 0))
        if not change:
            continue
        gone.append(product_id)
        if left > 0:
            turn.say("quantity_set", quantity=left, title=turn.title(product_id))
        else:
            turn.say("removed", title=turn.title(product_id))
    if not gone:
        turn.say("removed_nothing" if len(turn.cart()) else "cart_empty")
    turn.state.topic = "cart"
    turn.state.touched = gone or turn.state.touched
    if gone:
        _total(turn)


def clear_cart(turn: Turn, command: Command) -> None:
    """Empty the cart."""
    turn.commerce.carts.clear(turn.owner)
    turn.state.touched, turn.state.topic = [], "cart"
    turn.say("cart_cleared")


def show_cart(turn: Turn, command: Command) -> None:
    """What is in the cart, at the prices of now."""
    cart = turn.cart()
    turn.state.topic = "cart"
    if not cart.lines:
        turn.say("cart_empty")
        return
    turn.say("cart_head")
    for line in cart.lines:
        turn.cite(line.product_id)
        if line.removed:
            turn.commerce.carts.remove(turn.owner, line.product_id)
            turn.say("cart_gone", title=turn.title(line.product_id))
        elif line.total is not None:
            turn.say(
                "cart_line",
                quantity=line.quantity,
                title=turn.title(line.product_id),
                price=Money(line.total, line.currency),
            )
    _cart_notes(turn)
    _total(turn)
    turn.quick += ["quick_checkout"]


def _cart_notes(turn: Turn) -> None:
    for line in turn.cart().lines:
        if line.changed and line.price is not None:
            before = Money(line.price_then, line.currency_then)
            now = Money(line.price, line.currency)
            turn.say("cart_price_changed", title=turn.title(line.product_id), before=before, price=now)
        if not line.removed and line.stock == 0:
            turn.say("cart_out_of_stock", title=turn.title(line.product_id))
            turn.flags.add("stock_notice")


def _total(turn: Turn) -> None:
    cart = turn.cart()
    turn.cite(*(line.product_id for line in cart.lines))
    totals = tuple(Money(amount, currency) for currency, amount in cart.totals.items())
    if not cart.lines:
        turn.say("cart_empty")
    elif totals:
        turn.say("cart_total", total=Many(totals))


def checkout(turn: Turn, command: Command) -> None:
    """Ordering is done on the cart's page, where payment is."""
    if not turn.cart().lines:
        turn.say("cart_empty")
        return
    show_cart(turn, command)
    turn.say("checkout")


FLOWS = {
    "add": add,
    "set_quantity": set_quantity,
    "correct_item": correct_item,
    "remove": remove,
    "clear_cart": clear_cart,
    "show_cart": show_cart,
    "total": show_cart,
    "checkout": checkout,
}
