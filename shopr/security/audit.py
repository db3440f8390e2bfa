"""The audit log: who did what to what, when and why, in a chain that shows every later change.

Each entry's hash covers its content and the hash before it, so that an edited, removed or moved entry breaks the chain.
Who may write to the database could write the whole chain anew, or cut off its end: so each hash also goes into an
anchor, a file that only grows. It belongs on another disk or host than the database (`anchor`), and into another
backup.

Entries name persons by digests, and texts are redacted on their way in: the log is kept for years.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, text

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import InputError, StorageError
from shopr.redaction import redact, redact_values
from shopr.security.crypto_keyfile import keys_folder
from shopr.storage.database import Database
from shopr.storage.subjects import digest
from shopr.storage.tables import audit_log as table

__all__ = ["AuditEntry", "AuditLog", "Verification", "anchor_file"]

_START = "0" * 64
_BATCH = 2000
_MOST_PROBLEMS = 100
_BOUNDS = {"action": 64, "actor": 256, "object": 256, "reason": 1000}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry.

    Attributes:
        seq: its number, from 1 without a gap.
        time: when.
        actor: who, as the system knows them.
        action: what, a word such as "rule_added".
        object: to what.
        reason: why.
        details: further facts, JSON.
        previous, hash: the chain.
    """

    seq: int
    time: datetime
    actor: str
    action: str
    object: str
    reason: str
    details: str
    previous: str
    hash: str

    def sealed(self) -> str:
        """The hash that this content has behind this predecessor."""
        moment = self.time.astimezone(UTC).isoformat(timespec="microseconds")
        parts = [self.seq, moment, self.actor, self.action, self.object, self.reason, self.details, self.previous]
        return sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk along the chain found.

    Attributes:
        entries: entries in the log.
        anchored: of them, those that the anchor vouches for.
        problems: what is wrong, the first hundred of it; empty if all is as it was written.
    """

    entries: int
    anchored: int
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class AuditLog:
    """The log of one installation.

    Args:
        database: opened and upgraded.
        anchor: the file of hashes, best on another disk or host.
    """

    def __init__(self, database: Database, anchor: Path, *, clock: Clock | None = None) -> None:
        self._database, self._anchor, self._clock = database, anchor, clock or SystemClock()

    def record(
        self,
        action: str,
        *,
        actor: str,
        object_: str = "",
        reason: str = "",
        subject: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """Append an entry; it is in storage and in the anchor when this returns.

        Args:
            subject: the person it is about; only a digest is kept.

        Raises:
            InputError: if action or actor is empty, or a text is too long.
            StorageError: if the log or the anchor cannot be written.
        """
        told = {"action": action, "actor": actor, "object": object_, "reason": reason}
        for name, value in told.items():
            if len(value) > _BOUNDS[name] or (name in ("action", "actor") and not value.strip()):
                raise InputError(f"{name} of {len(value)} characters", hint=f"Give 1 to {_BOUNDS[name]} characters")
        facts = dict(redact_values(details or {}))
        if subject is not None:
            facts["subject"] = digest(subject)
        row = {name: redact(value) if name in ("object", "reason") else value for name, value in told.items()}
        entry = self._append(row, json.dumps(facts, sort_keys=True, ensure_ascii=False))
        self._anchor_down(entry)
        return entry

    def entries(self, n: int = 100, *, action: str | None = None) -> list[AuditEntry]:
        """The newest entries."""
        query = select(table).order_by(table.c.seq.desc()).limit(n)
        if action is not None:
            query = query.where(table.c.action == action)
        with self._database.read() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]

    def verify(self) -> Verification:
        """Walk along the whole chain.

        Raises:
            StorageError: if the log or the anchor cannot be read.
        """
        anchored, problems = self._anchors()
        last, before, vouched = 0, _START, 0
        for entry in self._walk():
            if entry.seq != last + 1:
                missing = f"entry {last + 1}" if entry.seq == last + 2 else f"entries {last + 1} to {entry.seq - 1}"
                problems.append(f"{missing} missing before entry {entry.seq}")
            elif entry.previous != before:
                problems.append(f"entry {entry.seq} does not follow the entry before it")
            if entry.sealed() != entry.hash:
                problems.append(f"entry {entry.seq} was changed after it was written")
            if entry.seq in anchored:
                vouched += 1
                if anchored[entry.seq] != {entry.hash}:
                    problems.append(f"entry {entry.seq} is not the one that the anchor knows")
            last, before = entry.seq, entry.hash
        newest = max(anchored, default=0)
        if newest > last:
            problems.append(f"the end is cut off: the anchor knows entry {newest}, the log ends at {last}")
        elif last and not anchored:
            problems.append(f"the anchor {self._anchor.name} is missing or empty, while the log has {last} entries")
        return Verification(last, vouched, tuple(problems[:_MOST_PROBLEMS]))

    def _append(self, row: Mapping[str, str], details: str) -> AuditEntry:
        with self._database.begin() as connection:
            if not self._database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(7302)"))
            query = select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
            last = connection.execute(query).first()
            seq, previous = (last[0] + 1, last[1]) if last else (1, _START)
            entry = AuditEntry(seq, self._clock.now(), **row, details=details, previous=previous, hash="")
            values = {name: getattr(entry, name) for name in AuditEntry.__slots__} | {"hash": entry.sealed()}
            connection.execute(insert(table).values(values))
        return AuditEntry(**values)

    def _anchor_down(self, entry: AuditEntry) -> None:
        try:
            self._anchor.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._anchor, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, f"{entry.seq} {entry.hash}\n".encode())
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise StorageError(
                f"the audit log's anchor {self._anchor} cannot be written: {error.strerror}",
                hint="Make it writable; the entry itself is stored",
            ) from error

    def _anchors(self) -> tuple[dict[int, set[str]], list[str]]:
        found: dict[int, set[str]] = {}
        problems: list[str] = []
        lines: list[str] = []
        with suppress(FileNotFoundError):
            try:
                lines = self._anchor.read_text(encoding="ascii", errors="replace").splitlines()
            except PermissionError as error:
                raise StorageError(f"the anchor {self._anchor} cannot be read", hint="Check its permissions") from error
        for number, line in enumerate(lines, 1):
            seq, _, known = line.partition(" ")
            if seq.isdecimal() and len(known) == 64:
                found.setdefault(int(seq), set()).add(known)
            else:
                problems.append(f"line {number} of the anchor is no anchor")
        return found, problems

    def _walk(self) -> Iterator[AuditEntry]:
        last: int | None = None
        while True:
            query = select(table).order_by(table.c.seq).limit(_BATCH)
            if last is not None:
                query = query.where(table.c.seq > last)
            with self._database.read() as connection:
                rows = [AuditEntry(**row) for row in connection.execute(query).mappings()]
            if not rows:
                return
            yield from rows
            last = rows[-1].seq


def anchor_file(settings: Settings) -> Path:
    """Where the anchor is: SHOPR_AUDIT_ANCHOR, else in the folder of keys, which is backed up apart."""
    return Path(settings.audit_anchor).expanduser() if settings.audit_anchor else keys_folder(settings) / "audit.anchor"
