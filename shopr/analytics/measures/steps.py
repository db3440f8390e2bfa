"""The events of a funnel's steps as arrays: of which steps, whose, and when; read from blocks of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shopr.analytics.measures.funnel import Step
from shopr.analytics.reading.log import Codes, _persons
from shopr.analytics.store.cold import SCHEMA
from shopr.analytics.store.scan import Block
from shopr.errors import InputError

__all__ = ["Hits", "Piece", "gather"]

Times = NDArray[np.int64]
_HELD = 2_000_000
"""Texts that are held before they become codes."""
Blocks = Callable[[], Iterable[Block]]


@dataclass(frozen=True)
class Piece:
    """Events of steps that one block had.

    Attributes:
        day: the UTC day of all of them.
        codes: shape (n,), int32, the person of each; -1 for nobody.
        times: shape (n,), microseconds.
        bits: shape (n,), bit k for step k.
        words: of the breakdown; None without one.
    """

    day: str
    codes: NDArray[np.int32]
    times: Times
    bits: NDArray[np.unsignedinteger[Any]]
    words: Codes | None = None


@dataclass(frozen=True)
class Hits:
    """Events of steps in pieces, in order of days; `persons` is how many there are."""

    pieces: Sequence[Piece]
    persons: int

    def groups(self, entered: Times) -> NDArray[np.object_]:
        """The breakdown's word of each person at the entry, "" for none."""
        groups = np.full(self.persons, "", object)
        for piece in self.pieces:
            if piece.words is not None:
                begins = (piece.codes >= 0) & ((piece.bits & 1) > 0) & (piece.times == entered[piece.codes])
                groups[piece.codes[begins]] = piece.words.take(np.flatnonzero(begins)).words()
        return groups


def gather(
    blocks: Blocks, steps: Sequence[Step], breakdown: str | None = None, *, linked: Callable[[], Any] = lambda: None
) -> Hits:
    """Read what belongs to a step.

    Args:
        blocks: gives the blocks, from the first, at each call: they are read again where logins must be looked for.
        linked: sessions that belong to users, as `Identities.owners` has them.

    Raises:
        InputError: if a step or the breakdown names a column that is none of words.
    """
    named = {name for step in steps for name in step.where or {}} | ({breakdown} if breakdown else set())
    for name in named:
        if name not in SCHEMA.names or not pa.types.is_string(SCHEMA.field(name).type):
            raise InputError(f"events have no column {name!r} of words", hint="Use page, device, source, name …")
    kind = next(t for t in (np.uint8, np.uint16, np.uint32, np.uint64) if len(steps) <= np.iinfo(t).bits)
    wanted = _Wanted(steps, kind, sorted({"type", "time", "user_id"} | named), breakdown)
    found = _Found([], [], [], _Texts(), [], [])
    for block in blocks():
        _take(found, block, wanted)
    codes, persons = _people(found, blocks, linked)
    words: Sequence[Codes | None] = found.words or [None] * len(codes)
    parts = zip(found.days, codes, found.times, found.bits, words, strict=True)
    return Hits([Piece(*part) for part in parts], persons)


class _Texts:
    """Texts as codes, -1 where there is none: the dictionary grows, and codes stay what they are."""

    def __init__(self) -> None:
        self.dictionary: Any = pa.array([], pa.string())
        self._codes: list[NDArray[np.int32]] = []
        self._waiting: list[Any] = []
        self._rows = 0

    def add(self, texts: Any) -> None:
        """Take in a piece."""
        self._waiting.append(texts)
        self._rows += len(texts)
        if self._rows >= _HELD:
            self._fold()

    def codes(self) -> list[NDArray[np.int32]]:
        """Of each piece in turn."""
        self._fold()
        return self._codes

    def _fold(self) -> None:
        column = pa.chunked_array([self.dictionary, *self._waiting]).dictionary_encode()
        chunks = iter(column.chunks)  # none for pieces without rows
        if len(self.dictionary):
            next(chunks)
        for texts in self._waiting:
            codes = next(chunks).indices.fill_null(-1).to_numpy() if len(texts) else np.empty(0, np.int32)
            self._codes.append(codes)
        if column.num_chunks:
            self.dictionary = column.chunk(0).dictionary
        self._waiting, self._rows = [], 0


