"""The cheap gate: plain text leaves before anything is decoded.

Plain means: letters, digits and the punctuation of sentences; apostrophes only inside words; no word that means
something to a shell, at most one that means something to a database; no character that folding would change.
"""

from __future__ import annotations

import re

from shopr.security.canonical.folding import is_plain_character

__all__ = ["is_plain", "is_plain_beside_addresses"]

MAX_PLAIN = 1500
"""Longer texts take the long way."""

_FACES = frozenset(":;=<^")
_SMILEY = re.compile(
    r"(?<!\S)(?:[:;=8]'?[-^o]?[)(\]\[DPpOo/|3*]{1,4}|:-?'\(|</?3{1,3}|\^_?\^|[xX]D)(?=\s|$|[.,!?](?:\s|$))"
)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.?!-':$&/()#%@\"+")
_MARKS = frozenset("-':$&/()#%@\"+")
_ODD_MARKS = re.compile(  # every one of them begins at a mark, and then looks around: letters are passed over quickly
    r"[-':$&/()#%@\"+.](?:"
    r"(?<=')(?:(?<![^\W\d].)|(?![^\W\d]))|(?<=[\"')])\s?(?:#|\s*(?:or|and|union|order|having|group|xor)\b)|"
    r"(?<=[:(/+.@%-])\S*[:(/+@%]|(?<=\")\S*[^\s\w]|"
    r"(?<=-)(?:-|(?:(?<=\b(?:get|set|new|out)-)|(?<=\bstart-)|(?<=\bstop-)|(?<=\binvoke-))\w|(?!\d)"
    r"(?:(?<=aa-)|(?<=(?:cat|apt|ssh|lwp)-)|(?<=(?:chef|dpkg|base)-)|(?<=(?:ansible|systemd)-))\w)|"
    r"(?<=/)(?:/|$|(?<=\w.)\w+/|(?<!\w.)\w|(?<=\bhttp/)\d)|"
    r"(?<=%)(?:\w|(?<=[^\s\d].))|(?<=&)(?:\S|(?<=\S.))|(?<=\$)[\w(]*[a-z(]|(?<=[@#])(?:\W|(?<=\S.))|"
    r"(?<=\()(?:\)|(?<=\w.))|(?<=\+)(?:\S|(?<=\S.))|(?<=:)(?<=\w.)\w)",
    re.DOTALL,
)
_ODD_START = re.compile(
    r"/?(?:proc|sys|etc|var|dev|usr|s?bin|boot|root|tmp|opt|web-inf|meta-inf)/\w|(?:un)?alias\b|set -|"
    r"if not\b|if exist\b|aced0005|ro0ab|kztaau|"
    r"\d+\s+(?:like|rlike|regexp|glob|xor|div|is|in|not)\b|(?:not )?in ?\(|(?:import|export)\b|"
    r"(?:helo|ehlo|vrfy|expn|etrn|rcpt|mail from|apop|help|auth|[a-z]\d+ [a-z]+)\b"
)
_ODD_CALL = re.compile(
    r"\b(?:f[a-z]{3,7}|[a-z]*serialize|[a-z]*printf|eval|assert|passthru|popen|readfile|file[a-z]+)\s*\("
)
_ODD_DOTS = re.compile(
    r"[^\W\d]\.\w+\.\w|\.(?:ps1|sql|sh|bat|exe|env|php|jsp|asp|zip|phtml|phar|bak|old|orig|swp|"
    r"inc|cfg|conf|ini|ya?ml|key|pem)\b|^\W*\w+\.\w+\W*$"
)
LONGEST_WORD = 18
"""A longer word may be base64."""

_DATABASE = frozenset(
    "select union insert delete drop update exec execute truncate declare waitfor benchmark sleep having xor rlike "
    "from where table values into order group by limit like between null true false and or not create alter user users "
    "dual regexp is exists all as set password database schema delay time shutdown case when then end binary cast div "
    "mod ilike glob collate reconfigure handler describe show tables grant procedure analyse dbcc".split()
)
_WEAK = frozenset(
    "and or not is all as by from like user order time set case when end null true false show group".split()
)
_FIRST = frozenset("and or having xor order group select union exec execute alter insert delete drop truncate".split())
_SHELL = frozenset(
    "whoami ifconfig netstat uname nslookup nohup sudo passwd wget curl chmod chown lsof printenv ipconfig tasklist "
    "systeminfo powershell cmd cmd.exe bash javascript vbscript alert prompt confirm document eval onerror onload "
    "script id ls ps pwd who which netcat nc cat sysinfo lastlog htop busybox ansible-console localhost jndi phpinfo "
    "sleep ping echo dir net info etc proc php time find head tail shutdown dbcc errorlevel equ neq lss leq gtr geq "
    "cmdextversion goto defined endlocal setlocal fopen fwrite unserialize getent visudo usermod useradd userdel dmesg "
    "iptables nmap socat tcpdump xargs kubectl systemctl journalctl crontab".split()
)
_WEAK_SHELL = frozenset(
    "cat echo find head tail time which who sleep net info etc script id document confirm defined goto".split()
)


_ADDRESS = re.compile(
    r"(?<![\w.@%-])(?:(?:https?:)?//|www\.)?[a-z0-9][a-z0-9-]{0,62}(?:\.[a-z0-9][a-z0-9-]{0,62}){1,5}(?::\d{2,5})?"
    r"(?:[/?#][\w./?#=&%+~!:,;@*$-]{0,300})?(?![\w@'\"<>\\])|(?<!\S)[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b",
    re.IGNORECASE,
)


def is_plain_beside_addresses(text: str) -> bool:
    """Whether what stands around the addresses of pages and people is plain. Where no rule matched, their likeness to
    attacks, which also come as addresses, says nothing."""
    return len(text) <= MAX_PLAIN and ".." not in text and is_plain(_ADDRESS.sub("link", text))


def is_plain(text: str) -> bool:
    """Whether `text` can be let through without a closer look."""
    if len(text) > MAX_PLAIN:
        return False
    characters = set(text)
    if not characters.isdisjoint(_FACES):
        text = _SMILEY.sub("", text)
        characters = set(text)
    odd = characters.difference(_PLAIN)
    if odd:
        for character in odd:
            if character < "\x80" or not is_plain_character(character):
                return False
    low = text.lower()
    if not characters.isdisjoint(_MARKS):
        if not (low[0].isalnum() or low[0] == "_") or _ODD_MARKS.search(low):
            return False
        words = low.replace("(", " ").replace(")", " ").split()
    else:
        words = low.split()
    if _ODD_START.match(low) or ("(" in characters and _ODD_CALL.search(low)):
        return False
    if ".." in low or ("." in low and _ODD_DOTS.search(low)) or max(map(len, words), default=0) > LONGEST_WORD:
        return False
    strange = _SHELL.intersection(words)
    if strange and (len(words) < 3 or not strange <= _WEAK_SHELL):
        return False
    return len(words) < 2 or not _speaks_sql(words)


def _speaks_sql(words: list[str]) -> bool:
    if words[0] in _FIRST:
        return True
    told = _DATABASE.intersection(words)
    return len(told) > 1 and not told <= _WEAK and (len(told) > 2 or len(words) < 6)
