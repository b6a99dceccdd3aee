"""When a photo was taken: from its header or else its name, and by which clock.

The order *By date*, `{taken}` in the folders of a sort, the preview and the results all use `when_taken`. A moment is
ISO 8601 by the clock of the place where the photo was taken, as far as the file knows it: "2024-05-01T14:32:10.25",
with "+02:00" if the offset is known, without seconds or without a time of day where there are none.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate
from typing import Final


class DateSource(enum.StrEnum):
    """Where a moment is from.

    Attributes:
        CAMERA: EXIF's DateTimeOriginal.
        DIGITIZED: EXIF's DateTimeDigitized: for a scan, when it was scanned.
        CHANGED: EXIF's DateTime, which programs set when they save the file.
        METADATA: XMP, or a text in a PNG.
        GPS: the satellites' time, UTC.
        NAME: the name of the file.
        UNSET: EXIF, but at a moment with which the clocks of cameras start, so it was probably never set.
        NONE: nothing in the header of the file.
    """

    CAMERA = "camera"
    DIGITIZED = "digitized"
    CHANGED = "changed"
    METADATA = "metadata"
    GPS = "gps"
    NAME = "name"
    UNSET = "unset clock"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Taken:
    """When a photo was taken.

    Attributes:
        at: ISO 8601.
        source: where that is from.
        moment: the same by the clock of the place, without an offset; midnight if only the day is known.
    """

    at: str
    source: DateSource
    moment: datetime = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Work out the moment, once for every comparison of it."""
        object.__setattr__(self, "moment", datetime.fromisoformat(self.at).replace(tzinfo=None))

    @property
    def has_time(self) -> bool:
        """Whether the time of day is known."""
        return "T" in self.at


@dataclass(frozen=True, slots=True)
class Clock:
    """How wrong the clock of a camera was.

    Attributes:
        camera: its name, such as "Canon EOS R5"; with " #" and a serial number for one of several of the same kind.
        seconds: what is added to its moments.
    """

    camera: str
    seconds: int


BY_CAMERA: Final = frozenset((DateSource.CAMERA, DateSource.DIGITIZED, DateSource.CHANGED, DateSource.UNSET))
"""Moments by the clock of the camera, which may have been wrong."""


def when_taken(
    taken_at: str | None,
    source: DateSource | None,
    name: str,
    *,
    camera: str | None = None,
    clocks: Iterable[Clock] = (),
) -> Taken | None:
    """Return when a photo was taken; None if neither its header nor its name says so.

    Args:
        taken_at: what its header says, ISO 8601, or None.
        source: where in the header; None if that is not known, which counts as the camera.
        name: of the file.
        camera: that took it, if known.
        clocks: cameras whose clock was wrong.
    """
    found: Taken | None = None
    if taken_at is not None and _is_moment(taken_at):
        found = Taken(taken_at, source or DateSource.CAMERA)
        if found.source is DateSource.GPS:
            found = replace(found, at=_here(datetime.fromisoformat(taken_at)))
    clock = clock_of(camera, clocks) if found is not None and found.source in BY_CAMERA else None
    if found is not None and clock is not None:
        return shifted(found, clock.seconds)
    if found is not None and not (found.source in BY_CAMERA and is_start_of_clock(found.at)):
        return found
    named = date_in_name(name)
    if named is not None:
        return Taken(named, DateSource.NAME)
    return None if found is None else replace(found, source=DateSource.UNSET)


def clock_of(camera: str | None, clocks: Iterable[Clock]) -> Clock | None:
    """Return the clock that counts for a camera: that of its serial number rather than that of its kind."""
    if camera is None:
        return None
    names = (camera.casefold(), camera.rpartition(" #")[0].casefold())
    by_name = {clock.camera.casefold(): clock for clock in clocks}
    return next((by_name[name] for name in names if name and name in by_name), None)


def clock_right_at(taken_at: str | None, source: DateSource | None, camera: str, moment: datetime) -> Clock | None:
    """Return how wrong the clock of a camera was if a photo by it was really taken at `moment`.

    Args:
        taken_at: what the header of the photo says, ISO 8601, or None.
        source: where in the header; None counts as the camera.
        camera: its name.
        moment: by the clock of the place, without an offset.

    Returns:
        The clock; None if the photo has no time of day by the clock of the camera.
    """
    if taken_at is None or not _is_moment(taken_at) or (source or DateSource.CAMERA) not in BY_CAMERA:
        return None
    said = Taken(taken_at, DateSource.CAMERA)
    return Clock(camera, round((moment - said.moment).total_seconds())) if said.has_time else None


def shifted(taken: Taken, seconds: int) -> Taken:
    """Return a moment of a clock that was wrong, put right; the day alone stays if that is all that is known."""
    try:
        right = datetime.fromisoformat(taken.at) + timedelta(seconds=seconds)
    except OverflowError:
        return taken
    source = DateSource.CAMERA if taken.source is DateSource.UNSET else taken.source
    return Taken(right.isoformat() if taken.has_time else right.date().isoformat(), source)


