"""What the header of a photo says besides its size: its orientation, when it was taken, and by which camera.

Cameras and editors often write broken EXIF, which must never make a photo unreadable. This reader looks at a handful of
entries and gives up silently; Pillow's reads every tag, prints warnings and takes ten times as long.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from alpacasorter.core.taken import DateSource, is_start_of_clock, parse_moment

_ORIENTATION: Final = 0x0112
_MAKE, _MODEL = 0x010F, 0x0110
_XMP: Final = 0x02BC
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_GPS_DAY, _GPS_TIME = 0x001D, 0x0007
_SERIAL: Final = 0xA431
_LENS: Final = 0xA434
_EXPOSURE, _F_NUMBER, _FOCAL_LENGTH = 0x829A, 0x829D, 0x920A
_ISO, _ISO_WIDE = 0x8827, 0x8833
_NO_ISO: Final = 0xFFFF
"""What cameras write for a sensitivity that doesn't fit into 16 bits; then the other entry has it."""
_LATITUDE, _LONGITUDE = (0x0001, 0x0002, "NS", 90.0), (0x0003, 0x0004, "EW", 180.0)
# Moment, fraction of the second, offset: in the details, or else (the last) in the main directory.
_TIMES: Final = (
    (DateSource.CAMERA, 0x9003, 0x9291, 0x9011),
    (DateSource.DIGITIZED, 0x9004, 0x9292, 0x9012),
    (DateSource.CHANGED, 0x0132, 0x9290, 0x9010),
)

_SHORT: Final = 3
_LONG: Final = 4
_RATIONALS: Final = (5, 10)
_MAX_ENTRIES: Final = 1000
_MAX_TEXT: Final = 64
_MAX_XMP: Final = 1 << 20

# As elements or as attributes; the earliest of these names that is there counts.
_XMP_DATES: Final = tuple(
    re.compile(rb"\b" + name + rb"(?:\s*=\s*[\"']|\s*>\s*)([0-9T:.+\-Z]{4,40})")
    for name in (rb"exif:DateTimeOriginal", rb"photoshop:DateCreated", rb"xmp:CreateDate", rb"exif:DateTimeDigitized")
)
# IPTC in a JPEG: its resource in Photoshop's block, the record, its date and time fields, and from which length on that
# of a field is written in another way, which only large ones need.
_IPTC, _APPLICATION_RECORD = 0x0404, 2
_IPTC_DATES: Final = ((55, 60), (62, 63))
_LONG_FIELD: Final = 0x8000
_PNG_DATES: Final = ("exif:DateTimeOriginal", "Creation Time", "creation time", "create-date", "exif:DateTime")

_SPACES: Final = re.compile(r"[\s\x00]+")
_LONGEST: Final = 64
# Words in makers' names that people leave out.
_FIRM: Final = frozenset(
    ("ag", "camera", "co", "company", "corp", "corporation", "electronics", "gmbh", "imaging", "inc", "ltd", "optical")
)


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """What the header says about a photo.

    Attributes:
        orientation: 1 to 8 as EXIF defines them; 1, upright, if it is missing or invalid.
        taken_at: ISO 8601 time of capture, with the UTC offset if there is one, or None.
        source: where that is from; NONE without one.
        camera: such as "Canon EOS R6 #0123", with the serial number if there is one; None if it is not said.
    """

    orientation: int = 1
    taken_at: str | None = None
    source: DateSource = DateSource.NONE
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class Shot:
    """How a photo was taken, as far as the header says so; None for what it does not say or what makes no sense.

    Attributes:
        camera: such as "Canon EOS R6", without its serial number.
        lens: such as "RF24-105mm F4 L IS USM".
        seconds: of exposure.
        f_number: of the aperture, such as 5.6.
        iso: sensitivity.
        focal_length: millimeters.
        place: latitude and longitude in degrees; north and east are positive.
    """

    camera: str | None = None
    lens: str | None = None
    seconds: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_length: float | None = None
    place: tuple[float, float] | None = None


