"""For every test: a temporary home, no display, and a check that no thread or timer is left behind."""

import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before Qt, TensorFlow or the package under test is imported anywhere.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import signal

import hypothesis
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSettings, QThread, QThreadPool, QTimer
from shiboken6 import isValid

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ROOT.parent / "shared" / "photos"
GRACE_S = 2.0

hypothesis.settings.register_profile("alpacasorter", deadline=None)
hypothesis.settings.load_profile("alpacasorter")

# A shell that runs the tests in the background makes them ignore Ctrl+C, which the programs they start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, with the data, cache, settings and run-time folders inside it."""
    folder = tmp_path_factory.mktemp("home")
    run_time = folder / "run"
    run_time.mkdir(mode=0o700)
    settings = folder / "settings"
    for name, place in {
        "HOME": folder,
        "USERPROFILE": folder,
        "APPDATA": folder / "roaming",
        "LOCALAPPDATA": folder / "local",
        "XDG_CONFIG_HOME": folder / ".config",
        "XDG_DATA_HOME": folder / ".local" / "share",
        "XDG_STATE_HOME": folder / ".local" / "state",
        "XDG_CACHE_HOME": folder / ".cache",
        "XDG_RUNTIME_DIR": run_time,
        "ALPACASORTER_DATA_DIR": folder / "alpacasorter-data",
        "ALPACASORTER_CACHE_DIR": folder / "alpacasorter-cache",
        # No model is chosen; and what `--model` sets during a test ends with it.
        "ALPACASORTER_MODEL": "",
        # Whatever the language of the developer.
        "ALPACASORTER_LANGUAGE": "en",
        "ALPACASORTER_LOCALE_DIR": "",
        "LC_ALL": "C.UTF-8",
    }.items():
        monkeypatch.setenv(name, str(place))
    # A test must not start programs of the desktop.
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for kind in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
            QSettings.setPath(kind, scope, str(settings))
    return folder


@pytest.fixture
def photos() -> Path:
    """The folder of real photos, which some machines have beside the checkout."""
    if not PHOTOS.is_dir():
        pytest.skip("the real photos (../shared/photos) are not on this machine")
    return PHOTOS


class _Started:
    """Qt threads and timers started by Python code, each with the place where it was started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seen: list[tuple[weakref.ref[QObject], str]] = []
        for kind in (QThread, QTimer):
            self._watch(monkeypatch, kind)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, kind: type[QObject]) -> None:
        original: Callable[..., Any] = kind.start  # type: ignore[attr-defined]
        seen = self._seen

        def start(this: QObject, *args: Any) -> None:
            seen.append((weakref.ref(this), _caller()))
            original(this, *args)

        monkeypatch.setattr(kind, "start", start)

    def running(self) -> list[str]:
        found = []
        for reference, place in self._seen:
            thing = reference()
            if thing is None or not isValid(thing):
                continue
            if isinstance(thing, QThread) and thing.isRunning():
                found.append(f"QThread started at {place}")
            elif isinstance(thing, QTimer) and thing.isActive():
                found.append(f"QTimer started at {place}")
            # Nothing here may keep it alive until the next check.
            del thing
        return found


def _caller() -> str:
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _python_threads(before: set[threading.Thread]) -> list[str]:
    return [
        f"thread {thread.name!r}"
        for thread in threading.enumerate()
        # A dummy means only that a foreign thread once ran Python code; it outlives that thread.
        if thread not in before and thread.is_alive() and not isinstance(thread, threading._DummyThread)
    ]


def _let_qt_finish() -> None:
    if QCoreApplication.instance() is None:
        return
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    QCoreApplication.processEvents()


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """Fail a test that leaves a thread, a QThread, a pool thread or a QTimer running, and name it."""
    before = set(threading.enumerate())
    started = _Started(monkeypatch)

    def left() -> list[str]:
        pool = QThreadPool.globalInstance().activeThreadCount()
        in_pool = [f"{pool} threads of Qt's global pool"] if pool else []
        return _python_threads(before) + started.running() + in_pool

    yield

    deadline = time.monotonic() + GRACE_S
    _let_qt_finish()
    remaining = left()
    if remaining:
        # What only the garbage collector would end is not a leak.
        gc.collect()
    while remaining and time.monotonic() < deadline:
        _let_qt_finish()
        time.sleep(0.01)
        remaining = left()
    if remaining:
        pytest.fail("still running after the test: " + "; ".join(remaining), pytrace=False)
