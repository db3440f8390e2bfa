"""Who looks at a page, as the server's doors tell (see `shopr.security.doors`); unknown where the app runs without
them."""

from __future__ import annotations

import streamlit as st

from shopr.errors import InputError
from shopr.security.guard import Request, Verdict
from shopr.security.upload_images import ImagePolicy, drawn_anew
from shopr.security.upload_names import ending
from shopr.shop import Shop

__all__ = ["inspected", "picture_of", "visitor_address", "visitor_session"]


def visitor_session() -> str:
    """The session's id, no secret; "" if there is none."""
    return st.context.headers.get("X-Shopr-Session", "")


def visitor_address() -> str:
    """The client's address; "" if nobody told."""
    return st.context.headers.get("X-Shopr-Address", "")


def inspected(shop: Shop, text: str, *, kind: str = "text", user: str | None = None, conversation: str = "") -> Verdict:
    """The guard's verdict on what a visitor typed or sent.

    Args:
        conversation: counts as the session where the server tells none.
    """
    session = visitor_session() or conversation
    return shop.inspect(
        Request(text, kind, user_id=user, session_id=session or None, address=visitor_address() or None)
    )


def picture_of(shop: Shop, data: bytes, name: str) -> bytes:
    """An uploaded picture, let in by the guard and drawn anew: what is read further on holds pixels and nothing else.

    Raises:
        InputError: if the guard refuses it, in words for the visitor.
        UploadError: if it is no picture of an allowed kind and size.
    """
    verdict = inspected(shop, name, kind="image")
    if not verdict.allowed:
        raise InputError(verdict.message.rstrip("."), hint="Choose another picture, or wait a little")
    return drawn_anew(data, ending(name), ImagePolicy()).data