def read_shot(block: bytes) -> Shot:
    """Read how a photo was taken from an EXIF block, as `read_exif` does. Never raises."""
    block, order = _plain(block)
    if not order:
        return Shot()
    main = _entries(block, order, _number(block, order + "L", 4))
    details = _entries(block, order, _integer(block, order, main.get(_EXIF_IFD)))
    lens = _SPACES.sub(" ", _text(block, order, details.get(_LENS))).strip(" -")
    iso = _integer(block, order, details.get(_ISO))
    if iso in (0, _NO_ISO):
        iso = _integer(block, order, details.get(_ISO_WIDE)) or iso
    make, model = (_text(block, order, main.get(entry)) for entry in (_MAKE, _MODEL))
    seconds, f_number, focal_length = (
        _positive(block, order, details.get(entry)) for entry in (_EXPOSURE, _F_NUMBER, _FOCAL_LENGTH)
    )
    return Shot(
        camera=camera_name(make, model),
        lens=lens or None,
        seconds=seconds,
        f_number=f_number,
        iso=iso or None,
        focal_length=focal_length,
        place=_place(block, order, _entries(block, order, _integer(block, order, main.get(_GPS_IFD)))),
    )


def _place(block: bytes, order: str, tags: Mapping[int, int]) -> tuple[float, float] | None:
    """Return latitude and longitude in degrees."""
    sides = []
    for ref, entry, letters, most in (_LATITUDE, _LONGITUDE):
        side = _text(block, order, tags.get(ref))[:1].upper()
        parts = _rationals(block, order, tags.get(entry), 3)
        if parts is None or not side or side not in letters:
            return None
        degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
        if not degrees <= most:
            return None
        sides.append(-degrees if side == letters[1] else degrees)
    # Devices without a fix write zeros.
    return (sides[0], sides[1]) if any(sides) else None


def _positive(block: bytes, order: str, entry: int | None) -> float | None:
    values = _rationals(block, order, entry, 1)
    return values[0] if values is not None and values[0] > 0 else None


def _rationals(block: bytes, order: str, entry: int | None, count: int) -> list[float] | None:
    """Return fractions; None if they are not there. Cameras write 0/0 for what is unknown, and for no seconds."""
    if entry is None or _number(block, order + "H", entry + 2) not in _RATIONALS:
        return None
    if _number(block, order + "L", entry + 4) < count:
        return None
    at = _number(block, order + "L", entry + 8)
    parts = [_number(block, order + "L", at + 4 * n) for n in range(2 * count)]
    if not parts[1]:
        return None
    return [top / bottom if bottom else 0.0 for top, bottom in zip(parts[::2], parts[1::2], strict=True)]


def _plain(block: bytes) -> tuple[bytes, str]:
    """Return a block without its prefix, and the byte order for `struct`; empty if it is none."""
    while block.startswith(b"Exif\x00\x00"):
        block = block[6:]
    if block[:4] not in (b"II*\x00", b"MM\x00*"):
        return b"", ""
    return block, "<" if block.startswith(b"II") else ">"


def read_exif(block: bytes) -> ExifFacts:
    """Read an EXIF block, with or without the "Exif" prefix, or a TIFF file. Never raises."""
    block, order = _plain(block)
    if not order:
        return ExifFacts()
    main = _entries(block, order, _number(block, order + "L", 4))
    orientation = _integer(block, order, main.get(_ORIENTATION))
    details = _entries(block, order, _integer(block, order, main.get(_EXIF_IFD)))
    taken_at, source = _taken(block, order, main, details)
    make, model, serial = (
        _text(block, order, entry) for entry in (main.get(_MAKE), main.get(_MODEL), details.get(_SERIAL))
    )
    return ExifFacts(
        orientation=orientation if orientation in range(1, 9) else 1,
        taken_at=taken_at,
        source=source,
        camera=_with_serial(camera_name(make, model), serial),
    )


