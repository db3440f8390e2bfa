"""What people write into files: refused with the line, the key and the nearest known one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from shopr.errors import SpecError
from shopr.strict import Strict
from shopr.yamlfile import first_error, in_words, line_of, parse, read_text, refusal


class Tea(Strict):
    kind: Literal["green", "black"]
    minutes: int = Field(3, ge=1)
    name: str = "tea"

    @field_validator("name")
    @classmethod
    def _named(cls, value: str) -> str:
        if value == "coffee":
            raise ValueError("this is no tea")
        return value


def refused(text: str) -> SpecError:
    path = Path("tea.yaml")
    content, root = parse(path, text)
    with pytest.raises(ValidationError) as caught:
        Tea.model_validate(content)
    first = first_error(caught.value)
    message, hint = in_words(first, lambda: Tea.model_fields)
    return refusal(f"{path}, line {line_of(root, first['loc'])}", first["loc"], message, hint)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # The misspelt key is told, though its right name is missing too.
        (
            "name: x\nkin: green\n",
            "tea.yaml, line 2: kin: unknown key. Did you mean 'kind'? Known: kind, minutes, name",
        ),
        ("name: x\n", "tea.yaml, line 1: kind: this key is missing"),
        ("kind: gren\n", "tea.yaml, line 1: kind: 'gren' is not known. Did you mean 'green'? Known: green, black"),
        ("kind: green\nminutes: 0\n", "line 2: minutes: Input should be greater than or equal to 1"),
        ("kind: green\nname: coffee\n", "tea.yaml, line 2: name: this is no tea"),
    ],
)
def test_a_refusal_names_line_key_and_fix(text: str, told: str) -> None:
    assert told in refused(text).one_line()


def test_a_refusal_of_the_whole_file_names_no_key() -> None:
    assert refusal("tea.yaml", [], "it is cold").message == "tea.yaml: it is cold"


def test_what_is_strict_neither_changes_nor_takes_what_it_does_not_know() -> None:
    tea = Tea(kind="green")
    with pytest.raises(ValidationError, match="frozen"):
        tea.minutes = 5
    with pytest.raises(ValidationError, match="Extra inputs"):
        Tea.model_validate({"kind": "green", "sugar": 2})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "tea.yaml"
    with pytest.raises(SpecError, match=r"recipe .*tea\.yaml cannot be read: No such file.*Write one") as absent:
        read_text(path, "recipe", hint="Write one")
    assert absent.value.hint == "Write one"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="it is no text in UTF-8"):
        read_text(path, "recipe", hint="Write one")
    path.write_text("kind: green\n", encoding="utf-8")
    assert read_text(path, "recipe", hint="") == "kind: green\n"
