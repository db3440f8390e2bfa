"""SQL as a line of letters, so that rules can read its grammar instead of its spelling.

`print_of(text)` tokenises a text as code; `prints_of` also reads what follows each quote as code, because that is what
an injected quote does. One letter a token:

    1 number   s string   v @variable   n other word   f known function before "("   k null, true, case, as, …
    E select insert delete …   U union except intersect   F from into where set values …   B order by, group by,
    having, limit   A and or xor || && not   o operator   T "=" or like between two equal constants (a tautology)
    ( ) , ;   c comment   q a quote that closes nothing (or that closed what came before the text)
"""

from __future__ import annotations

import re

__all__ = ["MAX_PRINT", "MAX_PRINTS", "print_of", "prints_of"]

MAX_PRINT = 160
"""Letters of one print: an attack that needs more tokens has shown itself before."""

MAX_PRINTS = 10
"""Quotes after which a text is read as code."""

SEGMENT = 480
"""Characters read after a quote."""

LONG = 400
"""In longer texts an apostrophe within a word opens nothing, and less is read after each quote."""

START = 200
"""Characters of a longer text that are read from its start."""

_KINDS: dict[str, str] = {}
for _letter, _words in {
    "E": "select insert delete update drop create alter exec execute declare truncate replace merge call handler "
    "shutdown waitfor grant revoke backup restore dbcc bulk begin load describe",
    "U": "union except intersect minus",
    "F": "from into where set values table database outfile dumpfile infile join using returning schema procedure",
    "A": "and or xor not div rlike regexp",
    "B": "having limit offset",
    "k": "null true false case when then else end as asc desc distinct all any some top percent cross left right inner "
    "outer on by is exists if immediate delay time dual default unknown binary collate interval escape top",
    "o": "like ilike in between similar sounds glob match against mod",
}.items():
    _KINDS.update(dict.fromkeys(_words.split(), _letter))
_FUNCTIONS = frozenset(
    "ascii ord substring substr mid left right length char chr nchar concat concat_ws group_concat cast convert ifnull "
    "isnull nullif coalesce count if iif elt hex unhex md5 sha1 sha rand version database schema user current_user "
    "session_user system_user user_name db_name host_name name_const floor row len lower upper lcase ucase reverse bin "
    "quote strcmp locate instr lpad rpad to_char to_number sys_context sysdate now abs ceil pow sqrt round sleep "
    "benchmark pg_sleep load_file extractvalue updatexml xmltype make_set randomblob json_extract json_keys max min "
    "sum avg exp aes_encrypt aes_decrypt encode decode compress uncompress password old_password space repeat soundex "
    "current_setting query_to_xml array_agg string_agg generate_series regexp_substring crypt_key last_insert_id "
    "row_count found_rows get_lock release_lock is_srvrolemember binary_checksum object_id col_name utl_inaddr "
    "quote_ident quote_literal lo_import pg_read_file openrowset multipoint polygon linestring zeroblob likelihood "
    "unlikely sqlite_version timestampadd makedate exists values date day month year hour minute trim ltrim rtrim "
    "greatest least field find_in_set format insert interval_value position truncate uuid host hostname".split()
)
_TOKEN = re.compile(
    r"(?P<blank>[\s\x00]+)"
    r"|(?P<hashtag>\#\w|(?<=\s)--(?=[^\W\d]))"
    r"|(?P<comment>--[\s+-]?|\#|/\*)"
    r"|(?P<variable>@@?[\w.$]{0,40})"
    r"|(?P<number>(?:0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?![\w']*[a-z]))"
    r"|(?P<word>[^\W\d][\w$]*(?:'[^\W\d]+(?=[\s,.!?;:]|$))?(?:\.{1,2}[\w$*]+)*|\d[\w$]*)"
    r"|(?P<logic>&&|\|\|)"
    r"|(?P<operator><=>|[<>!:]?=|<>|::|[<>=+\-*/%|&^~!?])"
    r"|(?P<punctuation>[(),;])"
    r"|(?P<quote>['\"`])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_STRINGS = {
    quote: re.compile(rf"[^{quote}\\]*(?:(?:\\.|{quote}{quote})[^{quote}\\]*)*{quote}", re.DOTALL) for quote in "'\"`"
}
_QUOTE = re.compile(r"['\"`]")
_QUOTE_OF_LONG = re.compile(r"(?<![^\W\d])['\"`]|['\"`](?![^\W\d])")
_CONTINUES = re.compile(
    r"[\s)]{0,8}(?:x?or\b|and\b|&&|\|\||union\b|order\b|group\b|having\b|limit\b|where\b|not\b|is\b|div\b|r?like\b"
    r"|regexp\b|procedure\b|as\b|in\b|;|--|#|/\*|[-+*/%=<>!^~])"
)
_LOGIC = re.compile(
    r"-?\d{1,9}[)'\"\s]{1,8}(?:and|x?or|union|order\s|having|&&|\|\|)[\s(]|;\s?(?:select|drop|insert|update|delete|exec|declare)\b"
    r"|\bunion[\s(]{1,5}(?:all\s)?select|\bselect\s{1,5}(?:\*|\w{1,20}\s?[(,])|\b(?:or|and)\s{1,3}[\d'\"(@]"
)
_MAY_BE_LOGIC = re.compile(
    r"[\drds;](?:(?<=\d)[)'\"\s]{1,8}[axuoh&|]|(?<=[rd])\s{1,3}[\d'\"(@]|(?<=s)elect|(?<=;)\s?[sdiue])"
)
_CALL = re.compile(r"\s{0,3}\(")
_COMMENT_END = re.compile(r"\*/")


