"""When a test may be read, and what was read before.

A p-value at 5 % is right for one reading. A test planned for one reading is not read before its end; a group-sequential
test keeps its looks in a small JSON file, and none of them can be taken back or put before another.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shopr.abtest.design.spec import Experiment, FixedHorizon, GroupSequential
from shopr.errors import DataError, InputError, NotReadyError

__all__ = ["Look", "add_look", "information", "load_looks", "refuse_early", "save_looks"]


@dataclass(frozen=True)
class Look:
    """One reading.

    Attributes:
        at: when, ISO 8601.
        n: units exposed, all arms.
        estimates: "metric|arm|method": (effect, standard error), and the units behind it for confidence sequences.
    """

    at: str
    n: int
    estimates: dict[str, tuple[float, ...]]


def load_looks(path: Path, name: str) -> list[Look]:
    """The looks of an experiment so far; none if the file does not exist.

    Raises:
        DataError: if the file is damaged or belongs to another experiment.
    """
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        looks = [
            Look(
                _moment(str(row["at"])),
                int(row["n"]),
                {k: (float(v[0]), *(float(x) for x in v[1:])) for k, v in row["estimates"].items()},
            )
            for row in content["looks"]
        ]
        if any(len(told) < 2 for look in looks for told in look.estimates.values()):
            raise ValueError("an estimate has no standard error")
        for look in looks:
            if look.n < 0:
                raise ValueError(f"a look has {look.n} units")
        owner = str(content["experiment"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"looks file {path} cannot be read: {error}", hint="Restore it; earlier looks count") from error
    if owner != name:
        raise DataError(f"looks file {path} belongs to experiment {owner!r}, not {name!r}", hint="Give its own file")
    return looks


def _moment(text: str) -> str:
    """An ISO time with its zone; UTC where none is said."""
    at = datetime.fromisoformat(text)
    return text if at.tzinfo is not None else at.replace(tzinfo=UTC).isoformat()


def save_looks(path: Path, name: str, looks: list[Look]) -> None:
    """Write the looks, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"experiment": name, "looks": [asdict(look) for look in looks]}
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    part.replace(path)


def add_look(looks: list[Look], new: Look) -> list[Look]:
    """The looks with a new one at their end; a look at as many units as the last one replaces it.

    Raises:
        InputError: if the new look is earlier than the last.
    """
    if not looks:
        return [new]
    last = looks[-1]
    if new.n < last.n or datetime.fromisoformat(new.at) < datetime.fromisoformat(last.at):
        raise InputError(
            f"this look ({new.n:,} units, {new.at[:16]}) is earlier than the last ({last.n:,} units, {last.at[:16]})",
            hint="Looks are taken in order of time: give the newer table, or the looks file of this experiment",
        )
    return [*looks[:-1], new] if new.n == last.n else [*looks, new]


def refuse_early(spec: Experiment, n: int, at: datetime) -> None:
    """Refuse to read a fixed-horizon test before its end, or a group-sequential one beyond its number of looks.

    Raises:
        NotReadyError: saying what the test would need.
    """
    design = spec.design
    if not isinstance(design, FixedHorizon):
        return
    needs = []
    if spec.end is not None and at < spec.end:
        days = (spec.end - at).total_seconds() / 86_400
        needs.append(f"{days:.1f} more days, until {spec.end:%Y-%m-%d %H:%M} UTC")
    if spec.end is None and design.n is not None and n < design.n:
        needs.append(f"{design.n - n:,} more units (it has {n:,} of {design.n:,})")
        if spec.start is not None and at > spec.start and n:
            rate = n / (at - spec.start).total_seconds() * 86_400
            needs.append(f"about {(design.n - n) / rate:.0f} more days at the present rate")
    if needs:
        raise NotReadyError(
            f"experiment {spec.name!r} is planned for one reading at its end; it needs {' and '.join(needs)}",
            hint="To read earlier, plan a design of type group_sequential or sequential before the test starts",
        )


def information(design: GroupSequential, looks: list[Look]) -> list[float]:
    """Shares of the planned information at the looks."""
    return [look.n / design.n for look in looks]
