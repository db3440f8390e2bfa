"""Markup of plain writing: code spans, addresses in angle brackets, placeholders, read as the words they hold.

People paste Markdown, signatures and usage lines. Their backquotes substitute no command and their angle brackets open
no tag, as long as what stands inside is one name that no shell and no browser knows, or one address. Such marks become
blanks, so that every place in the text stays where it was; the words inside are read as any others. So does half of a
firm's name that reads like SQL.
"""

from __future__ import annotations

import re
from functools import cache

from shopr.security.detectors.rules import word_lists

__all__ = ["unmarked"]

_ELEMENTS = frozenset(
    "a abbr acronym address animate animatemotion animatetransform applet area article aside audio b base basefont "
    "bdi bdo bgsound big blink blockquote body br button canvas caption center circle cite code col colgroup command "
    "content data datalist dd defs del desc details dfn dialog dir div dl dt element ellipse em embed fieldset "
    "figcaption figure font footer foreignobject form frame frameset g h1 h2 h3 h4 h5 h6 head header hgroup hr html i "
    "iframe ilayer image img input ins isindex kbd keygen label layer legend li line link listing main map mark "
    "marquee math menu menuitem meta meter mglyph mi mn mo ms mtext multicol nav nextid nobr noembed noframes noscript "
    "object ol optgroup option output p param path picture plaintext polygon portal pre progress q rb rect rp rt rtc "
    "ruby s samp script search section select set shadow slot small source spacer span strike strong style sub summary "
    "sup svg symbol table tbody td template text textarea tfoot th thead time title tr track tspan tt u ul use var "
    "video wbr x xml xmp xss xsl".split()
)
_TOO_SHORT = 2
_BUILT_IN = frozenset("true false test exec eval source read set export exit trap wait time type".split())
_FENCE = re.compile(r"^[ \t]{0,12}`{3,4}(?P<language>[\w.+-]{0,20})[ \t]*$", re.MULTILINE)
_SPAN = re.compile(
    r"(?<!\bfrom )(?<!\bjoin )(?<!\binto )(?<!\btable )(?<!\bupdate )(?<!\bas )"  # names as MySQL quotes them
    r"(?<![\w`$=;&|\\/{\"'-])(?P<tick>`{1,2})(?P<code>[A-Za-z_@*][\w.*:/@-]{0,60}(?:\(\))?)(?P=tick)(?![\w`$=;&|\\/<>\"']|\.`)",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"(?P<open>`)(?P<said>[^`<>$;|&\"'\\]{1,80})(?P<left><)(?P<to>(?:https?://)?[\w./~#?=&%+-]{1,200})(?P<right>>`_{0,2})"
)
_ANGLED = re.compile(
    r"(?<![\w<=\"'])<(?P<inside>"
    r"(?:https?://|ftp://|mailto:)[\w.+-]{1,100}(?:@[\w.-]{1,100})?(?::\d{2,5})?(?:[/?#][\w./~#?=&%+,:;@-]{0,200})?"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
    r"|(?P<name>[^\W\d][\w-]{0,30})(?:[ |][\w-]{1,20}){0,4}(?:\.{3})?)>",
)
_FIRM = re.compile(
    r"(?<![\w'\"`)*/+-])(?P<first>Union)(?P<second> Select)"
    r"(?= (?:Ltd|Limited|Inc|LLC|GmbH|AG|PLC|plc|Corp|Co|& Co|Group)\b"
    r"(?![^\n]{0,300}(?:[(=*#;`\"]|--|,\s?\S{1,20},|'(?!(?:s|t|m|re|ve|ll|d)\b)"
    r"|(?i:\b(?:from|where|into|union|limit|null)\b))))"
)


def unmarked(text: str) -> str:
    """`text` with such marks blanked: as long as before, everything else in its place."""
    if "`" in text:
        text = _SPAN.sub(_bare_code, _ROLE.sub(_bare_role, _FENCE.sub(_bare_fence, text)))
    if "Union Select" in text:
        text = _FIRM.sub(lambda match: f"{match['first']}{' ' * len(match['second'])}", text)
    if "<" in text:
        low = text.lower()
        text = _ANGLED.sub(lambda match: _bare_name(match, low), text)
    return text


def _bare_fence(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _bare_code(match: re.Match[str]) -> str:
    code = match["code"]
    bare = code.lower().rstrip("()")
    if (len(code) <= _TOO_SHORT and code.islower()) or ".." in code or bare in _BUILT_IN or _commands().fullmatch(bare):
        return match[0]
    name = code.removesuffix("()")  # a call without arguments is a name, too
    return f"{match['tick']}{name}".replace("`", " ").ljust(len(match[0]))


def _bare_role(match: re.Match[str]) -> str:
    if ".." in match["to"]:
        return match[0]
    return f" {match['said']} {match['to']}{' ' * len(match['right'])}"


def _bare_name(match: re.Match[str], low: str) -> str:
    name = (match["name"] or "").lower()
    if name and not name.isascii() and any(letter < "\x80" for letter in name if letter.isalpha()):
        return match[0]  # letters of several scripts: a disguise
    if name and (name.split("-")[0] in _ELEMENTS or f"</{name}" in low or len(name) <= _TOO_SHORT):
        return match[0]
    return f" {match['inside']} "


@cache
def _commands() -> re.Pattern[str]:
    """The commands that the rules know, of any shell."""
    return re.compile("|".join(word_lists("command.yaml").values()))
