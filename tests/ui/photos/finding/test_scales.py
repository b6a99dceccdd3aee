"""How the scales of the histograms are divided and named."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from PySide6.QtCore import QLocale

from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.photos.finding.scales import DateScale, ProbabilityScale, moment_at, place_of, seconds_at
from tests.ui.test_photo_store import LABELS

at = datetime.fromisoformat
START = at("2024-02-28 09:30")


def scale_of(length: timedelta, start: datetime = START) -> DateScale:
    return DateScale(seconds_at(start), seconds_at(start + length))


@pytest.mark.parametrize(
    ("length", "bar"),
    [
        (timedelta(minutes=50), timedelta(minutes=1)),
        (timedelta(hours=5), timedelta(minutes=5)),
        (timedelta(hours=30), timedelta(minutes=15)),
        (timedelta(days=4), timedelta(hours=1)),
        (timedelta(days=14), timedelta(hours=3)),
        (timedelta(days=60), timedelta(days=1)),
        (timedelta(days=500), timedelta(days=7)),
        (timedelta(days=3000), timedelta(days=31)),
        (timedelta(days=15000), timedelta(days=366)),
    ],
)
def test_bars_are_as_long_as_the_time_asks_for(length: timedelta, bar: timedelta) -> None:
    scale = scale_of(length)
    assert max(after - before for before, after in pairwise(scale.edges)) == bar.total_seconds()
    assert scale.edges[0] <= seconds_at(START)
    assert scale.edges[-1] > seconds_at(START + length)
    assert len(scale.edges) < 150
    assert all(mark.words for mark in scale.marks)


def test_days_begin_at_midnight_and_months_with_their_first_day() -> None:
    assert {moment_at(edge).time() for edge in scale_of(timedelta(days=60)).edges} == {datetime.min.time()}
    assert {moment_at(edge).day for edge in scale_of(timedelta(days=3000)).edges} == {1}


@pytest.mark.parametrize("start", [at("0001-01-01"), at("1970-01-01"), at("2024-01-01")])
def test_one_photo_and_wrong_clocks(start: datetime) -> None:
    assert len(DateScale(seconds_at(start), seconds_at(start)).edges) == 2
    assert len(DateScale(seconds_at(start), seconds_at(at("9999-12-31"))).edges) < 500


def test_ranges_are_named_in_the_largest_units_that_fit() -> None:
    scale = scale_of(timedelta(days=60))

    def name(first: datetime, last: datetime) -> str:
        return scale.name((seconds_at(first), seconds_at(last)))

    assert name(at("2024-03-03"), at("2024-03-04")) == "3 March 2024"
    assert name(at("2024-03-03"), at("2024-03-13")) == "3 March 2024 – 12 March 2024"
    assert name(at("2024-03-01"), at("2024-04-01")) == "March 2024"
    assert name(at("2023-01-01"), at("2025-01-01")) == "2023 – 2024"
    assert name(at("2024-03-03 10:00"), at("2024-03-03 11:00")).startswith("3 March 2024, 10:00 – 11:00")


@pytest.fixture
def in_german() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("de_DE"))
    yield
    QLocale.setDefault(before)


@pytest.mark.usefixtures("in_german")
def test_labels_are_in_the_language_of_the_user() -> None:
    words = [mark.words for mark in scale_of(timedelta(days=60)).marks]
    assert words[0].startswith("28")
    assert any("März" in word for word in words)


def test_probabilities_are_named_as_the_tags_are() -> None:
    scale = ProbabilityScale(LABELS, 0.8)
    assert scale.name((0.6, 0.8)) == "Alpaca 60%–80%"
    assert scale.name((0.1, 0.4)) == "Not alpaca 60%–90%"
    assert scale.name((0.3, 0.6)) == "from 70% Not alpaca to 60% Alpaca"
    assert scale.name_end(0.0) == "Not alpaca 100%"
    assert scale.lines == [pytest.approx(0.2), 0.8]


def test_another_threshold_between_the_labels() -> None:
    labels = LabelSet(LABELS.negative, LABELS.positive, LABELS.display_names, 0.3)
    assert ProbabilityScale(labels, 0.8).name((0.3, 0.4)) == "Alpaca 30%–40%"


def test_places_of_values() -> None:
    edges = (0.0, 10.0, 30.0)
    assert [place_of(edges, value) for value in (-5.0, 0.0, 5.0, 10.0, 20.0, 30.0, 99.0)] == [0, 0, 0.5, 1, 1.5, 2, 2]