@dataclass(frozen=True)
class _Found:
    """What was read, a piece a block; `sessions` holds None where every event has a user."""

    days: list[str]
    times: list[Times]
    bits: list[NDArray[Any]]
    users: _Texts
    sessions: list[Any]
    words: list[Codes]


@dataclass(frozen=True)
class _Wanted:
    """What is looked for: the steps, the type that has a bit for each, and the columns that tell."""

    steps: Sequence[Step]
    kind: Any
    columns: list[str]
    breakdown: str | None


def _take(found: _Found, block: Block, wanted: _Wanted) -> None:
    table = block.read(wanted.columns)
    times, bits = table["time"].cast(pa.int64()).to_numpy(), _bits(table, wanted.steps, wanted.kind)
    within = block.rows(times)
    mask = bits > 0 if within is None else (bits > 0) & within
    chosen = pa.array(mask)
    users = _flat(table["user_id"]).filter(chosen)
    found.days.append(block.day)
    found.times.append(times[mask])
    found.bits.append(bits[mask])
    found.users.add(users)
    nameless = users.null_count > 0
    found.sessions.append(_flat(block.read(["session_id"])["session_id"]).filter(chosen) if nameless else None)
    if wanted.breakdown is not None:
        found.words.append(Codes.of(table[wanted.breakdown]).take(np.flatnonzero(mask)))


def _bits(table: Any, steps: Sequence[Step], kind: Any) -> NDArray[Any]:
    """Of each event, which steps it is of."""
    types = Codes.of(table["type"])
    by_code = np.zeros(len(types.names) + 1, kind)
    narrow = []
    for number, step in enumerate(steps):
        if step.where:
            narrow.append((kind(1 << number), step))
        else:
            by_code[:-1][types.names == step.type] |= kind(1 << number)
    bits: NDArray[Any] = by_code[types.codes]
    columns = {name: Codes.of(table[name]) for _, step in narrow for name in step.where or {}}
    for bit, step in narrow:
        mask = types.codes == types.code(step.type)
        for name, word in (step.where or {}).items():
            mask &= columns[name].codes == columns[name].code(word)
        bits[mask] |= bit
    return bits


def _people(found: _Found, blocks: Blocks, linked: Callable[[], Any]) -> tuple[list[NDArray[np.int32]], int]:
    """Codes of persons by piece, and how many there are, by the rule of `shopr.analytics.store.identities`."""
    codes, named = found.users.codes(), found.users.dictionary
    pa.default_memory_pool().release_unused()
    unnamed = [sessions for sessions in found.sessions if sessions is not None]
    if not unnamed:  # who is named is known, wherever else they were seen
        return codes, len(named)
    seen = _logins(pa.chunked_array(unnamed, pa.string()).unique(), blocks)
    own = [pa.DictionaryArray.from_arrays(pa.array(c, mask=c < 0), named).cast(pa.string()) for c in codes]
    pairs = zip(found.sessions, codes, strict=True)
    sessions = [pa.nulls(len(c), pa.string()) if given is None else given for given, c in pairs]
    both = [Codes.of(pa.chunked_array([*texts, *more])) for texts, more in zip((own, sessions), seen, strict=True)]
    persons, count, _ = _persons(both[0], both[1], linked())
    ends = np.cumsum([len(piece) for piece in codes])
    return np.split(persons, ends)[:-1], count


def _logins(sessions: Any, blocks: Blocks) -> tuple[list[Any], list[Any]]:
    """Users and sessions of the events in which somebody is named in one of these sessions."""
    users, named = [pa.array([], pa.string())], [pa.array([], pa.string())]
    for block in blocks():
        table = block.read(["session_id", "user_id"])
        known = pc.and_(table["user_id"].is_valid(), pc.is_in(table["session_id"], value_set=sessions))
        pairs = table.filter(known).group_by(["user_id", "session_id"]).aggregate([])
        users.append(_flat(pairs["user_id"]))
        named.append(_flat(pairs["session_id"]))
    return users, named


def _flat(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _joined(pieces: list[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate(pieces) if pieces else np.empty(0, kind)
