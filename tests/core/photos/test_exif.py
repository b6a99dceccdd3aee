"""Reading EXIF that cameras write, and EXIF that is broken; and which camera took a photo."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from alpacasorter.core.photos.decode import decode, read_header
from alpacasorter.core.photos.exif import ExifFacts, camera_name, read_exif
from alpacasorter.core.photos.picture import read_camera
from alpacasorter.core.taken import DateSource
from tests.picture_files import can_write, corner_picture, encode, exif_block, make_picture

BLOCK = exif_block(orientation=6, taken="2024:05:01 12:30:00", offset="+02:00").tobytes()


def test_orientation_and_time() -> None:
    assert read_exif(BLOCK) == ExifFacts(orientation=6, taken_at="2024-05-01T12:30:00+02:00", source=DateSource.CAMERA)


def test_little_endian_and_doubled_prefix() -> None:
    exif = exif_block(orientation=8, taken="2024:05:01 12:30:00")
    exif.endian = "<"
    assert read_exif(b"Exif\x00\x00" + exif.tobytes()) == ExifFacts(8, "2024-05-01T12:30:00", DateSource.CAMERA)


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


# Which camera took a photo


def exif(make: str | None = "Canon", model: str | None = "Canon EOS R6") -> Image.Exif:
    block = Image.Exif()
    for tag, text in ((0x010F, make), (0x0110, model)):
        if text is not None:
            block[tag] = text
    return block


@pytest.mark.parametrize(
    ("make", "model", "wanted"),
    [
        ("Canon", "Canon EOS R6", "Canon EOS R6"),
        ("NIKON CORPORATION", "NIKON D850", "NIKON D850"),
        ("NIKON CORPORATION", "COOLPIX P900", "NIKON COOLPIX P900"),
        ("SONY", "ILCE-7M3", "SONY ILCE-7M3"),
        ("OLYMPUS IMAGING CORP.  ", "E-M10MarkIII    ", "OLYMPUS E-M10MarkIII"),
        ("EASTMAN KODAK COMPANY", "KODAK EASYSHARE C813", "KODAK EASYSHARE C813"),
        ("RICOH IMAGING COMPANY, LTD.", "PENTAX K-1", "RICOH PENTAX K-1"),
        ("Leica Camera AG", "LEICA Q2", "LEICA Q2"),
        ("SAMSUNG", "SAMSUNG-SM-N900A", "SAMSUNG-SM-N900A"),
        ("Apple", "iPhone\x00 12\x00", "Apple iPhone 12"),
        ("Apple", "", "Apple"),
        ("", "DMC-TZ7", "DMC-TZ7"),
        (" ", "\x00", None),
    ],
)
def test_maker_and_model_as_people_say_them(make: str, model: str, wanted: str | None) -> None:
    assert camera_name(make, model) == wanted


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_container_is_read(tmp_path: Path, form: str) -> None:
    if form == "AVIF" and not can_write("avif"):
        pytest.skip("no AVIF encoder here")
    path = tmp_path / "photo.xyz"
    corner_picture().save(path, form, exif=exif())
    assert read_camera(path) == "Canon EOS R6"


def test_heic_is_read(tmp_path: Path) -> None:
    if not can_write("heic"):
        pytest.skip("no HEIC encoder here")
    import pillow_heif

    path = tmp_path / "photo.heic"
    pillow_heif.from_pillow(corner_picture()).save(path, exif=exif("Apple", "iPhone 12").tobytes())
    assert read_camera(path) == "Apple iPhone 12"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_exif_behind_a_large_picture_is_found(tmp_path: Path) -> None:
    path = tmp_path / "big.tif"
    noise = Image.effect_noise((700, 700), 80)
    noise.save(path, "TIFF")
    # With the directory at the end, where many programs write it.
    data = path.read_bytes()
    directory = struct.pack("<H", 1) + struct.pack("<HHLL", 0x0110, 2, 8, len(data) + 18) + bytes(4) + b"Lumix X\0"
    path.write_bytes(data[:4] + struct.pack("<L", len(data)) + data[8:] + directory)
    assert read_camera(path) == "Lumix X"


def test_a_raw_photo_is_read_though_it_cannot_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.NEF"
    corner_picture().save(path, "TIFF", exif=exif("NIKON CORPORATION", "NIKON D850"))
    assert read_camera(path) == "NIKON D850"


@pytest.mark.parametrize("kind", ["jpeg", "png", "text", "empty", "truncated_jpeg", "gif"])
def test_files_that_do_not_say(tmp_path: Path, kind: str) -> None:
    assert read_camera(make_picture(tmp_path / "photo.jpg", kind=kind)) is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_what_cannot_be_read_costs_nothing(tmp_path: Path) -> None:
    assert read_camera(tmp_path / "gone.jpg") is None
    assert read_camera(tmp_path) is None
    for number, block in enumerate(
        (b"II*\x00" + b"\xff" * 60, b"MM\x00*", b"II*\x00\x08\x00\x00\x00\xff\xff" + bytes(9))
    ):
        broken = tmp_path / f"{number}.jpg"
        broken.write_bytes(b"\xff\xd8\xff\xe1\x00\x60Exif\x00\x00" + block)
        assert read_camera(broken) is None


def test_real_cameras_are_named(photos: Path) -> None:
    names = {read_camera(path) for path in sorted((photos / "camera").glob("*.*"))}
    assert "Canon EOS 20D" in names or any(name and "Canon" in name for name in names)
    assert all(name is None or name == name.strip() for name in names)


def header(
    details: dict[int, object] | None = None, gps: dict[int, object] | None = None, **main: object
) -> tuple[str | None, DateSource, str | None]:
    """Return the moment, its source and the camera that a JPEG with these tags says; `main` are tags like t0132."""
    exif = Image.Exif()
    for name, value in main.items():
        exif[int(name[1:], 16)] = value
    if details:
        exif[0x8769] = details
    if gps:
        exif[0x8825] = gps
    facts = decode(encode(corner_picture(), "JPEG", exif=exif), min_side=64)
    return facts.taken_at, facts.taken_from, facts.camera


NEW_YEAR, MAY, JUNE, JULY = "2000:01:01 00:01:02", "2024:05:01 12:30:00", "2024:06:01 12:30:00", "2024:07:01 12:30:00"
SATELLITES = {0x1D: "2024:05:02", 7: (10.0, 20.0, 30.0)}


def test_the_best_date_counts() -> None:
    assert header({0x9003: MAY, 0x9004: JUNE}, t0132=JULY)[:2] == ("2024-05-01T12:30:00", DateSource.CAMERA)
    assert header({0x9004: JUNE}, t0132=JULY)[:2] == ("2024-06-01T12:30:00", DateSource.DIGITIZED)
    assert header({0x9003: "0000:00:00 00:00:00", 0x9004: JUNE})[1] is DateSource.DIGITIZED
    assert header(t0132=JULY)[:2] == ("2024-07-01T12:30:00", DateSource.CHANGED)
    assert header(gps=SATELLITES)[:2] == ("2024-05-02T10:20:30+00:00", DateSource.GPS)
    assert header(t010F="Canon")[:2] == (None, DateSource.NONE)


def test_a_clock_that_was_never_set_yields_to_others_but_not_to_the_date_of_an_edit() -> None:
    assert header({0x9003: NEW_YEAR, 0x9004: JUNE})[:2] == ("2024-06-01T12:30:00", DateSource.DIGITIZED)
    assert header({0x9003: NEW_YEAR}, SATELLITES)[1] is DateSource.GPS
    assert header({0x9003: NEW_YEAR}, t0132=JULY)[:2] == ("2000-01-01T00:01:02", DateSource.CAMERA)


def test_each_date_has_its_own_fraction_and_offset() -> None:
    fractions = {0x9291: "25", 0x9292: "5 ", 0x9290: "007", 0x9011: "+01:00", 0x9012: "+02:00", 0x9010: "+03:00"}
    assert header({0x9003: MAY, **fractions})[0] == "2024-05-01T12:30:00.25+01:00"
    assert header({0x9004: MAY, **fractions})[0] == "2024-05-01T12:30:00.5+02:00"
    assert header(fractions, t0132=MAY)[0] == "2024-05-01T12:30:00.007+03:00"


def test_zeros_inside_a_date() -> None:
    block = exif_block(taken="2024:05:01 12:30:00").tobytes()
    assert read_exif(block.replace(b"05:01 12", b"05:01\x0012")).taken_at == "2024-05-01T12:30:00"
    assert (
        read_exif(block.replace(b"2024:05:01 12:30:00", b"2024:05:01\x00\x00\x002:30:")).taken_at == "2024-05-01T02:30"
    )


def test_the_camera_has_its_serial_number() -> None:
    names = {"t010F": "Canon", "t0110": "Canon EOS R5"}
    assert header({0xA431: "012345 "}, **names)[2] == "Canon EOS R5 #012345"
    assert header({0xA431: "0000000"}, **names)[2] == "Canon EOS R5"
    assert header({0xA431: "012345"})[2] is None


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_date_that_only_xmp_has(form: str) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description xmp:CreateDate="2024-05-03T10:00:00"'
        ' photoshop:DateCreated="2024-05-02T10:00:00.5+02:00"/></rdf:RDF></x:xmpmeta>'
    )
    options: dict[str, object] = {"xmp": packet.encode()}
    if form == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet)
        options = {"pnginfo": info}
    elif form == "TIFF":
        options = {"tiffinfo": {700: packet.encode()}}
    photo = decode(encode(corner_picture(), form, **options), min_side=64)
    assert (photo.taken_at, photo.taken_from) == ("2024-05-02T10:00:00.5+02:00", DateSource.METADATA)


def iptc(*fields: tuple[int, bytes]) -> bytes:
    """Return the segment of a JPEG with Photoshop's block: another resource with a name, then the IPTC."""
    record = b"".join(b"\x1c\x02" + bytes([number]) + len(value).to_bytes(2, "big") + value for number, value in fields)
    block = b"8BIM\x03\xed\x04name\x00\x00\x00\x00\x03abc\x00"
    block += b"8BIM\x04\x04\x00\x00" + len(record).to_bytes(4, "big") + record
    content = b"Photoshop 3.0\x00" + block
    return b"\xff\xed" + (len(content) + 2).to_bytes(2, "big") + content


