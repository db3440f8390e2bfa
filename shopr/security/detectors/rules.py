"""Rules are data: YAML files of one class each, with examples that must match and harmless texts that must not.

A rule reads the lowercased text of a view (`reads: text`), that of the text as it came or was folded, before anything
was decoded (`raw`), the SQL prints of a view (`sql`), or the decoded text for prompt injection (`prompt`), which is a
class of its own and takes no part in the score of the others. Its `words` are looked for first: only where one of them
occurs is the pattern tried, which is what keeps a few hundred rules cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from operator import add
from typing import Any

import yaml

from shopr.errors import SpecError
from shopr.security.detectors.presence import Presence, Words, any_of

__all__ = ["PRIOR", "Hit", "Rule", "RuleBook", "default_rules", "word_lists"]

PRIOR = {1: 0.3, 2: 0.6, 3: 1.2, 4: 2.2, 5: 3.4}
"""What a rule adds to the log-odds by its written score alone: the fit starts from here."""

LONG = 400
"""Longer texts are searched only where a rule's words are."""

MARGIN = 240
"""Characters before the first and after the last of a rule's words that are searched."""

COMMON = "jqxzkvbpygwmfucdlhrsnioate "
"""Characters from rare to common; what is not among them is rarer still."""

_END = re.compile(r"(?<!\\)\$")
READS = ("text", "raw", "sql", "prompt")


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: its name, in verdicts and logs.
        threat: the class of attack it speaks for.
        score: how strongly, 1 (weak evidence) to 5 (nothing else looks like this).
        reads: "text", "raw", "sql" or "prompt".
        words: one of them must occur for the pattern to be tried.
        mild: what people write as well, though the rule matches it: a text without anything stronger is flagged, never
            blocked, where the rule no longer matches once this is taken out; or None.
        mild_examples: texts that must match, but mildly.
        near: of a long text, what must match first: a cheap expression where words and pattern are dear; or None.
        pattern: the compiled expression, for lowercased text (or a print).
        examples: texts that must match.
        harmless: texts that must not.
    """

    id: str
    threat: str
    score: int
    reads: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    examples: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    near: re.Pattern[str] | None = None
    mild: re.Pattern[str] | None = None
    mild_examples: tuple[str, ...] = ()

    def is_mild(self, low: str) -> bool:
        """Whether a lowercased text has no more for this rule than what people write as well."""
        return self.mild is not None and self.pattern.search(self.mild.sub(" ", low)) is None


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matched, and where in the view."""

    rule: Rule
    start: int
    end: int