_MOST_DAYS: Final = 200 * 366
_OFFSET_TEXT: Final = re.compile(
    r"(?P<sign>[+\-−–]?)\s*(?:(?P<days>\d+)\s*d(?:ays?)?[\s,]*)?"
    r"(?:(?P<hours>\d+):(?P<minutes>[0-5]?\d)(?::(?P<seconds>[0-5]?\d))?)?",
    re.IGNORECASE,
)


def parse_offset(text: str) -> int | None:
    """Return the seconds of an offset such as "+01:00", "-1d 02:00:30" or "+3 days"; None if it is none.

    A camera whose clock was slow has a positive one, which is added to its moments.
    """
    match = _OFFSET_TEXT.fullmatch(text.strip())
    if match is None or (match["days"] is None and match["hours"] is None):
        return None
    days, hours, minutes, seconds = (int(match[name] or 0) for name in ("days", "hours", "minutes", "seconds"))
    if days > _MOST_DAYS or hours > _MOST_DAYS * 24:
        return None
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return -total if match["sign"] not in ("", "+") else total


def offset_text(seconds: int) -> str:
    """Return an offset as `parse_offset` reads it: "+1d 02:00:30"."""
    rest = abs(seconds)
    days, rest = divmod(rest, 86400)
    said = f"{days}d " if days else ""
    said += f"{rest // 3600:02}:{rest // 60 % 60:02}" + (f":{rest % 60:02}" if rest % 60 else "")
    return f"{'-' if seconds < 0 else '+'}{said}"


# The headers of files

_EARLIEST, _LATEST = 1826, 2199  # the first photo that there is
_SEPARATED: Final = re.compile(r"\s*(\d{4})[\s:/.\-]+(\d{1,2})[\s:/.\-]+(\d{1,2})(?!\d)(.*)", re.DOTALL)
_COMPACT: Final = re.compile(r"\s*(\d{4})(\d\d)(\d\d)(?:[T\s]?(\d\d)(\d\d)(\d\d))?(?!\d)")
_TIME: Final = re.compile(
    r"[T\s:,\-]*(?P<early>上午|오전|午前)?(?P<late>下午|오후|午後)?\s*"
    r"(?P<hour>\d{1,2})\s*(?P<between>[:.\-h])\s*(?P<minute>\d{1,2})(?!\d)"
    r"(?:\s*(?P=between)\s*(?P<second>\d{1,2})(?!\d)(?:[.,:](?P<fraction>\d+))?)?"
    r"\s*(?P<half>[ap]\.?m\b|上午|下午|오전|오후|午前|午後)?\.?\s*(?P<zone>Z\b|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_ZONE: Final = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d|Z")
_AFTERNOON: Final = ("p", "下", "오후", "午後")


def parse_moment(text: str, *, fraction: str = "", zone: str = "") -> str | None:
    """Return a moment that a camera or a program wrote as ISO 8601; None if it is none.

    Some phones write 24 for the hour after midnight, some cameras the second 60, a blank for an unknown time, or
    another character between the numbers. A time of day that can't be leaves the day.

    Args:
        text: such as "2024:05:01 14:32:10".
        fraction: the digits of a fraction of the second, noted elsewhere.
        zone: the offset from UTC, such as "+02:00", noted elsewhere.
    """
    text = text.replace("\x00", " ")
    match = _SEPARATED.match(text)
    if match is None:
        return _parse_compact(text, fraction, zone)
    day = _day(*match.group(1, 2, 3))
    if day is None:
        return None
    time = _TIME.match(match.group(4))
    if time is None:
        return day
    hour = int(time["hour"])
    half = (time["half"] or time["late"] or time["early"] or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half.startswith(_AFTERNOON) else 0)
    clock = _clock(hour, time["minute"], time["second"], time["fraction"] or fraction)
    return day if clock is None else f"{day}T{clock}{_offset(time['zone'] or zone)}"


def _parse_compact(text: str, fraction: str, zone: str) -> str | None:
    match = _COMPACT.match(text)
    if match is not None:
        day = _day(*match.group(1, 2, 3))
        clock = _clock(int(match[4]), match[5], match[6], fraction) if match[4] else None
        return f"{day}T{clock}{_offset(zone)}" if day and clock else day
    if not re.search("[A-Za-z]{3}", text):
        return None
    # As in mails, and as C's asctime writes it: "Wed May 01 14:32:10 2024".
    try:
        parts = parsedate(text)
    except (ValueError, IndexError, TypeError):
        return None
    if parts is None or (day := _day(*map(str, parts[:3]))) is None:
        return None
    clock = _clock(parts[3], str(parts[4]), str(parts[5]), "")
    return day if clock is None else f"{day}T{clock}"


def _day(year: str, month: str, day: str) -> str | None:
    if not _EARLIEST <= int(year) <= _LATEST:
        return None
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:  # "0000:00:00 00:00:00", written by cameras whose clock is not set
        return None


def _clock(hour: int, minute: str, second: str | None, fraction: str) -> str | None:
    """Return a time of day; None if there is none like it."""
    if hour > 24 or int(minute) > 59 or (second is not None and int(second) > 60):
        return None
    clock = f"{hour % 24:02}:{int(minute):02}"
    if second is None:
        return clock
    # Not the next minute: that might be the next day, or year.
    clock += f":{min(int(second), 59):02}"
    digits = fraction.strip(" \x00")
    return f"{clock}.{digits[:6]}" if digits.isascii() and digits.isdigit() else clock


