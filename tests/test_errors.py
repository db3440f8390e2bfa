"""The error tree: codes, exit statuses, one line, the nearest name."""

from __future__ import annotations

import inspect

import pytest

from shopr import errors
from shopr.errors import InputError, ShoprError, UnknownNameError

TREE = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, ShoprError)]


def test_codes_are_unique_and_every_class_is_public_and_drawn() -> None:
    assert len({c.code for c in TREE}) == len(TREE)
    assert sorted(c.__name__ for c in TREE) == sorted(errors.__all__)
    assert all(c.__name__ in (errors.__doc__ or "") for c in TREE)


@pytest.mark.parametrize("kind", TREE, ids=lambda c: c.__name__)
def test_a_wrong_call_leaves_with_2_and_failed_work_with_1(kind: type[ShoprError]) -> None:
    assert kind.exit_status == (2 if issubclass(kind, InputError) else 1)


def test_one_line_whatever_the_message_held() -> None:
    error = ShoprError("bad\nvalue\t 'x'", hint="Use\r\nanother")
    assert error.one_line() == "bad value 'x'. Use another"
    assert str(ShoprError("no hint")) == "no hint"


def test_an_unknown_name_suggests_the_nearest_and_lists_all() -> None:
    error = UnknownNameError("model", "poplar", ["knn", "popular"])
    assert error.one_line() == "unknown model 'poplar'. Did you mean 'popular'? Known: knn, popular"
    assert error.known == ["knn", "popular"]


def test_an_unknown_name_far_from_all_suggests_none() -> None:
    assert UnknownNameError("model", "zzzz", ["knn"]).one_line() == "unknown model 'zzzz'. Known: knn"
    assert UnknownNameError("model", "zzzz", []).one_line() == "unknown model 'zzzz'. Known: none"
