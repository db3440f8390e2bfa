"""One step of decoding each: percent (with overlong UTF-8), %u, HTML entities, JavaScript escapes, base64.

A decoder returns its argument unchanged (the same object) where there is nothing for it, so that a round costs little.
"""

from __future__ import annotations

import base64
import binascii
import html
import re

__all__ = ["DECODERS", "base64_texts", "decode_entities", "decode_escapes", "decode_percent", "decode_unicode_percent"]

_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_BROKEN_OVERLONG = re.compile(r"%c[01]%p[0-9a-z]|%c[01]%[0-7]?s[0-9a-z]", re.IGNORECASE)
_UNICODE_PERCENT = re.compile(r"%u\{?([0-9a-fA-F]{4})\}?")
_ENTITY = re.compile(r"&(?:#\d{1,7};?|#[xX]0{0,6}[0-9a-fA-F]{1,6};?|[a-zA-Z][a-zA-Z0-9]{1,30};)")
_ESCAPE = re.compile(r"\\(?:u\{0{0,6}([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-3][0-7]{2}))")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
MAX_BASE64 = 4
"""So many stretches of base64 a text may have decoded: the rest is left."""


def decode_percent(text: str) -> str:
    """Percent escapes as UTF-8, overlong forms included; bytes that are no UTF-8 are read as Latin-1."""
    if "%" not in text:
        return text
    # Some scanners write an overlong slash with a broken second byte (%c1%pc): servers that took it read a separator.
    return _PERCENT.sub(_bytes, _BROKEN_OVERLONG.sub("/", text))


def _bytes(match: re.Match[str]) -> str:
    data = bytes.fromhex(match.group().replace("%", ""))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _lenient(data)


def _lenient(data: bytes) -> str:
    """UTF-8 that also reads overlong sequences (0xC0 0xAF is a slash), as careless decoders do."""
    out: list[str] = []
    at = 0
    while at < len(data):
        lead = data[at]
        size = _size(lead)
        tail = data[at + 1 : at + size]
        if size > 1 and len(tail) == size - 1 and all(b & 0xC0 == 0x80 for b in tail):
            code = lead & (0x7F >> size)
            for byte in tail:
                code = code << 6 | byte & 0x3F
            out.append(chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd")
            at += size
        elif lead in (0xC0, 0xC1) and tail:
            # A second byte that continues nothing: careless decoders drop its high bits (%c0%ee is a dot) or the lead.
            out.append(chr(tail[0]) if tail[0] in b"./\\" else chr((lead & 1) << 6 | tail[0] & 0x3F))
            at += 2
        else:
            out.append(chr(lead))
            at += 1
    return "".join(out)


def _size(lead: int) -> int:
    """So many bytes a sequence has that starts with `lead`, by the old rule that went up to six."""
    for bits, size in ((0xC0, 1), (0xE0, 2), (0xF0, 3), (0xF8, 4), (0xFC, 5), (0xFE, 6)):
        if lead < bits:
            return 1 if lead < 0xC0 else size
    return 1


def _character(code: int, otherwise: str) -> str:
    return chr(code) if 0 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else otherwise


def decode_unicode_percent(text: str) -> str:
    """`%u0027`, as IIS and JavaScript's unescape read it."""
    if "%u" not in text and "%U" not in text:
        return text
    return _UNICODE_PERCENT.sub(lambda m: _character(int(m.group(1), 16), m.group()), text)


def decode_entities(text: str) -> str:
    """HTML entities, decimal, hexadecimal and named; a numeric one needs no semicolon, as in browsers."""
    if "&" not in text:
        return text
    return _ENTITY.sub(lambda m: html.unescape(m.group()), text)


def decode_escapes(text: str) -> str:
    r"""Escapes of JavaScript and C: \x27, \u0027, \u{27}, \047."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    wide, four, two, octal = match.groups()
    code = int(octal, 8) if octal else int(wide or four or two, 16)
    return _character(code, match.group())


DECODERS = (
    ("url", decode_percent),
    ("percent_u", decode_unicode_percent),
    ("entity", decode_entities),
    ("escape", decode_escapes),
)
"""Name and function, in the order of a round."""


def base64_texts(text: str) -> list[str]:
    """What stretches of base64 hold, where they hold readable text."""
    found: list[str] = []
    for match in _BASE64.finditer(text):
        if len(found) == MAX_BASE64:
            break
        decoded = _readable(match.group())
        if decoded:
            found.append(decoded)
    return found


def _readable(stretch: str) -> str:
    body = stretch.rstrip("=").replace("-", "+").replace("_", "/")
    if (body.isalpha() and (body.islower() or body.isupper())) or body.isdigit():
        return ""  # a long word or number
    for start in range(4):  # cut anywhere, as where only a part of a longer stretch is seen
        decoded = _decoded(body[start:])
        if decoded:
            return decoded
    return ""


def _decoded(body: str) -> str:
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        decoded = base64.b64decode(body + "=" * (-len(body) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return decoded if all(c.isprintable() or c in "\r\n\t" for c in decoded) else ""
