"""The files of specs: read, joined with what they extend, adjusted to the environment, and told apart by name.

    extends: quickstart.yaml          # this file's keys win over those of the other one; relative to this file
    environments:
      production: {timeout: 7200, parameters: {preset: demo}}

Mappings are joined key by key, anything else is replaced as a whole. A parameter that another file declares may be
given as a bare value, which becomes its default. A name is never inherited. Later wins: the extended file, the file
itself, its block for the environment in force, `--param`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from shopr.config.environment import Environment
from shopr.config.sources import project_root
from shopr.errors import SpecError
from shopr.yamlfile import line_of, nearest, parse

__all__ = ["Listed", "Source", "inventory", "read", "read_text"]

_NAME = re.compile(r"^name:[ \t]*['\"]?([A-Za-z0-9_.-]+)", re.MULTILINE)
_DEEPEST = 10


@dataclass(frozen=True)
class Source:
    """Where the keys of a spec stand.

    Attributes:
        path: the file that was asked for.
        files: it and the files that it extends, nearest first, each with its node tree.
        blocks: in the order in which they win, the keys under which a value may stand.
        others: environments, other than the one in force, for which the files have blocks.
    """

    path: Path
    files: tuple[tuple[Path, yaml.Node | None], ...]
    blocks: tuple[tuple[str, ...], ...] = ((),)
    others: tuple[Environment, ...] = ()

    @property
    def root(self) -> yaml.Node | None:
        """The node tree of the file itself."""
        return self.files[0][1]

    def place(self, keys: Sequence[str]) -> str:
        """`file, line N` of a key: in the nearest file that holds it, else of what is above it in the file itself."""
        for path, root in self.files:
            for block in self.blocks:
                if _holds(root, [*block, *keys]):
                    return f"{path}, line {line_of(root, [*block, *keys])}"
        return f"{self.path}, line {line_of(self.root, keys)}"


def read(path: Path, environment: Environment | None = None) -> tuple[dict[str, Any], Source]:
    """The keys of a spec, joined, and where they stand.

    Args:
        environment: the one in force; None asks the settings, if the file makes a difference between environments.

    Raises:
        SpecError: if a file cannot be read or extends itself, naming the whole chain; if another file beside it has the
            same name; or if a block names no environment.
    """
    content, files = _joined(path, ())
    _named_once(path, content.get("name"))
    if "environments" not in content:
        return content, Source(path, files)
    blocks = content.pop("environments")
    source = Source(path, files)
    known = [str(e.value) for e in Environment]
    if not isinstance(blocks, Mapping) or not all(isinstance(b, Mapping) for b in blocks.values()):
        raise SpecError(
            f"{source.place(['environments'])}: environments: holds no blocks", hint=f"Known: {', '.join(known)}"
        )
    for name, block in blocks.items():
        keys = ["environments", str(name)]
        if name not in known:
            raise SpecError(
                f"{source.place(keys)}: {'.'.join(keys)}: unknown environment", hint=nearest(str(name), known)
            )
        for fixed in sorted({"name", "kind", "extends"} & set(block)):
            raise SpecError(f"{source.place([*keys, fixed])}: {'.'.join(keys)}.{fixed}: this is the same everywhere")
    if environment is None:
        from shopr.config import Settings

        environment = Settings().environment
    others = tuple(Environment(name) for name in blocks if name != environment.value)
    chosen = blocks.get(environment.value)
    if not chosen:
        return content, Source(path, files, others=others)
    return _over(content, chosen), Source(path, files, (("environments", environment.value), ()), others)


def read_text(path: Path) -> str:
    """The text of a spec.

    Raises:
        SpecError: naming the nearest file where there is none of this name.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"spec {path} cannot be read: it is no text in UTF-8", hint="Save it as UTF-8") from error
    except OSError as error:
        raise SpecError(f"spec {path} cannot be read: {error.strerror or error}", hint=_instead(path)) from error


def _instead(path: Path) -> str:
    """The specs that somebody may mean who names a file that is not there: those beside it, and the project's."""
    usual = project_root() / "experiments"
    known = {p.name: p for folder in (usual, path.parent) for p in sorted(folder.glob("*.yaml"))}
    near = get_close_matches(path.name, known, n=1)
    if not near:
        return f"Known: {', '.join(known) or 'none'}"
    found = known[near[0]]
    return f"Did you mean {found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found}?"


def _joined(path: Path, chain: tuple[Path, ...]) -> tuple[dict[str, Any], tuple[tuple[Path, yaml.Node | None], ...]]:
    content, root = parse(path, read_text(path), hint="Start with name:, kind: and notebook:")
    chain = (*chain, path)
    above = content.pop("extends", None)
    if above is None:
        return content, ((path, root),)
    where = f"{path}, line {line_of(root, ['extends'])}: extends"
    if not isinstance(above, str) or not above:
        raise SpecError(f"{where}: {above!r} is no file name", hint="Write extends: other.yaml")
    other = path.parent / above
    if other.resolve() in [one.resolve() for one in chain]:
        names = " → ".join(one.name for one in (*chain, other))
        raise SpecError(f"{where}: specs extend each other in a circle: {names}", hint="Cut one of the references")
    if len(chain) >= _DEEPEST:
        raise SpecError(f"{where}: more than {_DEEPEST} specs extend each other", hint="Join some of them")
    try:
        base, files = _joined(other, chain)
    except SpecError as error:
        if other.is_file():
            raise
        raise SpecError(f"{where}: {error.message}", hint=error.hint) from error
    base.pop("name", None)
    return _over(base, content), ((path, root), *files)


def _over(base: Mapping[str, Any], own: Mapping[str, Any], *, depth: int = 0, under: str = "") -> dict[str, Any]:
    """`own` over `base`, mappings key by key."""
    out = dict(base)
    for key, value in own.items():
        old = base.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            out[key] = _over(old, value, depth=depth + 1, under=str(key))
        elif isinstance(old, Mapping) and depth == 1 and under == "parameters" and "type" in old:
            out[key] = {**old, "default": value}
        else:
            out[key] = value
    return out


def _holds(root: yaml.Node | None, keys: Sequence[str]) -> bool:
    node = root
    for wanted in keys:
        if isinstance(node, yaml.SequenceNode) and wanted.isdigit() and int(wanted) < len(node.value):
            node = node.value[int(wanted)]
            continue
        if not isinstance(node, yaml.MappingNode):
            return False
        found = [value for key, value in node.value if key.value == wanted]
        if not found:
            return False
        node = found[0]
    return True


def _named_once(path: Path, name: object) -> None:
    """Runs are told apart by their spec's name. Only the line of the name is looked for: files need not be sound."""
    if not isinstance(name, str):
        return
    for other in sorted(path.parent.glob("*.yaml")):
        try:
            if other.samefile(path):
                continue
            found = _NAME.search(other.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
        if found and found[1] == name:
            raise SpecError(f"{path} and {other} both have the name {name!r}", hint="Give each spec a name of its own")


@dataclass(frozen=True)
class Listed:
    """A spec of the project, as a list shows it."""

    name: str
    kind: str
    path: Path
    description: str


def inventory(folder: Path | None = None) -> list[Listed]:
    """All specs of a folder (default: the project's experiments), each checked.

    Raises:
        SpecError: if one is refused, or two have the same name.
    """
    from shopr.workbench.specs.spec import load

    found = []
    for path in sorted((folder or project_root() / "experiments").glob("*.yaml")):
        spec = load(path)
        found.append(
            Listed(spec.name, spec.kind, path, str(getattr(spec, "description", "") or getattr(spec, "hypothesis", "")))
        )
    return found
