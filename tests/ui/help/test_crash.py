"""Unexpected errors: the log, the crash log and the dialog."""

import logging
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.ui.help import crash
from alpacasorter.ui.help.crash import CRASH_LOG_NAME, LOG_NAME, CrashDialog, ErrorReporter, log_into
from alpacasorter.workers import lane as unexpected
from alpacasorter.workers.lane import Lane
from tests.engines import run_python


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.setLevel(level)
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    log_into(tmp_path / "logs")
    return tmp_path / "logs"


@pytest.fixture
def hears(qtbot: QtBot, logs: Path) -> Iterator[ErrorReporter]:
    window = QWidget()
    qtbot.addWidget(window)
    hooks = sys.excepthook, threading.excepthook
    crash = ErrorReporter(window, logs)
    crash.listen()
    yield crash
    crash.close()
    assert (sys.excepthook, threading.excepthook) == hooks


def log_of(logs: Path) -> str:
    return (logs / LOG_NAME).read_text(encoding="utf-8")


def unhandled(error: BaseException) -> None:
    """Do what Python does with an uncaught error."""
    try:
        raise error
    except BaseException:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]


def shown(hears: ErrorReporter, qtbot: QtBot) -> CrashDialog:
    qtbot.waitUntil(lambda: hears.dialog is not None and hears.dialog.isVisible())
    assert hears.dialog is not None
    return hears.dialog


def test_error_is_logged_and_shown(
    hears: ErrorReporter, logs: Path, qtbot: QtBot, capsys: pytest.CaptureFixture[str]
) -> None:
    unhandled(ValueError("deep inside"))
    assert hears.dialog is None, "not in the middle of what failed"
    dialog = shown(hears, qtbot)
    assert "ValueError: deep inside" in dialog.details
    assert "deep inside" in log_of(logs)
    assert "Traceback" in log_of(logs)
    assert capsys.readouterr().err == "", "the details go only into the log"


def test_error_on_a_thread_is_shown(hears: ErrorReporter, logs: Path, qtbot: QtBot) -> None:
    def fail() -> None:
        raise RuntimeError("on a thread")

    thread = threading.Thread(target=fail, name="a worker")
    thread.start()
    thread.join()
    assert "on a thread" in shown(hears, qtbot).details
    assert "Unexpected error in a worker" in log_of(logs)


