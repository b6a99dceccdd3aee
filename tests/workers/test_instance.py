"""One window per user: a second start hands over, other messages are rejected, and one start holds the lock."""

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from PySide6.QtNetwork import QLocalServer
from pytestqt.qtbot import QtBot

from alpacasorter.workers import instance
from alpacasorter.workers.instance import (
    LONGEST,
    InstanceListener,
    InstanceLock,
    hand_over,
    hand_over_or_lock,
    server_name,
)
from tests.engines import run_python
from tests.unprivileged import ordinary_user, shared_folder

WAIT_MS = 10_000
posix_only = pytest.mark.skipif(os.name != "posix", reason="other systems have no sockets with a path")


class Window:
    """Plays the window that is open."""

    def __init__(self, name: str) -> None:
        self.asked: list[Path | None] = []
        self.photos: list[tuple[str, ...]] = []
        self.tokens: list[str] = []
        self.instance = InstanceListener(name, self.take)

    def take(self, folder: Path | None, photos: tuple[str, ...], token: str) -> None:
        self.asked.append(folder)
        self.photos.append(photos)
        self.tokens.append(token)


@pytest.fixture
def name(qapp: object) -> str:
    return server_name("for the test", str(os.getpid()))


@pytest.fixture
def window(name: str) -> Iterator[Window]:
    window = Window(name)
    assert window.instance.listen()
    yield window
    window.instance.close()


def elsewhere(qtbot: QtBot, work: Callable[[], object]) -> object:
    """Do something that waits for the window on another thread, so that the window keeps running."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    qtbot.waitUntil(lambda: not thread.is_alive(), timeout=WAIT_MS)
    return results[0]


_START = """
import sys
from pathlib import Path
from alpacasorter.workers.instance import hand_over
folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
print(hand_over(sys.argv[1], folder, seconds=60))
"""


def starts(qtbot: QtBot, name: str, *folders: Path | None) -> list[str]:
    """Start a process for each folder, all at once; return what each one printed."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _START, name, *([] if folder is None else [os.fspath(folder)])],
            stdout=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    try:
        qtbot.waitUntil(lambda: all(process.poll() is not None for process in processes), timeout=6 * WAIT_MS)
    finally:
        for process in processes:
            process.kill()
    return [process.communicate()[0].strip() for process in processes]


def test_folder_is_handed_over(window: Window, name: str, qtbot: QtBot, tmp_path: Path) -> None:
    assert starts(qtbot, name, tmp_path / "a hike 🦙") == ["True"]
    assert starts(qtbot, name, None) == ["True"]
    assert window.asked == [tmp_path / "a hike 🦙", None]


@posix_only
def test_folder_may_have_any_name(window: Window, name: str, qtbot: QtBot) -> None:
    folder = Path(os.fsdecode(b"/photos/\xff\xfe new\nline"))
    assert starts(qtbot, name, folder) == ["True"]
    assert window.asked == [folder]


def test_photos_are_handed_over(window: Window, name: str, qtbot: QtBot, tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from alpacasorter.workers.instance import hand_over
names = [os.fsdecode(b"\\xff.jpg"), "b.jpg"]
too_many = [f"{number:0200}.jpg" for number in range(1000)]
print(all([hand_over(sys.argv[1], Path(sys.argv[2]), photos, seconds=60) for photos in (names, too_many)]))
"""
    started = subprocess.Popen([sys.executable, "-c", script, name, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    qtbot.waitUntil(lambda: started.poll() is not None, timeout=6 * WAIT_MS)
    assert started.communicate()[0] == "True\n"
    assert window.photos == [(os.fsdecode(b"\xff.jpg"), "b.jpg"), ()]
    assert window.asked == [tmp_path, tmp_path]


def test_token_of_the_desktop_is_handed_on(
    window: Window, name: str, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the desktop lets no window come to the front."""
    monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "of the click")
    assert starts(qtbot, name, None) == ["True"]
    assert window.tokens == ["of the click"]


