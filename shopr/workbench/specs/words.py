"""What is wrong with a spec, in words: the file, the line, the key, the value, and the nearest known name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from shopr.errors import SpecError
from shopr.workbench.specs.files import Source
from shopr.yamlfile import first_error, in_words, nearest
from shopr.yamlfile import refusal as refused

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
    first = first_error(error)
    keys = [str(key) for key in first["loc"] if key != "[key]"]
    message, hint = in_words(first, lambda: _known(model, keys[:-1]))
    if first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} does not look like {_PATTERNS.get(keys[-1], 'what is wanted here')}"
    elif first["type"] == "model_type" and keys[:-1] == ["parameters"]:
        message = f"{first['input']!r} is its value, but no spec that this one extends declares it"
        hint = nearest(keys[-1], declared) if declared else f"Declare it: {{type: str, default: {first['input']!r}}}"
    elif message == first["msg"] and isinstance(first["input"], str | int | float):
        message += f", not {first['input']!r}"
    return refused(source.place(keys), keys, message, hint)


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
