"""A small shop to talk in: products of which every fact is known, orders of two people, and one conversation."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from shopr.chat.assistant import Assistant
from shopr.chat.memory import Cipher, Memory
from shopr.chat.reply import Reply
from shopr.clock import ManualClock
from shopr.commerce.facade import Commerce
from shopr.commerce.order_records import Order, OrderLine
from shopr.data.catalog import Catalog
from shopr.storage import Database

__all__ = ["NOW", "PRODUCTS", "Talk", "catalog"]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRODUCTS = (
    # id, title, brand, price in cents, colour, stock
    ("h1", "Sonora A1 headphones Black", "Sonora", 1999, "Black", 12),
    ("h2", "Sonora A2 wireless headphones White", "Sonora", 4999, "White", 15),
    ("h3", "Klangwerk K3 headphones Black", "Klangwerk", 2999, "Black", 2),
    ("h4", "Klangwerk K4 headphones Blue", "Klangwerk", 8999, "Blue", 11),
    ("h5", "Sonora A5 headphones Red", "Sonora", 1499, "Red", 0),
    ("h6", "Sonora A6 headphones Black", "Sonora", 2499, "Black", 14),
    ("k1", "Tastwell T1 keyboard USB Black", "Tastwell", 3995, "Black", 20),
    ("k2", "Tastwell T2 keyboard USB White", "Tastwell", 5995, "White", 10),
    ("k3", "Brother K3 keyboard USB Black", "Brother", 2595, "Black", 13),
    ("m1", "Tastwell M1 mouse Optical Black", "Tastwell", 1295, "Black", 30),
    ("m2", "Tastwell M2 mouse Laser White", "Tastwell", 2295, "White", 17),
    ("l1", 'Rechner R1 notebook Black 39.6 cm (15.6") 8 GB', "Rechner", 79900, "Black", 10),
    ("l2", 'Rechner R2 notebook Silver 35.6 cm (14") 16 GB', "Rechner", 119900, "Silver", 12),
    ("l3", 'HP H3 notebook Black 35.6 cm (14") 8 GB', "HP", 64900, "Black", 16),
    ("b1", "Tragwell B1 notebook case Black", "Tragwell", 3495, "Black", 18),
    ("c1", "Leitung HDMI cable 2 m", "Leitung", 895, "", 40),
    ("c2", "Leitung HDMI cable 5 m", "Leitung", 1595, "", 25),
    ("t1", "Brother TN-100 toner cartridge Original Black", "Brother", 6495, "Black", 22),
)


def catalog(products: tuple[tuple[str, str, str, int, str, int], ...] = PRODUCTS) -> Catalog:
    """The products as a catalogue."""
    names = ("product_id", "title", "brand", "price", "colour", "stock")
    frame = pd.DataFrame([dict(zip(names, row, strict=True)) for row in products])
    return Catalog.from_frame(frame.assign(currency="EUR", language="en", description="", category=""))


def _order(
    order_id: str, owner: str, status: str, item: str, *, eta: date | None = None, delivered: date | None = None
) -> Order:
    title = next(row[1] for row in PRODUCTS if row[0] == item)
    line = OrderLine(1, item, title, 1, 1999, "EUR")
    return Order(order_id, owner, status, NOW, NOW, eta=eta, delivered_on=delivered, lines=(line,))  # type: ignore[arg-type]


ORDERS = (
    _order("A1001", "ann", "shipped", "h1", eta=date(2026, 11, 25)),
    _order("B2044", "ann", "processing", "k1", eta=date(2026, 11, 30)),
    _order("D3007", "ann", "delivered", "m1", delivered=date(2026, 8, 1)),
    _order("C9999", "bob", "delivered", "h2", delivered=date(2026, 11, 20)),
)


@dataclass
class Talk:
    """A shop and what is said in it."""

    database: Database
    clock: ManualClock
    sold: Catalog
    commerce: Commerce
    memory: Memory
    assistant: Assistant

    @classmethod
    def start(cls, folder: Path, ready: Path, cipher: Callable[[], Cipher] | None = None) -> Talk:
        """A new shop in `folder`, its database copied from a `ready` one."""
        for part in ready.glob("state.db*"):
            shutil.copy(part, folder / part.name)
        database = Database.open(url=f"sqlite:///{folder / 'state.db'}")
        clock = ManualClock(NOW)
        talk = cls.__new__(cls)
        talk.database, talk.clock, talk.sold = database, clock, catalog()
        talk.commerce = Commerce(database, "demo", lambda: talk.sold, clock=clock, currency="EUR")
        talk.commerce.orders.put(ORDERS)
        talk.memory = Memory(database, "demo", clock=clock, cipher=cipher)
        talk.assistant = talk.fresh()
        return talk

    def fresh(self) -> Assistant:
        """Another assistant over the same stores, as after a restart."""
        return Assistant(lambda: None, self.commerce, memory=self.memory, clock=self.clock)

    def say(self, text: str, *, conversation: str = "c", user: str | None = "ann") -> Reply:
        """One message."""
        return self.assistant.reply(text, conversation_id=conversation, user_id=user)

    def all(self, *texts: str) -> Reply:
        """Several messages; the last reply."""
        return [self.say(text) for text in texts][-1]
