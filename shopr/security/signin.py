"""A log-in, judged: not too often, not locked out, the right password, and nobody told which of these names exist.

Whether a name has an account cannot be told from outside: a wrong password and an unknown name take the same steps, the
same time and the same words, and both are counted. What is counted is the name together with the network it is tried
from, so that somebody else's wrong passwords lock nobody out (`shopr.security.lockout`); many names refused on one
network block the network (`shopr.security.behaviour`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from shopr.errors import InputError
from shopr.security.accounts import Account, Accounts, known_as
from shopr.security.checks import FailureCheck
from shopr.security.limits import Limits
from shopr.security.lockout import Lockout, in_words
from shopr.security.principal import Principal, digest_of

__all__ = ["Attempt", "SignIn"]

Outcome = Literal["accepted", "refused", "locked", "too often", "closed"]
WRONG = "The name or the password is not right."
CLOSED = "This account is closed for the moment. Please ask the shop why."
_STRIPES = 64


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of a log-in.

    Attributes:
        outcome: "accepted"; "refused" (name or password wrong), "locked" (too many of those), "too often", or "closed"
            (right, but an operator keeps the account out).
        words: for the person; "" where it was accepted.
        account: whose it is; None where it was not accepted.
        wait: seconds until it makes sense to try again.
    """

    outcome: Outcome
    words: str = ""
    account: Account | None = None
    wait: float = 0.0


class SignIn:
    """Judges log-ins.

    Args:
        lockout, failures: keep who is out, and count and tell failures.
        limits: their kind "login".
        pepper: a secret for the stand-ins of names that nobody has: what was typed there may be a password.
    """

    def __init__(
        self, accounts: Accounts, lockout: Lockout, failures: FailureCheck, limits: Limits, *, pepper: bytes = b""
    ) -> None:
        self._accounts, self._lockout, self._failures, self._limits = accounts, lockout, failures, limits
        self._pepper = pepper
        self._turns = [threading.Lock() for _ in range(_STRIPES)]

    def attempt(self, name: str, password: str, *, address: str = "", session: str = "") -> Attempt:
        """Somebody says who they are.

        Args:
            address: the client's.
            session: id of the visitor's session, which counts for the rate alone.

        Raises:
            StorageError: if storage refuses; then nobody is let in.
        """
        late = self._too_often(address, session)
        if late is not None:
            return late
        account = self._accounts.named(name)
        return self._judged(account, self._whom(account, name), password, address)

    def confirm(self, user_id: str, password: str, *, address: str = "", session: str = "") -> Attempt:
        """Somebody who is signed in proves once more who they are, as before a change of password."""
        late = self._too_often(address, session)
        if late is not None:
            return late
        return self._judged(self._accounts.of(user_id), user_id, password, address)

    def room(self, *, address: str = "", session: str = "") -> Attempt | None:
        """Why there is no room for one more log-in or registration from here; None if there is, and it is counted."""
        return self._too_often(address, session)

    def _judged(self, account: Account | None, whom: str, password: str, address: str) -> Attempt:
        who = Principal.of(user=whom, address=address or None)
        # One at a time for a name: guesses sent at once must not all be judged before the first is counted.
        with self._turns[int(digest_of(whom)[:4], 16) % _STRIPES]:
            held = self._lockout.locked(who)
            if held is not None:
                return _locked(held.seconds_left)
            good = self._accounts.fits(account, password)
            if not good:
                return self._refused(who, whom, address)
        if account is None:  # never: nobody's password fits nothing
            return Attempt("refused", WRONG)
        if account.locked:
            return Attempt("closed", CLOSED)
        self._lockout.success(who)
        self._failures.saw("login_accepted", Principal.of(address=address or None), whom)
        self._accounts.seen(account.user_id)
        return Attempt("accepted", account=account)

    def _refused(self, who: Principal, whom: str, address: str) -> Attempt:
        made = self._failures.failed(who, "wrong password")
        self._failures.saw("login_refused", Principal.of(address=address or None), whom)
        return Attempt("refused", WRONG) if made is None else _locked(made.seconds_left)

    def _too_often(self, address: str, session: str) -> Attempt | None:
        answer = self._limits.hit("login", Principal.of(session=session, address=address or None))
        if answer.allowed:
            return None
        wait = max(1.0, answer.reset_after)
        return Attempt("too often", f"That was a little fast. Please try again in {in_words(wait)}.", wait=wait)

    def _whom(self, account: Account | None, name: str) -> str:
        if account is not None:
            return account.user_id
        try:
            known = known_as(name)
        except InputError:
            known = name[:1000]
        return f"unknown {digest_of(known, self._pepper)[:12]}"


def _locked(seconds: float) -> Attempt:
    words = f"Too many tries failed. Please try again in {in_words(seconds)}; nobody else is kept out."
    return Attempt("locked", words, wait=seconds)
