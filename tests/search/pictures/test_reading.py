"""Odd pictures are read; hostile ones are refused in one clear error, before they cost anything."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shopr.errors import DataError
from shopr.search.pictures import reading as visual_reading
from shopr.search.pictures.reading import MAX_BYTES, read_picture

SIDE = 96


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def halves(mode: str = "RGB") -> Image.Image:
    """Left red, right blue, twice as wide as high."""
    image = Image.new("RGB", (80, 40), (220, 10, 10))
    image.paste((10, 10, 220), (40, 0, 80, 40))
    return image.convert(mode)


def png_of(width: int, height: int) -> bytes:
    """A tiny file that claims to hold a huge picture."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_every_format_gives_the_same_picture(kind: str) -> None:
    seen = read_picture(encoded(halves(), kind), SIDE)
    assert seen.shape == (40, 80, 3)
    assert seen.dtype == np.float32
    assert seen[20, 10] == pytest.approx([220 / 255, 10 / 255, 10 / 255], abs=0.06)
    assert seen[20, 70] == pytest.approx([10 / 255, 10 / 255, 220 / 255], abs=0.06)


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "RGBA", "1", "LA"])
def test_every_mode_becomes_red_green_and_blue(mode: str) -> None:
    image = halves(mode)
    seen = read_picture(encoded(image, "JPEG" if mode == "CMYK" else "PNG"), SIDE)
    assert seen.shape == (40, 80, 3)
    expected = np.asarray(image.convert("RGB"), dtype=float)[20, 10] / 255
    assert seen[20, 10] == pytest.approx(expected, abs=0.06)


def test_sixteen_bits_keep_their_range() -> None:
    values = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (32, 1))
    seen = read_picture(encoded(Image.fromarray(values)), SIDE)
    assert seen[16, 0, 0] == pytest.approx(0.0, abs=0.01)
    assert seen[16, 32, 0] == pytest.approx(0.5, abs=0.02)
    assert seen[16, 63, 0] == pytest.approx(1.0, abs=0.01)


def test_what_is_transparent_is_white() -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((0, 128, 0, 255), (8, 8, 24, 24))
    seen = read_picture(encoded(image), SIDE)
    assert seen[2, 2] == pytest.approx([1, 1, 1])
    assert seen[16, 16] == pytest.approx([0, 128 / 255, 0], abs=0.01)


def test_the_camera_s_orientation_is_obeyed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    seen = read_picture(encoded(halves(), "JPEG", exif=exif.tobytes()), SIDE)
    assert seen.shape == (80, 40, 3)
    assert seen[10, 20, 0] > 0.7
    assert seen[70, 20, 2] > 0.7


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    for kind in ("GIF", "WEBP"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
        assert read_picture(content, SIDE)[16, 16] == pytest.approx([250 / 255, 0, 0], abs=0.03)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"not a picture at all", "no picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "no picture that can be read"),
        (b"%PDF-1.7 " + b"0" * 400, "no picture that can be read"),
        (png_of(60_000, 60_000), "pixels"),
        (png_of(12_000, 12_000), "12000 x 12000 pixels"),
        (encoded(halves())[:70], "no picture that can be read"),
        (encoded(halves(), "JPEG")[:300], "no picture that can be read"),
        (encoded(Image.new("RGB", (2, 2))), "2 x 2 pixels"),
        (encoded(Image.new("L", (4000, 8))), "4000 x 8 pixels"),
        (encoded(halves(), "TIFF"), "no picture that can be read"),
        (encoded(halves(), "ICO"), "no picture that can be read"),
    ],
)
def test_what_is_hostile_or_broken_is_refused_with_the_fix(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read_picture(content, SIDE)
    assert caught.value.hint


def test_a_file_is_named_and_its_size_is_bounded_before_it_is_read(tmp_path: Path) -> None:
    big = tmp_path / "big.png"
    with big.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(DataError, match=r"picture big\.png has 20\.0 MB"):
        read_picture(big, SIDE)
    with pytest.raises(DataError, match=r"gone\.png: there is no such file"):
        read_picture(tmp_path / "gone.png", SIDE)
    with pytest.raises(DataError, match="no such file"):
        read_picture(tmp_path, SIDE)
    with pytest.raises(DataError):
        read_picture("a\0b.png", SIDE)


def test_a_huge_picture_is_refused_before_its_pixels_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(visual_reading, "_plain", never)
    with pytest.raises(DataError, match="pixels"):
        read_picture(png_of(30_000, 30_000), SIDE)


@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]))
def test_damage_anywhere_ends_in_a_picture_or_in_our_error(noise: bytes, at: int, kind: str) -> None:
    content = encoded(halves(), kind)
    damaged = content[:at] + noise + content[at + len(noise) :]
    try:
        seen = read_picture(damaged, SIDE)
    except DataError:
        return
    assert seen.ndim == 3
    assert np.isfinite(seen).all()
