"""When a photo was taken: moments as cameras and programs write them, dates in names, and clocks that were wrong."""

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.core.taken import (
    Clock,
    DateSource,
    Taken,
    date_in_name,
    offset_text,
    parse_moment,
    parse_offset,
    when_taken,
)


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Five hours behind UTC in winter."""
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone of a process can't be set here")
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024:05:01 14:32:10", "2024-05-01T14:32:10"),
        ("2024:05:01 24:08:19", "2024-05-01T00:08:19"),
        ("2024:05:01 23:59:60", "2024-05-01T23:59:59"),
        ("2024:12:31 23:59:60", "2024-12-31T23:59:59"),
        ("2024:05:01\x0014:32:10", "2024-05-01T14:32:10"),
        ("2024: 5: 1  4: 2: 9", "2024-05-01T04:02:09"),
        ("2024-05-01 14:32:10", "2024-05-01T14:32:10"),
        ("2024/05/01 14:32:10", "2024-05-01T14:32:10"),
        ("2024.05.01 14.32.10", "2024-05-01T14:32:10"),
        ("2024:05:01:14:32:10", "2024-05-01T14:32:10"),
        ("2024-05-01T14:32:10", "2024-05-01T14:32:10"),
        ("2024-05-01T14:32:10Z", "2024-05-01T14:32:10Z"),
        ("2024-05-01T14:32:10.123+02:00", "2024-05-01T14:32:10.123+02:00"),
        ("2024:05:01 14:32:10-0730", "2024-05-01T14:32:10-07:30"),
        ("2024:05:01 14:32:10,5", "2024-05-01T14:32:10.5"),
        ("2024:05:01 14:32", "2024-05-01T14:32"),
        ("2024:05:01 14:32-07:00", "2024-05-01T14:32-07:00"),
        ("2024:05:01", "2024-05-01"),
        ("2024:05:01   :  :  ", "2024-05-01"),
        ("2024:05:01 25:08:19", "2024-05-01"),
        ("2024:05:01 03:12:45 pm", "2024-05-01T15:12:45"),
        ("2024:05:01 12:12:45 AM", "2024-05-01T00:12:45"),
        ("2024:05:01 12:12:45 p.m.", "2024-05-01T12:12:45"),
        ("2024:05:01 下午 03:12:45", "2024-05-01T15:12:45"),
        ("20240501143210", "2024-05-01T14:32:10"),
        ("20240501 143210", "2024-05-01T14:32:10"),
        ("Wed May 01 14:32:10 2024", "2024-05-01T14:32:10"),
        ("1965:07:12 00:00:00", "1965-07-12T00:00:00"),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2024:13:01 10:00:00", None),
        ("2024:00:01 10:00:00", None),
        ("2024:02:30 10:00:00", None),
        ("0001:01:01 00:00:00", None),
        ("5/1/2024 10:00", None),
        ("2024", None),
        ("", None),
    ],
)
def test_moments_as_cameras_and_programs_write_them(text: str, moment: str | None) -> None:
    assert parse_moment(text) == moment


def test_a_fraction_and_an_offset_noted_elsewhere() -> None:
    text = "2024:05:01 14:32:10"
    assert parse_moment(text, fraction="05 ", zone="+02:00") == "2024-05-01T14:32:10.05+02:00"
    assert parse_moment(text, fraction="123456789") == "2024-05-01T14:32:10.123456"
    assert parse_moment(text, fraction="  ", zone="   :  ") == "2024-05-01T14:32:10"
    assert parse_moment("2024:05:01 14:32", fraction="05") == "2024-05-01T14:32"


@given(st.text(max_size=40), st.text(max_size=6), st.text(max_size=8))
def test_any_text_is_a_moment_or_none(text: str, fraction: str, zone: str) -> None:
    for said in (text, f"2024:05:01{text}", f"2024:05:01 14:32:10{text}"):
        moment = parse_moment(said, fraction=fraction, zone=zone)
        assert moment is None or datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("IMG-20200307-WA0001.jpg", "2020-03-07"),
        ("IMG_20230102_030405.jpg", "2023-01-02T03:04:05"),
        ("IMG_20230102_030405_HDR.jpg", "2023-01-02T03:04:05"),
        ("IMG20230102030405.jpg", "2023-01-02T03:04:05"),
        ("20230102_030405.jpg", "2023-01-02T03:04:05"),
        ("20230102_030405(0).jpg", "2023-01-02T03:04:05"),
        ("VID_20230102_030405.mp4", "2023-01-02T03:04:05"),
        ("IMG_20230102_240819.jpg", "2023-01-02T00:08:19"),
        ("Screenshot_2023-01-02-03-04-05.png", "2023-01-02T03:04:05"),
        ("Screenshot_2023-01-02-03-04-05-123_com.example.app.jpg", "2023-01-02T03:04:05.123"),
        ("Screenshot_20230102-030405_Chrome.jpg", "2023-01-02T03:04:05"),
        ("Screenshot 2023-01-02 at 3.04.05\u202fPM.png", "2023-01-02T15:04:05"),
        ("2023-01-02 03.04.05.jpg", "2023-01-02T03:04:05"),
        ("2023-01-02 03.04.05-1.jpg", "2023-01-02T03:04:05"),
        ("signal-2023-01-02-030405.jpg", "2023-01-02T03:04:05"),
        ("signal-2023-01-02-03-04-05-123.jpg", "2023-01-02T03:04:05.123"),
        ("WhatsApp Image 2023-01-02 at 03.04.05.jpeg", "2023-01-02T03:04:05"),
        ("WhatsApp Image 2023-01-02 at 3.04.05 PM (1).jpeg", "2023-01-02T15:04:05"),
        ("WhatsApp Bild 2023-01-02 um 03.04.05_ab12cd34.jpg", "2023-01-02T03:04:05"),
        ("photo_2023-01-02_03-04-05 (2).jpg", "2023-01-02T03:04:05"),
        ("WIN_20230102_03_04_05_Pro.jpg", "2023-01-02T03:04:05"),
        ("DJI_20230102030405_0001_D.JPG", "2023-01-02T03:04:05"),
        ("00100lrPORTRAIT_00100_BURST20180102030405678_COVER.jpg", "2018-01-02T03:04:05.678"),
        ("C360_2013-01-02-03-04-05-678.jpg", "2013-01-02T03:04:05.678"),
        ("scan 1965-07-12.jpg", "1965-07-12"),
        ("20120229.jpg", "2012-02-29"),
        ("20230102_997788.jpg", "2023-01-02"),
        ("2023-01-02-12345.jpg", "2023-01-02"),
        # No dates.
        ("DSC01234.jpg", None),
        ("IMG_1234.jpg", None),
        ("P1020304.jpg", None),
        ("12345678.jpg", None),
        ("20231345.jpg", None),
        ("20130229.jpg", None),
        ("IMG_20230230_101010.jpg", None),
        ("IMG_20990101_101010.jpg", None),
        ("20230102999999.jpg", None),
        ("2019110512345.jpg", None),
        ("0020230102.jpg", None),
        ("1577836800000.jpg", None),
        ("+4915112345678.jpg", None),
        ("+1-202-555-0101.jpg", None),
        ("555-2023-01-02.jpg", None),
        ("192.168.2012.11.10.jpg", None),
        ("a20230102b3c4.jpg", None),
        ("d41d8cd98f00b204e9800998ecf8427e.jpg", None),
        ("20230102-0304-4506-8a9b-1234567890ab.jpg", None),
        ("02-01-2023.jpg", None),
        ("", None),
    ],
)
def test_dates_in_names(name: str, moment: str | None) -> None:
    assert date_in_name(name) == moment


@pytest.mark.usefixtures("new_york")
def test_pixel_phones_name_in_utc_which_is_shown_by_the_clock_of_this_place() -> None:
    for name in ("PXL_20230102_030405678.jpg", "PXL_20230102_030405678.MP.jpg", "PXL_20230102_030405678~2.jpg"):
        taken = when_taken(None, DateSource.NONE, name)
        assert taken == Taken("2023-01-01T22:04:05.678-05:00", DateSource.NAME)
        assert taken.moment.isoformat() == "2023-01-01T22:04:05.678000"


@pytest.mark.usefixtures("new_york")
def test_the_time_of_satellites_is_utc_too() -> None:
    taken = when_taken("2023-07-02T03:04:05+00:00", DateSource.GPS, "a.jpg")
    assert taken == Taken("2023-07-01T23:04:05-04:00", DateSource.GPS)


@given(st.text(max_size=60))
def test_any_name_has_a_moment_or_none(name: str) -> None:
    for said in (name, f"IMG_20230102_{name}", f"2023-01-02 {name}"):
        moment = date_in_name(said)
        assert moment is None or datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    "start",
    [
        "2000-01-01T00:03:12",
        "1904-01-01T00:00:00",
        "1970-01-01T01:00:00+01:00",
        "1980-01-01T12:00:00",
        "2002-12-08T12:00:00",
        "2010-01-01T00:00:00",
    ],
)
def test_a_clock_that_was_never_set_is_not_trusted(start: str) -> None:
    assert when_taken(start, DateSource.CAMERA, "DSC1.jpg") == Taken(start, DateSource.UNSET)
    named = when_taken(start, DateSource.CAMERA, "IMG_20230102_030405.jpg")
    assert named == Taken("2023-01-02T03:04:05", DateSource.NAME)
    # The user knows better.
    set_right = when_taken(start, DateSource.CAMERA, "DSC1.jpg", camera="X", clocks=(Clock("X", 3600),))
    assert set_right is not None
    assert set_right.source is DateSource.CAMERA
    assert set_right.moment == Taken(start, DateSource.CAMERA).moment + timedelta(hours=1)


@pytest.mark.parametrize("real", ["2010-01-01T00:07:31", "2024-05-01T00:00:00", "1965-01-01", "2002-12-08T12:00:01"])
def test_other_moments_are_trusted(real: str) -> None:
    assert when_taken(real, DateSource.CAMERA, "IMG_20230102_030405.jpg") == Taken(real, DateSource.CAMERA)


def test_the_cameras_own_clock_counts() -> None:
    taken = when_taken("2024-05-01T23:30:00+09:00", None, "a.jpg")
    assert taken is not None
    assert taken.moment.isoformat() == "2024-05-01T23:30:00"
    assert when_taken("yesterday", None, "a.jpg") is None
    assert when_taken("", None, "a.jpg") is None


def test_clocks_that_were_wrong() -> None:
    clocks = (Clock("Canon EOS R5", 3600), Clock("canon eos r5 #22", -86400))

    def at(camera: str | None, source: DateSource = DateSource.CAMERA, at: str = "2024-05-01T23:30:00.5+02:00") -> str:
        taken = when_taken(at, source, "a.jpg", camera=camera, clocks=clocks)
        assert taken is not None
        return taken.at

    assert datetime.fromisoformat(at("Canon EOS R5 #11")) == datetime.fromisoformat("2024-05-02T00:30:00.5+02:00")
    assert at("Canon EOS R5", DateSource.DIGITIZED).startswith("2024-05-02T00:30:00.5")
    assert at("Canon EOS R5 #22").startswith("2024-04-30T23:30:00.5")
    assert at("Canon EOS R6") == at(None) == "2024-05-01T23:30:00.5+02:00"
    assert at("Canon EOS R5", DateSource.METADATA) == "2024-05-01T23:30:00.5+02:00"
    assert at("Canon EOS R5 #22", at="2024-05-01") == "2024-04-30"
    far = (Clock("X", 10**12),)
    assert when_taken("2024-05-01", None, "a.jpg", camera="X", clocks=far) == Taken("2024-05-01", DateSource.CAMERA)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("+01:00", 3600),
        ("-00:05:30", -330),
        ("1:00", 3600),
        ("+1d 02:00:00", 93600),
        ("+1 day 02:00:00", 93600),
        ("-3 days", -259200),
        ("−01:00", -3600),
        ("+36:00", 129600),
        ("", None),
        ("+", None),
        ("1", None),
        ("01:75", None),
        ("soon", None),
        ("+999999999d", None),
    ],
)
def test_offsets(text: str, seconds: int | None) -> None:
    assert parse_offset(text) == seconds


@given(st.integers(-(10**8), 10**8))
def test_an_offset_is_read_back(seconds: int) -> None:
    assert parse_offset(offset_text(seconds)) == seconds
