"""Errors nobody foresaw."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter.ui.trouble import LOG_NAME, log_into, tell_unexpected
from alpacasorter.workers.facts import UNEXPECTED


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield
    root.setLevel(level)
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()


def test_error_is_logged_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_into(tmp_path / "logs")
    told: list[str] = []
    tell_unexpected(told.append)
    try:
        raise ValueError("deep inside")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    assert told == [UNEXPECTED]
    log = (tmp_path / "logs" / LOG_NAME).read_text(encoding="utf-8")
    assert "deep inside" in log
    assert "Traceback" in log
    assert capsys.readouterr().err == "", "nobody but the log wants the details"


def test_a_run_without_trouble_leaves_no_log(tmp_path: Path) -> None:
    log_into(tmp_path / "logs")
    logging.getLogger("alpacasorter").info("all is well")
    assert list((tmp_path / "logs").iterdir()) == []


def test_folder_that_can_not_be_made_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log_into(tmp_path / "file" / "logs")
    logging.getLogger("alpacasorter").error("nobody hears this")


def test_ctrl_c_is_no_error(tmp_path: Path) -> None:
    told: list[str] = []
    tell_unexpected(told.append)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert told == []
