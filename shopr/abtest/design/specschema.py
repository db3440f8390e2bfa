"""The short forms of an experiment's YAML in its JSON Schema, so that an editor accepts what the loader does."""

from __future__ import annotations

from typing import Any

__all__ = ["with_short_forms"]

_TYPE = "Which kind this is"


def with_short_forms(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of full forms, widened by the short ones; `schema` is changed and returned."""
    definitions, keys = schema["$defs"], schema["properties"]
    for definition in definitions.values():
        kind = definition.get("properties", {}).get("type")
        if kind is None:
            continue
        kind["description"] = _TYPE
        # Without a type a metric is a mean and a design is fixed; nothing else may leave it out.
        if kind["const"] not in ("mean", "fixed"):
            definition["required"] = sorted({*definition.get("required", ()), "type"})
        else:
            kind["description"] += " (this is the default)"
    arms = keys["arms"]
    weights = {
        "type": "object",
        "minProperties": 2,
        "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
    }
    names = {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": ["string", "integer", "boolean"]}}
    keys["arms"] = {
        "anyOf": [weights, names],
        "title": arms["title"],
        "description": f"{arms['description']}; or a list",
    }
    bounds = [name for name in definitions["Cap"]["properties"] if name != "ignore_zeros"]
    definitions["Cap"]["anyOf"] = [{"required": [name], "properties": {name: {"type": "number"}}} for name in bounds]
    metrics = keys["metrics"]
    metrics["items"] = {"anyOf": [{"type": "string", "description": "The mean of that column"}, metrics["items"]]}
    design = keys["design"]
    alone = [name for name in design["discriminator"]["mapping"] if name != "group_sequential"]
    full = {key: design.pop(key) for key in ("oneOf", "discriminator")}
    _hyphens(definitions["GroupSequential"]["properties"]["type"])
    design["anyOf"] = [{"enum": alone, "description": "A design with its defaults"}, full]
    keys["correction"]["enum"] = _either(keys["correction"]["enum"])
    spending = definitions["GroupSequential"]["properties"]["spending"]
    spending["enum"] = _either(spending["enum"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _either(names: list[str]) -> list[str]:
    """Names with hyphens, and the same with underscores."""
    return list(dict.fromkeys([*names, *(name.replace("-", "_") for name in names)]))


def _hyphens(kind: dict[str, Any]) -> None:
    name = kind.pop("const")
    kind["enum"] = [name, name.replace("_", "-")]
