"""A lane runs one job after another, on one thread, until it is closed."""

import logging
import threading
import time

import pytest

from alpacasorter.workers import lane as lane_module
from alpacasorter.workers.lane import Lane


def test_jobs_run_in_order_on_one_thread_of_that_name() -> None:
    lane = Lane("test")
    done: list[tuple[int, str]] = []
    for n in range(50):
        lane.submit(lambda n=n: done.append((n, threading.current_thread().name)))  # type: ignore[misc]
    lane.close()
    assert done == [(n, "lane-test") for n in range(50)]


def test_no_thread_before_the_first_job_and_none_after_closing() -> None:
    before = threading.active_count()
    lane = Lane("test")
    assert threading.active_count() == before
    lane.submit(lambda: None)
    assert threading.active_count() == before + 1
    lane.close()
    assert threading.active_count() == before


def test_closing_waits_for_what_was_submitted() -> None:
    lane = Lane("test")
    done = []
    lane.submit(lambda: time.sleep(0.1))
    lane.submit(lambda: done.append(1))
    lane.close()
    assert done == [1]


def test_after_closing_nothing_runs() -> None:
    lane = Lane("test")
    lane.close()
    done = []
    lane.submit(lambda: done.append(1))
    lane.close()
    assert done == []


def test_an_error_is_logged_and_the_next_job_runs(caplog: pytest.LogCaptureFixture) -> None:
    lane = Lane("test")
    done = []
    with caplog.at_level(logging.ERROR):
        lane.submit(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
        lane.submit(lambda: done.append(1))
        lane.close()
    assert done == [1]
    assert "lane test" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_job_may_submit_another() -> None:
    lane = Lane("test")
    done = threading.Event()
    lane.submit(lambda: lane.submit(done.set))
    assert done.wait(10)
    lane.close()


def test_submitting_while_it_is_closed_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """One lane submits to another while both are being closed."""
    lane = Lane("race")
    starting, go_on = threading.Event(), threading.Event()

    class Slow(threading.Thread):
        def start(self) -> None:
            starting.set()
            go_on.wait(0.3)
            super().start()

    other = threading.Thread(target=lambda: lane.submit(lambda: None))
    with monkeypatch.context() as patch:
        patch.setattr(lane_module.threading, "Thread", Slow)
        other.start()
        assert starting.wait(10)
        # At the very moment when the other thread starts the thread of the lane.
        lane.close()
        go_on.set()
        other.join()
    assert not [thread for thread in threading.enumerate() if thread.name == "lane-race"]
