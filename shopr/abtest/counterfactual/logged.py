"""What a logging policy left behind: one row an impression, with the chance that the action had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from shopr.errors import DataError, InputError

__all__ = ["Logged", "read_policy"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_SMALLEST, _LARGEST = 1e-50, 1e50  # weights and rewards are multiplied and squared


@dataclass(frozen=True)
class Logged:
    """Impressions of a logging policy, checked when made.

    Attributes:
        actions: shape (n,), action codes 0 … n_actions - 1.
        rewards: shape (n,), finite, such as clicks.
        propensities: shape (n,), in (0, 1]: the chance that the logging policy gave the action in that place.
        n_actions: how many actions there are; at least two.
        positions: shape (n,), slot codes from 0; None where there is one slot.
        users: shape (n,), codes of the unit whose rows belong together (a user, a session); None: each row alone.
        contexts: shape (n, features), what the policy knew; None where nothing.
        names: of the actions, empty if unnamed.

    Raises:
        InputError: if lengths differ, a reward is not finite, a propensity is outside (0, 1], a code is out of range,
            or fewer than two actions exist.
    """

    actions: Codes
    rewards: Floats
    propensities: Floats
    n_actions: int
    positions: Codes | None = None
    users: Codes | None = None
    contexts: Floats | None = None
    names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        n = len(self.actions)
        for name in ("rewards", "propensities", "positions", "users", "contexts"):
            column = getattr(self, name)
            if column is not None and len(column) != n:
                raise InputError(f"{n} actions and {len(column)} {name}", hint="Give one of each a row")
        if n < 2:
            raise InputError(f"a log of {n} rows", hint="Give at least two impressions")
        if self.n_actions < 2:
            raise InputError(f"{self.n_actions} action", hint="With one action there is nothing to choose: log two")
        _codes("actions", self.actions, self.n_actions)
        for name in ("positions", "users"):
            if getattr(self, name) is not None:
                _codes(name, getattr(self, name), None)
        _numbers("reward", self.rewards)
        _numbers("propensity", self.propensities)
        if self.contexts is not None:
            if self.contexts.ndim != 2:
                raise InputError(f"contexts of shape {self.contexts.shape}", hint="Give (rows, features)")
            _numbers("context", self.contexts)
        wrong = ~((self.propensities > 0) & (self.propensities <= 1))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"propensity {self.propensities[row]:g} in row {row} is outside (0, 1] ({int(wrong.sum())} such rows)",
                hint="Log the chance that the action had; an action that was shown had one",
            )
        if self.propensities.size and self.propensities.min() < _SMALLEST:
            raise InputError(
                f"propensity {self.propensities.min():g} is below {_SMALLEST:g}: its weight squared is no number",
                hint="Log the chance that the action had",
            )
        if self.rewards.size and np.abs(self.rewards).max() > _LARGEST:
            raise InputError(
                f"reward {np.abs(self.rewards).max():g} is beyond {_LARGEST:g}", hint="Give rewards in a larger unit"
            )

    @classmethod
    def of(
        cls, actions: ArrayLike, rewards: ArrayLike, propensities: ArrayLike, *, n_actions: int | None = None,
        positions: ArrayLike | None = None, users: ArrayLike | None = None, contexts: ArrayLike | None = None,
    ) -> Logged:  # fmt: skip
        """From anything array-like; `n_actions` is by default the highest code + 1."""
        codes = np.asarray(actions).reshape(-1)
        known = n_actions if n_actions is not None else int(codes.max(initial=-1)) + 1
        try:
            return cls(
                codes.astype(np.int64), np.asarray(rewards, np.float64), np.asarray(propensities, np.float64), known,
                None if positions is None else np.asarray(positions, np.int64),
                None if users is None else np.asarray(users, np.int64),
                None if contexts is None else np.asarray(contexts, np.float64),
            )  # fmt: skip
        except (TypeError, ValueError) as error:
            raise InputError(f"the log holds what is no number: {error}", hint="Give numbers") from None

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, *, action: str = "action", reward: str = "reward", propensity: str = "propensity",
        position: str | None = None, user: str | None = None, contexts: tuple[str, ...] | list[str] = (),
        actions: ArrayLike | None = None,
    ) -> Logged:  # fmt: skip
        """From a table of one row an impression.

        Args:
            action, reward, propensity, position, user: columns; position and user may be None.
            contexts: columns with what the policy knew; text becomes one column a value.
            actions: all actions there are, in code order; by default those that occur, sorted.

        Raises:
            DataError: if a column is missing or no number where one is needed, or an action is not in `actions`.
            InputError: see the class.
        """
        needed = [action, reward, propensity, *(c for c in (position, user) if c), *contexts]
        missing = [name for name in needed if name not in frame.columns]
        if missing:
            raise DataError(f"the log lacks {', '.join(missing)}", hint=f"It has {', '.join(map(str, frame.columns))}")
        known = pd.Index(np.unique(frame[action].to_numpy())) if actions is None else pd.Index(np.asarray(actions))
        codes = known.get_indexer(frame[action])
        if (codes < 0).any():
            raise DataError(f"action {frame[action].iloc[int(np.argmax(codes < 0))]!r} is not among the known ones")
        gains, chances = (pd.to_numeric(frame[c], errors="coerce").to_numpy(np.float64) for c in (reward, propensity))
        x = None
        if contexts:
            wide = frame[list(contexts)]
            text = [c for c in wide.columns if not pd.api.types.is_numeric_dtype(wide[c])]
            x = pd.get_dummies(wide, columns=text, dtype=np.float64).to_numpy(np.float64)
        place = None if position is None else pd.factorize(frame[position], sort=True)[0].astype(np.int64)
        who = None if user is None else pd.factorize(frame[user])[0].astype(np.int64)
        names = tuple(str(name) for name in known)
        return cls(codes.astype(np.int64), gains, chances, len(known), place, who, x, names)

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def n_positions(self) -> int:
        """How many slots."""
        return 1 if self.positions is None else int(self.positions.max()) + 1

    def take(self, rows: NDArray[Any]) -> Logged:
        """The log of some rows (codes or a mask)."""

        def part(column: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if column is None else column[rows]

        return Logged(
            self.actions[rows], self.rewards[rows], self.propensities[rows], self.n_actions, part(self.positions),
            part(self.users), part(self.contexts), self.names,
        )  # fmt: skip

    def policy(self, probabilities: ArrayLike) -> Floats:
        """A policy as shape (n, n_actions), checked.

        Args:
            probabilities: (n_actions,), the same everywhere; (n_positions, n_actions), by slot; or (n, n_actions), by
                row. Rows sum to 1 within 1e-6.

        Raises:
            InputError: if the shape fits nothing, or a row is no distribution.
        """
        given = np.asarray(probabilities, np.float64)
        places, n = self.n_positions, len(self)
        if given.shape not in {(self.n_actions,), (places, self.n_actions), (n, self.n_actions)}:
            raise InputError(
                f"a policy of shape {given.shape}",
                hint=f"Give ({self.n_actions},), or {places} rows of it, one a slot, or {n}, one a row of the log",
            )
        _numbers("probability", given)
        if (given < 0).any():
            raise InputError(f"the policy holds probability {given.min():g}", hint="Give probabilities of 0 or more")
        total = given.sum(axis=-1)
        if (np.abs(total - 1) > 1e-6).any():
            off = float(np.ravel(total)[int(np.argmax(np.abs(np.ravel(total) - 1)))])
            raise InputError(f"probabilities of the policy sum to {off:g}", hint="Each row must sum to 1")
        if given.ndim == 1:
            return np.broadcast_to(given, (n, self.n_actions))
        if len(given) == places and len(given) != n:
            slots = self.positions if self.positions is not None else np.zeros(n, np.int64)
            return np.asarray(given[slots])
        return given


def read_policy(frame: pd.DataFrame, log: Logged, places: ArrayLike | None = None) -> Floats:
    """A policy from a table with the columns `action`, `probability` and, by slot, `position`.

    Args:
        places: names of the slots in code order, where the table has positions.

    Returns:
        Shape (n_actions,) or (n_positions, n_actions); actions that are not listed have probability 0.

    Raises:
        DataError: if a column is missing, an action or slot is unknown or listed twice, or a probability is no number.
    """
    if not {"action", "probability"} <= set(frame.columns):
        raise DataError("the policy lacks action or probability", hint="Give columns action, probability [, position]")
    keys = [c for c in ("position", "action") if c in frame.columns]
    if frame.duplicated(keys).any():
        raise DataError("the policy lists an action twice", hint="One row an action (and position)")
    code = pd.Index(log.names).get_indexer(frame["action"].astype(str))
    if (code < 0).any():
        raise DataError(f"the policy's action {frame['action'].iloc[int(np.argmax(code < 0))]!r} is not in the log",
                        hint="Off-policy estimates need every action to have been logged")  # fmt: skip
    chance = pd.to_numeric(frame["probability"], errors="coerce").to_numpy(np.float64)
    if "position" not in frame.columns:
        single = np.zeros(log.n_actions)
        single[code] = chance
        return single
    slot = pd.Index(np.asarray(places if places is not None else range(log.n_positions))).get_indexer(frame["position"])
    if (slot < 0).any():
        raise DataError("the policy names a position that the log does not have", hint=f"It has {log.n_positions}")
    table = np.zeros((log.n_positions, log.n_actions))
    table[slot, code] = chance
    return table


def _codes(name: str, values: Codes, bound: int | None) -> None:
    if values.ndim != 1 or values.min() < 0 or (bound is not None and values.max() >= bound):
        limit = "" if bound is None else f" to {bound - 1}"
        raise InputError(f"{name} span {values.min()} to {values.max()}", hint=f"Give codes from 0{limit}")


def _numbers(name: str, values: Floats) -> None:
    wrong = ~np.isfinite(values)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise InputError(f"a {name} in row {row} is not finite ({int(wrong.sum())} such)", hint="Leave such rows out")
