"""Search at work in one shop: words and pictures, the merchandiser's synonyms, and what was not found.

One object that holds the parts together for pages, notebooks and commands. The indexes of words and of pictures are
kept in the shop's folder and read from there until the catalogue or the pictures change.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopr.data.catalog import Catalog
from shopr.data.fingerprint import fingerprint_frame
from shopr.data.folders import replaced_file
from shopr.errors import DataError, StorageError
from shopr.search.asking.results import Filters, Found
from shopr.search.learnt.learning import FILE as LEARNT
from shopr.search.learnt.learning import LearntSearch
from shopr.search.merchant.querylog import SURE, FailingQuery, QueryLog
from shopr.search.searching.engine import ProductSearch
from shopr.search.searching.keeping import FOLDER as KEPT
from shopr.search.searching.keeping import kept_search
from shopr.search.text.synonyms import FILE, Synonyms

if TYPE_CHECKING:
    from shopr.search.learnt.reranking import Reranker
    from shopr.search.merchant.advice import Advice, Adviser
    from shopr.search.pictures.reading import Picture
    from shopr.search.pictures.search import Look, VisualSearch

__all__ = ["Failure", "SearchDesk"]

_log = logging.getLogger("shopr.search")
_FOLDER = "picture_index"
_NO_FILTERS = Filters()
_NO_RULES = Synonyms()
_NOTHING_LEARNT = LearntSearch()
State = tuple[int, int]


@dataclass(frozen=True)
class Failure:
    """A query that fails, what could be done about it, and whether it still fails now."""

    query: FailingQuery
    advice: Advice
    mended: bool


class SearchDesk:
    """Search in one shop.

    Args:
        catalog: its products.
        folder: its folder, in which pictures and `synonyms.yaml` are.
        log: where failing searches are counted; None counts none.
        search: an index of the catalogue that was built elsewhere.
    """

    def __init__(
        self, catalog: Catalog, folder: Path | str, log: QueryLog | None = None, *, search: ProductSearch | None = None
    ) -> None:
        self.catalog, self.folder, self.log = catalog, Path(folder), log
        self._given = search
        self._lock = threading.Lock()
        self._read: tuple[State, Synonyms] | None = None
        self._learnt: tuple[State, LearntSearch] | None = None
        self._merged: tuple[Synonyms, LearntSearch, Synonyms, Reranker | None] | None = None
        self._pictures: VisualSearch | None = None

    @cached_property
    def words(self) -> ProductSearch:
        """The index of words, read from the shop's folder where it is kept there for the catalogue as it is."""
        if self._given is not None:
            return self._given
        if not self.folder.is_dir():
            return ProductSearch.build(self.catalog)
        return kept_search(self.catalog, self.folder / KEPT)

    @cached_property
    def counted(self) -> ProductSearch:
        """The index of words for those who search on behalf of shoppers: under the synonyms, and counted."""
        return _Counted(self)

    @cached_property
    def adviser(self) -> Adviser:
        """Advice on failing queries."""
        from shopr.search.merchant.advice import (
            Adviser,  # scikit-learn is heavy: a shopper's first search must not pay for it
        )

        return Adviser(self.words)

    # -- words --------------------------------------------------------------------------------------------------------

    @property
    def synonyms(self) -> Synonyms:
        """The merchandiser's rules, read again when the file changes.

        Raises:
            SpecError: if the file is wrong.
        """
        path = self.folder / FILE
        state = _state(path)
        if state is None:
            return _NO_RULES
        if self._read is None or self._read[0] != state:
            self._read = (state, Synonyms.load(path))
        return self._read[1]

    @property
    def learnt(self) -> LearntSearch:
        """What was learnt from clicks, read again when the file changes; nothing where it is missing or damaged."""
        path = self.folder / LEARNT
        state = _state(path)
        if state is None:
            return _NOTHING_LEARNT
        if self._learnt is None or self._learnt[0] != state:
            try:
                self._learnt = (state, LearntSearch.load(path))
            except DataError as error:
                _log.warning("searching without: %s", error.one_line())
                self._learnt = (state, _NOTHING_LEARNT)
        return self._learnt[1]

    @property
    def ready(self) -> ProductSearch:
        """The index of words under the rules as they are now: what was learnt, and the merchandiser's, which win.

        Raises:
            SpecError: if the synonyms file is wrong.
        """
        return self.prepare(self.words)

    def prepare(self, search: ProductSearch) -> ProductSearch:
        """Put a search under the rules as they are now. Raises as `ready`."""
        own, learnt, merged = self.synonyms, self.learnt, self._merged
        if merged is None or merged[0] is not own or merged[1] is not learnt:
            both = Synonyms({**learnt.synonyms.replace, **own.replace})
            merged = self._merged = (own, learnt, both, learnt.reranker)
        search.synonyms, search.reranker = merged[2], merged[3]
        return search

    def search(
        self, query: str, k: int = 10, *, filters: Filters = _NO_FILTERS, language: str = "und", count: bool = True
    ) -> Found:
        """Search by words under the merchandiser's synonyms; a search that fails is counted, unless `count` is off.

        Raises:
            InputError: if k < 1.
            SpecError: if the synonyms file is wrong.
        """
        found = self.ready.search(query, k, filters=filters)
        if count and not filters:
            self.count(found, language)
        return found

    def count(self, found: Found, language: str = "und") -> None:
        """Count a search; one that cannot be counted is a line in the program's log, and no shopper's trouble."""
        if self.log is not None:
            try:
                self.log.record(found, language)
            except StorageError as error:
                _log.warning("a search was not counted: %s", error.one_line())

    def add_synonym(self, phrase: str, words: str) -> Synonyms:
        """Add a rule to the shop's `synonyms.yaml`, or make the file.

        Raises:
            SpecError: if the rule or the file is wrong.
            StorageError: if it cannot be written; the file is then as it was.
        """
        with self._lock:
            rules = self.synonyms.with_rule(phrase, words)
            with replaced_file(self.folder / FILE) as fresh:
                fresh.write_text(rules.text(), encoding="utf-8")
        return rules

    def failures(self, days: int = 30, limit: int = 50, *, least: int = 1) -> list[Failure]:
        """The queries that failed most, with advice. Raises as `QueryLog.failing`."""
        if self.log is None:
            return []
        return [self._failure(query) for query in self.log.failing(days, limit, least=least)]

    def _failure(self, query: FailingQuery) -> Failure:
        again = self.search(query.query, 1, count=False)
        mended = len(again) > 0 and float(again.confidences[0]) >= SURE
        return Failure(query, self.adviser.advise(query.query), mended)

    # -- pictures -----------------------------------------------------------------------------------------------------

    @property
    def pictured(self) -> int:
        """How many different pictures the catalogue names."""
        images = self.catalog.frame["image"]
        return int(images[images != ""].nunique())

    @property
    def pictures(self) -> VisualSearch | None:
        """The index of pictures, if there is one of the catalogue as it is."""
        from shopr.search.pictures.search import VisualSearch

        if self._pictures is None:
            with suppress(DataError):
                stored = VisualSearch.load(self.folder / _FOLDER)
                if stored.source == self._source:
                    self._pictures = stored
        return self._pictures

    def read_pictures(self) -> VisualSearch:
        """Read all pictures and keep their index in the shop's folder: about 25 ms a picture.

        Raises:
            NotReadyError: if fewer than two can be read.
            StorageError: if the index cannot be written.
        """
        from shopr.search.pictures.search import VisualSearch

        with self._lock:
            built = replace(VisualSearch.build(self.catalog, self.folder), source=self._source)
            built.save(self.folder / _FOLDER)
            self._pictures = built
        return built

    def search_picture(self, picture: Picture, k: int = 10) -> Look:
        """The products that look most like a picture; reads all pictures first where that was not done yet.

        Raises:
            DataError: if it is no picture that can be read.
            NotReadyError: if the catalogue has fewer than two pictures.
        """
        return (self.pictures or self.read_pictures()).search(picture, k)

    @cached_property
    def _source(self) -> str:
        columns = ["product_id", "category", "image"]
        sizes = [_changed(self.folder / name) for name in self.catalog.frame["image"]]
        return fingerprint_frame(self.catalog.frame[columns].assign(changed=sizes))


class _Counted(ProductSearch):
    """The desk's search as the assistant knows it."""

    def __init__(self, desk: SearchDesk) -> None:
        super().__init__(desk.words.index)
        self._desk = desk

    def search(self, query: str, k: int = 10, **wanted: Any) -> Found:
        self._desk.prepare(self)
        found = super().search(query, k, **wanted)
        if not wanted.get("filters"):
            self._desk.count(found)
        return found


def _state(path: Path) -> State | None:
    """Tells one content of a file from another; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _changed(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else -1
    except (OSError, ValueError):
        return -1
