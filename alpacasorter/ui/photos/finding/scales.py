"""The scales of the histograms: where a bar begins and ends, what is written below, and how a range is named."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from PySide6.QtCore import QDate, QLocale, QTime

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, day, moment, percent, pgettext
from alpacasorter.ui.photo_query import Range

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - as all moments of cameras, without a zone
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MOST_BARS: Final = 130
_EARLIEST: Final = datetime(1800, 1, 1)  # noqa: DTZ001
_LATEST: Final = datetime(2199, 12, 31)  # noqa: DTZ001
"""Photos are not older; beyond are wrong clocks, which no bar shows."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is written below a histogram, and at which value."""

    value: float
    words: str


class Scale(Protocol):
    """The values that a histogram shows."""

    @property
    def edges(self) -> Sequence[float]:
        """The values at which bars begin and end: one more than there are bars."""

    @property
    def marks(self) -> Sequence[Mark]:
        """What may be written below; where there is no space, some are left out."""

    @property
    def lines(self) -> Sequence[float]:
        """Values at which there is a line."""

    def name(self, values: Range) -> str:
        """Return the words for a range of values."""

    def name_end(self, value: float) -> str:
        """Return the words for one end of a range."""


def place_of(edges: Sequence[float], value: float) -> float:
    """Return where a value is, in bars from the left; outside of the scale, its nearer end."""
    if value <= edges[0]:
        return 0.0
    if value >= edges[-1]:
        return float(len(edges) - 1)
    place = bisect.bisect_right(edges, value) - 1
    return place + (value - edges[place]) / (edges[place + 1] - edges[place])


# Dates


@dataclass(frozen=True, slots=True)
class _Step:
    """How wide the bars of a scale of dates are.

    Attributes:
        least: the shortest time that one takes.
        start: returns the start of the bar that holds a moment.
        after: returns the start of the next bar.
    """

    least: timedelta
    start: Callable[[datetime], datetime]
    after: Callable[[datetime], datetime]


def _clock(length: timedelta) -> _Step:
    """Return the step for bars of a part of a day."""

    def start(when: datetime) -> datetime:
        midnight = when.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + (when - midnight) // length * length

    return _Step(length, start, lambda when: when + length)


def _midnight(when: datetime) -> datetime:
    return when.replace(hour=0, minute=0, second=0, microsecond=0)


def _week(when: datetime) -> datetime:
    first = QLocale().firstDayOfWeek().value
    return _midnight(when) - timedelta(days=(when.isoweekday() - first) % 7)


def _month(when: datetime) -> datetime:
    return _midnight(when).replace(day=1)


