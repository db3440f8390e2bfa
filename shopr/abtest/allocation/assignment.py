"""Who sees which arm: deterministic, salted, sticky, and vectorised over ids.

The order in which it is decided, first hit first: forced units; units exposed before, which keep their arm for good;
the global holdout; the test's share of its namespace; its coverage. What remains falls into the arms by weight, by one
hash of the id under the test's salt. Raising the coverage widens each arm's range, so a ramp moves no one. Changed
weights shift the ranges and would move people: hand in the exposures so far, and who was exposed stays.

Within a namespace each test owns a range, so tests with disjoint ranges never share a unit. Salts of namespaces,
holdouts and tests differ, so that one says nothing about another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.abtest.checks import one_of
from shopr.abtest.design.spec import Experiment
from shopr.errors import InputError
from shopr.hashing import bucket_ranges, choose, equal_weights, growthbook, in_namespace, uniform
from shopr.hashing.texts import Ids, as_integers, as_texts

__all__ = ["REASONS", "Assigned", "Assignment", "Holdout", "Namespace", "Reason"]

Codes = NDArray[np.int64]
Hash = Literal["shopr", "growthbook-1", "growthbook-2"]
HASHES: tuple[Hash, ...] = ("shopr", "growthbook-1", "growthbook-2")
Reason = Literal["assigned", "forced", "exposed", "holdout", "namespace", "coverage"]
REASONS: tuple[Reason, ...] = ("assigned", "forced", "exposed", "holdout", "namespace", "coverage")
"""Why a unit has its arm, or none; the codes in `Assigned.reasons` count from here."""


@dataclass(frozen=True)
class Namespace:
    """A test's share of a namespace: units whose hash falls within [low, high).

    Raises:
        InputError: unless 0 <= low < high <= 1.
    """

    name: str
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise InputError(f"namespace range {self.low} … {self.high} is not within 0 … 1", hint="Give low < high")

    def overlaps(self, other: Namespace) -> bool:
        """Whether the two could share a unit."""
        return self.name != other.name or (self.low < other.high and other.low < self.high)


@dataclass(frozen=True)
class Holdout:
    """A share of all units that no test may touch, the same units in every test that names it.

    Raises:
        InputError: unless 0 <= share < 1.
    """

    name: str = "global"
    share: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise InputError(f"holdout share {self.share} is outside 0 … 1", hint="Give a share below 1, such as 0.05")

    def holds(self, units: Ids) -> NDArray[np.bool_]:
        """Whether each unit is held out; raising the share only adds units."""
        return uniform(units, f"holdout:{self.name}") < self.share


@dataclass(frozen=True)
class Assigned:
    """What was decided for each unit.

    Attributes:
        arms: names of the arms.
        codes: index of each unit's arm, -1 for none; shape (n,).
        reasons: index into REASONS of why, shape (n,).
    """

    arms: tuple[str, ...]
    codes: Codes
    reasons: NDArray[np.int8]

    def names(self) -> NDArray[np.object_]:
        """The arm of each unit by name, None for none."""
        return np.array([*self.arms, None], dtype=object)[self.codes]

    def why(self, reason: str) -> NDArray[np.bool_]:
        """Whether each unit was decided for `reason`."""
        return np.asarray(self.reasons == REASONS.index(one_of("reason", reason, REASONS)), dtype=np.bool_)

    @property
    def analysed(self) -> NDArray[np.bool_]:
        """Units that count in the analysis: in an arm, and not put there by hand."""
        return np.asarray((self.codes >= 0) & ~self.why("forced"), dtype=np.bool_)


@dataclass(frozen=True)
class Assignment:
    """The assignment of one test.

    Attributes:
        key: names the test.
        arms: names of the arms, the control first.
        weights: share of each arm; equal if None.
        coverage: share of the eligible units that take part; raise it to ramp up.
        salt: of the hash; the key if "". Two tests with one salt treat the same units alike.
        namespace, holdout: limits on who is eligible.
        forced: unit id -> arm, for testers; they see the arm and are not analysed.
        hash: "shopr" (64 bits), or GrowthBook's of version 1 or 2 for tests that began there (namespaces then too).

    Raises:
        InputError: for fewer than two arms, repeated names, weights or coverage outside their bounds, or a forced arm
            that is none of the arms.
    """

    key: str
    arms: tuple[str, ...] = ("control", "treatment")
    weights: tuple[float, ...] | None = None
    coverage: float = 1.0
    salt: str = ""
    namespace: Namespace | None = None
    holdout: Holdout | None = None
    forced: Mapping[str, str] = field(default_factory=dict)
    hash: Hash = "shopr"

    def __post_init__(self) -> None:
        if not self.key:
            raise InputError("the test has no key", hint="Name it, such as 'checkout-button'")
        if len(self.arms) < 2 or len(set(self.arms)) < len(self.arms):
            raise InputError(f"arms {list(self.arms)} are fewer than two or repeat", hint="Name each arm once")
        one_of("hash", self.hash, HASHES)
        bucket_ranges(len(self.arms), self.coverage, self.weights)
        for unit, arm in self.forced.items():
            if arm not in self.arms:
                raise InputError(
                    f"unit {unit!r} is forced into unknown arm {arm!r}", hint=f"Arms: {', '.join(self.arms)}"
                )

    @classmethod
    def of(cls, experiment: Experiment, **options: Any) -> Self:
        """The assignment of an experiment's spec: its name, arms (control first) and weights; `options` as above."""
        arms = (experiment.baseline, *experiment.treatments)
        total = sum(experiment.arms.values())
        return cls(experiment.name, arms, tuple(experiment.arms[arm] / total for arm in arms), **options)

    @property
    def shares(self) -> NDArray[np.float64]:
        """The expected share of each arm among the units analysed: what `srm.sample_ratio` takes."""
        return np.asarray(equal_weights(len(self.arms)) if self.weights is None else self.weights, dtype=np.float64)

    @property
    def ranges(self) -> NDArray[np.float64]:
        """The half-open range of each arm, shape (arms, 2)."""
        ranges = bucket_ranges(len(self.arms), self.coverage, self.weights)
        if self.coverage == 1:
            ranges[-1, 1] = 1.0  # rounding must not lose the last unit
        return ranges

    def assign(self, units: Ids, exposed: Mapping[str, str] | pd.Series | None = None) -> Assigned:
        """The arm of each unit, always the same for the same id.

        Args:
            units: ids as text or whole numbers, shape (n,).
            exposed: unit id -> arm of those who were exposed before (`exposures.Exposures.arms`): they keep it.

        Raises:
            InputError: if an id is missing or empty, or an exposure names an arm that the test no longer has.
        """
        ids = _ids(units)
        codes = choose(self._hash(ids), self.ranges)
        reasons = np.where(codes < 0, REASONS.index("coverage"), REASONS.index("assigned")).astype(np.int8)
        self._bar(self._outside(ids), "namespace", codes, reasons)
        if self.holdout is not None:
            self._bar(self.holdout.holds(ids), "holdout", codes, reasons)
        self._put(ids, exposed, "exposed", codes, reasons)
        self._put(ids, self.forced, "forced", codes, reasons)
        return Assigned(self.arms, codes, reasons)

    def arm(self, unit: str | int, exposed: Mapping[str, str] | None = None) -> str | None:
        """The arm of one unit by name; None if it takes no part."""
        name: str | None = self.assign([str(unit)], exposed).names()[0]
        return name

    def _hash(self, ids: Ids) -> NDArray[np.float64]:
        salt = self.salt or self.key
        return uniform(ids, f"test:{salt}") if self.hash == "shopr" else growthbook(ids, salt, int(self.hash[-1]))

    def _outside(self, ids: Ids) -> NDArray[np.bool_]:
        space = self.namespace
        if space is None:
            return np.zeros(len(ids), dtype=bool)  # type: ignore[arg-type]  # _ids gave a list or an array
        if self.hash != "shopr":
            return ~in_namespace(ids, space.name, space.low, space.high)
        at = uniform(ids, f"namespace:{space.name}")
        return (at < space.low) | (at >= space.high)

    def _bar(self, out: NDArray[np.bool_], reason: str, codes: Codes, reasons: NDArray[np.int8]) -> None:
        codes[out] = -1
        reasons[out] = REASONS.index(one_of("reason", reason, REASONS))

    def _put(
        self,
        ids: Ids,
        arms: Mapping[str, str] | pd.Series | None,
        reason: str,
        codes: Codes,
        reasons: NDArray[np.int8],
    ) -> None:
        if arms is None or not len(arms):
            return
        known = arms if isinstance(arms, pd.Series) else pd.Series(dict(arms), dtype=object)
        order = {name: code for code, name in enumerate(self.arms)}
        given = np.array([order.get(str(arm), -1) for arm in known.to_numpy()], dtype=np.int64)
        if (given < 0).any():
            lost = known.iloc[int(np.argmax(given < 0))]
            raise InputError(
                f"test {self.key!r} has exposures of arm {lost!r}, which it no longer has",
                hint="Keep the arm, with weight 0 if need be, or start a new test",
            )
        index = pd.Index(known.index.astype(str), dtype=object)
        if not index.is_unique:
            raise InputError(f"unit {index[index.duplicated()][0]!r} is {reason} twice", hint="Give each unit once")
        at = index.get_indexer(pd.Index(as_texts(ids), dtype=object))
        hit = at >= 0
        codes[hit] = given[at[hit]]
        reasons[hit] = REASONS.index(one_of("reason", reason, REASONS))


def _ids(units: Ids) -> Ids:
    """The ids as an array of whole numbers or a list of texts, none empty."""
    numbers = as_integers(units)
    if numbers is not None:
        return numbers
    texts = as_texts(units)
    if not all(texts):
        raise InputError("a unit has an empty id", hint="Leave out units without an id")
    return texts