def test_window_that_answers_too_late_does_not_accept(window: Window, name: str, qtbot: QtBot, tmp_path: Path) -> None:
    """By then the start has opened a window of its own."""
    # Nothing is received, because this thread waits here.
    assert hand_over(name, tmp_path, seconds=0.05) is False
    qtbot.wait(100)
    assert window.asked == []


def test_several_starts_at_once(window: Window, name: str, qtbot: QtBot, tmp_path: Path) -> None:
    folders = [tmp_path / str(n) for n in range(4)]
    assert starts(qtbot, name, *folders) == ["True"] * 4
    assert sorted(map(str, window.asked)) == sorted(map(str, folders))


def test_without_a_window_there_is_no_answer(name: str) -> None:
    assert hand_over(name, None) is False


def test_after_the_window_is_closed_there_is_no_answer(name: str, tmp_path: Path) -> None:
    window = Window(name)
    assert window.instance.listen()
    window.instance.close()
    window.instance.close()
    assert hand_over(name, tmp_path) is False
    assert window.asked == []


def test_window_that_does_not_answer_is_not_waited_for(name: str, tmp_path: Path) -> None:
    silent = QLocalServer()
    assert silent.listen(name)
    # Nothing is received, because this thread waits here.
    assert hand_over(name, tmp_path, seconds=0.2) is False
    silent.close()


@posix_only
def test_only_the_same_user_may_connect(window: Window, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    status = Path(name).stat()
    assert stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO) == 0
    monkeypatch.setattr(os, "getuid", lambda: status.st_uid + 1)
    assert hand_over(name, None) is False, "the window of another user is not ours"
    assert window.asked == []


@posix_only
def test_runtime_folder_of_another_user_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path(server_name("a")).parent == home / "run"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "gone"))
    monkeypatch.setenv("TMPDIR", str(home))
    assert Path(server_name("a")).parent == home


def test_windows_with_another_setup_have_other_addresses() -> None:
    assert server_name("data", ":0") == server_name("data", ":0")
    assert len({server_name(), server_name("data", ":0"), server_name("data", ":1"), server_name("data:0")}) == 4


