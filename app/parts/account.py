"""Who looks at a page, as their session tells at this very moment, and what they may see and do."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from getpass import getuser
from html import escape
from urllib.parse import quote

import streamlit as st

from parts.visitor import visitor_session
from shopr.errors import ShoprError
from shopr.security.accounts import Account
from shopr.security.session_records import Privilege, Session, at_least
from shopr.shop import Shop
from shopr.shop.signing import actor_of

__all__ = ["Viewer", "viewer", "who_line"]

log = logging.getLogger("shopr.app")


@dataclass(frozen=True)
class Viewer:
    """Who looks at a page.

    Attributes:
        session: theirs; None where the app runs without its doors, or it ended.
        required: whether accounts decide what may be seen and done (`settings.require_sign_in`).
        account: whose it is; None of a visitor.
    """

    session: Session | None
    required: bool
    account: Account | None = None

    @property
    def user(self) -> str:
        """User id of who is signed in; "" of a visitor."""
        return self.session.user if self.session is not None else ""

    def may(self, wanted: Privilege) -> bool:
        """Whether they may see or do what takes this privilege; where accounts are not required, everybody may."""
        held: Privilege = self.session.privilege if self.session is not None else "visitor"
        return not self.required or at_least(held, wanted)

    def is_one(self, user: str | None) -> bool:
        """Whether they may act as this shopper: their own self; anybody where accounts are not required."""
        return not self.required or bool(user and user == self.user)

    def called(self, user: str) -> str:
        """A shopper's id as it is shown: one's own as the name that one signs in by."""
        own = self.account is not None and user == self.user
        return f"{self.account.name} (you)" if own and self.account is not None and self.account.name else user

    @property
    def actor(self) -> str:
        """How the audit log names what they do."""
        known = self.account is not None and self.account.privilege != "user"
        return actor_of(self.account) if known and self.account is not None else getuser()


def viewer(shop: Shop) -> Viewer:
    """Who looks; asked anew each time, so that a session which was ended sees nothing more."""
    given = visitor_session()
    try:
        session = shop.security.sessions.held(given) if given else None
        account = shop.accounts.of(session.user) if session is not None and session.user else None
    except ShoprError as error:  # who cannot be known is nobody
        log.error("who looks could not be told: %s", error.one_line())
        session = account = None
    return Viewer(session, shop.settings.require_sign_in, account)


def who_line(who: Viewer, path: str) -> None:
    """One line above a page: who is signed in, and the ways to sign in, to the account and to one's own data.

    Args:
        path: of the page, to come back to.
    """
    if who.session is None:
        return
    talk = st.query_params.get("c", "")
    address = f"/{path}?c={talk}" if talk else f"/{path}"  # a conversation goes on, and its cart comes along
    if who.account is not None:
        name = f"<b>{escape(who.account.name)}</b> " if who.account.name else ""
        ways = f'<span class="name">Signed in as {name}</span><a href="/account/" target="_self">Your account</a>'
    else:
        ways = f'<a href="/account/sign-in?next={quote(address, safe="")}" target="_self">Sign in</a>'
    ways += '<a href="/your-data" target="_self">Your data</a>'
    st.html(f'<nav class="viewer" aria-label="Account">{ways}</nav>')
