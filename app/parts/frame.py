"""The frame around every page: style, the error boundary, headings and empty states."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from uuid import uuid4

import streamlit as st

from parts.words import sentence
from shopr.errors import ShoprError

__all__ = ["NO_SHOP", "boundary", "dress", "empty", "header", "no_shop", "notice", "plain_tiles", "section"]

NO_SHOP = [
    ("make demo", "a simulated shop, a tuned and promoted model, then this app"),
    ("shopr data simulate", "only the simulated shop"),
]
"""What makes a shop, the most useful first."""
STYLE = Path(__file__).resolve().parent.parent / "theme.css"
log = logging.getLogger("shopr.app")


def dress() -> None:
    """Put the app's style sheet on the page."""
    st.html(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")


@contextmanager
def boundary(what: str) -> Iterator[None]:
    """Draw a part of a page; a failure becomes one friendly line here, and a traceback in the log alone.

    Args:
        what: the part, as a noun phrase: "the recommendations".
    """
    try:
        yield
    except ShoprError as error:
        log.warning("%s: %s", what, error.one_line())
        notice(f"{sentence(error.message)} {sentence(error.hint)}".strip(), tone="warning")
    except Exception:
        reference = uuid4().hex[:8]
        log.exception("%s failed (reference %s)", what, reference)
        notice(f"We could not show {what}. The reason is in the app's log under reference {reference}.", tone="warning")


def header(title: str, text: str, *, eyebrow: str = "") -> None:
    """The page's heading with one line about it."""
    over = f'<p class="eyebrow">{escape(eyebrow)}</p>' if eyebrow else ""
    st.html(f'<header class="page">{over}<h1>{escape(title)}</h1><p class="lead">{escape(text)}</p></header>')


def section(title: str, text: str = "", *, said: bool = False) -> None:
    """The heading of a part of the page.

    Args:
        said: it answers what was asked, and is said to who hears the page as soon as it changes.
    """
    under = f"<p>{escape(text)}</p>" if text else ""
    st.html(f'<div class="section"{" data-say" if said else ""}><h2>{escape(title)}</h2>{under}</div>')


def notice(text: str, *, tone: str = "info") -> None:
    """One sentence that explains what is shown; `tone` is "info" or "warning"."""
    role = "alert" if tone == "warning" else "status"
    st.html(f'<p class="notice {escape(tone)}" role="{role}">{escape(text)}</p>')


def empty(title: str, text: str, commands: Sequence[tuple[str, str]]) -> None:
    """What stands where nothing is yet: why, and which command changes that.

    Args:
        commands: (command, what it does), the most useful first.
    """
    rows = "".join(f"<li><code>{escape(command)}</code><span>{escape(does)}</span></li>" for command, does in commands)
    st.html(
        f'<section class="empty"><h2>{escape(title)}</h2><p>{escape(text)}</p>'
        f'<p class="hint">Run one of these in the project folder, then reload this page:</p><ul>{rows}</ul></section>'
    )


def no_shop(name: str, text: str, commands: Sequence[tuple[str, str]] = NO_SHOP) -> None:
    """What stands on a page where there is no shop.

    Args:
        text: what the page would tell.
    """
    empty(f"There is no shop called “{name}”", text, commands)


def plain_tiles(figures: Sequence[tuple[str, str, str]], label: str) -> None:
    """Figures as tiles: what it is, the figure, and a line under it."""
    items = "".join(
        f'<li><p class="label">{escape(name)}</p><p class="value">{escape(value)}</p>'
        f'<p class="under">{escape(under)}</p></li>'
        for name, value, under in figures
    )
    st.html(f'<ul class="tiles" aria-label="{escape(label)}">{items}</ul>')