def read_camera_name(block: bytes) -> str | None:
    """Return the camera of an EXIF block, without its serial number; None if it is not said. Never raises."""
    camera = read_exif(block).camera
    return camera if camera is None else camera.partition(" #")[0]


def with_texts(facts: ExifFacts, texts: Mapping[Any, Any]) -> ExifFacts:
    """Return the facts with a date from XMP, IPTC, or a PNG's texts, if EXIF has none.

    Args:
        facts: from EXIF.
        texts: `info` of Pillow's picture, or as in `containers.Layout`.
    """
    if facts.source not in (DateSource.NONE, DateSource.GPS):
        return facts
    moment = _xmp_date(next((texts[name] for name in ("xmp", "XML:com.adobe.xmp", _XMP) if name in texts), b""))
    if moment is None:
        moment = _iptc_date(texts.get("photoshop"))
    for name in _PNG_DATES:
        if moment is None and isinstance(text := texts.get(name), str):
            moment = parse_moment(text)
    return facts if moment is None else replace(facts, taken_at=moment, source=DateSource.METADATA)


def _xmp_date(packet: object) -> str | None:
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    if not isinstance(packet, bytes):
        return None
    packet = packet[:_MAX_XMP]
    for pattern in _XMP_DATES:
        found = pattern.search(packet)
        if found is not None and (moment := parse_moment(found[1].decode("ascii"))) is not None:
            return moment
    return None


def _iptc_date(block: object) -> str | None:
    """Return when a photo was taken, or else digitized, by the IPTC in Photoshop's block of resources."""
    if not isinstance(block, bytes):
        return None
    fields = _iptc_fields(_iptc_of(block))
    for day, clock in _IPTC_DATES:
        # "20240501", and "143210+0200"; any part may be missing.
        time, zone = fields.get(clock, "")[:6], fields.get(clock, "")[6:]
        date = fields.get(day, "").replace(":", "").replace("-", "")
        moment = parse_moment(f"{date} {time}", zone=zone) or parse_moment(date)
        if moment is not None:
            return moment
    return None


def _iptc_of(block: bytes) -> bytes:
    """Return the resource with the IPTC; empty without one."""
    at = 0
    for _ in range(_MAX_ENTRIES):
        if block[at : at + 4] != b"8BIM" or at + 12 > len(block):
            break
        # A name of even length together with its own length, then the size of what follows, which is padded.
        size_at = at + 6 + (block[at + 6] + 2) // 2 * 2
        size = _number(block, ">L", size_at)
        if _number(block, ">H", at + 4) == _IPTC:
            return block[size_at + 4 : size_at + 4 + size]
        at = size_at + 4 + size + size % 2
    return b""


def _iptc_fields(block: bytes) -> dict[int, str]:
    """Return the first values of the short fields of the second record, by number."""
    fields: dict[int, str] = {}
    at = 0
    for _ in range(_MAX_ENTRIES):
        length = _number(block, ">H", at + 3)
        if block[at : at + 1] != b"\x1c" or at + 5 > len(block) or length >= _LONG_FIELD:
            break
        value = block[at + 5 : at + 5 + length]
        if block[at + 1] == _APPLICATION_RECORD and length <= _MAX_TEXT:
            fields.setdefault(block[at + 2], value.decode("ascii", "replace"))
        at += 5 + length
    return fields


def camera_name(make: str, model: str) -> str | None:
    """Return maker and model as people say them, the maker only once; None if both are blank."""
    make, model = (_SPACES.sub(" ", text).strip()[:_LONGEST] for text in (make, model))
    words = make.split(" ")
    while len(words) > 1 and words[-1].strip(".,").lower() in _FIRM:
        words.pop()
    brand = " ".join(words).rstrip(",")
    known = {word.strip(".,").casefold() for word in make.split(" ")}
    first = re.split(r"[ _-]", model, maxsplit=1)[0].casefold()
    if model and (first in known or model.casefold().startswith(brand.casefold())):
        return model
    return f"{brand} {model}".strip() or None


