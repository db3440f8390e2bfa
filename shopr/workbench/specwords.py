"""What is wrong with a spec, in words: the file, the line, the key, the value, and the nearest known name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from shopr.errors import SpecError
from shopr.workbench.specfiles import Source
from shopr.yamlfile import nearest

__all__ = ["refusal"]

_PATTERNS = {
    "name": "a name such as weekly-health: small letters, digits, - and _",
    "notebook": "notebooks/NAME.ipynb, a path within the project",
    "metric": "a measure such as ndcg@10",
}


def refusal(source: Source, model: type[BaseModel], error: ValidationError, declared: Sequence[str] = ()) -> SpecError:
    """What pydantic found wrong with a spec, in words.

    Args:
        declared: parameters that the spec, or one that it extends, declares.
    """
    found = error.errors()
    # A misspelt key is missing under its right name, too: the misspelling is what its writer wants to hear of.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    keys = [str(key) for key in first["loc"] if key != "[key]"]
    message = str(first["msg"]).removeprefix("Value error, ")
    hint = ""
    if first["type"] == "extra_forbidden":
        message = "unknown key"
        hint = nearest(keys[-1], _known(model, keys[:-1]))
    elif first["type"] == "missing":
        message = "this key is missing"
    elif first["type"] == "literal_error":
        message = f"{first['input']!r} is not known"
        hint = nearest(str(first["input"]), _words(str(first["ctx"]["expected"])))
    elif first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} does not look like {_PATTERNS.get(keys[-1], 'what is wanted here')}"
    elif first["type"] == "model_type" and keys[:-1] == ["parameters"]:
        message = f"{first['input']!r} is its value, but no spec that this one extends declares it"
        hint = nearest(keys[-1], declared) if declared else f"Declare it: {{type: str, default: {first['input']!r}}}"
    elif not str(first["msg"]).startswith("Value error") and isinstance(first["input"], str | int | float):
        message += f", not {first['input']!r}"
    return SpecError(f"{source.place(keys)}: {'.'.join(keys)}: {message}", hint=hint)


def _words(expected: str) -> list[str]:
    return [word.strip(" '") for word in expected.replace(" or ", ", ").split(",") if word.strip(" '")]


def _known(model: type[BaseModel], parents: list[str]) -> list[str]:
    """Keys that may stand where an unknown one was found."""
    current: Any = model
    for key in parents:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            current = _model_within(current)  # the name of an entry: what is below it counts
            continue
        declared = current.model_fields.get(key)
        current = None if declared is None else declared.annotation
    current = _model_within(current)
    if current is None:
        return []
    more = ["extends", "environments"] if current is model else []
    return [*current.model_fields, *more]


def _model_within(annotation: Any) -> type[BaseModel] | None:
    """The model in `Model`, `Model | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for part in get_args(annotation) if (m := _model_within(part)) is not None), None)
