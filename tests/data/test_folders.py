"""Files that take another's place: whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from shopr.data.folders import replaced_file
from shopr.errors import StorageError


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with replaced_file(path) as fresh:
        fresh.write_text("old")
    with pytest.raises(ZeroDivisionError), replaced_file(path) as fresh:
        fresh.write_text("half")
        1 / 0  # noqa: B018
    assert (path.read_text(), [p.name for p in tmp_path.iterdir()]) == ("old", ["page.html"])
    with pytest.raises(StorageError, match="a part of the path is a file"), replaced_file(path / "below") as fresh:
        fresh.write_text("nowhere")