def talk(name: str, message: bytes) -> bytes:
    """Send something to the window; return its answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(name)
        try:
            connection.sendall(message)
            return connection.recv(100)
        except ConnectionError:
            return b""


def good(**changes: object) -> bytes:
    return json.dumps({"folder": "/photos", "photos": [], "until": 4e9, "token": ""} | changes).encode() + b"\n"


NONSENSE = {
    "no JSON": b"hello\n",
    "no text": b"\xff\xfe\x00\n",
    "no object": b"[1]\n",
    "no folder": b"{}\n",
    "more than a folder": good(run="rm -r"),
    "a number": good(folder=3),
    "a list": good(folder=["/photos"]),
    "from nowhere": good(folder="photos"),
    "a zero": good(folder="/photos\0"),
    "two lines": good() + good(),
    "no photos": good(photos=None),
    "a path": good(photos=["../a.jpg"]),
    "a number of photos": good(photos=[1]),
    "a zero in a photo": good(photos=["a\0"]),
    "no time": good(until="now"),
    "yes": good(until=True),
    "no token": good(token=1),
    "a zero in the token": good(token="\0"),
    "nested": b"[" * 50_000 + b"\n",
    "nested objects": b'{"folder":' * 6_000 + b"\n",
    "a folder that no system has": good(folder="/\ud800"),
    "a photo that no system has": good(photos=["\udfff"]),
    "a photo without a name": good(photos=[""]),
    "a token that no system has": good(token="\ud800"),
    "a long token": good(token="a" * 5_000),
    "a token with a line": good(token="a\nb"),
    "no number": good(until=float("nan")).replace(b"NaN", b"NaN()"),
    "a number of many digits": good().replace(b'"until": ', b'"until": ' + b"9" * 10_000),
    "not UTF-8": good(folder="/photos").replace(b"/photos", b"/\xff\xfe"),
    "half of UTF-16": good().rstrip().decode().encode("utf-16") + b"\n",
    "too long": good(folder="/" + "a" * LONGEST),
    "endless": b"a" * (2 * LONGEST),
}


@posix_only
@pytest.mark.parametrize("message", NONSENSE.values(), ids=NONSENSE)
def test_invalid_messages_are_rejected(window: Window, name: str, qtbot: QtBot, message: bytes) -> None:
    assert elsewhere(qtbot, lambda: talk(name, message)) == b""
    assert window.asked == []
    assert elsewhere(qtbot, lambda: talk(name, good())) == b"taken\n", "the next one is accepted"
    assert window.asked == [Path("/photos")]


@posix_only
def test_silent_connections_are_closed(
    window: Window, name: str, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "_CONNECTION_MS", 50)

    assert elsewhere(qtbot, lambda: talk(name, b'{"folder"')) == b""
    assert window.asked == []


def test_without_the_library_each_start_has_its_own_window(
    window: Window, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PySide6.QtNetwork", None)
    assert hand_over(name, None) is False
    assert Window(name).instance.listen() is False


@posix_only
def test_unusable_address_is_no_problem(tmp_path: Path, qapp: object) -> None:
    assert Window(str(tmp_path / "gone" / "name")).instance.listen() is False


_HOLDS = """
import sys
from alpacasorter.workers.instance import InstanceLock
lock = InstanceLock(sys.argv[1])
print(lock.acquire(), flush=True)
sys.stdin.read()
"""
_TAKES = """
import sys
from alpacasorter.workers.instance import InstanceLock
print(InstanceLock(sys.argv[1]).acquire())
"""
_STARTS = """
import sys
from pathlib import Path
from alpacasorter.workers.instance import InstanceLock, hand_over_or_lock
lock = InstanceLock(sys.argv[1])
print(hand_over_or_lock(lock, Path(sys.argv[2]), seconds=60), lock.held)
"""


@pytest.fixture
def holder(name: str) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the lock but does not listen yet."""
    pipe = subprocess.PIPE
    started = subprocess.Popen([sys.executable, "-c", _HOLDS, name], stdin=pipe, stdout=pipe, text=True)
    assert started.stdout is not None
    try:
        assert started.stdout.readline() == "True\n"
        yield started
    finally:
        started.kill()
        started.communicate()


def test_one_process_holds_the_lock(name: str) -> None:
    mine = InstanceLock(name)
    assert not mine.held
    assert mine.acquire()
    assert mine.acquire()
    assert run_python(_TAKES, name).stdout == "False\n"
    mine.release()
    mine.release()
    assert not mine.held
    assert run_python(_TAKES, name).stdout == "True\n"


def test_a_start_takes_a_free_lock(name: str, tmp_path: Path) -> None:
    mine = InstanceLock(name)
    assert hand_over_or_lock(mine, tmp_path) is False
    assert mine.held
    mine.release()


def test_a_killed_process_loses_the_lock(name: str, holder: subprocess.Popen[str]) -> None:
    assert not InstanceLock(name).acquire()
    holder.kill()
    holder.wait()
    mine = InstanceLock(name)
    assert mine.acquire()
    mine.release()


@posix_only
def test_socket_of_a_window_that_was_killed_is_replaced(name: str) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(name)
    left.close()
    assert Path(name).is_socket()
    mine = InstanceLock(name)
    assert hand_over_or_lock(mine, None) is False
    assert mine.held
    assert not Path(name).exists()
    mine.release()


