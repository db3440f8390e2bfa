"""The upload zoo: polyglots, bombs, tricks with names and paths, and what a camera writes beside the pixels."""

from __future__ import annotations

import gzip
import io
import socket
import struct
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from shopr.errors import ConfigError, StorageError, UnknownNameError
from shopr.security.clamav import ClamAV
from shopr.security.upload_archives import ArchivePolicy, check_zip, gunzipped
from shopr.security.upload_images import ImagePolicy, drawn_anew
from shopr.security.upload_names import UploadError, ending
from shopr.security.uploads import Uploads, checked_table

SCRIPT = b"<script>alert(document.domain)</script>"


def picture(format_: str = "JPEG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    image = Image.linear_gradient("L").resize(size).convert(mode)
    image.save(out, format_, **options)  # type: ignore[arg-type]
    return out.getvalue()


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(UploadError) as error:
        call()
    assert error.value.exit_status == 2
    return error.value.rule


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads")


# -- good pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format_", "name", "kept"),
    [("JPEG", "a.jpg", "jpeg"), ("PNG", "a.PNG", "png"), ("GIF", "a.gif", "png"), ("WEBP", "a.webp", "webp")],
)
def test_a_picture_is_taken_drawn_anew_and_read_back(uploads: Uploads, format_: str, name: str, kept: str) -> None:
    given_ = picture(format_)
    stored = uploads.picture(given_, name)
    data = uploads.read(stored.name)
    with Image.open(io.BytesIO(data)) as again:
        assert again.format == kept.upper()
        assert again.size == (64, 48) == (stored.width, stored.height)
    assert data != given_ or format_ == "PNG"
    assert uploads.remove(stored.name)
    assert not uploads.remove(stored.name)
    with pytest.raises(UnknownNameError):
        uploads.read(stored.name)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
def test_every_kind_of_pixels_is_drawn(mode: str) -> None:
    format_ = "JPEG" if mode == "CMYK" else "PNG"
    made = drawn_anew(picture(format_, mode=mode), "jpg" if mode == "CMYK" else "png", ImagePolicy())
    with Image.open(io.BytesIO(made.data)) as again:
        assert again.mode in ("L", "RGB", "RGBA")
        assert (again.mode == "RGBA") is (mode in ("RGBA", "LA"))


def test_a_large_picture_is_made_smaller(uploads: Uploads) -> None:
    assert uploads.picture(picture(size=(4000, 1000)), "a.jpg").width == 2048


def test_names_are_random_and_files_for_their_owner_alone(uploads: Uploads, tmp_path: Path) -> None:
    names = {uploads.picture(picture(), "holiday.jpg").name for _ in range(20)}
    assert len(names) == 20
    files = [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()]
    assert {path.name for path in files} == names
    assert all("holiday" not in str(path) for path in files)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert (tmp_path / "uploads").stat().st_mode & 0o077 == 0


def test_a_folder_that_is_served_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which is served"):
        Uploads(tmp_path / "app" / "static" / "uploads", served=[tmp_path / "app"])
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError):
        Uploads(tmp_path / "link" / "x", served=[tmp_path / "real"])


# -- what comes along with the pixels ---------------------------------------------------------------------------------


def test_the_cameras_place_and_owner_are_gone_and_the_turn_is_applied(uploads: Uploads) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "ACME camera of ann@example.org"
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0)})
    given_ = picture(exif=exif, comment=b"ann's house")
    with Image.open(io.BytesIO(given_)) as before:
        assert before.getexif().get_ifd(0x8825)[1] == "N"
    stored = uploads.picture(given_, "a.jpg")
    data = uploads.read(stored.name)
    with Image.open(io.BytesIO(data)) as after:
        assert dict(after.getexif()) == {}
        assert after.getexif().get_ifd(0x8825) == {}
        assert set(after.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert after.size == (48, 64)
    for trace in (b"Exif", b"ACME", b"ann", b"GPS"):
        assert trace not in data


def test_texts_profiles_and_xmp_of_a_png_are_gone(uploads: Uploads) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "ann@example.org")
    notes.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>secret</x:xmpmeta>")
    stored = uploads.picture(picture("PNG", pnginfo=notes, icc_profile=b"x" * 200, dpi=(72, 72)), "a.png")
    data = uploads.read(stored.name)
    chunks, place = [], 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        chunks.append(kind)
        place += 12 + length
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}


