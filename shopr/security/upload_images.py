"""Pictures: recognised by content, measured before they are decoded, and always drawn anew.

A picture that was drawn anew holds pixels and nothing else: no place or owner of the camera (EXIF), no comment, no
second file hidden behind or inside it. That is what defeats files that are a picture and a script or an archive at
once: signatures and even a full decoding take them for pictures, which they are, too.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field

from shopr.security.upload_names import UploadError

__all__ = ["ENDINGS", "ImagePolicy", "Picture", "drawn_anew", "format_of"]

ENDINGS = {"jpeg": ("jpg", "jpeg", "jpe", "jfif"), "png": ("png",), "gif": ("gif",), "webp": ("webp",)}
"""Format -> the endings that may name it."""
_SAVED = {"jpeg": "jpeg", "png": "png", "gif": "png", "webp": "webp"}
_FAILURES: tuple[type[Exception], ...] = (
    *(UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError),
    *(KeyError, TypeError, OverflowError, MemoryError, NotImplementedError, AttributeError),
)
_PIXEL_MODES = {"L", "RGB", "RGBA"}


class ImagePolicy(BaseModel):
    """Which pictures are taken.

    Attributes:
        formats: of `ENDINGS`.
        bytes_: size of the file.
        pixels, side: of the picture as its head states them.
        frames, frame_pixels: of a moving picture, of which the first frame is kept.
        longest: side to which it is made smaller.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    formats: tuple[str, ...] = ("jpeg", "png", "gif", "webp")
    bytes_: int = Field(8 * 2**20, ge=1, le=2**30)
    pixels: int = Field(24_000_000, ge=1, le=200_000_000)
    side: int = Field(12_000, ge=1, le=65_535)
    frames: int = Field(200, ge=1)
    frame_pixels: int = Field(200_000_000, ge=1)
    longest: int = Field(2048, ge=16)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was drawn anew.

    Attributes:
        data: the new file.
        format: of it.
        width, height: of it.
    """

    data: bytes
    format: str
    width: int
    height: int


def format_of(data: bytes) -> str | None:
    """The format that a file's first bytes tell; "svg" for what a browser may take for one; None if unknown."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    head = data[:4096].replace(b"\0", b"").lower()  # UTF-16 too
    if b"<svg" in head or b"<!doctype svg" in head or (b"<?xml" in head and b"svg" in head):
        return "svg"
    return None


def drawn_anew(data: bytes, name_ending: str, policy: ImagePolicy) -> Picture:
    """The picture of an uploaded file, drawn anew.

    Raises:
        UploadError: if it is no picture of an allowed format, its ending says otherwise, or it is too large.
    """
    found = _checked_format(data, name_ending, policy)
    if len(data) > policy.bytes_:
        raise UploadError("bytes", f"file of {len(data)} bytes, the bound is {policy.bytes_}", hint="Make it smaller")
    if found == "gif":
        _count_gif_frames(data, policy)
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=[found.upper()]) as opened:
            warnings.simplefilter("ignore")  # bounds of our own are below those that Pillow warns of
            _measure(opened, policy)
            opened.seek(0)
            opened.load()
            return _redraw(opened, _SAVED[found], policy)
    except UploadError:
        raise
    except Image.DecompressionBombError:  # Pillow's own bound, for what states more than billions of pixels
        raise UploadError("pixels", "the picture states far too many pixels", hint="Make it smaller") from None
    except _FAILURES:
        # Decoders fail in many ways on hostile files: to the sender all of them mean the same.
        raise UploadError("damaged", f"the {found} file cannot be decoded", hint="Save it anew and try again") from None


def _checked_format(data: bytes, name_ending: str, policy: ImagePolicy) -> str:
    found = format_of(data)
    wanted = f"Use {', '.join(policy.formats)}"
    if found == "svg":
        raise UploadError("svg", "SVG files may hold scripts and are not taken", hint=wanted)
    if found is None or found not in policy.formats:
        raise UploadError(
            "type", f"the content is {'a ' + found if found else 'no picture that can be read'}", hint=wanted
        )
    if name_ending not in ENDINGS[found]:
        raise UploadError(
            "mismatch", f"the content is a {found}, the ending is .{name_ending}", hint=f"Name it .{ENDINGS[found][0]}"
        )
    return found


def _measure(opened: Image.Image, policy: ImagePolicy) -> None:
    width, height = opened.size
    if width < 1 or height < 1 or max(width, height) > policy.side or width * height > policy.pixels:
        raise UploadError(
            "pixels",
            f"picture of {width} x {height}, the bounds are {policy.side} a side and {policy.pixels:,} pixels",
            hint="Make it smaller",
        )
    frames = 1 if opened.format == "GIF" else int(getattr(opened, "n_frames", 1))
    if frames > policy.frames or frames * width * height > policy.frame_pixels:
        raise UploadError("frames", f"moving picture of {frames} frames", hint="Send one frame of it")


def _redraw(opened: Image.Image, format_: str, policy: ImagePolicy) -> Picture:
    turned = ImageOps.exif_transpose(opened)  # the camera's hint is applied, then gone
    has_alpha = turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info
    mode = "RGBA" if has_alpha and format_ != "jpeg" else "L" if turned.mode in ("1", "L") else "RGB"
    pixels = turned.convert(mode)
    if max(pixels.size) > policy.longest:
        pixels.thumbnail((policy.longest, policy.longest), Image.Resampling.LANCZOS)
    assert pixels.mode in _PIXEL_MODES
    # From bare bytes: nothing that the file carried beside its pixels can come along.
    bare = Image.frombytes(mode, pixels.size, pixels.tobytes())
    out = io.BytesIO()
    options: dict[str, dict[str, Any]] = {
        "jpeg": {"quality": 90, "optimize": True},
        "webp": {"quality": 90},
        "png": {"optimize": False},
    }
    bare.save(out, format_.upper(), **options[format_])
    return Picture(out.getvalue(), format_, *bare.size)


def _count_gif_frames(data: bytes, policy: ImagePolicy) -> None:
    """Count the frames by walking over the blocks, without decoding any; a file that ends early is left to the
    decoder."""
    place, frames = 13, 0
    if len(data) > 10 and data[10] & 0x80:
        place += 3 * 2 ** ((data[10] & 7) + 1)
    size = int.from_bytes(data[6:8], "little") * int.from_bytes(data[8:10], "little")
    while place < len(data):
        kind = data[place]
        if kind == 0x2C:
            frames += 1
            if frames > policy.frames or frames * size > policy.frame_pixels:
                raise UploadError(
                    "frames", f"moving picture of more than {frames - 1} frames", hint="Send one frame of it"
                )
            flags = data[place + 9] if place + 9 < len(data) else 0
            place += 10 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0) + 1
        elif kind == 0x21:
            place += 2
        else:
            return
        while place < len(data) and data[place]:
            place += data[place] + 1
        place += 1