def _offset(zone: str) -> str:
    zone = zone.strip().upper()
    if re.fullmatch(r"[+-]\d{4}", zone):
        zone = f"{zone[:3]}:{zone[3:]}"
    return zone if _ZONE.fullmatch(zone) else ""


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


# Clocks that were never set

_START_DAYS: Final = frozenset(
    # Those of systems, and the days before them west of Greenwich; and 2000, with which most cameras start.
    ("1903-12-31", "1904-01-01", "1969-12-31", "1970-01-01", "1979-12-31", "1980-01-01", "2000-01-01")
)


def is_start_of_clock(at: str) -> bool:
    """Tell whether a moment is one with which clocks of cameras start when they are not set."""
    return at[:10] in _START_DAYS or at[4:19] == "-01-01T00:00:00" or at.startswith("2002-12-08T12:00:00")


# The names of files

_EARLIEST_COUNTER: Final = 1990
_PREFIXES: Final = (
    "IMG|MVIMG|IMAGE|VID|VIDEO|PANO|PXL|BURST|COVER|DSC|DCIM|DJI|WIN|WP|C360|CAMERAZOOM|PHOTO|PIC|PICTURE|SCAN"
    "|SCREENSHOT|SNAP|CAPTURE|SELFIE|TRIM|FILE"
)
_AT: Final = r"(?:[ _,]+(?:at|um|à|a las?|a la\(s\)|às|alle(?: ore)?|om|kl\.?|klo|o)[ _]+|[ _.,T\-]*)"
_WITH_DASHES: Final = re.compile(
    r"(?<!\d)(?<!\d[\-.])(?P<y>1[89]\d\d|20\d\d)(?P<s>[\-_.:])(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?!\d)"
    rf"(?:{_AT}(?P<H>\d{{1,2}})(?P<t>[\-_.:h]?)(?P<M>\d\d)(?P=t)(?P<S>\d\d)(?:[\-_.](?P<f>\d{{3}}))?(?!\d)"
    r"(?:\s?(?P<half>[AaPp])\.?\s?[Mm]\b)?)?",
    re.IGNORECASE,
)
_IN_ONE: Final = re.compile(
    rf"(?:(?<![^\W_])|(?<![^\W_])(?:{_PREFIXES})|(?<=[_\W\d])(?:\d+[a-z]*_)?BURST)"
    r"(?P<y>19\d\d|20\d\d)(?P<m>\d\d)(?P<d>\d\d)"
    r"(?:(?:[_\-. T]|-?at-?)?(?P<H>\d\d)(?P<t>[_\-.]?)(?P<M>\d\d)(?P=t)(?P<S>\d\d)(?:[_\-.]?(?P<f>\d{3}))?(?!\d))?"
    r"(?![^\W_])",
    re.IGNORECASE,
)
_YEAR: Final = re.compile(r"1[89]\d\d|20\d\d")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_IN_UTC: Final = re.compile(r"PXL_\d{8}_\d{6}", re.IGNORECASE)


def date_in_name(name: str) -> str | None:
    """Return the moment in the name of a file, ISO 8601; None if there is none.

    Phones, messengers and programs write it year first. Day first can't be told from month first, and a row of digits
    is only a date if it stands alone or after a word such as "IMG", and if there is such a day, not in the future.
    The names of Pixel phones are in UTC, so these become the time of this place.
    """
    if not _YEAR.search(name):  # the usual case, quickly
        return None
    stem = name.rpartition(".")[0] or name
    if _UUID.search(stem):
        return None
    for pattern in (_WITH_DASHES, _IN_ONE):
        for match in pattern.finditer(stem):
            if (found := _named(match, name)) is not None:
                return found
    return None


def _named(match: re.Match[str], name: str) -> str | None:
    day = _day(match["y"], match["m"], match["d"])
    if day is None or day > (datetime.now(UTC) + timedelta(days=1)).date().isoformat():
        return None
    if match.re is _IN_ONE and int(match["y"]) < _EARLIEST_COUNTER:
        return None
    if match["H"] is None or (len(match["H"]) == 1 and not match["t"]):  # a counter of five digits
        return day
    hour = int(match["H"])
    half = match.groupdict().get("half")
    if half and hour <= 12:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    clock = _clock(hour, match["M"], match["S"], match["f"] or "")
    if clock is None:
        # A counter, not a time: "20230102_997788". Digits that run on are no date at all.
        return day if match.re is _WITH_DASHES or match.end("d") < match.start("H") else None
    at = f"{day}T{clock}"
    if _IN_UTC.match(name):
        return _here(datetime.fromisoformat(at).replace(tzinfo=UTC))
    return at


def _here(moment: datetime) -> str:
    """Return a moment in UTC by the clock of this place, where most photos are taken."""
    try:
        return moment.astimezone().isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    except (OverflowError, OSError, ValueError):
        return moment.isoformat()