# -- polyglots --------------------------------------------------------------------------------------------------------


def zipped(name: str = "evil.html", data: bytes = SCRIPT) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


POLYGLOTS = {
    "png and zip": (picture("PNG") + zipped(), "a.png"),
    "jpeg and zip": (picture() + zipped(), "a.jpg"),
    "jpeg and script": (picture(comment=SCRIPT), "a.jpg"),
    "jpeg and script behind": (picture() + SCRIPT, "a.jpg"),
    "gif and script": (picture("GIF", comment=b"*/=1;" + SCRIPT + b"/*"), "a.gif"),
    "gif and script behind": (picture("GIF") + b"<?php system($_GET[0]); ?>", "a.gif"),
    "webp and zip": (picture("WEBP") + zipped(), "a.webp"),
    "png and page behind": (picture("PNG") + b"<html>" + SCRIPT, "a.png"),
}


@pytest.mark.parametrize("kind", POLYGLOTS)
def test_a_second_file_inside_a_picture_does_not_survive(uploads: Uploads, kind: str) -> None:
    data, name = POLYGLOTS[kind]
    kept = uploads.read(uploads.picture(data, name).name)
    for trace in (b"script", b"PK\x03\x04", b"PK\x05\x06", b"php", b"html", b"alert"):
        assert trace not in kept
    assert not zipfile.is_zipfile(io.BytesIO(kept))


@pytest.mark.parametrize(
    ("data", "name", "rule"),
    [
        (b"GIF89a/*" + SCRIPT + b"*/=1;", "a.gif", "damaged"),
        (b"\xff\xd8\xff/*" + SCRIPT, "a.jpg", "damaged"),
        (b"\x89PNG\r\n\x1a\n" + SCRIPT, "a.png", "damaged"),
        (b"RIFF\x10\0\0\0WEBP" + SCRIPT, "a.webp", "damaged"),
        (picture()[:200], "a.jpg", "damaged"),
        (picture("PNG")[:-30], "a.png", "damaged"),
        (zipped(), "a.png", "type"),
        (b"%PDF-1.7 " + picture(), "a.jpg", "type"),
        (SCRIPT, "a.png", "type"),
        (b"", "a.png", "type"),
        (picture("BMP"), "a.bmp", "type"),
        (picture("TIFF"), "a.tiff", "type"),
        (picture("PNG"), "a.jpg", "mismatch"),
        (picture("JPEG"), "a.gif", "mismatch"),
    ],
)
def test_what_only_looks_like_a_picture_is_refused(uploads: Uploads, data: bytes, name: str, rule: str) -> None:
    assert refused(lambda: uploads.picture(data, name)) == rule


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>",
        b"\xef\xbb\xbf \n<!-- hello --><SVG onload=alert(1)>",
        "<svg onload='alert(1)'/>".encode("utf-16"),
    ],
)
def test_svg_is_refused_whatever_it_is_called(uploads: Uploads, data: bytes) -> None:
    assert refused(lambda: uploads.picture(data, "a.png")) == "svg"
    assert refused(lambda: uploads.picture(data, "a.svg")) == "ending"


# -- bombs ------------------------------------------------------------------------------------------------------------


