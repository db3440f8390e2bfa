"""Names of uploaded files. They are looked at for their ending alone and never used as a path: files get random
names."""

from __future__ import annotations

import unicodedata

from shopr.errors import InputError

__all__ = ["UploadError", "ending"]

_ACTIVE = frozenset(
    "asp aspx bat cgi cmd com cpl dll exe hta htm html htaccess jar js jsp jspx lnk mjs msi phar php php3 php4 php5 "
    "php7 php8 phtml pl ps1 py rb scr sh shtml so svg svgz swf vbs wasm wsf xhtml xml xsl xslt".split()
)
"""Endings that some server or system runs, wherever they stand in a name."""
_LONGEST = 255
_STRANGE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class UploadError(InputError):
    """A file that is not taken.

    Args:
        rule: the rule that refused it, a word such as "type" or "pixels".
        message: what is wrong, safe to be shown.
    """

    code = "upload"

    def __init__(self, rule: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rule = rule


def ending(name: str) -> str:
    """The ending of a file's name, in small letters, without its dot.

    Raises:
        UploadError: if the name is a path or plays tricks, or has an ending in it that some server runs.
    """
    hint = "Rename the file to letters, digits and one ending, such as photo.jpg"
    shown = "".join(c if c.isprintable() else "?" for c in name[:60])
    if not 1 <= len(name) <= _LONGEST or len(name.encode("utf-8", "replace")) > 4 * _LONGEST:
        raise UploadError("name", f"file name of {len(name)} characters, the bounds are 1 and {_LONGEST}", hint=hint)
    if any(unicodedata.category(c) in _STRANGE for c in name):
        raise UploadError("name", f"file name {shown!r} has invisible characters", hint=hint)
    # What looks like a dot or a slash counts as one: ．php and ／ are written in other scripts.
    plain = unicodedata.normalize("NFKC", name)
    if any(c in plain for c in "/\\:;\0%") or plain.startswith("~") or plain != plain.strip(" ."):
        raise UploadError("name", f"file name {shown!r} is a path or plays tricks", hint=hint)
    parts = plain.lower().split(".")
    if len(parts) < 2 or not parts[-1]:
        raise UploadError("ending", f"file name {shown!r} has no ending", hint=hint)
    active = [part.strip() for part in parts[1:] if part.strip() in _ACTIVE]
    if active:
        raise UploadError("ending", f"file name {shown!r} has the ending .{active[0]}", hint=hint)
    return parts[-1]
