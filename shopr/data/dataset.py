"""A shop's data as one folder: catalogue, events, texts, prices, pictures, rejects and a manifest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, ValidationError

from shopr.data.catalog import Catalog
from shopr.data.events import EventType, events_frame, interactions_from_events, ratings_from_events
from shopr.data.fingerprint import fingerprint_bytes, fingerprint_folder, fingerprint_frame, fingerprint_parts
from shopr.data.folders import carry, recover, replaced
from shopr.data.interactions import Interactions
from shopr.data.rejects import Rejects
from shopr.errors import DataError, NotReadyError
from shopr.strict import Strict

__all__ = ["PRICE_COLUMNS", "TEXT_COLUMNS", "Dataset", "Manifest"]

TEXT_COLUMNS = ("product_id", "language", "title", "description")
PRICE_COLUMNS = ("product_id", "date", "price")
IMAGES = "images"
LAYOUT = 1


class Manifest(Strict):
    """What a dataset is and where it came from.

    Attributes:
        source: name of the importer, or "simulator".
        origin: the file that was read, without its folder.
        fingerprint: of catalogue, events, texts, prices, extra tables and pictures.
        counts: rows by kind, and what the importer counted beside.
        rejected: `column: reason` -> rows set aside (listed in rejects.csv).
        interaction_types: event types that count as an interaction by default.
        times: whether event times are moments ("real"), only order a user's events ("order"), or nothing ("none").
        details: parameters of the import or the simulation.
    """

    name: str
    source: str
    origin: str = ""
    fingerprint: str = ""
    counts: dict[str, int] = Field(default_factory=dict)
    rejected: dict[str, int] = Field(default_factory=dict)
    interaction_types: tuple[EventType, ...] = (EventType.ORDER_COMPLETED,)
    times: Literal["real", "order", "none"] = "real"
    licence: str = ""
    details: dict[str, Any] = Field(default_factory=dict)
    layout: int = Field(LAYOUT, ge=1, le=LAYOUT)


def _texts(frame: pd.DataFrame | None) -> pd.DataFrame:
    if frame is None:
        return pd.DataFrame({name: pd.Series([], dtype="str") for name in TEXT_COLUMNS})
    return frame


def _prices(frame: pd.DataFrame | None) -> pd.DataFrame:
    if frame is None:
        kinds = {"product_id": "str", "date": "datetime64[us, UTC]", "price": "Int64"}
        return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in kinds.items()})
    return frame


@dataclass(frozen=True)
class Dataset:
    """One shop's data.

    Attributes:
        name: the shop's name.
        catalog: its products.
        events: the flat event table of `shopr.data.events`, in order of time.
        texts: `product_id, language, title, description`: titles and descriptions in further languages.
        prices: `product_id, date, price`: price history, minor units of the product's currency, from `date` (UTC) on.
        manifest: where it came from; `build` makes one.
        rejects: rows that were set aside.
        images: pictures by path below `images/` (bytes), or the folder that holds them; None if there are none. The
            catalogue's `image` column holds `images/NAME`.
        extras: further tables by name (of users, of known truth), saved below `extras/`.
    """

    name: str
    catalog: Catalog
    events: pd.DataFrame
    texts: pd.DataFrame
    prices: pd.DataFrame
    manifest: Manifest
    rejects: Rejects = field(default_factory=Rejects)
    images: Mapping[str, bytes] | Path | None = None
    extras: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        name: str,
        source: str,
        catalog: Catalog,
        events: pd.DataFrame,
        *,
        texts: pd.DataFrame | None = None,
        prices: pd.DataFrame | None = None,
        rejects: Rejects | None = None,
        images: Mapping[str, bytes] | Path | None = None,
        extras: Mapping[str, pd.DataFrame] | None = None,
        counts: Mapping[str, int] | None = None,
        **manifest: Any,
    ) -> Self:
        """A dataset with its manifest: counts and fingerprint are taken from the tables.

        Args:
            events: any columns of the flat table; the others are added, and rows are put in order of time.
            counts: what the importer counted beside.
            manifest: further fields of `Manifest` (origin, times, interaction_types, licence, details).

        Raises:
            DataError: if a table has a column too few or too many.
        """
        table = events_frame(events).sort_values("time", kind="stable", ignore_index=True)
        rejects = rejects or Rejects()
        made = cls(
            name=name,
            catalog=catalog,
            events=table,
            texts=_columns("texts", _texts(texts), TEXT_COLUMNS),
            prices=_columns("prices", _prices(prices), PRICE_COLUMNS),
            manifest=Manifest(name=name, source=source, rejected=rejects.by_reason(), **manifest),
            rejects=rejects,
            images=images,
            extras=dict(extras or {}),
        )
        full = made.manifest.model_copy(update={"counts": {**made._counts(), **(counts or {})}})
        made = replace(made, manifest=full)
        return replace(made, manifest=full.model_copy(update={"fingerprint": made.fingerprint}))

    # -- what is in it ------------------------------------------------------------------------------------------------

    def interactions(self, types: Sequence[str] | None = None, **options: Any) -> Interactions:
        """Who bought what, when; see `interactions_from_events` for the options.

        Args:
            types: event types that count; by default the manifest's (orders, or ratings where a source has only these).
        """
        options.setdefault("timed", self.manifest.times != "none")
        return interactions_from_events(self.events, types or self.manifest.interaction_types, **options)

    def ratings(self, **options: Any) -> Interactions | None:
        """Star ratings as interactions with `ratings`; None if there are none."""
        return ratings_from_events(self.events, **options)

    def pictures(self, paths: Sequence[str]) -> list[bytes | Path | None]:
        """The pictures behind values of the catalogue's `image` column: content or file; None where there is none."""
        names = [path.removeprefix(f"{IMAGES}/") for path in paths]
        if isinstance(self.images, Path):
            files = [self.images / name for name in names]
            return [file if name and file.is_file() else None for name, file in zip(names, files, strict=True)]
        known = self.images or {}
        return [known.get(name) for name in names]

    @cached_property
    def fingerprint(self) -> str:
        """Of everything but the manifest and the rejects, computed from the tables."""
        parts = {
            "catalog": fingerprint_frame(self.catalog.frame),
            "events": fingerprint_frame(self.events),
            "texts": fingerprint_frame(self.texts),
            "prices": fingerprint_frame(self.prices),
            **{f"extras/{name}": fingerprint_frame(table) for name, table in self.extras.items()},
        }
        if isinstance(self.images, Path):
            parts["images"] = fingerprint_folder(self.images)
        elif self.images:
            parts["images"] = fingerprint_parts({name: fingerprint_bytes(data) for name, data in self.images.items()})
        return fingerprint_parts(parts)

    def _counts(self) -> dict[str, int]:
        counts = {
            "products": len(self.catalog),
            "events": len(self.events),
            "users": int(self.events["user_id"].nunique()),
            "texts": len(self.texts),
            "prices": len(self.prices),
            "rejected": len(self.rejects),
        }
        if isinstance(self.images, Path):
            counts["images"] = sum(1 for p in self.images.rglob("*") if p.is_file())
        elif self.images:
            counts["images"] = len(self.images)
        return counts

    # -- on disk ------------------------------------------------------------------------------------------------------

    def save(self, folder: Path | str) -> Path:
        """Write the dataset as a folder, whole or not at all, in place of the data that it held before; what people
        wrote for the shop (`*.yaml`) and what it learnt (`learnt_*.json`) stays.

        Raises:
            StorageError: if the disk is full, read-only or not permitted; what was stored before stays as it was.
        """
        folder = Path(folder)
        with replaced(folder) as fresh:
            for name, table in self._tables().items():
                path = fresh / f"{name}.parquet"
                path.parent.mkdir(exist_ok=True)
                table.to_parquet(path, index=False, compression="zstd")
            self.rejects.frame.to_csv(fresh / "rejects.csv", index=False)
            self._save_images(fresh / IMAGES)
            (fresh / "manifest.json").write_text(self.manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            carry(folder, fresh, "*.yaml", "learnt_*.json")
        return folder

    def _tables(self) -> dict[str, pd.DataFrame]:
        main = {"catalog": self.catalog.frame, "events": self.events, "texts": self.texts, "prices": self.prices}
        return main | {f"extras/{name}": table for name, table in self.extras.items()}

    def _save_images(self, folder: Path) -> None:
        if isinstance(self.images, Path):
            shutil.copytree(self.images, folder)
        elif self.images:
            for name, content in self.images.items():
                path = folder / name
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise DataError(f"picture {name!r} lies outside the shop's folder", hint="Give a plain file name")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote.

        Raises:
            NotReadyError: if there is no dataset in the folder.
            DataError: if a file is damaged or missing.
        """
        folder = Path(folder)
        recover(folder)
        manifest = _manifest(folder)
        images, extras = folder / IMAGES, folder / "extras"
        return cls(
            name=manifest.name,
            catalog=Catalog(_table(folder / "catalog.parquet")),
            events=_table(folder / "events.parquet"),
            texts=_table(folder / "texts.parquet"),
            prices=_table(folder / "prices.parquet"),
            manifest=manifest,
            rejects=_rejects(folder / "rejects.csv"),
            images=images if images.is_dir() else None,
            extras={path.stem: _table(path) for path in sorted(extras.glob("*.parquet"))},
        )

    @classmethod
    def load_catalog(cls, folder: Path | str) -> Catalog:
        """The catalogue alone of what `save` wrote. Raises as `load`."""
        folder = Path(folder)
        recover(folder)
        _manifest(folder)
        return Catalog(_table(folder / "catalog.parquet"))


def _columns(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    if sorted(map(str, frame.columns)) != sorted(columns):
        raise DataError(
            f"{name} has the columns {', '.join(map(str, frame.columns))}", hint=f"Give {', '.join(columns)}"
        )
    return frame[list(columns)].reset_index(drop=True)


def _manifest(folder: Path) -> Manifest:
    path = folder / "manifest.json"
    try:
        return Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotReadyError(
            f"there is no shop in {folder}", hint="Run 'shopr data simulate' or 'shopr data import', or check the name"
        ) from error
    except (OSError, ValueError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read: {reason}", hint="Import or simulate the shop again") from error


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors or OSErrors
        raise DataError(f"{path} cannot be read: {error}"[:300], hint="Import or simulate the shop again") from error


def _rejects(path: Path) -> Rejects:
    if not path.is_file():
        return Rejects()
    text = dict.fromkeys(("file", "column", "reason", "value"), "str")
    return Rejects(pd.read_csv(path, dtype={**text, "row": "int64"}, keep_default_na=False))