class RuleBook:
    """Rules, ready to be tried on one view after another.

    Args:
        rules: in the order in which their evidence is numbered.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.index = {rule.id: i for i, rule in enumerate(self.rules)}
        if len(self.index) != len(self.rules):
            twice = sorted({r.id for r in rules if sum(r.id == other.id for other in rules) > 1})
            raise SpecError(f"rules {twice} are there twice", hint="Give each rule an id of its own")
        self._endless = {rule.id for rule in self.rules if not _END.search(rule.pattern.pattern)}
        self._by_word = {reads: _by_word(r for r in self.rules if r.reads == reads) for reads in READS}
        self._by_key = {reads: _by_key(words) for reads, words in self._by_word.items()}
        self._words = {reads: Words([word for word, _ in words]) for reads, words in self._by_word.items()}
        # Plain texts are asked for prompt rules only: an expression lets most of them go, without the words of other
        # scripts where all is ASCII.
        told = [word for word, _ in self._by_word["prompt"]]
        self._in_ascii = any_of(word for word in told if word.isascii())
        self._beyond_ascii = any_of(word for word in told if not word.isascii())

    def match(self, low: str, reads: str = "text") -> list[Hit]:
        """The rules of one kind that match a lowercased text (or a print), each once."""
        if reads == "prompt" and not self._may_prompt(low):
            return []
        if len(low) > LONG:
            return self._match_long(low, reads)
        found: list[Hit] = []
        tried: set[str] = set()
        by_key = self._by_key[reads]
        keys = by_key.keys() & {*low, *map(add, low, low[1:])}
        for word, rules in (entry for key in sorted(keys) for entry in by_key[key]):
            if word not in low:
                continue
            for rule in rules:
                if rule.id not in tried:
                    tried.add(rule.id)
                    match = rule.pattern.search(low)
                    if match is not None:
                        found.append(Hit(rule, match.start(), match.end()))
        return found

    def _may_prompt(self, low: str) -> bool:
        if self._in_ascii.search(low) is not None:
            return True
        return not low.isascii() and self._beyond_ascii.search(low) is not None

    def _match_long(self, low: str, reads: str) -> list[Hit]:
        """The same, each rule looking only from before the first of its words to after the last."""
        stretches: dict[str, tuple[Rule, int, int]] = {}
        by_word = self._by_word[reads]
        for place in self._words[reads].likely(Presence.of(low)):
            word, rules = by_word[place]
            first = low.find(word)
            if first < 0:
                continue
            last = low.rfind(word)
            for rule in rules:
                _, start, end = stretches.get(rule.id, (rule, first, last))
                stretches[rule.id] = (rule, min(start, first), max(end, last))
        found: list[Hit] = []
        for rule, first, last in stretches.values():
            start, end = max(0, first - MARGIN), len(low)
            if rule.near is not None:
                near = rule.near.search(low, start)
                if near is None:
                    continue
                start = max(start, near.start() - MARGIN)
            if rule.id in self._endless:
                end = min(end, last + MARGIN)
            match = rule.pattern.search(low, start, end)
            if match is not None:
                found.append(Hit(rule, match.start(), match.end()))
        return found


def _by_word(rules: Iterable[Rule]) -> list[tuple[str, list[Rule]]]:
    words: dict[str, list[Rule]] = {}
    for rule in rules:
        for word in rule.words:
            words.setdefault(word, []).append(rule)
    return list(words.items())


def _by_key(words: Sequence[tuple[str, list[Rule]]]) -> dict[str, list[tuple[str, list[Rule]]]]:
    """Words by the rarest two characters in a row that they hold: where these do not occur, neither does the word."""
    found: dict[str, list[tuple[str, list[Rule]]]] = {}
    for word, rules in words:
        pairs = [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        found.setdefault(min(pairs, key=lambda pair: sum(map(COMMON.find, pair))), []).append((word, rules))
    return found


@cache
def default_rules() -> RuleBook:
    """The rules that come with the package."""
    folder = files("shopr.security.detectors") / "rules"
    found: list[Rule] = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".yaml"):
            found.extend(read_rules(entry.read_text(encoding="utf-8"), entry.name))
    return RuleBook(found)


def read_rules(text: str, name: str) -> list[Rule]:
    """The rules of one file.

    Raises:
        SpecError: if the file is no rule file, or a pattern does not compile.
    """
    content = _parsed(text)
    if not isinstance(content, dict) or not {"class", "rules"} <= set(content):
        raise SpecError(f"{name} holds no rules", hint="Start it with class: NAME and rules: […]")
    lists = {f"<<{key}>>": value for key, value in (content.get("lists") or {}).items()}
    return [_rule(row, content["class"], lists, name) for row in content["rules"]]


def word_lists(name: str) -> dict[str, str]:
    """The named lists of one of our own files, as alternatives of an expression."""
    text = (files("shopr.security.detectors") / "rules" / name).read_text(encoding="utf-8")
    return dict(_parsed(text)["lists"])


def _parsed(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _rule(row: dict[str, object], threat: str, lists: dict[str, str], name: str) -> Rule:
    pattern = str(row["pattern"])
    for key, value in lists.items():
        pattern = pattern.replace(key, value)
    reads, score = str(row.get("reads", "text")), int(str(row["score"]))
    if reads not in READS or not 1 <= score <= 5:
        raise SpecError(f"{name}, rule {row['id']}: reads {reads!r}, score {score}", hint=f"Use {READS} and 1 to 5")
    near, mild = str(row.get("near") or ""), str(row.get("mild") or "")
    try:
        compiled, close = re.compile(pattern), re.compile(near) if near else None
        spared = re.compile(mild, re.DOTALL) if mild else None
    except re.error as error:
        raise SpecError(f"{name}, rule {row['id']}: {error}", hint="Mend the pattern") from error
    words, examples, harmless = (_texts(row, key) for key in ("words", "examples", "harmless"))
    return Rule(
        str(row["id"]),
        threat,
        score,
        reads,
        words,
        compiled,
        examples,
        harmless,
        close,
        spared,
        _texts(row, "mild_examples"),
    )


def _texts(row: dict[str, object], key: str) -> tuple[str, ...]:
    value = row.get(key) or ()
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
