"""Every distinct reading of a text: at most four rounds of decoding, then what comments and shell quoting hide.

`views` starts from the text as it came, decodes everything that can be decoded once a round and keeps each text that
is new, until nothing changes or the rounds are used up. Terminates by count, never by trust; no view is longer than
`GROWTH` times the text, and there are at most `MAX_VIEWS`. A fixed point is its own only decoded view (`canonical` of
`canonical(text)` is itself, where the rounds sufficed).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from shopr.security.canonical.decoding import DECODERS, base64_texts
from shopr.security.canonical.folding import fold

__all__ = ["GROWTH", "MAX_ROUNDS", "MAX_VIEWS", "SIDE_VIEWS", "View", "canonical", "views"]

MAX_ROUNDS = 4
"""Rounds of decoding: what is encoded more often is no message of a person, and is scored as it stands."""

MAX_VIEWS = 10
"""Readings kept of one text."""

GROWTH = 4
"""A view longer than so many times its text (plus 1,000) is cut: some characters expand to eighteen under NFKC."""


LONG = 400
"""Of a longer text, a view that undoes a disguise holds only what stands around the places it changed."""

AROUND = 120
"""Characters kept on either side of such a place."""

SIDE_VIEWS = frozenset(
    {"comments", "comments_joined", "joined", "shell", "plus", "css", "base64", "newline", "lines_joined", "value"}
)
"""Views that undo a disguise rather than decode."""


@dataclass(frozen=True, slots=True)
class View:
    """One reading of a text.

    Attributes:
        name: how it was made: "raw", "folded", "url", "url+entity", … then "comments", "shell", "base64".
        text: what it reads.
    """

    name: str
    text: str


_COMMENT = re.compile(r"/\*!\d*|/\*[^*]{0,200}\*/|/\*|\*/|<!--|-->")
_HAS_COMMENT = re.compile(r"/\*|<!--")
# What a shell drops inside a word: quotes, backslash, caret, an empty variable or substitution.
_SHELL = re.compile(
    r"\$@|\$\*|\$\{@\}|\$\(\)|``|(?<=[\w/\[\]?])(?:''|\"\"|['\"\\^](?=[\w/\[?]))|(?<![\w])[\\^](?=\w)|(?<![\w'\"])['\"](?=[\w/]{1,4}['\"]\w)"
)
_SHELL_BLANK = re.compile(
    r"\$\{?IFS\}?(?:\$\d)?|\{(?=[\w/$\"'.]{1,40},)|(?<=\w),(?=[\w$\"'-]{1,40}\})|%ProgramFiles:~10,1%"
)
_HAS_SHELL = re.compile(
    r"[\w/]['\"\\^][\w/\[?]|\$@|\$\*|\$\{?@|IFS|\\\w|\^\w|``|''|\"\"|\{[\w$\"']+,|(?<!\w)['\"][\w/]{1,4}['\"]\w"
)
# In a long text the apostrophes of a language ("don't", "l'eau") are no disguise: a shell's come in pairs.
_HAS_SHELL_LONG = re.compile(r"[\w/][\"\\^][\w/\[?]|\w'[\w/]{0,6}'\w|\$@|\$\*|\$\{?@|IFS|\\\w|\^\w|``|\{[\w$\"']+,")
_PLUS = re.compile(r"(?<=[\w'\")(,;=*-])\+(?=[\w'\"(@*,=<>|&#)-])")
_JOINED = re.compile(r"['\"]\s?(?:\+|\.|\|\|)\s?['\"]")
_LINES = re.compile(r"[\t\r\n]+")
_LINE_INSIDE = re.compile(r"\w[\t\r\n]+\w[\t\r\n]+\w[\t\r\n]")
_LINE_ESCAPE = re.compile(r"\\[rn](?:\\[rn])*")
_PARAMETER = re.compile(r"[\w.\[\]-]{1,40}=(?=[^=&])([^&]{2,400})(?:$|&)")
_CSS = re.compile(r"\\([0-9a-fA-F]{2,6})\s?")


def views(text: str) -> tuple[View, ...]:
    """The distinct readings of `text`, the raw one first."""
    limit = GROWTH * len(text) + 1000
    kept = [View("raw", text)]
    seen = {text}

    def keep(name: str, reading: str) -> None:
        if reading not in seen and len(kept) < MAX_VIEWS:
            seen.add(reading)
            kept.append(View(name, reading[:limit]))

    current, steps = fold(text)[:limit], []
    keep("folded", current)
    for _ in range(MAX_ROUNDS):
        decoded, used = _round(current)
        if not used:
            break
        current = decoded[:limit]
        steps.append(used)
        keep("+".join(steps), current)
    for name, reading in _side_views(current):
        keep(name, reading)
    return tuple(kept)


def canonical(text: str) -> str:
    """The last decoded reading: what remains when nothing more can be decoded (or after the last round)."""
    limit = GROWTH * len(text) + 1000
    current = fold(text)[:limit]
    for _ in range(MAX_ROUNDS):
        decoded, used = _round(current)
        if not used:
            return current
        current = decoded[:limit]
    return current


def _round(text: str) -> tuple[str, str]:
    """`text` after each decoder once and folding, and the name of the first decoder that changed it."""
    used = ""
    current = text
    for name, decode in DECODERS:
        decoded = decode(current)
        if decoded != current:
            used = used or name
            current = decoded
    if used:
        current = fold(current)
    return current, used if current != text else ""


def _side_views(text: str) -> list[tuple[str, str]]:
    """Readings beside the decoded one, which decode nothing but undo a disguise."""
    found: list[tuple[str, str]] = []
    parameter = _PARAMETER.match(text)
    if parameter is not None:
        found.append(("value", parameter[1]))
    if "+" in text and " " not in text:
        found.append(("plus", _PLUS.sub(" ", text)))
    if _HAS_COMMENT.search(text):
        near = _near(text, _COMMENT)
        found.append(("comments", _COMMENT.sub(" ", near)))
        found.append(("comments_joined", _COMMENT.sub("", near)))
    quoting = _HAS_SHELL_LONG if len(text) > LONG else _HAS_SHELL
    if quoting.search(text):
        found.append(("shell", _SHELL.sub("", _SHELL_BLANK.sub(" ", _near(text, quoting)))))
    if _LINE_INSIDE.search(text):
        found.append(("lines_joined", _LINES.sub("", _near(text, _LINE_INSIDE))))
    if _LINE_ESCAPE.search(text):
        found.append(("newline", _LINE_ESCAPE.sub("\n", _near(text, _LINE_ESCAPE))))
    if _JOINED.search(text):
        found.append(("joined", _JOINED.sub("", _near(text, _JOINED))))
    if "\\" in text and _CSS.search(text):
        found.append(("css", _CSS.sub(_css, _near(text, _CSS))))
    found.extend(("base64", fold(decoded)) for decoded in base64_texts(text))
    return found


def _near(text: str, pattern: re.Pattern[str]) -> str:
    """Of a long text, what stands around the matches of `pattern`; a short one whole."""
    if len(text) <= LONG:
        return text
    parts: list[str] = []
    start = end = 0
    for match in pattern.finditer(text):
        if match.start() - AROUND > end:
            parts.append(text[start:end])
            start = match.start() - AROUND
        end = min(match.end() + AROUND, len(text))
    parts.append(text[start:end])
    return "\n".join(part for part in parts if part)


def _css(match: re.Match[str]) -> str:
    code = int(match.group(1), 16)
    return chr(code) if 0x20 <= code < 0xD800 else match.group()
