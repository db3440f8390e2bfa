"""A merchandiser's synonyms: which words of shoppers stand for which words of the catalogue.

The file `synonyms.yaml` in a shop's folder:

    kind: synonyms
    replace:
      settee: sofa          # who searches for a settee sees what "sofa" finds
      mobile phone: smartphone

A rule rewrites the query before it is read, so that kinds, spelling and confidence see the catalogue's word. The
longest phrase counts, rules do not chain, and a query that holds no phrase of the file is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from shopr.errors import SpecError
from shopr.search.text.tokens import JOINED, fold, tokenise
from shopr.yamlfile import line_of, nearest, parse

__all__ = ["FILE", "Synonyms"]

FILE = "synonyms.yaml"
MOST_RULES = 5_000
LONGEST_PHRASE = 6
"""Words of a phrase."""
LONGEST_TEXT = 100
_READ = 256
"""Characters of a query that are read: what search itself reads of it."""
_KEYS = ("kind", "replace")
_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Synonyms:
    """The rules of one shop: phrase of shoppers -> words of the catalogue."""

    replace: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | str) -> Synonyms:
        """Read and check a file.

        Raises:
            SpecError: naming the file, the line, what is wrong and the fix.
        """
        path = Path(path)
        try:
            size = path.stat().st_size
            if size > _MAX_BYTES:
                raise SpecError(f"{path} has {size:,} bytes, the most is {_MAX_BYTES:,}", hint="Keep the rules in use")
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise SpecError(f"synonyms {path} cannot be read: {why}", hint="Save it as UTF-8 text") from error
        content, root = parse(path, text, hint="Start with kind: synonyms")
        return cls(_checked(path, content, root))

    @classmethod
    def of_shop(cls, folder: Path | str) -> Synonyms:
        """The rules in a shop's folder; none where it has no file. Raises as `load`."""
        path = Path(folder) / FILE
        return cls.load(path) if path.is_file() else cls()

    def __bool__(self) -> bool:
        return bool(self.replace)

    @cached_property
    def _rules(self) -> dict[tuple[str, ...], str]:
        return {_terms(phrase): words for phrase, words in self.replace.items()}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._rules), default=0)

    def rewrite(self, query: str) -> str:
        """The query in the catalogue's words; the very same text where no rule applies."""
        if not self.replace:
            return query
        tokens = [token for token in tokenise(query[:_READ]) if not token.flags & JOINED]
        terms = tuple(token.term for token in tokens)
        done: list[str] = []
        changed, i = False, 0
        while i < len(terms):
            for width in range(min(self._longest, len(terms) - i), 0, -1):
                words = self._rules.get(terms[i : i + width])
                if words is not None:
                    done.append(words)
                    changed, i = True, i + width
                    break
            else:
                done.append(tokens[i].word)
                i += 1
        return " ".join(done) if changed else query

    def with_rule(self, phrase: str, words: str) -> Synonyms:
        """The same rules and one more, or another one for its phrase.

        Raises:
            SpecError: if the rule is none.
        """
        return Synonyms({**self.replace, **_checked(Path(FILE), {"replace": {phrase: words}}, None)})

    def text(self) -> str:
        """The file that holds these rules."""
        rules = dict(sorted(self.replace.items()))
        return yaml.safe_dump({"kind": "synonyms", "replace": rules}, allow_unicode=True, sort_keys=False)


def _terms(phrase: str) -> tuple[str, ...]:
    return tuple(token.term for token in tokenise(phrase) if not token.flags & JOINED)


def _checked(path: Path, content: dict[str, Any], root: yaml.Node | None) -> dict[str, str]:
    for key in content:
        if key not in _KEYS:
            raise SpecError(
                f"{path}, line {line_of(root, [str(key)])}: unknown key {key!r}", hint=nearest(str(key), _KEYS)
            )
    if content.get("kind", "synonyms") != "synonyms":
        raise SpecError(
            f"{path}, line {line_of(root, ['kind'])}: kind is {content['kind']!r}", hint="Write kind: synonyms"
        )
    rules = content.get("replace") or {}
    if not isinstance(rules, dict):
        raise SpecError(f"{path}, line {line_of(root, ['replace'])}: replace holds no rules", hint="Write settee: sofa")
    if len(rules) > MOST_RULES:
        raise SpecError(f"{path} holds {len(rules):,} rules, the most is {MOST_RULES:,}", hint="Keep the rules in use")
    return _sound(path, rules, root)


def _sound(path: Path, rules: dict[Any, Any], root: yaml.Node | None) -> dict[str, str]:
    seen: dict[tuple[str, ...], str] = {}
    for phrase, words in rules.items():
        where = f"{path}, line {line_of(root, ['replace', str(phrase)])}: {phrase!r}"
        if not isinstance(phrase, str) or not isinstance(words, str):
            raise SpecError(f"{where} is no rule of text: {words!r}", hint="Put numbers, yes and no into quotes")
        if max(len(phrase), len(words)) > LONGEST_TEXT:
            raise SpecError(f"{where} is longer than {LONGEST_TEXT} characters", hint="Shorten it")
        terms = _terms(phrase)
        if not terms or not _terms(words) or max(len(terms), len(_terms(words))) > LONGEST_PHRASE:
            raise SpecError(
                f"{where}: {words!r}: a side has no words, or more than {LONGEST_PHRASE}", hint="Mend the rule"
            )
        if terms == _terms(words):
            raise SpecError(f"{where} stands for itself", hint="Remove the rule: forms of a word need none")
        if terms in seen:
            raise SpecError(f"{where} says the same as {seen[terms]!r}", hint="Keep one of the two")
        seen[terms] = phrase
    return {fold(phrase): words for phrase, words in rules.items()}
