"""Accounts: who may sign in, by a name and a password.

- The person is known to the rest of the house by a random user id, which outlives a change of name and is never given
  twice: nobody can register as somebody whose orders are on record already. Operators may bind an account to an id.
- The name, which is often an e-mail address, is stored encrypted and found by a keyed digest; the password is an
  Argon2id hash, made anew at a log-in once its parameters are out of date.
- A name that nobody has costs as much time as a wrong password.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from shopr.clock import Clock, SystemClock
from shopr.errors import InputError, NotReadyError, ShoprError, UnknownNameError
from shopr.security.crypto import TextCipher
from shopr.security.passwords import Passwords
from shopr.security.session_records import PRIVILEGES, Privilege
from shopr.storage.database import Database
from shopr.storage.tables import accounts as table

__all__ = ["ROLES", "Account", "Accounts", "known_as"]

ROLES: tuple[Privilege, ...] = PRIVILEGES[1:]
"""What an account may be: everything but a visitor."""
_NAME = re.compile(r"[\w.+@-]{3,254}\Z")
_AT_ONCE = 4
"""Passwords that are hashed at the same time: each takes 64 MiB for its moment."""
_COMMON = ("password", "passwort", "motdepasse", "contrasena", "qwerty", "azerty", "letmein", "welcome", "iloveyou",
           "administrator", "shopr")  # fmt: skip
"""Words that guessers try first, with whatever digits behind them."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account, without its password.

    Attributes:
        user_id: who it is, for the rest of the house.
        name: by which they sign in; "" where it cannot be read any more.
        privilege: what they may do.
        created_at, password_at, seen_at: when it was made, got its password, and was last signed in to.
        locked_at, locked_why: since when and why an operator keeps it out.
    """

    user_id: str
    name: str
    privilege: Privilege
    created_at: datetime
    password_at: datetime
    seen_at: datetime | None
    locked_at: datetime | None
    locked_why: str | None

    @property
    def locked(self) -> bool:
        """Whether an operator keeps it out."""
        return self.locked_at is not None


class Accounts:
    """The accounts of an installation.

    Args:
        database: opened and upgraded.
        cipher, pepper: give what encrypts names, and the secret of their digests, when first needed.
        passwords: hashes them.
    """

    def __init__(
        self,
        database: Database,
        *,
        cipher: Callable[[], TextCipher],
        pepper: Callable[[], bytes],
        passwords: Passwords | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database, self._cipher, self._pepper = database, cipher, pepper
        self._passwords, self._clock = passwords or Passwords(), clock or SystemClock()
        self._insert = (sqlite if database.is_sqlite else postgresql).insert
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def create(self, name: str, password: str, *, privilege: Privilege = "user", user_id: str = "") -> Account:
        """A new account.

        Args:
            user_id: of somebody the shop knows already; "" for a new person. Only operators may say so.

        Raises:
            InputError: if the name or the user id cannot be one or is taken, or the password is too weak.
            UnknownNameError: if there is no such privilege.
        """
        known = known_as(name)
        _role(privilege)
        if len(user_id) > 256 or not (user_id or "x").isprintable():
            raise InputError(f"user id of {len(user_id)} characters", hint="Give 1 to 256 printable characters")
        user, now = user_id or f"a{secrets.token_hex(10)}", self._clock.now()
        values = {
            "user_id": user, "name_key": self.key(known), "password_hash": self._hashed(password, known),
            "privilege": privilege, "created_at": now, "password_at": now,
            "sealed": self._cipher().encrypt(known, table=table.name, row=user, subject=user),
        }  # fmt: skip
        statement = self._insert(table).values(values).on_conflict_do_nothing()
        with self._database.begin() as connection:
            made = connection.execute(statement.returning(table.c.user_id)).first()
        if made is None:
            raise InputError("the name, or the user id, has an account already", hint="Sign in, or choose another name")
        return Account(user, known, privilege, now, now, None, None, None)

    def key(self, known: str) -> str:
        """The keyed digest by which a name is found."""
        return hmac.digest(self._pepper(), b"shopr account\0" + known.encode(), "sha256").hex()[:32]

    def named(self, name: str) -> Account | None:
        """The account of a name; None if there is none."""
        try:
            known = known_as(name)
        except InputError:
            return None
        return self._one(table.c.name_key == self.key(known))

    def of(self, user_id: str) -> Account | None:
        """The account of a user id; None if there is none."""
        return self._one(table.c.user_id == user_id)

    def listed(self, n: int = 1000) -> list[Account]:
        """The accounts, newest first."""
        query = select(table).order_by(table.c.created_at.desc(), table.c.user_id).limit(n)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [self._account(row) for row in rows]

    def count(self) -> int:
        """How many accounts there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def fits(self, account: Account | None, password: str) -> bool:
        """Whether the password is that of the account. Without an account it takes as long and says no."""
        stored = self._hash_of("" if account is None else account.user_id)  # asked for in either case: as long
        with self._turns:
            good = self._passwords.verify(stored, password)
        if good and account is not None and stored is not None and self._passwords.is_outdated(stored):
            with self._turns:
                self._put(account.user_id, password_hash=self._passwords.hash(password))
        return good

    def seen(self, user_id: str) -> None:
        """Note that somebody signed in."""
        self._put(user_id, seen_at=self._clock.now())

    def set_password(self, user_id: str, password: str) -> None:
        """Give an account another password.

        Raises:
            InputError: if it is too weak.
            UnknownNameError: if there is no such account.
        """
        account = self._known(user_id)
        self._put(user_id, password_hash=self._hashed(password, account.name), password_at=self._clock.now())

    def set_privilege(self, user_id: str, privilege: Privilege) -> None:
        """Let an account do more, or less.

        Raises:
            UnknownNameError: if there is no such account or privilege.
        """
        self._known(user_id)
        self._put(user_id, privilege=_role(privilege))

    def lock(self, user_id: str, why: str) -> None:
        """Keep an account out until it is unlocked.

        Raises:
            InputError: if no reason is given.
            UnknownNameError: if there is no such account.
        """
        self._known(user_id)
        if not why.strip() or len(why) > 256:
            raise InputError(f"reason of {len(why)} characters", hint="Give 1 to 256 characters")
        self._put(user_id, locked_at=self._clock.now(), locked_why=why)

    def unlock(self, user_id: str) -> None:
        """Let an account in again.

        Raises:
            NotReadyError: if it is not locked.
            UnknownNameError: if there is no such account.
        """
        if not self._known(user_id).locked:
            raise NotReadyError(f"account of user {user_id!r} is not locked", hint="See 'shopr users list'")
        self._put(user_id, locked_at=None, locked_why=None)

    # -- steps --------------------------------------------------------------------------------------------------------

    def _hashed(self, password: str, name: str) -> str:
        _strong(password, name)
        with self._turns:
            return self._passwords.hash(password)

    def _hash_of(self, user_id: str) -> str | None:
        with self._database.read() as connection:
            found = connection.execute(select(table.c.password_hash).where(table.c.user_id == user_id)).scalar()
        return None if found is None else str(found)

    def _known(self, user_id: str) -> Account:
        found = self.of(user_id)
        if found is None:
            raise UnknownNameError("user", user_id, ())
        return found

    def _put(self, user_id: str, **values: Any) -> None:
        with self._database.begin() as connection:
            connection.execute(update(table).where(table.c.user_id == user_id).values(values))

    def _one(self, which: Any) -> Account | None:
        with self._database.read() as connection:
            row = connection.execute(select(table).where(which)).mappings().first()
        return None if row is None else self._account(row)

    def _account(self, row: Any) -> Account:
        user = row["user_id"]
        try:
            name = self._cipher().decrypt(row["sealed"], table=table.name, row=user, subject=user)
        except ShoprError:  # its key is gone, as of an erased person in a restored backup
            name = ""
        times = (row["created_at"], row["password_at"], row["seen_at"], row["locked_at"])
        return Account(user, name, row["privilege"], *times, row["locked_why"])


def known_as(name: str) -> str:
    """A sign-in name as it is known, however it was typed: spaces around it and capitals do not count.

    Raises:
        InputError: if it can be none.
    """
    known = unicodedata.normalize("NFKC", name[:1000]).strip().casefold()
    if not _NAME.match(known):
        raise InputError(
            f"a name of {len(known)} characters", hint="Use 3 to 254 letters, digits and . _ + @ -, such as an e-mail"
        )
    return known


def _role(privilege: str) -> Privilege:
    for role in ROLES:
        if role == privilege:
            return role
    raise UnknownNameError("role", privilege, ROLES)


def _strong(password: str, name: str) -> None:
    """Refuse what guessers try first; the length is for `Passwords` to judge."""
    folded = unicodedata.normalize("NFKC", password).casefold()
    bare = folded.strip("0123456789!.?*-_ ")
    plain = len(set(folded)) < 5 or bare in _COMMON or bare == ""
    if plain or (len(name) >= 5 and name.partition("@")[0] in folded and len(folded) < len(name) + 8):
        raise InputError("the password is one of those that are guessed first", hint="Use a few random words")
