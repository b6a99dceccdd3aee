"""What stands beside a photo in the loupe."""

import pytest

from alpacasorter.core.photos.exif import Shot
from alpacasorter.core.taken import DateSource, when_taken
from alpacasorter.ui.photos.loupe.facts import how_many, how_taken


def test_one_line_says_when_with_what_and_where_a_photo_was_taken() -> None:
    taken = when_taken("2024-05-01T12:30:00+02:00", DateSource.CAMERA, "a.jpg")
    shot = Shot("Canon EOS R6", "RF24-105mm F4", 1 / 250, 5.6, 12800, 50.0, (48.13736, -11.57533))
    said = how_taken(taken, shot)
    assert "2024" in said
    for part in ("Canon EOS R6", "RF24-105mm F4", "50 mm", "f/5.6", "1/250 s", "ISO 12800"):
        assert part in said
    assert said.endswith("48.13736° N, 11.57533° W")


@pytest.mark.parametrize(
    ("seconds", "words"), [(1 / 8000, "1/8,000 s"), (0.25, "1/4 s"), (0.5, "0.5 s"), (1.0, "1 s"), (30.0, "30 s")]
)
def test_exposures_are_written_as_photographers_do(seconds: float, words: str) -> None:
    assert how_taken(None, Shot(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("place", "words"), [((-33.5, 151.25), "33.50000° S, 151.25000° E"), ((-1.0, -2.0), "1.00000° S, 2.00000° W")]
)
def test_south_and_west(place: tuple[float, float], words: str) -> None:
    assert how_taken(None, Shot(place=place)) == words


def test_what_is_not_known_is_left_out() -> None:
    assert how_taken(None, None) == how_taken(None, Shot()) == ""
    assert how_taken(None, Shot(f_number=8.0)) == "f/8"


def test_the_count() -> None:
    assert how_many(212, 1812, 34) == "212 of 1,812  ·  34 unsure left"
    assert how_many(1, 2, 0) == "1 of 2"