def png(width: int, height: int, body: bytes = b"", extra: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 50_000), (5000, 5000), (12_001, 10), (1, 65_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(uploads: Uploads, size: tuple[int, int]) -> None:
    assert refused(lambda: uploads.picture(png(*size, zlib.compress(bytes(10_000))), "a.png")) == "pixels"


def test_a_picture_without_a_side_is_refused(uploads: Uploads) -> None:
    assert refused(lambda: uploads.picture(png(0, 10, zlib.compress(b"")), "a.png")) in ("pixels", "damaged")


def test_a_png_whose_text_unpacks_without_end_is_refused(uploads: Uploads) -> None:
    bomb = b"Comment\0\0" + zlib.compress(bytes(20 * 2**20), 9)
    chunk = struct.pack(">I", len(bomb)) + b"zTXt" + bomb + struct.pack(">I", zlib.crc32(b"zTXt" + bomb))
    assert refused(lambda: uploads.picture(png(4, 4, zlib.compress(bytes(20)), chunk), "a.png")) == "damaged"


def test_a_png_with_more_pixels_than_it_states_stays_small(uploads: Uploads) -> None:
    stored = uploads.picture(png(4, 4, zlib.compress(bytes(50 * 2**20), 9)), "a.png")
    assert stored.bytes < 1000


def gif(frames: int, width: int = 10, height: int = 10) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + screen + frame * frames + b"\x3b"


def test_a_gif_of_too_many_frames_is_refused_without_decoding_them(uploads: Uploads) -> None:
    assert refused(lambda: uploads.picture(gif(201), "a.gif")) == "frames"
    assert refused(lambda: uploads.picture(gif(400_000), "a.gif")) == "frames"
    assert refused(lambda: uploads.picture(gif(150, 4000, 4000), "a.gif")) == "frames"
    frames = [Image.new("L", (8, 8), n) for n in range(5)]
    moving = picture("GIF", size=(8, 8), save_all=True, append_images=frames)
    assert uploads.picture(moving, "a.gif").format == "png"  # of a few frames the first is kept


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_other_moving_pictures_are_counted_too(format_: str) -> None:
    frames = [Image.new("RGB", (8, 8), (n * 40, 0, 0)) for n in range(5)]
    data = picture(format_, size=(8, 8), save_all=True, append_images=frames)
    assert refused(lambda: drawn_anew(data, format_.lower(), ImagePolicy(frames=3))) == "frames"
    assert drawn_anew(data, format_.lower(), ImagePolicy()).width == 8


def test_a_file_that_is_too_large_is_refused_unread(uploads: Uploads) -> None:
    assert refused(lambda: uploads.picture(picture() + bytes(8 * 2**20), "a.jpg")) == "bytes"


@given(
    data=st.binary(max_size=200),
    head=st.sampled_from([b"", b"GIF89a", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF"]),
)
def test_no_bytes_make_anything_else_than_a_refusal(data: bytes, head: bytes) -> None:
    assert refused(lambda: drawn_anew(head + data, "gif", ImagePolicy()))


@given(place=st.integers(0, 2000), value=st.integers(0, 255), name=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP"]))
def test_a_changed_byte_gives_a_picture_or_a_refusal(place: int, value: int, name: str) -> None:
    data = bytearray(picture(name, size=(16, 16)))
    data[place % len(data)] = value
    suffix = "jpg" if name == "JPEG" else name.lower()
    try:
        made = drawn_anew(bytes(data), suffix, ImagePolicy(pixels=10_000_000))
    except UploadError:
        return
    assert made.width * made.height <= 10_000_000


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("../../etc/passwd.jpg", "name"),
        ("..\\..\\boot.jpg", "name"),
        ("/etc/cron.d/x.jpg", "name"),
        ("C:\\photo.jpg", "name"),
        ("photo.jpg::$DATA", "name"),
        ("photo.php\0.jpg", "name"),
        ("photo.php%00.jpg", "name"),
        ("%2e%2e%2fphoto.jpg", "name"),
        ("photo.jpg ", "name"),
        ("photo.jpg.", "name"),
        (".htaccess", "name"),
        ("~root.jpg", "name"),
        ("photo\u202egpj.exe", "name"),
        ("pho\u200bto.jpg", "name"),
        ("photo\n.jpg", "name"),
        ("..／..／x.jpg", "name"),
        ("photo．php．jpg", "ending"),
        ("photo.php.jpg", "ending"),
        ("photo.PhP5.jpg", "ending"),
        ("photo.jpg.php", "ending"),
        ("photo.jpg.svg", "ending"),
        ("photo.html.png", "ending"),
        ("photo", "ending"),
        ("", "name"),
        ("x" * 300 + ".jpg", "name"),
    ],
)
def test_tricks_with_names_are_refused(uploads: Uploads, name: str, rule: str) -> None:
    assert refused(lambda: uploads.picture(picture(), name)) == rule


@pytest.mark.parametrize(
    "name", ["photo.jpg", "My holiday (2).JPG", "v1.2.final.jpeg", "Łódź 🙂.jpg", "фото.jpg", "a'b&c.jpg"]
)
def test_names_of_honest_people_are_taken(uploads: Uploads, name: str) -> None:
    assert uploads.picture(picture(), name).format == "jpeg"


@given(name=st.text(max_size=80))
def test_any_name_has_an_ending_or_is_refused(name: str) -> None:
    try:
        found = ending(name)
    except UploadError:
        return
    assert found
    assert not set(found) & set("/\\.:\0")


@pytest.mark.parametrize(
    "name", ["../secret.png", "x", "a" * 32 + ".php", "A" * 32 + ".png", "a" * 32 + ".png\n", "a" * 31 + "/.png"]
)
def test_only_names_that_were_given_out_are_read(uploads: Uploads, name: str) -> None:
    with pytest.raises(UnknownNameError):
        uploads.read(name)


# -- archives and tables ----------------------------------------------------------------------------------------------


def test_a_workbook_and_texts_are_taken() -> None:
    import pandas as pd

    out = io.BytesIO()
    pd.DataFrame({"user": ["ann"], "item": ["p1"]}).to_excel(out)
    assert checked_table(out.getvalue(), "orders.xlsx") == out.getvalue()
    text = "user,item\nann,Łódź\n".encode()
    assert checked_table(text, "orders.csv") == text
    assert checked_table(gzip.compress(text), "orders.csv.gz") == text
    assert checked_table(gzip.compress(text) + gzip.compress(text), "orders.csv.gz") == 2 * text


@pytest.mark.parametrize(
    ("data", "name", "rule"),
    [
        (zipped(), "orders.xlsx", "type"),
        (zipped(), "orders.csv", "type"),
        (b"a,b\n\xff\xfe", "orders.csv", "encoding"),
        (b"a\0b", "orders.csv", "type"),
        (b"MZ\x90", "orders.csv", "type"),
        (b"\x1f\x8b garbage", "orders.csv.gz", "damaged"),
        (gzip.compress(b"abc" * 100, mtime=0)[:-10], "orders.csv.gz", "damaged"),
        (b"PK\x03\x04 garbage", "orders.xlsx", "damaged"),
        (b"a,b", "orders.exe", "ending"),
        (b"a,b", "orders.pdf", "type"),
    ],
)
def test_other_tables_are_refused(data: bytes, name: str, rule: str) -> None:
    assert refused(lambda: checked_table(data, name)) == rule


def test_macros_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"):
            archive.writestr(name, "x")
    assert refused(lambda: checked_table(out.getvalue(), "orders.xlsx")) == "macro"


def test_a_gzip_bomb_stops_early() -> None:
    bomb = gzip.compress(bytes(40 * 2**20), 1)
    assert refused(lambda: gunzipped(bomb)) == "bomb"
    assert refused(lambda: gunzipped(gzip.compress(bytes(3 * 2**20)))) == "bomb"  # a thousandfold
    assert len(gunzipped(gzip.compress(bytes(2**19)))) == 2**19  # small files may be packed well


def test_a_zip_bomb_stops_early_whatever_its_head_says() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(20 * 2**20))
    bomb = out.getvalue()
    assert refused(lambda: check_zip(bomb)) == "bomb"
    lying = bomb.replace(struct.pack("<I", 20 * 2**20), struct.pack("<I", 10))
    assert refused(lambda: check_zip(lying)) in ("bomb", "damaged")


def test_files_that_overlap_are_counted_each_time() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(2**20))
        entry = archive.infolist()[0]
        archive.filelist += [entry] * 500  # one body under five hundred names
    assert refused(lambda: check_zip(out.getvalue())) in ("bomb", "damaged")


