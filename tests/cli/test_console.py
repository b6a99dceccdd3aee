"""Ctrl+C and SIGTERM: recorded for work that checks for them, an exception otherwise."""

import os
import signal

import pytest

from alpacasorter.cli.console import Stopper

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a process of Windows can't send itself these signals")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_impatient_work_is_interrupted_at_once(number: signal.Signals, code: int) -> None:
    with Stopper() as stop:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert stop()
        assert stop.exit_code == code
        assert stop.by_ctrl_c == (number == signal.SIGINT)


def test_patient_work_is_interrupted_by_the_second_signal() -> None:
    with Stopper() as stop:
        stop.patient = True
        assert not stop()
        signal.raise_signal(signal.SIGTERM)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_signal_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Stopper():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stopper() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop()
    finally:
        signal.signal(signal.SIGINT, before)
