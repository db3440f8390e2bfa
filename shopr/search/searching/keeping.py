"""What is dear to make and depends on the catalogue alone is kept beside it: the next process reads instead of making.

`FOLDER/KEY` holds one such thing. The key is a fingerprint of everything that it was made from, the code included, so
that what is old is never read, only left behind and swept later. Two processes that make the same thing at once both
write a folder of their own; the first to give its folder the name wins, and a reader sees a whole one or none. What is
damaged (sizes and checksums tell) is made again and replaced. A folder that cannot be written costs time, nothing else.
"""

from __future__ import annotations

import logging
import shutil
import sys
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from shopr.data.catalog import Catalog
from shopr.data.fingerprint import fingerprint_bytes, fingerprint_frame, fingerprint_parts
from shopr.errors import DataError
from shopr.search.asking.config import SearchConfig
from shopr.search.catalogue import storing
from shopr.search.searching.engine import ProductSearch
from shopr.search.searching.index import Index

__all__ = ["FOLDER", "code_of", "kept", "kept_search"]

T = TypeVar("T")
_log = logging.getLogger("shopr.search")

FOLDER = "word_index"
"""Where a shop's folder keeps its index of words."""
_READ = (".py", ".yaml", ".json", ".npz")
_OTHERS = 1
"""Things of another key that are kept: another process may still be at work with the old catalogue."""
_STALE_SECONDS = 3_600
"""A folder that was begun so long before and never got its name is of a process that died."""


def kept_search(catalog: Catalog, folder: Path | str, config: SearchConfig | None = None) -> ProductSearch:
    """The search over a catalogue, memory-mapped from `folder` if it is kept there, else built and kept."""
    settings = config or SearchConfig()
    parts = {
        "catalogue": fingerprint_frame(catalog.frame),
        "settings": fingerprint_bytes(settings.model_dump_json().encode()),
        "code": code_of(Path(__file__).parents[1]),
    }
    index = kept(
        Path(folder),
        fingerprint_parts(parts),
        load=Index.load,
        make=lambda: Index.build(catalog, settings),
        parts=Index.parts,
    )
    return ProductSearch(index)


def kept(
    folder: Path,
    key: str,
    *,
    load: Callable[[Path], T],
    make: Callable[[], T],
    parts: Callable[[T], storing.Parts],
) -> T:
    """What `load` reads from `folder`/`key`; where that is missing or damaged what `make` makes, kept for the next.

    Args:
        key: a fingerprint of all that the thing is made from.
        load: raises DataError where it finds nothing sound.
        parts: the arrays, lists and facts that `load` reads.
    """
    path = folder / key
    damaged = False
    try:
        return load(path)
    except DataError as error:
        damaged = path.exists()
        if damaged:
            _log.warning("made again: %s", error.one_line())
    made = make()
    try:
        _keep(path, parts(made), damaged)
    except OSError as error:
        _log.warning("not kept for the next process: %s: %s", path, error.strerror or error)
    return made


@lru_cache(maxsize=8)
def code_of(*folders: Path) -> str:
    """A fingerprint of the code and tables in some folders, and of what the reading of text depends on beside."""
    files = sorted({p for folder in folders for p in folder.rglob("*") if p.suffix in _READ})
    found = {str(path): fingerprint_bytes(path.read_bytes()) for path in files}
    found["python"] = f"{sys.version_info[:2]} {unicodedata.unidata_version} {sys.byteorder} {storing.LAYOUT}"
    return fingerprint_parts(found)


def _keep(path: Path, parts: storing.Parts, damaged: bool) -> None:
    fresh = path.with_name(f".new-{uuid4().hex}")
    fresh.mkdir(parents=True)
    try:
        storing.fill(fresh, *parts)
        if damaged and path.exists():
            path.rename(path.with_name(f".old-{uuid4().hex}"))
        fresh.rename(path)
    except OSError:
        if damaged or not path.is_dir():
            raise
        # Another process was faster.
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _sweep(path)


def _sweep(path: Path) -> None:
    """Remove what other keys and dead processes left; who reads it at the moment keeps what it has opened."""
    now = path.stat().st_mtime
    entries = [(entry.stat().st_mtime, entry) for entry in path.parent.iterdir() if entry != path]
    named = sorted((pair for pair in entries if not pair[1].name.startswith(".")), reverse=True)
    begun = [pair for pair in entries if pair[1].name.startswith(".new-") and now - pair[0] > _STALE_SECONDS]
    aside = [pair for pair in entries if pair[1].name.startswith(".old-")]
    for _, entry in [*named[_OTHERS:], *begun, *aside]:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
