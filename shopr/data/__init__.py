"""The shop's data: events, catalogue, interactions, splits, importers and a simulated shop."""

from shopr.data.ids import IdMap
from shopr.data.interactions import Histories, Interactions

__all__ = ["Histories", "IdMap", "Interactions"]
