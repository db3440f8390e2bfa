"""JSON Schema of all kinds of specs in one document, for editors."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["json_schema"]

_ENVIRONMENTS = {
    "type": "object",
    "description": "Keys that are different in an environment",
    "propertyNames": {"enum": ["development", "staging", "production"]},
    "additionalProperties": {"type": "object"},
}
_EXTENDS = {"type": "string", "description": "A spec beside this one whose keys hold where this one is silent"}


def json_schema() -> dict[str, Any]:
    """One schema; `kind` decides which part of it a file is held to, and a file without one is a run."""
    from shopr.abtest.design.spec import json_schema as abtest
    from shopr.recommend.lists.rules import Merchandising
    from shopr.workbench.specs.checking import json_schema as schedule
    from shopr.workbench.specs.spec import GateSpec, RunSpec
    from shopr.workbench.specs.sweep import SweepSpec

    kinds: dict[str, dict[str, Any]] = {
        "run": _extensible(RunSpec.model_json_schema()),
        "sweep": _extensible(_with_lists(SweepSpec.model_json_schema())),
        "gate": _extensible(GateSpec.model_json_schema()),
        "schedule": _extensible(schedule()),
        "rules": Merchandising.model_json_schema(),
        "abtest": abtest(),
    }
    definitions: dict[str, Any] = {}
    for kind, schema in kinds.items():
        for name, part in schema.pop("$defs", {}).items():
            definitions[f"{kind}.{name}"] = _renamed(part, kind)
        definitions[kind] = _renamed(schema, kind)
    rules = [
        {"if": {"properties": {"kind": {"const": kind}}, "required": [] if kind == "run" else ["kind"]},
         "then": {"$ref": f"#/$defs/{kind}"}}
        for kind in kinds
    ]  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Shopr experiment",
        "type": "object",
        "properties": {"kind": {"enum": list(kinds), "default": "run"}},
        "allOf": rules,
        "$defs": definitions,
    }


def _extensible(schema: dict[str, Any]) -> dict[str, Any]:
    """A file that extends another one may leave out what is required, except its name."""
    required = schema.pop("required", [])
    schema["properties"] |= {"extends": _EXTENDS, "environments": _ENVIRONMENTS}
    # What stands in the file that is extended may be missing here, or be given as a bare value.
    schema["anyOf"] = [{"required": ["extends", "name"]}, {"required": required}]
    if "parameters" in schema["properties"] and "additionalProperties" in schema["properties"]["parameters"]:
        parameters = schema["properties"]["parameters"]
        declared = parameters["additionalProperties"]
        if isinstance(declared, dict) and "$ref" in declared:
            partial = {"not": {"type": "object", "required": ["type"]}}
            parameters["additionalProperties"] = {"anyOf": [declared, partial]}
    return schema


def _with_lists(schema: dict[str, Any]) -> dict[str, Any]:
    """A dimension may be written as the list of its values."""
    space = schema["properties"]["space"]
    space["additionalProperties"] = {"anyOf": [space["additionalProperties"], {"type": "array", "minItems": 1}]}
    return schema


def _renamed(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """The same with references into the definitions of its kind."""
    text = json.dumps(schema).replace('"#/$defs/', f'"#/$defs/{kind}.')
    found: dict[str, Any] = json.loads(text)
    return found
