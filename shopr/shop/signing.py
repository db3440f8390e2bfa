"""Who is who: accounts, log-ins and sessions of the shop's people, with every act of theirs or of operators on record.

    attempt, token = shop.enter("ann@example.com", password, token=cookie, address=…, agent=…)

Whatever changes what somebody may do (log-in, another password, another role, a lock) begins a session anew or ends it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from shopr.redaction import names_a_person

if TYPE_CHECKING:
    from shopr.security.accounts import Account, Accounts
    from shopr.security.session_records import Privilege, Session
    from shopr.security.signin import Attempt, SignIn
    from shopr.shop.root import Shop

__all__ = ["Signing", "actor_of"]


class Signing:
    """The part of a shop that knows who signs in."""

    @property
    def _signing(self) -> Shop:
        return cast("Shop", self)

    @cached_property
    def accounts(self) -> Accounts:
        """Who may sign in."""
        from shopr.security.accounts import Accounts

        shop = self._signing
        return Accounts(
            shop.database, cipher=lambda: shop.security.cipher, pepper=lambda: shop.security.pepper, clock=shop.clock
        )

    @cached_property
    def door(self) -> SignIn:
        """Judges log-ins."""
        from shopr.security.signin import SignIn

        security = self._signing.security
        return SignIn(self.accounts, security.lockout, security.failures, security.limits, pepper=security.pepper)

    # -- what people do -----------------------------------------------------------------------------------------------

    def enter(
        self, name: str, password: str, *, token: str | None, address: str = "", agent: str = "", session: str = "",
        conversation: str = "",
    ) -> tuple[Attempt, str]:  # fmt: skip
        """Somebody signs in; what became of it, and the token of their new session ("" where there is none).

        Args:
            token, session: of the visitor's session, which ends with it.
            conversation: that the visitor had with the assistant.

        Raises:
            StorageError: if storage refuses.
        """
        attempt = self.door.attempt(name, password, address=address, session=session)
        if attempt.account is None:
            return attempt, ""
        return attempt, self._begun(attempt.account, token, address, agent, conversation)

    def register(
        self, name: str, password: str, *, token: str | None, address: str = "", agent: str = "", session: str = "",
        conversation: str = "",
    ) -> tuple[Attempt, str]:  # fmt: skip
        """Somebody new makes an account, and is signed in with it.

        Raises:
            InputError: if the name cannot be one or is taken, or the password is too weak.
            StorageError: if storage refuses.
        """
        from shopr.security.signin import Attempt

        late = self.door.room(address=address, session=session)
        if late is not None:
            return late, ""
        made = self.accounts.create(name, password)
        self._on_record("account_created", made.user_id, by=made)
        self.accounts.seen(made.user_id)
        return Attempt("accepted", account=made), self._begun(made, token, address, agent, conversation)

    def change_password(
        self, session: Session, old: str, new: str, *, token: str, address: str = "", agent: str = ""
    ) -> tuple[Attempt, str]:
        """Who is signed in gets another password: every session of theirs ends, and a new one begins here.

        Raises:
            InputError: if the new password is too weak.
            StorageError: if storage refuses.
        """
        attempt = self.door.confirm(session.user, old, address=address, session=session.id)
        if attempt.account is None:
            return attempt, ""
        self.accounts.set_password(session.user, new)
        self._on_record("password_changed", session.user, by=attempt.account)
        fresh = self._begun(attempt.account, token, address, agent, "")
        kept = self._signing.security.sessions.resume(fresh, address=address, agent=agent).session
        self.leave_everywhere(session.user, but=kept.id if kept else "", why="another password")
        return attempt, fresh

    def leave(self, token: str) -> bool:
        """Somebody signs out; whether they were signed in."""
        return self._signing.security.sessions.end(token, why="signed out")

    def leave_everywhere(self, user_id: str, *, but: str = "", why: str = "signed out everywhere") -> int:
        """End all sessions of a person; how many.

        Args:
            but: id of a session that goes on.
        """
        ended = self._signing.security.sessions.revoke_user(user_id, why=why, but=but)
        if ended:
            self._on_record("sessions_ended", user_id, reason=why)
        return ended

    def end_own(self, user_id: str, session_id: str) -> bool:
        """Somebody ends one of their own sessions; nobody else's can be named."""
        own = {one.id for one in self._signing.security.sessions.of_user(user_id)}
        return session_id in own and self._signing.security.sessions.revoke(session_id, why="ended by its owner") > 0

    # -- what operators do --------------------------------------------------------------------------------------------

    def add_account(
        self, name: str, password: str, *, privilege: Privilege = "user", user_id: str = "", actor: str
    ) -> Account:
        """Make an account for somebody.

        Args:
            user_id: of a person whom the shop knows already.

        Raises:
            InputError: as `Accounts.create`.
        """
        made = self.accounts.create(name, password, privilege=privilege, user_id=user_id)
        self._on_record("account_created", made.user_id, actor=actor, details={"role": privilege})
        return made

    def set_role(self, account: Account, privilege: Privilege, *, actor: str) -> int:
        """Let somebody do more, or less, from their next log-in on: their sessions end. How many did."""
        self.accounts.set_privilege(account.user_id, privilege)
        self._on_record(
            "role_changed", account.user_id, actor=actor, details={"from": account.privilege, "to": privilege}
        )
        return self._ended(account, f"role {privilege}")

    def reset_password(self, account: Account, password: str, *, actor: str) -> int:
        """Give somebody another password; their sessions end. How many did.

        Raises:
            InputError: if it is too weak.
        """
        self.accounts.set_password(account.user_id, password)
        self._on_record("password_reset", account.user_id, actor=actor)
        return self._ended(account, "another password")

    def lock_account(self, account: Account, *, reason: str, actor: str) -> int:
        """Keep somebody out, and end their sessions; how many.

        Raises:
            InputError: if no reason is given.
        """
        self.accounts.lock(account.user_id, reason)
        self._on_record("account_locked", account.user_id, actor=actor, reason=reason)
        return self._ended(account, "account locked")

    def unlock_account(self, account: Account, *, reason: str, actor: str) -> None:
        """Let somebody in again.

        Raises:
            NotReadyError: if they are not locked.
        """
        self.accounts.unlock(account.user_id)
        self._on_record("account_unlocked", account.user_id, actor=actor, reason=reason)

    # -- steps --------------------------------------------------------------------------------------------------------

    def _begun(self, account: Account, token: str | None, address: str, agent: str, conversation: str) -> str:
        fresh, session = self._signing.sign_in(
            token, account.user_id, account.privilege, address=address, agent=agent, conversation=conversation
        )
        if session.privilege != "user":  # whose acts weigh more
            self._on_record("signed_in", account.user_id, by=account, details={"role": session.privilege})
        return fresh

    def _ended(self, account: Account, why: str) -> int:
        return self._signing.security.sessions.revoke_user(account.user_id, why=why)

    def _on_record(
        self, action: str, user_id: str, *, by: Account | None = None, actor: str = "", reason: str = "",
        details: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Into the audit log; people by digest, operators by the name that they are called by."""
        who = actor or (actor_of(by) if by is not None else "the person")
        self._signing.security.audit.record(action, actor=who, reason=reason, subject=user_id, details=details)


def actor_of(account: Account) -> str:
    """How the audit log names who did something: analysts and operators by name, unless that is an address; others are
    persons, whom it knows by digest alone."""
    if account.privilege == "user":
        return "the person"
    return account.name if account.name and not names_a_person(account.name) else account.user_id
