"""What a form sends, read within bounds; and the token by which it is known to come from a page of ours.

The token belongs to the session, not to the cookie's token of the moment: a page that lay open while that turned can
still be sent.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, urlsplit

from shopr.errors import InputError
from shopr.security.asgi import Receive, Scope, headers_of
from shopr.security.csrf import csrf_token, token_fits
from shopr.security.session_records import Session

__all__ = ["Form", "conversation_in", "form_token", "from_our_page", "inside", "read_form"]

LONGEST_FORM = 16_384
_MOST_FIELDS = 30
_LONGEST_ADDRESS = 1000
_KIND = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; one that is there twice has its first value."""

    values: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def __contains__(self, name: str) -> bool:
        return name in self.values


async def read_form(scope: Scope, receive: Receive) -> Form:
    """The form in a request's body.

    Raises:
        InputError: if it is none, too long, or broke off.
    """
    if headers_of(scope).get("content-type", "").partition(";")[0].strip().lower() != _KIND:
        raise InputError("the request brings no form", hint="Send the form of the page")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise InputError("the request broke off", hint="Send the form again")
        body += message.get("body", b"")
        if len(body) > LONGEST_FORM:
            raise InputError(f"the form is over {LONGEST_FORM:,} bytes", hint="Write less")
        if not message.get("more_body"):
            break
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InputError(f"the form has over {_MOST_FIELDS} fields", hint="Send the form of the page") from None
    return Form(dict(reversed(pairs)))


def form_token(session: Session, pepper: bytes) -> str:
    """A token for the forms of one page, another one each time."""
    return csrf_token(_secret(session, pepper))


def from_our_page(session: Session, pepper: bytes, form: Form) -> bool:
    """Whether a form comes from a page that this session was given."""
    return token_fits(_secret(session, pepper), form["csrf"])


def inside(address: str, *, also: Collection[str] = ()) -> str:
    """Where to go on, if that lies within the shop and is no page about accounts; else its first page.

    Args:
        also: pages about accounts to which one may go all the same.

    >>> inside("/chat?c=1"), inside("//evil.example"), inside("https://evil.example/chat"), inside("/account/")
    ('/chat?c=1', '/', '/', '/')
    """
    plain = address.startswith("/") and address.isascii() and address.isprintable() and "\\" not in address
    own = address.startswith("/account/") and address.partition("?")[0] not in also
    if not plain or own or address.startswith("//") or len(address) > _LONGEST_ADDRESS or " " in address:
        return "/"
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else address


def conversation_in(address: str) -> str:
    """The conversation with the assistant that an address of the chat names; "" if none."""
    found = parse_qs(urlsplit(address).query).get("c", [""])[0]
    return found if len(found) == 32 and found.isalnum() else ""


def _secret(session: Session, pepper: bytes) -> str:
    return hmac.digest(pepper, b"shopr form\0" + session.id.encode(), "sha256").hex()
