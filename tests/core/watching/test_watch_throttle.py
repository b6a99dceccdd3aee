"""Rests between pieces of work, by a clock that the tests control."""

import pytest

from alpacasorter.core.watching.watch import Throttle

PIECE = 0.002
LONGEST = 0.03


class Day:
    """A clock, the work of one thread, and sleep that may last too long."""

    def __init__(self) -> None:
        self.now = 100.0
        self.worked = 1.0
        self.late = 0.0
        self.rests: list[float] = []

    def work(self, seconds: float) -> None:
        self.now += seconds
        self.worked += seconds

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds + self.late


@pytest.fixture
def day() -> Day:
    return Day()


def throttle_of(day: Day, *, rests: bool = True) -> Throttle:
    return Throttle(rests=rests, now=lambda: day.now, worked=lambda: day.worked, sleep=day.sleep)


def pieces(day: Day, throttle: Throttle, count: int) -> list[float]:
    """Work for some pieces; return the rests after them."""
    day.rests.clear()
    for _ in range(count):
        day.work(1.01 * PIECE)
        throttle.take()
    return day.rests


def test_it_rests_only_after_a_piece_of_work(day: Day) -> None:
    throttle = throttle_of(day)
    for _ in range(3):
        day.work(PIECE / 4)
        throttle.take()
    assert day.rests == []
    day.work(PIECE / 2)
    throttle.take()
    assert len(day.rests) == 1
    throttle.take()
    assert len(day.rests) == 1, "the next piece has just begun"


def test_alone_it_hardly_rests(day: Day) -> None:
    rests = pieces(day, throttle_of(day), 50)
    assert len(rests) == 50
    assert max(rests) <= 0.1 * PIECE


def test_where_others_are_at_work_it_rests_longer_and_longer(day: Day) -> None:
    throttle = throttle_of(day)
    pieces(day, throttle, 2)
    day.late = 0.004
    rests = pieces(day, throttle, 12)
    assert rests[1] >= PIECE, "at once as long as it worked"
    assert rests == sorted(rests)
    assert 3 * PIECE <= rests[-1] <= LONGEST, "most of the time is left to the others, but it keeps working"
    day.late = 0.0
    rests = pieces(day, throttle, 100)
    assert rests[4] >= 2 * PIECE, "they may only pause, too"
    assert rests[-1] <= 0.1 * PIECE


def test_a_system_that_is_never_on_time_is_not_taken_for_others(day: Day) -> None:
    day.late = 0.015
    throttle = throttle_of(day)
    assert max(pieces(day, throttle, 20)) <= 0.1 * PIECE
    day.late = 0.025
    assert pieces(day, throttle, 20)[-1] >= 3 * PIECE


def test_after_long_work_the_rest_is_no_longer_than_it_takes_to_be_stopped_soon(day: Day) -> None:
    throttle = throttle_of(day)
    pieces(day, throttle, 1)
    day.late = 0.004
    pieces(day, throttle, 5)
    day.work(10.0)
    throttle.take()
    assert day.rests[-1] == LONGEST


def test_waiting_for_a_slow_drive_is_no_work(day: Day) -> None:
    throttle = throttle_of(day)
    day.late = 0.004
    for _ in range(20):
        day.wait(0.05)
        throttle.take()
    assert day.rests == [0.0] * 20


def test_rests_are_not_counted(day: Day) -> None:
    throttle = throttle_of(day)
    day.late = 0.004
    pieces(day, throttle, 20)
    day.wait(1.0)
    assert throttle.seconds() == pytest.approx(20 * 1.01 * PIECE + 1.0)
    throttle.begin()
    assert throttle.seconds() == 0.0


def test_a_watch_without_a_window_never_rests(day: Day) -> None:
    throttle = throttle_of(day, rests=False)
    assert pieces(day, throttle, 20) == []
    assert throttle.seconds() == pytest.approx(20 * 1.01 * PIECE)
