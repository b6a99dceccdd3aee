"""Two starts, one window; and a window that ends whatever happens."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from alpacasorter import paths
from alpacasorter.cli import main, window
from alpacasorter.core.store.library import Library
from alpacasorter.ui.app import bring_up
from alpacasorter.workers.instance import InstanceLock
from tests.cli.commands import finish, program
from tests.e2e.conftest import User
from tests.engines import run_python

posix_only = pytest.mark.skipif(os.name != "posix", reason="looks for a socket with a path")
Start = Callable[[], User]


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)


def sockets() -> list[Path]:
    return [path for path in Path(os.environ["XDG_RUNTIME_DIR"]).glob("alpacasorter-*") if path.is_socket()]


@pytest.fixture
def first() -> Iterator[subprocess.Popen[bytes]]:
    """A window in a separate process, which listens for later starts."""
    started = program("--device", "cpu")
    try:
        until(lambda: bool(sockets()))
        yield started
    finally:
        started.kill()
        started.communicate()


def recent() -> list[Path]:
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        return [folder.path for folder in library.recent_folders()]


@posix_only
def test_second_start_hands_its_folder_to_the_first_window(first: subprocess.Popen[bytes], folder: Path) -> None:
    done = finish(program("--device", "cpu", folder))
    assert (done.code, done.out) == (0, "")
    until(lambda: recent() == [folder])
    assert finish(program("--device", "cpu")).code == 0, "without a folder too"
    assert first.poll() is None
    assert len(sockets()) == 1


@posix_only
def test_two_starts_at_once_end_in_one_window(folder: Path) -> None:
    """Neither finds a window of the other; the later one waits for it."""
    started = [program("--device", "cpu", folder) for _ in range(2)]
    try:
        until(lambda: any(one.poll() is not None for one in started))
        assert [one.poll() for one in started if one.poll() is not None] == [0]
        until(lambda: recent() == [folder])
        assert len(sockets()) == 1
    finally:
        for one in started:
            one.kill()
            one.communicate()


@posix_only
def test_a_new_window_stays(first: subprocess.Popen[bytes], tmp_path: Path) -> None:
    second = program("--device", "cpu", "--new-window", tmp_path)
    try:
        until(lambda: recent() == [tmp_path])
        assert first.poll() is second.poll() is None
    finally:
        second.kill()
        second.communicate()


@posix_only
def test_commands_are_not_handed_over(first: subprocess.Popen[bytes], folder: Path) -> None:
    done = finish(program("scan", folder, "--device", "cpu", "--quiet"))
    assert done.code == 0
    assert len(done.out.splitlines()) >= 12
    assert finish(program("--device", "cpu", folder / "gone")).code == 2


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a start does: asks a window or opens one."""
    done: list[str] = []

    def hand_over(_name: str, _folder: Path | None, _photos: list[str]) -> bool:
        done.append("asks")
        return False

    def run(
        _folder: Path | None, _device: str | None, _variant: str | None, *, photos: list[str], lock: InstanceLock
    ) -> int:
        assert photos == []
        done.append(f"opens {lock.held}")
        lock.release()
        return 0

    monkeypatch.setattr("alpacasorter.workers.instance.hand_over", hand_over)
    monkeypatch.setattr("alpacasorter.ui.app.run", run)
    return done


def test_own_window_without_an_answer(starts: list[str]) -> None:
    assert main([]) == 0
    assert starts == ["asks", "opens True"]


def test_new_window_does_not_ask_the_first_one(starts: list[str]) -> None:
    assert main(["--new-window"]) == 0
    assert starts == ["opens True"]


@posix_only
def test_new_window_is_not_found_if_there_is_another_one(first: subprocess.Popen[bytes], starts: list[str]) -> None:
    assert main(["--device", "cpu", "--new-window"]) == 0
    assert starts == ["opens False"]


def test_starts_that_one_window_can_not_serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = [window._instance_name(None, None), window._instance_name("gpu", None)]
    for variable in ("ALPACASORTER_DATA_DIR", "ALPACASORTER_CACHE_DIR", "ALPACASORTER_MODEL", "DISPLAY"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(tmp_path))
            names.append(window._instance_name(None, None))
    assert len(set(names)) == len(names)
    assert window._instance_name(None, None) == names[0]