@pytest.mark.parametrize("name", ["../x.csv", "a/../../x.csv", "/etc/x.csv", "..\\x.csv", "C:/x.csv"])
def test_paths_out_of_an_archive_are_refused(name: str) -> None:
    assert refused(lambda: check_zip(zipped(name))) == "path"


def test_links_archives_in_archives_and_crowds_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert refused(lambda: check_zip(out.getvalue())) == "link"
    assert refused(lambda: check_zip(zipped("inner.zip", zipped()))) == "nested"
    assert refused(lambda: check_zip(zipped("inner.csv", gzip.compress(b"x")))) == "nested"
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.csv", "x")
    assert refused(lambda: check_zip(out.getvalue(), ArchivePolicy(entries=5))) == "entries"
    encrypted = bytearray(zipped("a.csv"))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.index(signature) + offset] |= 1
    assert refused(lambda: check_zip(bytes(encrypted))) == "encrypted"


# -- ClamAV -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def clamd() -> Iterator[tuple[str, list[bytes]]]:
    """A stand-in for clamd that speaks its protocol: it finds EICAR, and refuses what is longer than 1 MB."""
    place = Path(tempfile.mkdtemp(prefix="clam-", dir="/tmp"))
    listener, seen, ending_ = socket.socket(socket.AF_UNIX), list[bytes](), threading.Event()
    listener.bind(str(place / "s"))
    listener.listen()

    def serve() -> None:
        while True:
            link, _ = listener.accept()
            with link, link.makefile("rb") as stream:
                if ending_.is_set():
                    return
                assert stream.read(10) == b"zINSTREAM\0"
                data = b""
                while length := int.from_bytes(stream.read(4), "big"):
                    data += stream.read(length)
                seen.append(data)
                answer = b"stream: Eicar-Signature FOUND\0" if b"EICAR" in data else b"stream: OK\0"
                link.sendall(b"INSTREAM size limit exceeded. ERROR\0" if len(data) > 2**20 else answer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"unix://{place / 's'}", seen
    ending_.set()
    with socket.socket(socket.AF_UNIX) as last:
        last.connect(str(place / "s"))
    thread.join()
    listener.close()
    (place / "s").unlink()
    place.rmdir()


def test_a_scanner_sees_the_whole_file_and_its_find_is_refused(clamd: tuple[str, list[bytes]], tmp_path: Path) -> None:
    address, seen = clamd
    uploads = Uploads(tmp_path / "u", scanner=ClamAV(address))
    data = picture(size=(900, 900), quality=100) + bytes(100_000)
    assert uploads.picture(data, "a.jpg")
    assert seen == [data]
    assert refused(lambda: uploads.picture(picture(comment=b"EICAR"), "a.jpg")) == "malware"
    assert ClamAV(address).scan(b"EICAR") == "Eicar-Signature"
    with pytest.raises(StorageError, match="size limit exceeded"):
        ClamAV(address).scan(bytes(2**20 + 1))


def test_while_the_scanner_is_away_nothing_is_taken(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "u", scanner=ClamAV("unix:///nowhere/clamd.ctl"))
    with pytest.raises(StorageError, match="clamd does not answer"):
        uploads.picture(picture(), "a.jpg")
    assert not (tmp_path / "u").exists()
    with pytest.raises(ConfigError):
        ClamAV("/run/clamd.ctl")