def test_error_in_a_lane_is_shown_and_the_lane_continues(hears: ErrorReporter, logs: Path, qtbot: QtBot) -> None:
    done: list[int] = []
    lane = Lane("for the test")
    lane.submit(lambda: done.append(1 // 0))
    lane.submit(lambda: done.append(1))
    lane.close()
    assert "ZeroDivisionError" in shown(hears, qtbot).details
    assert log_of(logs).count("Traceback") == 1
    assert done == [1]


def test_a_thread_that_ends_itself_is_no_error(hears: ErrorReporter, logs: Path, qtbot: QtBot) -> None:
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    qtbot.wait(20)
    assert hears.dialog is None
    assert not (logs / LOG_NAME).exists()


def test_each_error_is_shown_once(hears: ErrorReporter, logs: Path, qtbot: QtBot) -> None:
    unhandled(ValueError("the first"))
    unhandled(ValueError("the second"))
    first = shown(hears, qtbot)
    assert "the first" in first.details
    qtbot.wait(20)
    assert hears.dialog is first, "one at a time"
    first.reject()
    unhandled(ValueError("the first"))
    qtbot.wait(20)
    assert hears.dialog is first
    assert not first.isVisible()
    unhandled(ValueError("the third"))
    qtbot.waitUntil(lambda: hears.dialog is not first)
    assert "the third" in shown(hears, qtbot).details
    assert all(f"the {which}" in log_of(logs) for which in ("first", "second", "third"))


def test_not_more_than_a_few_errors_are_shown(hears: ErrorReporter, qtbot: QtBot) -> None:
    seen = set()
    for number in range(12):
        unhandled(ValueError(str(number)))
        qtbot.wait(5)
        assert hears.dialog is not None
        seen.add(hears.dialog.details)
        hears.dialog.reject()
    assert len(seen) == crash._MOST_SHOWN


def test_endless_errors_do_not_fill_the_log(
    hears: ErrorReporter, logs: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unexpected, "_MOST_LOGGED", 3)
    for _ in range(20):
        unhandled(ValueError("again"))
    shown(hears, qtbot)
    assert log_of(logs).count("ValueError: again") == 3
    assert "Further ones are not logged" in log_of(logs)


def test_ctrl_c_is_no_error(hears: ErrorReporter, qtbot: QtBot, capsys: pytest.CaptureFixture[str]) -> None:
    unhandled(KeyboardInterrupt())
    qtbot.wait(20)
    assert hears.dialog is None
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_dialog_is_in_front_of_one_that_waits_for_an_answer(hears: ErrorReporter, qtbot: QtBot) -> None:
    asking = QDialog(hears.parent())  # type: ignore[arg-type]
    asking.setModal(True)
    asking.show()
    unhandled(ValueError("behind it"))
    dialog = shown(hears, qtbot)
    assert QApplication.activeModalWidget() is dialog
    asking.reject()
    asking.deleteLater()
    qtbot.wait(20)
    assert dialog.isVisible(), "it stays when the other one closes"
    dialog.reject()


def test_buttons(hears: ErrorReporter, logs: Path, qtbot: QtBot, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    unhandled(ValueError(f"about {home / 'hike'}"))
    dialog = shown(hears, qtbot)
    dialog.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert copied == dialog.details
    assert copied.startswith("AlpacaSorter 0.")
    assert f"about ~{'/' if '/' in str(home) else chr(92)}hike" in copied
    assert str(home) not in copied
    assert dialog.copy.text() == "Copied"
    dialog.show_log.click()
    assert [Path(path) for path in opened] == [logs]


def test_without_a_log_there_is_no_folder_to_show(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = CrashDialog("trace", tmp_path / "nowhere", starting=True)
    qtbot.addWidget(dialog)
    assert not dialog.show_log.isEnabled()


def test_a_run_without_errors_leaves_no_log(logs: Path) -> None:
    logging.getLogger("alpacasorter").info("all is well")
    assert list(logs.iterdir()) == []


def test_folder_that_can_not_be_made_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log_into(tmp_path / "file" / "logs")
    logging.getLogger("alpacasorter").error("nobody hears this")


_NO_TEXT = """
import logging
import re
import sys
from pathlib import Path
from alpacasorter.ui.help.crash import log_into
log_into(Path(sys.argv[1]))
logging.error("%s", "photo\\udcff.jpg")
"""


def test_names_that_are_not_valid_unicode_are_logged(tmp_path: Path) -> None:
    # In a separate process, because such names break pytest's own log.
    assert run_python(_NO_TEXT, tmp_path).stderr == ""
    assert "photo\\udcff.jpg" in log_of(tmp_path)


def test_log_never_grows_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash, "_LOG_BYTES", 1000)
    log_into(tmp_path)
    for number in range(200):
        logging.getLogger("alpacasorter").error("line %d", number)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [LOG_NAME, *(f"{LOG_NAME}.{n}" for n in (1, 2, 3))]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert "line 199" in log_of(tmp_path)


_CRASH = """
import sys
from pathlib import Path
from alpacasorter.ui.help.crash import CrashLog
log = CrashLog(Path(sys.argv[1]))
sys.stderr = None
import faulthandler
def crash_here():
    faulthandler._sigsegv()
crash_here()
"""


def test_crash_says_where_it_was_in_a_file(tmp_path: Path) -> None:
    logs = tmp_path / "log folder"
    for _ in range(2):
        assert run_python(_CRASH, logs).returncode != 0
    said = (logs / CRASH_LOG_NAME).read_text(encoding="utf-8")
    assert said.count("in crash_here") == 2, "a crash does not wipe what the one before it wrote"


def test_a_run_that_ends_well_leaves_no_crash_log(tmp_path: Path) -> None:
    assert run_python(_CRASH.rpartition("crash_here()")[0] + "log.close()\nlog.close()\n", tmp_path).returncode == 0
    assert not (tmp_path / CRASH_LOG_NAME).exists()
    run_python(_CRASH, tmp_path)
    before = (tmp_path / CRASH_LOG_NAME).read_text(encoding="utf-8")
    assert re.match(r"AlpacaSorter \S+, started \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n", before)
    run_python(_CRASH.rpartition("crash_here()")[0] + "log.close()\n", tmp_path)
    assert (tmp_path / CRASH_LOG_NAME).read_text(encoding="utf-8") == before


def test_log_that_can_not_be_rotated_keeps_the_older_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, if another window has it open."""
    monkeypatch.setattr(crash, "_LOG_BYTES", 1000)
    log_into(tmp_path)
    for number in range(100):
        logging.getLogger("alpacasorter").error("line %d", number)
    older = {path.name: path.read_text() for path in tmp_path.glob("*.log.?")}
    assert len(older) == 3
    replace = Path.replace

    def refuse(self: Path, target: Path | str) -> Path:
        if self.name == LOG_NAME:
            raise PermissionError("it is open elsewhere")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    for number in range(100, 200):
        logging.getLogger("alpacasorter").error("line %d", number)
    assert {path.name: path.read_text() for path in tmp_path.glob("*.log.?")} == older
    assert "line 199" in log_of(tmp_path)


def test_crashes_never_fill_the_disk(tmp_path: Path) -> None:
    (tmp_path / CRASH_LOG_NAME).write_text("x" * 300_000, encoding="utf-8")
    run_python(_CRASH, tmp_path)
    assert (tmp_path / CRASH_LOG_NAME).stat().st_size < 10_000
    assert (tmp_path / f"{CRASH_LOG_NAME}.1").stat().st_size == 300_000


def test_crash_log_that_can_not_be_written_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_python(_CRASH.replace("sys.stderr = None", ""), tmp_path / "file")
    assert "in crash_here" in done.stderr


_QT = """
import sys
from pathlib import Path
from PySide6.QtCore import qCritical, qDebug
from alpacasorter.ui.help.crash import log_into, log_qt_messages
log_into(Path(sys.argv[1]))
log_qt_messages()
qDebug("chatter")
qCritical("no plugin")
sys.stderr = None
qCritical("and no screen")
"""


def test_what_qt_says_before_it_aborts_is_logged(tmp_path: Path) -> None:
    done = run_python(_QT, tmp_path)
    assert done.returncode == 0
    assert "no plugin" in done.stderr
    log = log_of(tmp_path)
    assert "Qt: no plugin" in log
    assert "Qt: and no screen" in log
    assert "chatter" not in log
