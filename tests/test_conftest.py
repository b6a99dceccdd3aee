"""The fixtures that watch over all other tests: do they see what they should?"""

import re
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QSettings

CASES = """
import threading, time
from PySide6.QtCore import QObject, QRunnable, QThread, QThreadPool, QTimer
from PySide6.QtWidgets import QWidget

kept = []

def test_leaks_thread():
    threading.Thread(target=time.sleep, args=(30,), name="sleeper", daemon=True).start()

def test_leaks_timer(qapp):
    timer = QTimer()
    timer.start(1000)
    kept.append(timer)

def test_leaks_qthread(qapp):
    thread = QThread()
    thread.start()
    kept.append(thread)

def test_good_short_thread():
    threading.Thread(target=time.sleep, args=(0.3,)).start()

def test_good_finished_qthread(qapp):
    thread = QThread()
    thread.start()
    thread.quit()
    assert thread.wait(2000)

def test_good_timer_of_closed_window(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    timer = QTimer(window)
    timer.start(1000)

def test_good_forgotten_timer(qapp):
    holder = QObject()
    holder.timer = QTimer(holder)
    holder.timer.start(1000)

def test_good_single_shot(qapp):
    timer = QTimer()
    timer.setSingleShot(True)
    timer.start(100)
    kept.append(timer)

def test_end(qapp):
    kept[1].quit()
    kept[1].wait()
"""


def test_leaks_are_found_and_named(tmp_path: Path) -> None:
    conftest = Path(__file__).with_name("conftest.py")
    (tmp_path / "conftest.py").write_bytes(conftest.read_bytes())
    (tmp_path / "test_cases.py").write_text(CASES, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--rootdir", ".", "test_cases.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    report = done.stdout + done.stderr
    bad = set(re.findall(r"^ERROR test_cases\.py::(\w+)", report, re.MULTILINE))
    assert bad == {"test_leaks_thread", "test_leaks_timer", "test_leaks_qthread"}, report
    for named in ("thread 'sleeper'", "QTimer started at", "QThread started at"):
        assert f"still running after the test: {named}" in report, report


def test_home_is_not_the_users(home: Path) -> None:
    assert Path.home() == home
    settings = QSettings("AlpacaSorter", "AlpacaSorter")
    settings.setValue("seen", 1)
    settings.sync()
    assert Path(settings.fileName()).is_relative_to(home)


def test_settings_of_another_test_are_gone() -> None:
    assert QSettings("AlpacaSorter", "AlpacaSorter").value("seen") is None


@given(st.integers())
def test_hypothesis_gets_along_with_the_fixtures(number: int) -> None:
    assert number == int(str(number))