# The platform of the tests doesn't stack windows.
raises = pytest.mark.qt_log_ignore(r"This plugin does not support raise\(\)")


@raises
def test_folder_opens_in_the_window_that_comes_to_the_front(start: Start, folder: Path) -> None:
    user = start()
    user.window.showMinimized()
    bring_up(user.window, folder)
    assert not user.window.isMinimized()
    user.wait(lambda: bool(user.finished))
    assert user.window.folder == folder
    bring_up(user.window, None)
    assert user.window.folder == folder


@raises
def test_opened_photos_are_selected(start: Start, folder: Path) -> None:
    user = start()
    bring_up(user.window, folder)
    user.wait(lambda: bool(user.finished))
    names = sorted(path.name for path in folder.glob("photo?.jpg"))[2:8:2]
    user.finished.clear()
    bring_up(user.window, folder, [names[1], "gone.jpg", names[0], names[2]])
    user.wait(lambda: bool(user.finished))
    page = user.page
    assert sorted(row.path.name for row in page.grid.selected_photos()) == names
    assert page.model.photo(page.grid.currentIndex()).path.name == names[1], "the first one that was named"


@raises
def test_no_folder_is_changed_under_a_dialog_that_waits(start: Start, folder: Path, tmp_path: Path) -> None:
    user = start()
    asking = QDialog(user.window)
    asking.setModal(True)
    asking.show()
    bring_up(user.window, tmp_path)
    bring_up(user.window, folder)
    QTest.qWait(500)
    assert user.window.folder is None
    assert asking.isVisible()
    asking.reject()
    user.wait(lambda: user.window.folder == folder)


_FAILS_WHILE_CLOSING = """
import sys
from alpacasorter.ui import app
from alpacasorter.ui.models import control
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.workers.instance import InstanceLock
def fail(self):
    raise ValueError("while closing")
control.EvaluateControl.close_down = fail
def show(self, event):
    self.engine.ready.connect(lambda _: self.close())
MainWindow.showEvent = show
lock = InstanceLock(sys.argv[1])
lock.acquire()
sys.exit(app.run(None, "cpu", lock=lock))
"""
_CAN_NOT_BE_MADE = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel
from alpacasorter.ui import app
def fail(*_):
    QTimer.singleShot(200, lambda: (
        print(QApplication.activeModalWidget().findChildren(QLabel)[1].text()),
        QApplication.activeModalWidget().reject(),
    ))
    raise ValueError("no window")
app.build_window = fail
sys.exit(app.run(None, "cpu"))
"""


def log() -> str:
    return (paths.user_log_dir() / "alpacasorter.log").read_text(encoding="utf-8")


def test_error_while_closing_leaves_no_process_behind() -> None:
    done = run_python(_FAILS_WHILE_CLOSING, window._instance_name("cpu", None))
    assert done.returncode == 0, done.stderr
    assert "while closing" in log()
    assert sockets() == []


def test_window_that_can_not_be_made_is_reported() -> None:
    done = run_python(_CAN_NOT_BE_MADE)
    assert done.returncode == 1, done.stderr
    assert "could not open its window" in done.stdout
    assert "no window" in log()


def test_nothing_heavy_comes_before_the_first_window() -> None:
    script = """
import sys
from alpacasorter.cli import window
from alpacasorter.cli import parse
from alpacasorter.workers.instance import InstanceLock, hand_over_or_lock
parse([])
lock = InstanceLock(window._instance_name(None, None))
hand_over_or_lock(lock, None)
lock.release()
import alpacasorter.ui.app
heavy = {"numpy", "PIL", "sqlite3", "ai_edge_litert", "tqdm", "PySide6.QtNetwork", "watchdog", "pkgutil"}
heavy |= {"xml.etree", "csv", "html", "alpacasorter.core.exchange.results", "alpacasorter.core.sorting.plan"}
sys.exit(", ".join(sorted(heavy & sys.modules.keys())) or 0)
"""
    done = run_python(script)
    assert (done.returncode, done.stderr) == (0, "")