def prints_of(text: str) -> list[str]:
    """The prints of a lowercased text: as code from its start, and as code after each of its first quotes."""
    long = len(text) > LONG
    found = [print_of(text[:START] if long else text)]
    for count, match in enumerate((_QUOTE_OF_LONG if long else _QUOTE).finditer(text)):
        if count == MAX_PRINTS:
            break
        at = match.end()
        if not long or _CONTINUES.match(text, at):
            found.append("q" + print_of(text[at : at + (SEGMENT // 4 if long else SEGMENT)]))
    if long:
        found.extend(print_of(text[m.start() : m.start() + SEGMENT // 4]) for m in _logic(text))
    return found


def _logic(text: str) -> list[re.Match[str]]:
    """Where code may begin in the middle of a long text: a number before and, or, union; a statement."""
    if _MAY_BE_LOGIC.search(text) is None:
        return []
    return [m for _, m in zip(range(MAX_PRINTS), _LOGIC.finditer(text), strict=False)]


def print_of(text: str) -> str:
    """The print of a lowercased text, at most `MAX_PRINT` letters."""
    letters: list[str] = []
    values: list[str] = []
    at, end = 0, len(text)
    while at < end and len(letters) < MAX_PRINT:
        match = _TOKEN.match(text, at)
        if match is None:
            break
        kind, value = match.lastgroup, match.group()
        at = match.end()
        if kind in ("blank", "other", "hashtag"):
            continue
        letter = value
        if kind == "word":
            letter = _word(value, text, at, values[-1] if values else "")
        elif kind == "number":
            letter = "1"
        elif kind == "quote":
            letter, value, at = _string(value, text, at)
        elif kind == "comment":
            letter, at = _comment(value, text, at)
            if not letter:
                continue
        elif kind == "variable":
            letter = "v"
        elif kind == "logic":
            letter = "A"
        elif kind == "operator":
            letter = "o"
        if letter == "o" and letters and letters[-1] == "o":
            continue
        letters.append(letter)
        values.append(value)
    return _tautologies(letters, values)


def _word(value: str, text: str, at: int, before: str) -> str:
    if value == "by":  # but six by nine inches
        return "B" if before in ("order", "group", "partition") else "n"
    if value in _FUNCTIONS and _CALL.match(text, at):
        return "f"
    return _KINDS.get(value, "n")


def _string(quote: str, text: str, at: int) -> tuple[str, str, int]:
    """A whole string, or a quote that closes nothing."""
    match = _STRINGS[quote].match(text, at, at + SEGMENT)
    return ("s", match.group()[:-1], match.end()) if match else ("q", quote, at)


def _comment(value: str, text: str, at: int) -> tuple[str, int]:
    """A comment to the end of its line ends the print, unless more lines follow; one in /* */ is nothing."""
    if value == "/*":
        end = _COMMENT_END.search(text, at, at + SEGMENT)
        return ("", end.end()) if end else ("c", len(text))
    line = text.find("\n", at)
    return "c", len(text) if line < 0 else line


def _tautologies(letters: list[str], values: list[str]) -> str:
    for i in range(1, len(letters) - 1):
        if letters[i] == "o" and values[i] in ("=", "<=>", "like", "==", "in", "glob"):
            left, right = letters[i - 1], letters[i + 1]
            if left == right and left in "1sk" and values[i - 1] == values[i + 1]:
                letters[i] = "T"
            elif left == "s" and right == "q" and values[i + 1 : i + 2]:
                rest = values[i + 2] if len(values) > i + 2 else ""
                letters[i] = "T" if rest == values[i - 1] else "o"
    return "".join(letters)
