"""A simulated shop with known truth: the embedded default, and a world in which policies can be played.

>>> from shopr.data.simulator import simulate, World, compare
>>> shop = simulate(preset="tiny", images=False)  # a Dataset like any other
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shopr.data.simulator.generate import PRESETS, SIMULATOR_VERSION, Preset, simulate, world_dataset, world_of
    from shopr.data.simulator.policy import FixedPolicy, ModelPolicy, Policy, PopularPolicy, RandomPolicy
    from shopr.data.simulator.truth import OraclePolicy, Truth
    from shopr.data.simulator.world import Play, World, compare

__all__ = [
    "PRESETS",
    "SIMULATOR_VERSION",
    "FixedPolicy",
    "ModelPolicy",
    "OraclePolicy",
    "Play",
    "Policy",
    "PopularPolicy",
    "Preset",
    "RandomPolicy",
    "Truth",
    "World",
    "compare",
    "simulate",
    "world_dataset",
    "world_of",
]

_HOMES = {
    **dict.fromkeys(("PRESETS", "SIMULATOR_VERSION", "Preset", "simulate", "world_dataset", "world_of"), "generate"),
    **dict.fromkeys(("FixedPolicy", "ModelPolicy", "Policy", "PopularPolicy", "RandomPolicy"), "policy"),
    **dict.fromkeys(("OraclePolicy", "Truth"), "truth"),
    **dict.fromkeys(("Play", "World", "compare"), "world"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