DAY = (55, b"20240501")


@pytest.mark.parametrize(
    ("fields", "taken_at"),
    [
        ((DAY, (60, b"143210+0200")), "2024-05-01T14:32:10+02:00"),
        (((25, b"alpaca"), (60, b"143210"), DAY, (55, b"19990101")), "2024-05-01T14:32:10"),
        ((DAY,), "2024-05-01"),
        ((DAY, (60, b"nonsense")), "2024-05-01"),
        (((55, b"00000000"), (62, b"20230405"), (63, b"010203")), "2023-04-05T01:02:03"),
        (((60, b"143210+0200"),), None),
        (((55, b"2024"),), None),
    ],
)
def test_a_date_that_only_the_iptc_has(fields: tuple[tuple[int, bytes], ...], taken_at: str | None) -> None:
    plain = encode(corner_picture(), "JPEG")
    photo = decode(plain[:2] + iptc(*fields) + plain[2:], min_side=64)
    wanted = DateSource.NONE if taken_at is None else DateSource.METADATA
    assert (photo.taken_at, photo.taken_from) == (taken_at, wanted)


def test_the_camera_outranks_the_iptc() -> None:
    plain = encode(corner_picture(), "JPEG", exif=exif_block(taken="2020:01:02 03:04:05"))
    photo = decode(plain[:2] + iptc(DAY) + plain[2:], min_side=64)
    assert (photo.taken_at, photo.taken_from) == ("2020-01-02T03:04:05", DateSource.CAMERA)


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_damaged_iptc_is_no_error(cut: int) -> None:
    plain = encode(corner_picture(), "JPEG")
    content = iptc(DAY, (60, b"143210"))[4:-cut]
    segment = b"\xff\xed" + (len(content) + 2).to_bytes(2, "big") + content
    assert decode(plain[:2] + segment + plain[2:], min_side=64).taken_at in (None, "2024-05-01", "2024-05-01T14:32")


@pytest.mark.parametrize("text", ["2024:05:02 10:00:00", "Thu, 02 May 2024 10:00:00 +0200", "2024-05-02T10:00:00"])
def test_the_creation_time_of_a_png(text: str) -> None:
    info = PngInfo()
    info.add_text("Creation Time", text)
    photo = decode(encode(corner_picture(), "PNG", pnginfo=info), min_side=64)
    assert (photo.taken_at, photo.taken_from) == ("2024-05-02T10:00:00", DateSource.METADATA)


def test_only_the_header_of_a_file_is_read(tmp_path: Path) -> None:
    photo, exif = tmp_path / "a.jpg", exif_block(taken="2024:05:01 24:08:19")
    whole = encode(Image.effect_noise((900, 900), 90), "JPEG", exif=exif, quality=95)
    assert len(whole) > 300_000
    photo.write_bytes(whole[:300_000] + bytes(400_000))
    found = read_header(photo)
    assert found is not None
    assert (found.taken_at, found.source) == ("2024-05-01T00:08:19", DateSource.CAMERA)
    photo.write_bytes(bytes(len(whole)))
    assert read_header(photo) is None
    assert read_header(tmp_path / "none.jpg") is None
