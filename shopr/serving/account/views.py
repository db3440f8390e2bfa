"""The pages about accounts, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from shopr.errors import ShoprError
from shopr.security.passwords import LEAST
from shopr.serving.account.markup import button_form, consent_form, field, message, page

if TYPE_CHECKING:
    from shopr.security.accounts import Account
    from shopr.security.session_records import Session

__all__ = ["Frame", "Where", "account", "consent", "done", "register", "sentence", "sign_in", "trouble"]

_LONG = f"At least {LEAST} characters. A few random words are better than signs and digits."
_DONE = {
    "ended": "The session is ended.",
    "password": "You have another password; every other session is signed out.",
}
_ROLES = {
    "user": "",
    "analyst": "Analyst: sees the dashboards.",
    "operator": "Operator: may act on the shop's security.",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has: the hidden fields of its forms, and what stands in front of it."""

    hidden: Mapping[str, str]
    front: str = ""


@dataclass(frozen=True, slots=True)
class Where:
    """Where somebody is signed in: the sessions, the id of this one, and the time zone of their times."""

    sessions: Sequence[Session]
    here: str
    zone: str


def sign_in(frame: Frame, onward: str, name: str, words: str) -> bytes:
    """Name and password.

    Args:
        onward: where to go on afterwards.
        name: as it was typed before.
        words: why it did not work.
    """
    fields = field("name", "Name or e-mail", value=name, fill="username", first=not name)
    fields += field("password", "Password", kind="password", fill="current-password", first=bool(name))
    form = button_form("/account/sign-in", "Sign in", {**frame.hidden, "next": onward}, fields)
    other = f'<p>New here? <a href="/account/register?next={quote(onward, safe="")}">Make an account</a></p>'
    return page("Sign in", f'{message(words)}<div class="card">{form}</div>{other}', before=frame.front)


def register(frame: Frame, onward: str, name: str, words: str) -> bytes:
    """Name and a new password, twice; as `sign_in`."""
    fields = field("name", "Name or e-mail", value=name, fill="username", first=True,
                   hint="3 characters or more; letters, digits and . _ + @ -")  # fmt: skip
    fields += field("password", "Password", kind="password", fill="new-password", hint=_LONG)
    fields += field("again", "Password once more", kind="password", fill="new-password")
    form = button_form("/account/register", "Make the account", {**frame.hidden, "next": onward}, fields)
    other = f'<p>You have one? <a href="/account/sign-in?next={quote(onward, safe="")}">Sign in</a></p>'
    return page("Make an account", f'{message(words)}<div class="card">{form}</div>{other}', before=frame.front)


def account(frame: Frame, whose: Account | None, where: Where, said: str) -> bytes:
    """Who is signed in, on which devices, another password.

    Args:
        said: HTML about what just happened.
    """
    name = whose.name if whose is not None else ""
    role = _ROLES.get(whose.privilege, "") if whose is not None else ""
    out = button_form("/account/sign-out", "Sign out", frame.hidden)
    everywhere = button_form("/account/everywhere", "Sign out everywhere", frame.hidden, plain=True)
    who = f'<div class="card"><p>Signed in as <b>{escape(name or "an account without a name")}</b>. {escape(role)}</p>'
    who += f'<div class="row">{out}{everywhere}</div></div>'
    rows = "".join(_session_row(one, frame.hidden, where) for one in where.sessions)
    places = f'<div class="card"><h2>Where you are signed in</h2><ul class="sessions">{rows}</ul></div>'
    fields = field("old", "Present password", kind="password", fill="current-password")
    fields += field("password", "New password", kind="password", fill="new-password", hint=_LONG)
    fields += field("again", "New password once more", kind="password", fill="new-password")
    change = button_form("/account/password", "Change the password", frame.hidden, fields)
    change = f'<div class="card"><h2>Another password</h2><p class="lead">All other sessions end.</p>{change}</div>'
    return page("Your account", said + who + places + change, before=frame.front)


def done(what: str) -> str:
    """One sentence about what was done just before this page, as HTML; "" for nothing known."""
    return message(_DONE.get(what, ""), good=True)


def consent(frame: Frame, allowed: Sequence[str], signal: bool) -> bytes:
    """What may be kept, to be changed."""
    form = consent_form(frame.hidden, allowed, signal=signal)
    return page("Your privacy", f'<div class="card">{form}</div>', before=frame.front)


def trouble(words: str) -> bytes:
    """A page that says what is wrong."""
    return page(
        "That did not work", f'{message(words)}<p><a href="/account/sign-in">Sign in</a> · <a href="/">Shop</a></p>'
    )


def sentence(error: ShoprError) -> str:
    """An error as its person may read it."""
    said = f"{error.message}. {error.hint}".strip()
    return f"{said[0].upper()}{said[1:]}{'' if said.endswith('.') else '.'}"


def _session_row(one: Session, hidden: Mapping[str, str], where: Where) -> str:
    what = escape(one.device or "A browser")
    if one.id == where.here:
        end = '<span class="meta">this one</span>'
    else:
        label = f"End the session of {one.device or 'a browser'}"
        end = button_form("/account/end", "End it", {**hidden, "session": one.id}, plain=True).replace(
            '<button class="plain">', f'<button class="plain" aria-label="{escape(label)}">'
        )
    times = f"since {_moment(one.created_at, where.zone)}, seen {_moment(one.seen_at, where.zone)}"
    return f'<li><span><b>{what}</b><span class="meta">{escape(times)}</span></span>{end}</li>'


def _moment(when: datetime, zone: str) -> str:
    local = when.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M}"
