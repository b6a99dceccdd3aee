"""What stands beside a photo in the loupe: how it was taken, and how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alpacasorter.core.taken import Taken
from alpacasorter.i18n import _, decimal, ngettext, number
from alpacasorter.wording import text

if TYPE_CHECKING:
    from alpacasorter.core.photos.exif import Shot

_LONG_EXPOSURE = 0.3
"""Seconds from which an exposure is not written as a fraction."""
_PLACES = 5
"""Decimal places of coordinates: a meter."""


def how_taken(taken: Taken | None, shot: Shot | None) -> str:
    """Return when, with what and where a photo was taken, in one line; what is not known is left out."""
    said = [] if taken is None else [text.taken(taken)]
    if shot is not None:
        said += [name for name in (shot.camera, shot.lens) if name is not None]
        said += _exposure(shot)
        if shot.place is not None:
            said.append(_place(*shot.place))
    return "  ·  ".join(said)


def _exposure(shot: Shot) -> list[str]:
    said = []
    if shot.focal_length is not None:
        # Translators: a focal length.
        said.append(_("{length} mm").format(length=_plain(shot.focal_length)))
    if shot.f_number is not None:
        # Translators: an aperture, as photographers write it: f/5.6.
        said.append(_("f/{aperture}").format(aperture=_plain(shot.f_number)))
    if shot.seconds is not None:
        is_short = shot.seconds < _LONG_EXPOSURE
        time = f"1/{number(round(1 / shot.seconds))}" if is_short else _plain(shot.seconds)
        # Translators: an exposure time in seconds, as in 1/250 s.
        said.append(_("{time} s").format(time=time))
    if shot.iso is not None:
        # Translators: a sensitivity. Photographers write it without separators: ISO 12800.
        said.append(_("ISO {sensitivity}").format(sensitivity=shot.iso))
    return said


def _plain(value: float) -> str:
    """Return a number with one decimal place, or none if that is 0."""
    return number(round(value)) if abs(value - round(value)) < 0.05 else decimal(value)


def _place(latitude: float, longitude: float) -> str:
    north, east = decimal(abs(latitude), _PLACES), decimal(abs(longitude), _PLACES)
    # Translators: coordinates, degrees: of latitude, north or south, and of longitude, east or west.
    if latitude >= 0:
        words = _("{latitude}° N, {longitude}° E") if longitude >= 0 else _("{latitude}° N, {longitude}° W")
    else:
        words = _("{latitude}° S, {longitude}° E") if longitude >= 0 else _("{latitude}° S, {longitude}° W")
    return words.format(latitude=north, longitude=east)


def how_many(place: int, listed: int, unsure: int) -> str:
    """Return which of the photos that are listed this is, counted from 1, and how many in the folder are unsure."""
    # Translators: which of the listed photos is shown, as in "212 of 812".
    count = _("{place} of {count}").format(place=number(place), count=number(listed))
    if not unsure:
        return count
    left = ngettext("{count} unsure left", "{count} unsure left", unsure).format(count=number(unsure))
    return f"{count}  ·  {left}"
