"""Rules as data: each matches its examples and spares its harmless texts; none can run away."""

from __future__ import annotations

import re._constants as sre
import re._parser as parser
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.errors import SpecError
from shopr.security.detectors.presence import any_of
from shopr.security.detectors.rules import LONG, Rule, RuleBook, default_rules, read_rules
from shopr.security.detectors.sqltokens import MAX_PRINT, print_of, prints_of

RULES = default_rules().rules
WILD = 60


def told(rule: Rule, text: str) -> bool:
    low = text if rule.reads == "sql" else text.lower()
    return rule.id in {hit.rule.id for hit in default_rules().match(low, rule.reads)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_matches_its_examples_only(rule: Rule) -> None:
    assert rule.examples
    assert rule.harmless
    assert [text for text in rule.examples if not told(rule, text)] == []
    assert [text for text in rule.harmless if told(rule, text)] == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.mild], ids=lambda rule: rule.id)
def test_what_people_write_as_well_is_mild_and_an_attack_is_not(rule: Rule) -> None:
    assert rule.mild_examples
    assert [text for text in rule.mild_examples if not told(rule, text)] == []
    assert [text for text in rule.mild_examples if not rule.is_mild(text.lower())] == []
    assert [text for text in rule.examples if not rule.is_mild(text.lower())]


def test_every_class_of_the_issue_has_rules() -> None:
    classes = {rule.threat for rule in RULES}
    assert classes >= {
        "sql", "xss", "command", "path", "template", "xxe", "nosql", "ldap", "log4shell", "shellshock", "header",
        "ssrf", "php", "java", "code", "prompt_injection",
    }  # fmt: skip


def repeats(tree: Any, inside: bool = False) -> Iterator[tuple[int, bool, Any]]:
    """(most repetitions, whether inside an unbounded one, what is repeated) of every repetition in a parsed pattern."""
    for op, argument in tree:
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            _, most, body = argument
            yield int(most), inside, body
            yield from repeats(body, inside or most == sre.MAXREPEAT)
        elif op is sre.SUBPATTERN:
            yield from repeats(argument[-1], inside)
        elif op is sre.BRANCH:
            for branch in argument[1]:
                yield from repeats(branch, inside)
        elif op in (sre.ASSERT, sre.ASSERT_NOT):
            yield from repeats(argument[1], inside)


def crosses(body: Any, character: str) -> bool:
    """Whether one step of a repetition may be any character, this one included."""
    if len(body) != 1:
        return False
    op, argument = body[0]
    if op is sre.ANY:
        return True
    if op is sre.NOT_LITERAL:
        return argument != ord(character)
    if op is sre.IN and argument[0][0] is sre.NEGATE:
        return (sre.LITERAL, ord(character)) not in argument
    return False


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_rule_can_backtrack_without_bound(rule: Rule) -> None:
    patterns = (rule.pattern, rule.near, rule.mild)
    found = [one for pattern in patterns if pattern for one in repeats(parser.parse(pattern.pattern))]
    assert not [r for r in found if r[1]], "a repetition inside an unbounded one"
    assert not [r for r in found if r[0] > WILD and crosses(r[2], "<") and r[0] < int(sre.MAXREPEAT)], "runs across <"
    assert not [r for r in found if r[0] == int(sre.MAXREPEAT) and crosses(r[2], "a")], "unbounded, over anything"


def test_long_texts_are_searched_around_the_words_only_and_give_the_same() -> None:
    book = default_rules()
    filler = "the table is nice and the lamp is too " * (LONG // 10)
    for rule in RULES:
        if rule.reads == "text":
            for text in rule.examples:
                if "^" not in rule.pattern.pattern and "$" not in rule.pattern.pattern:
                    low = f"{filler} {text.lower()} {filler}"
                    alone = rule.pattern.search(low) is not None
                    assert (rule.id in {hit.rule.id for hit in book.match(low)}) == alone, rule.id


@given(st.lists(st.text("ab.é", min_size=1, max_size=4), max_size=6), st.text("ab.é", max_size=12))
def test_one_expression_finds_whether_any_of_the_words_occurs(words: list[str], text: str) -> None:
    assert (any_of(words).search(text) is not None) == any(word in text for word in words)


def test_no_prompt_rule_is_lost_to_the_expression_that_lets_plain_texts_go() -> None:
    rules = [rule for rule in RULES if rule.reads == "prompt"]
    assert {word for rule in rules for word in rule.words if not word.isascii()}
    for rule in rules:
        for word in rule.words:
            assert default_rules()._may_prompt(f"a {word} b"), word


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("rules: []", "holds no rules"),
        ("class: x\nrules:\n- {id: a, score: 9, words: [x], pattern: x}", "score 9"),
        ("class: x\nrules:\n- {id: a, score: 3, words: [x], pattern: '('}", "rule a"),
    ],
)
def test_a_bad_rule_file_is_refused_by_name(content: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        read_rules(content, "x.yaml")


def test_an_id_is_given_once() -> None:
    rules = read_rules("class: x\nrules:\n- {id: a, score: 3, words: [x], pattern: x}", "x.yaml")
    with pytest.raises(SpecError, match="twice"):
        RuleBook([*rules, *rules])


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1 or 1=1--", "1A1T1c"),
        ("x' or 'a'='a", "nsnsn"),
        ("union select 1,2 from users", "UE1,1Fn"),
        ("1; drop table users", "1;EFn"),
        ("don't order", "nn"),
        ("and sleep(5)", "Af(1)"),
        ("1 /* x */ + 2", "1o1"),
        ("'a'='a'", "sTs"),
        ("#hashtag is fine", "nkn"),
    ],
)
def test_prints(text: str, printed: str) -> None:
    assert print_of(text).startswith(printed)


def test_prints_also_begin_after_quotes_and_are_bounded() -> None:
    assert any(p.startswith("qA") for p in prints_of("x' or 1=1"))
    assert all(len(p) <= MAX_PRINT + 1 for p in prints_of("'or 1=1 " * 5000))
    assert len(prints_of("'" * 5000)) <= 21
