"""Large files are read only if their pixels explain their size."""

from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos import reading
from alpacasorter.core.photos.reading import read_photo
from tests.odd_pictures import SIZE, tiff_of
from tests.picture_files import GOOD_KINDS, can_write, make_picture, picture_bytes

ZEROS_AFTER = {
    "a.jpg": b"\xff\xd8\xff\xe0",
    "a.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR",
    "a.gif": b"GIF89a\x10\x00\x10\x00\x80\x00\x00",
    "a.tif": b"II*\x00\x08\x00\x00\x00",
    "a.bmp": b"BM" + bytes(12) + b"\x28\x00\x00\x00",
    "a.webp": b"RIFF\xff\xff\xff\x1eWEBPVP8 ",
    "a.heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
}


@pytest.fixture
def never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(reading, "read_file", fail)


def make_large(path: Path, data: bytes, size: int = 511 << 20) -> Path:
    """Write a file that takes no space on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.truncate(size)
    return path


def reason_of(path: Path) -> str:
    with pytest.raises(Unreadable) as caught:
        read_photo(path)
    return caught.value.reason


@pytest.mark.usefixtures("never_read")
def test_what_a_card_leaves_of_a_photo(tmp_path: Path) -> None:
    for name, head in ZEROS_AFTER.items():
        assert reason_of(make_large(tmp_path / name, head)) == reasons.DAMAGED, name
    assert reason_of(make_large(tmp_path / "zeros.jpg", b"")) == reasons.BLANK
    assert reason_of(make_large(tmp_path / "text.jpg", b"Dear diary")) == reasons.NOT_A_PICTURE


@pytest.mark.usefixtures("never_read")
@pytest.mark.parametrize("kind", GOOD_KINDS)
def test_a_small_picture_in_a_large_file(kind: str, tmp_path: Path) -> None:
    if not can_write(kind):
        pytest.skip(f"no encoder for {kind} on this machine")
    assert reason_of(make_large(tmp_path / "a", picture_bytes(kind))) == reasons.TOO_COMPLEX


@pytest.mark.parametrize("kind", GOOD_KINDS)
def test_a_picture_whose_pixels_explain_its_size(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not can_write(kind):
        pytest.skip(f"no encoder for {kind} on this machine")
    path = make_picture(tmp_path / "a", kind=kind)
    assert read_photo(path) == path.read_bytes()
    if not kind.startswith(("gif", "webp", "heic", "avif")):  # these have limits of their own
        monkeypatch.setattr(reading, "LARGE_BYTES", 200)
        assert read_photo(path) == path.read_bytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_the_size_of_a_tiff_is_found(order: str, big: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    path = tmp_path / "a.tif"
    path.write_bytes(tiff_of(np.zeros(SIZE[::-1], np.float64), 1, order=order, big=big))
    monkeypatch.setattr(reading, "LARGE_BYTES", 200)
    assert read_photo(path) == path.read_bytes()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "none.jpg") == reasons.VANISHED
