"""Reading EXIF that cameras write, and EXIF that is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.core.photos.exif import ExifFacts, read_exif
from tests.picture_files import exif_block

BLOCK = exif_block(orientation=6, taken="2024:05:01 12:30:00", offset="+02:00").tobytes()


def test_orientation_and_time() -> None:
    assert read_exif(BLOCK) == ExifFacts(orientation=6, taken_at="2024-05-01T12:30:00+02:00")


def test_little_endian_and_doubled_prefix() -> None:
    exif = exif_block(orientation=8, taken="2024:05:01 12:30:00")
    exif.endian = "<"
    assert read_exif(b"Exif\x00\x00" + exif.tobytes()) == ExifFacts(orientation=8, taken_at="2024-05-01T12:30:00")


@pytest.mark.parametrize(
    ("taken", "offset", "expected"),
    [
        ("0000:00:00 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("2023:02:31 10:00:00", None, None),
        ("2024-05-01T12:30:00", None, "2024-05-01T12:30:00"),
        ("2024:05:01 12:30:00", "-03:30", "2024-05-01T12:30:00-03:30"),
        ("2024:05:01 12:30:00", "   :  ", "2024-05-01T12:30:00"),
    ],
)
def test_times_as_cameras_write_them(taken: str, offset: str | None, expected: str | None) -> None:
    assert read_exif(exif_block(taken=taken, offset=offset).tobytes()).taken_at == expected


@pytest.mark.parametrize("orientation", [0, 9, 60000])
def test_senseless_orientation_is_upright(orientation: int) -> None:
    assert read_exif(exif_block(orientation=orientation).tobytes()).orientation == 1


@given(st.binary(max_size=300))
def test_noise_never_raises(noise: bytes) -> None:
    for head in (b"", b"II*\x00", b"Exif\x00\x00MM\x00*\x00\x00\x00\x08"):
        facts = read_exif(head + noise)
        assert 1 <= facts.orientation <= 8


@given(st.integers(0, len(BLOCK)), st.integers(0, len(BLOCK) - 1), st.integers(0, 255))
def test_damage_never_raises(length: int, place: int, value: int) -> None:
    damaged = bytearray(BLOCK)
    damaged[place] = value
    assert 1 <= read_exif(bytes(damaged[:length])).orientation <= 8
