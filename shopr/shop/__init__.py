"""The composition root: one object that wires a shop's data, its champion and its stores.

The app, the commands and the notebooks all start here; nobody else wires.
"""

from shopr.recommend.lists.cards import Card, Reason
from shopr.recommend.lists.pipeline import Wanted
from shopr.shop.answers import Visit
from shopr.shop.root import Shop

__all__ = ["Card", "Reason", "Shop", "Visit", "Wanted"]