def _with_serial(camera: str | None, serial: str) -> str | None:
    serial = _SPACES.sub(" ", serial).strip()
    # Some cameras write zeros or asterisks instead.
    return camera if camera is None or not serial.strip("0* ") else f"{camera} #{serial}"


def _taken(
    block: bytes, order: str, main: Mapping[int, int], details: Mapping[int, int]
) -> tuple[str | None, DateSource]:
    """Return when the photo was taken, and where that is from."""
    unset: tuple[str, DateSource] | None = None
    for source, moment_tag, fraction_tag, zone_tag in _TIMES:
        entry = (main if source is DateSource.CHANGED else details).get(moment_tag)
        if entry is None or (unset is not None and source is DateSource.CHANGED):
            continue
        moment, fraction, zone = (
            _text(block, order, one) for one in (entry, details.get(fraction_tag), details.get(zone_tag))
        )
        at = parse_moment(moment, fraction=fraction, zone=zone)
        if at is not None and not is_start_of_clock(at):
            return at, source
        if at is not None:
            unset = unset or (at, source)
    by_gps = _gps_moment(block, order, main.get(_GPS_IFD))
    if by_gps is not None:
        return by_gps, DateSource.GPS
    return unset or (None, DateSource.NONE)


def _gps_moment(block: bytes, order: str, entry: int | None) -> str | None:
    """Return the moment of the satellites, in UTC."""
    tags = _entries(block, order, _integer(block, order, entry))
    day, at = parse_moment(_text(block, order, tags.get(_GPS_DAY))), tags.get(_GPS_TIME)
    if day is None or at is None or _number(block, order + "H", at + 2) not in _RATIONALS:
        return None
    place = _number(block, order + "L", at + 8)
    parts = [_number(block, order + "L", place + 4 * n) for n in range(6)]
    if not all(parts[1::2]):
        return None
    hour, minute, second = (top // bottom for top, bottom in zip(parts[::2], parts[1::2], strict=True))
    return parse_moment(f"{day[:10]} {hour}:{minute}:{second}", zone="+00:00")


def _entries(block: bytes, order: str, at: int) -> dict[int, int]:
    """Return the offset of each tag's entry in the directory at offset `at`, as far as the block goes."""
    if at <= 0:
        return {}
    count = min(_number(block, order + "H", at), _MAX_ENTRIES)
    places = range(at + 2, at + 2 + 12 * count, 12)
    return {_number(block, order + "H", place): place for place in places if place + 12 <= len(block)}


def _number(block: bytes, code: str, at: int) -> int:
    """Return an unsigned number from the block; 0 if the block ends before it."""
    try:
        value: int = struct.unpack_from(code, block, at)[0]
    except struct.error:
        return 0
    return value


def _integer(block: bytes, order: str, entry: int | None) -> int:
    if entry is None:
        return 0
    kind = _number(block, order + "H", entry + 2)
    if kind == _SHORT:
        return _number(block, order + "H", entry + 8)
    return _number(block, order + "L", entry + 8) if kind == _LONG else 0


def _text(block: bytes, order: str, entry: int | None) -> str:
    """Return a text as far as it goes; one with zeros inside, as some cameras write dates, has blanks there."""
    if entry is None:
        return ""
    length = min(_number(block, order + "L", entry + 4), _MAX_TEXT)
    at = entry + 8 if length <= 4 else _number(block, order + "L", entry + 8)
    text = block[at : at + length]
    if not text[:1].isdigit() or not re.match(rb"\d{4}[^\x00]{1,6}\x00", text):
        text = text.split(b"\x00")[0]
    return text.decode("utf-8", "replace").replace("\x00", " ").strip()