def test_start_waits_for_the_window_that_is_being_opened(name: str, qtbot: QtBot, tmp_path: Path) -> None:
    mine = InstanceLock(name)
    assert mine.acquire()
    second = subprocess.Popen([sys.executable, "-c", _STARTS, name, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    asked: list[Path | None] = []
    try:
        qtbot.wait(500)
        assert second.poll() is None, "it waits"
        window = InstanceListener(name, lambda folder, _photos, _token: asked.append(folder))
        assert window.listen()
        qtbot.waitUntil(lambda: second.poll() is not None, timeout=60_000)
        assert asked == [tmp_path]
        window.close()
    finally:
        second.kill()
        said, _ = second.communicate()
        mine.release()
    assert said == "True False\n"


def test_start_does_not_wait_forever(name: str, holder: subprocess.Popen[str], tmp_path: Path) -> None:
    mine = InstanceLock(name)
    assert hand_over_or_lock(mine, tmp_path, seconds=0.1) is False
    assert not mine.held
    assert holder.poll() is None


@posix_only
def test_lock_of_another_user_is_not_waited_for(
    name: str, holder: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "is_ours", lambda *_: False)
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits"))
    assert hand_over_or_lock(InstanceLock(name), tmp_path) is False


@posix_only
def test_folder_that_can_not_be_written_is_no_problem(tmp_path: Path, qapp: object) -> None:
    mine = InstanceLock(str(tmp_path / "gone" / "name"))
    assert hand_over_or_lock(mine, tmp_path) is False
    assert not mine.held


# Anything at all


@posix_only
def test_any_bytes_end_in_time_and_without_an_error(window: Window, name: str, qtbot: QtBot) -> None:
    """The window still answers afterwards, and nothing of it was taken for a request."""
    random = Random(7)
    valid = good()
    messages = [random.randbytes(random.randrange(1, 3000)) for _ in range(25)]
    for _ in range(50):
        changed = bytearray(valid)
        for _ in range(random.randrange(1, 6)):
            changed[random.randrange(len(changed))] = random.randrange(256)
        messages.append(bytes(changed))
    messages += [b"\n", b"", b"{}\n", b"null\n", b"\xff" * 70_000, valid[:-1]]

    def send() -> None:
        for message in messages:
            with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                connection.connect(name)
                connection.sendall(message)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1000):
                    pass

    elsewhere(qtbot, send)
    assert all(folder is None or folder.is_absolute() for folder in window.asked)
    asked = len(window.asked)
    assert starts(qtbot, name, Path("/photos")) == ["True"]
    assert window.asked[asked:] == [Path("/photos")]


@posix_only
def test_an_answer_that_trickles_in_is_not_waited_for(name: str) -> None:
    path = Path(name)
    path.unlink(missing_ok=True)
    done = threading.Event()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                while not done.wait(0.01):
                    connection.sendall(b"t")

        thread = threading.Thread(target=trickle)
        thread.start()
        begun = time.monotonic()
        assert not hand_over(name, Path("/photos"), seconds=0.3)
        assert time.monotonic() - begun < 3
        done.set()
        thread.join()
    path.unlink(missing_ok=True)


@posix_only
def test_another_user_is_turned_away(qapp: object, tmp_path: Path) -> None:
    with shared_folder() as folder:
        window = Window(str(folder / "socket"))
        assert window.instance.listen()
        try:
            assert stat.S_IMODE(os.lstat(folder / "socket").st_mode) & 0o077 == 0
            if os.geteuid() == 0:
                with ordinary_user(), socket.socket(socket.AF_UNIX) as connection, pytest.raises(PermissionError):
                    connection.connect(str(folder / "socket"))
        finally:
            window.instance.close()


@pytest.mark.skipif(os.name != "posix", reason="permissions of a POSIX system")
def test_only_the_owner_can_read_the_lock(tmp_path: Path) -> None:
    before = os.umask(0)
    lock = InstanceLock(str(tmp_path / "window"))
    try:
        assert lock.acquire()
        assert (tmp_path / "window.lock").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
        lock.release()
