"""The plain pages' HTML: every text escaped, no script, labels at every field, the same look as the app."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from html import escape
from importlib.resources import files

from shopr.shop.privacy import OPTIONAL

__all__ = ["STYLE", "banner", "button_form", "consent_form", "field", "message", "page", "style"]

STYLE = "/account/style.css"
PRIVACY = "/your-data"
_ASKED = (
    "What is needed to sell and to keep the shop safe is always kept. Everything else only if you allow it; you can "
    "change that at any time."
)
_SIGNAL = "Your browser sends Global Privacy Control, and we follow it: marketing and sale stay off."


@lru_cache(maxsize=1)
def style() -> tuple[bytes, str]:
    """The style sheet, and a mark of its content."""
    body = files("shopr.serving").joinpath("static", "account.css").read_bytes()
    return body, sha256(body).hexdigest()[:12]


def page(title: str, body: str, *, before: str = "") -> bytes:
    """A whole page.

    Args:
        before: HTML that comes first, such as the banner.
    """
    link = f'<link rel="stylesheet" href="{STYLE}?v={style()[1]}">'
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{link}'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)} · Shopr</title></head>'
        f'<body class="account">{before}<header><a href="/">Shopr</a></header><main><h1>{escape(title)}</h1>{body}'
        f'</main><footer><a href="/account/consent">Your privacy</a> · <a href="{PRIVACY}">Your data</a></footer>'
        "</body></html>"
    ).encode()


def message(words: str, *, good: bool = False) -> str:
    """One sentence about what just happened; "" for none."""
    role, tone = ("status", "good") if good else ("alert", "bad")
    return f'<p class="said {tone}" role="{role}">{escape(words)}</p>' if words else ""


def field(name: str, label: str, *, kind: str = "text", value: str = "", fill: str = "", hint: str = "",
          first: bool = False) -> str:  # fmt: skip
    """A field with its label.

    Args:
        fill: what a password manager puts there (`autocomplete`).
        hint: a line under the label.
        first: whether the cursor begins there.
    """
    more = " autofocus" if first else ""
    under = f'<span id="{name}-hint" class="hint">{escape(hint)}</span>' if hint else ""
    described = f' aria-describedby="{name}-hint"' if hint else ""
    given = f' value="{escape(value)}"' if value and kind != "password" else ""
    return (
        f'<div class="field"><label for="{name}">{escape(label)}</label>{under}'
        f'<input id="{name}" name="{name}" type="{kind}" autocomplete="{fill}" required maxlength="1024"'
        f'{given}{described}{more} autocapitalize="none" spellcheck="false"></div>'
    )


def button_form(action: str, words: str, hidden: Mapping[str, str], fields: str = "", *, plain: bool = False) -> str:
    """A form with one button.

    Args:
        hidden: fields that nobody sees.
        plain: a button that is not the page's main one.
    """
    look = ' class="plain"' if plain else ""
    kept = _hidden(hidden)
    return f'<form method="post" action="{action}">{kept}{fields}<button{look}>{escape(words)}</button></form>'


def banner(hidden: Mapping[str, str], *, signal: bool) -> bytes:
    """What asks a visitor, in front of a page: to accept and to refuse look and weigh the same, and nothing is ticked.

    Args:
        signal: the browser sends `Sec-GPC: 1`.
    """
    told = f'<p class="signal">{escape(_SIGNAL)}</p>' if signal else ""
    equal = "".join(
        f'<button class="equal" name="choice" value="{value}">{words}</button>'
        for value, words in (("none", "Refuse all"), ("all", "Accept all"))
    )
    return (
        f'<link rel="stylesheet" href="{STYLE}?v={style()[1]}">'
        '<section id="consent" role="region" aria-labelledby="consent-title">'
        f'<form method="post" action="/account/consent">{_hidden({**hidden, "origin": "banner"})}'
        f'<div class="asked"><h2 id="consent-title">Your privacy</h2><p>{escape(_ASKED)} '
        f'<a href="{PRIVACY}">Your data</a></p>{told}</div><div class="choices">{equal}</div>'
        f"<details><summary>Choose what</summary>{_boxes((), signal)}"
        '<button class="plain" name="choice" value="some">Save my choice</button></details></form></section>'
    ).encode()


def consent_form(hidden: Mapping[str, str], allowed: Sequence[str], *, signal: bool) -> str:
    """The choice in force, to be changed: to refuse looks and weighs as much as to save."""
    told = f'<p class="signal">{escape(_SIGNAL)}</p>' if signal else ""
    return (
        f'<form method="post" action="/account/consent">{_hidden({**hidden, "origin": "account page"})}'
        f'<p class="lead">{escape(_ASKED)}</p>{told}{_boxes(allowed, signal)}<div class="choices">'
        '<button name="choice" value="some">Save my choice</button>'
        '<button name="choice" value="none">Refuse all</button></div></form>'
    )


def _boxes(allowed: Iterable[str], signal: bool) -> str:
    ticked = set(allowed)
    rows = []
    for purpose, (name, meaning) in OPTIONAL.items():
        off = signal and purpose == "marketing"
        state = " disabled" if off else " checked" if purpose in ticked else ""
        rows.append(
            f'<label class="box"><input type="checkbox" name="{purpose}" value="yes"{state}>'
            f"<span><b>{escape(name)}</b> {escape(meaning)}</span></label>"
        )
    return f"<fieldset><legend>Allow</legend>{''.join(rows)}</fieldset>"


def _hidden(values: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in values.items()
    )
