"""Bandits: serve what is best so far, and keep trying the rest while it may yet be better.

All bandits of this package share one shape: `choose` gives arms with the propensity of each choice, `update` takes
rewards whenever they arrive, in any batches, late or out of order (nothing waits for a reward), `decay` forgets. Arms
are drawn from stated probabilities, so the logged propensity is exact, and the log fit for
`shopr.abtest.counterfactual.offpolicy`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.errors import DataError, InputError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["Bandit", "Choice"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
_VERSION = 1


class Choice(NamedTuple):
    """What was chosen for each request.

    Attributes:
        arms: shape (n,), arm codes.
        propensities: shape (n,), in (0, 1]: the chance that the arm had.
    """

    arms: Codes
    propensities: Floats


class Bandit(ABC):
    """Base of all bandits.

    Args:
        arms: their names, such as those of algorithms; at least two.
        slots: places that learn apart (positions of a list, pages); requests name theirs.
        discount: what evidence is worth after each call of `decay`, in (0, 1]; 1 never forgets.
        floor: share of requests served uniformly, in [0, 1): every arm keeps a propensity of at least floor / arms.
        seed: of all draws.

    Raises:
        InputError: if a setting is out of bounds.
    """

    kind: ClassVar[str]
    arrays: ClassVar[tuple[str, ...]]
    """Names of the attributes that hold what was learned."""

    def __init__(
        self, arms: Sequence[str], *, slots: int = 1, discount: float = 1.0, floor: float = 0.0,
        seed: int = DEFAULT_SEED,
    ) -> None:  # fmt: skip
        self.arms = tuple(str(arm) for arm in arms)
        if len(self.arms) < 2 or len(set(self.arms)) < len(self.arms):
            raise InputError(f"arms {list(self.arms)} are not two or more distinct names", hint="Name each arm once")
        if slots < 1:
            raise InputError(f"slots is {slots}", hint="Give 1 or more")
        if not 0 < discount <= 1:
            raise InputError(f"discount {discount} is outside (0, 1]", hint="Use .98 a day, or 1 to never forget")
        if not 0 <= floor < 1:
            raise InputError(f"floor {floor} is outside [0, 1)", hint="Use .05, or 0 for none")
        self.slots, self.discount, self.floor, self.seed = int(slots), float(discount), float(floor), int(seed)
        self.calls = 0
        """Batches chosen so far; with the seed it fixes the next draws."""

    # -- what a bandit provides ---------------------------------------------------------------------------------------

    @abstractmethod
    def _greedy(self, slots: Codes, contexts: Floats | None) -> Floats:
        """Shape (n, arms): the chance of each arm before the floor; rows sum to 1."""

    @abstractmethod
    def _learn(self, arms: Codes, rewards: Floats, slots: Codes, contexts: Floats | None) -> None:
        """Take in checked rewards."""

    @abstractmethod
    def _forget(self, kept: float) -> None:
        """Let evidence count `kept` of what it did."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """The constructor's further arguments, JSON-able."""

    # -- what callers use ---------------------------------------------------------------------------------------------

    @property
    def n_arms(self) -> int:
        """How many arms."""
        return len(self.arms)

    def probabilities(self, n: int, *, slots: ArrayLike | None = None, contexts: ArrayLike | None = None) -> Floats:
        """Shape (n, arms): the chance that each arm would be served to each of `n` requests.

        Args:
            slots: shape (n,), codes; 0 for all by default.
            contexts: shape (n, features), for contextual bandits only.

        Raises:
            InputError: if a shape or code is wrong.
        """
        places = self._places(n, slots)
        greedy = self._greedy(places, self._contexts(n, contexts))
        mixed: Floats = (1 - self.floor) * greedy + self.floor / self.n_arms
        return mixed

    def choose(self, n: int, *, slots: ArrayLike | None = None, contexts: ArrayLike | None = None) -> Choice:
        """An arm for each of `n` requests, each drawn on its own; arguments as `probabilities`."""
        chances = self.probabilities(n, slots=slots, contexts=contexts)
        draw = generator(self.seed, "bandit", self.calls).random(n)[:, None]
        self.calls += 1
        heights = np.cumsum(chances, axis=1)
        arms = (draw * heights[:, -1:] >= heights[:, :-1]).sum(axis=1)
        return Choice(arms.astype(np.int64), chances[np.arange(n), arms])

    def update(
        self, arms: ArrayLike, rewards: ArrayLike, *, slots: ArrayLike | None = None, contexts: ArrayLike | None = None
    ) -> Self:
        """Learn from rewards, whenever they come; a late one counts as much as a fresh one.

        Args:
            arms: shape (n,), codes that were served.
            rewards: shape (n,), finite.
            slots, contexts: as in `choose`.

        Raises:
            InputError: if a code, reward or shape is wrong; nothing is learned then.
        """
        codes, gains = np.asarray(arms).reshape(-1), np.asarray(rewards, np.float64).reshape(-1)
        if len(codes) != len(gains):
            raise InputError(f"{len(codes)} arms and {len(gains)} rewards", hint="Give one reward an arm served")
        if len(codes) and not (codes.min() >= 0 and codes.max() < self.n_arms):
            raise InputError(f"arm codes span {codes.min()} to {codes.max()}", hint=f"Known: 0 to {self.n_arms - 1}")
        if not np.isfinite(gains).all():
            bad = int(np.flatnonzero(~np.isfinite(gains))[0])
            raise InputError(f"reward {gains[bad]} in row {bad}", hint="Leave out requests whose reward is not known")
        features = self._contexts(len(codes), contexts)
        if len(codes):
            self._learn(codes.astype(np.int64), gains, self._places(len(codes), slots), features)
        return self

    def decay(self, steps: float = 1.0) -> Self:
        """Forget: evidence counts discount ** steps of what it did; the prior stays. Call it once a day, say."""
        if not steps >= 0:
            raise InputError(f"steps {steps} is below 0", hint="Give 0 or more")
        if self.discount < 1 and steps > 0:
            self._forget(self.discount**steps)
        return self

    # -- state --------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All of it as JSON-able values; `restore` makes an equal bandit that goes on with the same draws."""
        settings = {"slots": self.slots, "discount": self.discount, "floor": self.floor, "seed": self.seed}
        learned = {name: getattr(self, name).tolist() for name in self.arrays}
        return {
            "kind": self.kind, "version": _VERSION, "arms": list(self.arms), "settings": settings | self._settings(),
            "calls": self.calls, "learned": learned,
        }  # fmt: skip

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The bandit that `state` described.

        Raises:
            DataError: if it is of another kind or version, or broken.
        """
        if state.get("kind") != cls.kind or state.get("version") != _VERSION:
            raise DataError(
                f"a state of kind {state.get('kind')!r}, version {state.get('version')!r}",
                hint=f"{cls.__name__} reads kind {cls.kind!r}, version {_VERSION}",
            )
        try:
            made = cls(state["arms"], **state["settings"])
            made.calls = int(state["calls"])
            for name in cls.arrays:
                found, fresh = np.asarray(state["learned"][name], np.float64), getattr(made, name)
                if found.shape != fresh.shape or not np.isfinite(found).all():
                    raise DataError(f"{name} has shape {found.shape} or is not finite", hint=f"It needs {fresh.shape}")
                setattr(made, name, found)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the state cannot be read: {error}", hint="Save it anew with save()") from None
        return made

    def save(self, path: Path | str) -> None:
        """Write the state as JSON, so that a reader never finds half a file."""
        target = Path(path)
        part = target.with_name(f".{target.name}.part")
        part.write_text(json.dumps(self.state()), encoding="utf-8")
        part.replace(target)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: if the file is missing, no JSON, or of another kind.
        """
        try:
            state = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{Path(path).name} cannot be read: {error}", hint="Give a file that save() wrote"
            ) from None
        if not isinstance(state, dict):
            raise DataError(f"{Path(path).name} holds no object", hint="Give a file that save() wrote")
        return cls.restore(state)

    # -- checks -------------------------------------------------------------------------------------------------------

    def _places(self, n: int, slots: ArrayLike | None) -> Codes:
        if slots is None:
            return np.zeros(n, np.int64)
        places = np.broadcast_to(np.asarray(slots, np.int64), (n,)) if np.ndim(slots) == 0 else np.asarray(slots)
        if places.shape != (n,) or (n and not (places.min() >= 0 and places.max() < self.slots)):
            raise InputError(f"slots of shape {places.shape}", hint=f"Give {n} codes of 0 to {self.slots - 1}")
        return places.astype(np.int64)

    def _contexts(self, n: int, contexts: ArrayLike | None) -> Floats | None:
        if contexts is not None:
            raise InputError(f"{type(self).__name__} reads no contexts", hint="Use LinearBandit, or leave them out")
        return None