def _next_month(when: datetime) -> datetime:
    return when.replace(year=when.year + when.month // 12, month=when.month % 12 + 1)


def _steps() -> tuple[_Step, ...]:
    clock = tuple(_clock(timedelta(minutes=minutes)) for minutes in (1, 5, 15, 60, 180))
    return (
        *clock,
        _Step(_DAY, _midnight, lambda when: when + _DAY),
        _Step(7 * _DAY, _week, lambda when: when + 7 * _DAY),
        _Step(28 * _DAY, _month, _next_month),
        _Step(365 * _DAY, lambda when: _month(when).replace(month=1), lambda when: when.replace(year=when.year + 1)),
    )


class DateScale:
    """Dates in bars of minutes, hours, days, weeks, months or years: the shortest of which there are not too many."""

    def __init__(self, first: float, last: float) -> None:
        """Cover all moments from `first` to `last`, seconds since 1970."""
        begin, end = (min(max(moment_at(value), _EARLIEST), _LATEST) for value in (first, last))
        steps = _steps()
        self._step = next((step for step in steps if (end - begin) / step.least < _MOST_BARS), steps[-1])
        starts = [self._step.start(begin)]
        while starts[-1] <= end:
            starts.append(self._step.after(starts[-1]))
        self._starts = starts
        self.edges: Sequence[float] = [seconds_at(when) for when in starts]
        self.lines: Sequence[float] = ()
        self.marks: Sequence[Mark] = [
            Mark(seconds_at(when), words) for when in starts[:-1] if (words := self._mark(when))
        ]

    def _mark(self, when: datetime) -> str:
        """Return what is written below the start of a bar, empty for nothing."""
        locale, least, is_first = QLocale(), self._step.least, when == self._starts[0]
        if least < _DAY:
            if is_first or when == _midnight(when):
                return _short_day(when, year=is_first)
            return _time(when)
        if least < 28 * _DAY:
            return _short_day(when, year=is_first or (when.month == 1 and when.day <= least.days))
        if least < 365 * _DAY:
            name = locale.standaloneMonthName(when.month, QLocale.FormatType.ShortFormat)
            if not is_first and when.month != 1:
                return name
            # Translators: a short month and its year below a histogram.
            return _("{month} {year}").format(month=name, year=when.year)
        return str(when.year)

    def name(self, values: Range) -> str:
        """Return the first and the last day of a range, or its moments if it doesn't begin and end with a day."""
        begin, end = moment_at(values[0]), moment_at(values[1])
        if begin != _midnight(begin) or end != _midnight(end):
            same_day = begin.date() == end.date()
            return _span(moment(begin.isoformat()), _time(end) if same_day else moment(end.isoformat()))
        last = end - _DAY
        if begin == _month(begin) and end == _month(end):
            if begin.month == 1 and end.month == 1:
                return _span(str(begin.year), str(last.year))
            return _span(_long_month(begin), _long_month(last))
        return _span(day(begin.date()), day(last.date()))

    def name_end(self, value: float) -> str:
        """Return the day or moment of one end of a range."""
        when = moment_at(value)
        return day(when.date()) if when == _midnight(when) else moment(when.isoformat())


def moment_at(seconds: float) -> datetime:
    """Return a moment without a zone; `seconds` since 1970."""
    return _EPOCH + timedelta(seconds=seconds)


def seconds_at(when: datetime) -> float:
    """Return the seconds since 1970 of a moment without a zone."""
    return (when - _EPOCH).total_seconds()


def _span(first: str, last: str) -> str:
    # Translators: a range, as in "3 March 2026 – 12 March 2026" or "10:00 – 11:00".
    return first if first == last else _("{first} – {last}").format(first=first, last=last)


def _time(when: datetime) -> str:
    return QLocale().toString(QTime(when.hour, when.minute), QLocale.FormatType.ShortFormat)


def _long_month(when: datetime) -> str:
    return QLocale().toString(QDate(when.year, when.month, 1), "MMMM yyyy")


def _short_day(when: datetime, *, year: bool) -> str:
    """Return a day in a few letters, in the order of the user's language."""
    order = QLocale().dateFormat(QLocale.FormatType.LongFormat)
    day_first = order.find("d") == -1 or order.find("M") > order.replace("dddd", "    ").find("d")
    pattern = "d MMM" if day_first else "MMM d"
    return QLocale().toString(QDate(when.year, when.month, when.day), f"{pattern} yyyy" if year else pattern)


# How sure the model is

_BARS: Final = 50


class ProbabilityScale:
    """From "surely the negative class" to "surely the positive one", named as the tags are: by label and confidence."""

    def __init__(self, labels: LabelSet, unsure_below: float) -> None:
        """Scale for the tags of `labels`; photos with a confidence below `unsure_below`, 0.5 to 1, are unsure."""
        self._labels = labels
        self.edges: Sequence[float] = [place / _BARS for place in range(_BARS + 1)]
        least, most = 1.0 - unsure_below, unsure_below
        self.lines: Sequence[float] = [value for value in (least, most) if value != labels.threshold]
        self.marks: Sequence[Mark] = [
            Mark(0.0, labels.display(labels.negative)),
            Mark(1.0, labels.display(labels.positive)),
            *(Mark(value, self._percent(value)) for value in self.lines),
            Mark((least + most) / 2, pgettext("filter", "Unsure")),
        ]

    def name(self, values: Range) -> str:
        """Return the labels and confidences of a range, as in "Alpaca 60% – 80%"."""
        least, most = values
        threshold = self._labels.threshold
        if least >= threshold or most <= threshold:
            first, last = sorted((self._confidence(least), self._confidence(most)))
            # Translators: photos that are tagged {label} with a confidence in this range, as in "Alpaca 60%–80%".
            return _("{label} {first}–{last}").format(
                label=self._label(least), first=percent(first), last=percent(last)
            )
        # Translators: a range, as in "from 72% Not alpaca to 80% Alpaca".
        return _("from {least} {label} to {most} {other_label}").format(
            least=self._percent(least),
            label=self._label(least),
            most=self._percent(most),
            other_label=self._label(most),
        )

    def name_end(self, value: float) -> str:
        """Return the label and confidence of one end of a range."""
        return self._tag(value)

    def _label(self, value: float) -> str:
        return self._labels.display(self._labels.predicted(value))

    def _confidence(self, value: float) -> float:
        return self._labels.confidence(value, self._labels.predicted(value))

    def _percent(self, value: float) -> str:
        return percent(self._confidence(value))

    def _tag(self, value: float) -> str:
        # Translators: a tag with its confidence, as in "Alpaca 73%".
        return _("{label} {confidence}").format(label=self._label(value), confidence=self._percent(value))
