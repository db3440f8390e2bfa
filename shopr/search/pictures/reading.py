"""Pictures as they come from shoppers and suppliers, read into small arrays; nothing that arrives is trusted.

Size in bytes and in pixels is bounded before anything is decoded, the format is told by the content and not by the
name, and everything that a decoder may raise ends in one error. Of an animation the first frame counts, transparent
parts become white, and what a camera noted about its orientation is obeyed.
"""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from shopr.errors import DataError

__all__ = ["FORMATS", "MAX_BYTES", "MAX_PIXELS", "Picture", "read_picture"]

Picture = Path | str | bytes
"""A picture: the path of a file, or a file's content."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""What is read; formats with a history of holes in their decoders, or that hold other files, are not."""
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
_LEAST = 8
"""Pixels a side: less shows nothing."""
_LONGEST = 20
"""Times that the long side may be the short one."""
_FIX = f"Give a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file of at most {MAX_BYTES >> 20} MB"
_DECODING = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    LookupError,
    TypeError,
    ZeroDivisionError,
    OverflowError,
)
"""What Pillow's readers raise for files that are cut off, damaged or made to hurt."""


def read_picture(picture: Picture, side: int) -> NDArray[np.float32]:
    """Red, green and blue in 0 … 1, shape (height, width, 3), the long side at most `side` pixels.

    Raises:
        DataError: if it is missing, empty, too large, of another format, cut off, or no picture at all.
    """
    name, content = _content(picture)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files that are odd, but can be read
            return _small(name, content, side)
    except (*_DECODING, MemoryError, Image.DecompressionBombError) as error:
        raise DataError(f"{name} is no picture that can be read: {_said(error)}", hint=_FIX) from error


def _content(picture: Picture) -> tuple[str, bytes]:
    if isinstance(picture, bytes):
        name, size, content = "the picture", len(picture), picture
    else:
        path = Path(picture)
        name = f"picture {path.name}"
        try:
            if not path.is_file():
                raise DataError(f"{name}: there is no such file", hint="Check the path")
            size = path.stat().st_size
            content = path.read_bytes() if size <= MAX_BYTES else b""
        except (OSError, ValueError) as error:
            raise DataError(f"{name} cannot be read: {_said(error)}", hint="Check the path") from error
    if size > MAX_BYTES:
        raise DataError(f"{name} has {size / 2**20:.1f} MB, the most is {MAX_BYTES >> 20} MB", hint="Make it smaller")
    if not content:
        raise DataError(f"{name} is empty", hint=_FIX)
    return name, content


def _small(name: str, content: bytes, side: int) -> NDArray[np.float32]:
    with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > MAX_PIXELS:
            raise DataError(
                f"{name} has {width} x {height} pixels, the most is {MAX_PIXELS // 10**6} million",
                hint="Make it smaller",
            )
        if min(width, height) < _LEAST or max(width, height) > _LONGEST * min(width, height):
            raise DataError(
                f"{name} has {width} x {height} pixels",
                hint=f"Give at least {_LEAST} a side, one side at most {_LONGEST} times the other",
            )
        opened.draft("RGB", (2 * side, 2 * side))  # a large JPEG is decoded at a fraction of its size
        plain = ImageOps.exif_transpose(_plain(opened))
    plain.thumbnail((side, side), Image.Resampling.LANCZOS)
    # A strip keeps enough pixels across to be looked at.
    plain = plain.resize((max(plain.width, _LEAST), max(plain.height, _LEAST)))
    return np.asarray(plain, dtype=np.float32) / np.float32(255.0)


def _plain(image: Image.Image) -> Image.Image:
    """Eight bits of red, green and blue, white where it is transparent."""
    exif = image.getexif()
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I") else max(float(np.nanmax(values)), 1e-9)
        plain = Image.fromarray(np.clip(np.nan_to_num(values) / top * 255.0, 0, 255).astype(np.uint8)).convert("RGB")
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        plain = Image.new("RGB", layer.size, (255, 255, 255))
        plain.paste(layer, mask=layer.getchannel("A"))
    else:
        plain = image.convert("RGB")
    plain.info["exif"] = exif.tobytes()  # the orientation is still to be obeyed
    return plain


def _said(error: BaseException) -> str:
    text = " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())
    return text if len(text) <= 120 else text[:119] + "…"
