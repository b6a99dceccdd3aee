"""One window per user: a second start hands its folder to the window that is open, which comes to the front.

The window listens on a socket that only the same user may open; on Windows it is a named pipe, which other programs of
the user may open too. The request is one line of JSON: a folder or null, the photos in it to select, a deadline, and
the token that lets the window come to the front. The answer says whether the request was accepted. Qt's network library
is imported only when there is a window to talk to, and only after the first paint.

Which window listens is settled by a lock file, held from start to exit. It is taken before the window is made, which
takes half a second: if two starts happen at the same moment, the one without the lock waits until the other listens.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import stat
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QDir, QLockFile, QObject, QTimer

from alpacasorter.core.session_paths import close_to_others

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer, QLocalSocket

_log = logging.getLogger(__name__)

LONGEST: Final = 64 * 1024
"""Bytes of a message; no path is that long."""
ANSWER_SECONDS: Final = 1.0
"""How long a second start waits for an answer before it opens a window of its own."""

_TAKEN: Final = b"taken\n"
_NOT_TAKEN: Final = b"not taken\n"
_CONNECTION_MS: Final = 2_000
"""A connection that has not sent a line by then is closed."""
_LONGEST_TOKEN: Final = 1000
_LATEST: Final = 1e12
"""Seconds since 1970, beyond any deadline."""
_GRACE_SECONDS: Final = 0.25
"""Extra time for an answer given at the last moment; otherwise two windows would open the folder."""
_TOKENS: Final = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")
"""Environment variables with the token by which the desktop lets our window come to the front."""
_PIPES: Final = r"\\.\pipe" + "\\"

Handler = Callable[["Path | None", tuple[str, ...], str], None]
"""Opens a folder with photos selected (or neither), and comes to the front by a token of the desktop (may be empty)."""


def server_name(*setup: str) -> str:
    """Return the address of the window that this user started with this setup.

    Args:
        setup: everything that makes two starts so different that one window can't serve both: data folder, screen,
            model.
    """
    if sys.platform == "win32":
        # A user may be logged in twice, each session with a screen of its own.
        user = [os.environ.get("USERNAME", ""), os.environ.get("SESSIONNAME", "")]
    else:
        user = [str(os.getuid())]
    parts = json.dumps([*user, *setup]).encode()
    name = f"alpacasorter-{hashlib.sha256(parts).hexdigest()[:24]}"
    return name if sys.platform == "win32" else str(_socket_folder() / name)


def hand_over(name: str, folder: Path | None, photos: Sequence[str] = (), *, seconds: float = ANSWER_SECONDS) -> bool:
    """Ask the open window to come to the front and open a folder.

    Args:
        name: from `server_name`.
        folder: absolute, or None to come to the front only.
        photos: names of photos in the folder to select; ignored if they are too many for one message.
        seconds: how long to wait for an answer.

    Returns:
        Whether it accepted; if not, there is no window, it is busy, or it does not answer.
    """
    if not _may_answer(name):
        return False
    try:
        from PySide6.QtNetwork import QLocalSocket
    except ImportError as error:
        _log.warning("The open window can't be asked: %s", error)
        return False
    until = time.monotonic() + seconds
    message = {
        "folder": None if folder is None else str(folder),
        "photos": list(photos),
        "until": time.time() + seconds,
        "token": next((os.environ[name] for name in _TOKENS if os.environ.get(name)), ""),
    }
    line = json.dumps(message).encode() + b"\n"
    if len(line) > LONGEST:
        line = json.dumps(message | {"photos": []}).encode() + b"\n"
    if len(line) > LONGEST:
        return False
    socket = QLocalSocket()
    try:
        if not _connected(socket, name, until):
            return False
        _allow_foreground()
        socket.write(line)
        until += _GRACE_SECONDS
        answer = b""
        while b"\n" not in answer and len(answer) < LONGEST:
            if time.monotonic() > until:
                return False
            if not socket.bytesAvailable() and not socket.waitForReadyRead(_milliseconds_to(until)):
                return False
            answer += socket.readAll().data()
        return answer == _TAKEN
    finally:
        socket.abort()


class InstanceListener(QObject):
    """Receives the requests of later starts. All methods are called on the GUI thread."""

    def __init__(self, name: str, handler: Handler, parent: QObject | None = None) -> None:
        """Prepare; nothing is received before `listen()`.

        Args:
            name: from `server_name`.
            handler: called with each request.
            parent: owner.
        """
        super().__init__(parent)
        self._name = name
        self._handler = handler
        self._server: QLocalServer | None = None

    def listen(self) -> bool:
        """Receive requests from now on; return whether that is possible. Only for the holder of the lock."""
        try:
            from PySide6.QtNetwork import QLocalServer
        except ImportError as error:
            # For example if a library is missing that Qt's needs. Then every start opens a window of its own.
            _log.warning("Later starts can't be received: %s", error)
            return False
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_connection)
        if not server.listen(self._name):
            _log.warning("Later starts can't be received: %s", server.errorString())
            return False
        self._server = server
        return True

    def close(self) -> None:
        """Stop listening. Closing twice is fine."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _on_connection(self) -> None:
        while self._server is not None and (socket := self._server.nextPendingConnection()) is not None:
            _Connection(socket, self._handler)


class _Connection(QObject):
    """One connection: it receives a line, sends a line and is closed."""

    def __init__(self, socket: QLocalSocket, handler: Handler) -> None:
        super().__init__(socket)
        self._socket = socket
        self._handler = handler
        self._received = b""
        self._done = False
        socket.setReadBufferSize(LONGEST + 1)
        socket.disconnected.connect(socket.deleteLater)
        socket.readyRead.connect(self._read)
        QTimer.singleShot(_CONNECTION_MS, self, socket.abort)
        # The line may have arrived before the signal was connected.
        self._read()

    def _read(self) -> None:
        if self._done:
            return
        self._received += self._socket.readAll().data()
        line, end, more = self._received.partition(b"\n")
        if not end and len(line) <= LONGEST:
            return
        self._done = True
        try:
            if not end or more:
                raise ValueError("not one line")
            folder, photos, until, token = _parse(line)
        except ValueError as error:
            _log.warning("A request was rejected: %s", error)
            self._socket.abort()
            return
        # After the deadline the other start has opened a window of its own.
        accepted = time.time() <= until
        if accepted:
            self._handler(folder, photos, token)
        self._socket.write(_TAKEN if accepted else _NOT_TAKEN)
        self._socket.disconnectFromServer()


def _parse(line: bytes) -> tuple[Path | None, tuple[str, ...], float, str]:
    """Return a request: the folder or None, the names of photos in it, the deadline (seconds since 1970), the token.

    Raises:
        ValueError: the line is not a valid request.
    """
    try:
        message = json.loads(line.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(message, dict) or message.keys() != {"folder", "photos", "until", "token"}:
        raise ValueError("not an object with the expected keys")
    folder, photos, until, token = (message[key] for key in ("folder", "photos", "until", "token"))
    if not isinstance(photos, list) or not all(isinstance(name, str) and _is_name(name) for name in photos):
        raise ValueError("invalid photos")
    if isinstance(until, bool) or not isinstance(until, int | float) or not 0 <= until < _LATEST:
        raise ValueError("invalid deadline")
    if not isinstance(token, str) or not _is_text(token) or len(token) > _LONGEST_TOKEN or not token.isprintable():
        raise ValueError("invalid token")
    if folder is None:
        return None, (), until, token
    if not isinstance(folder, str) or not _is_text(folder) or not Path(folder).is_absolute():
        raise ValueError("not an absolute folder")
    return Path(folder), tuple(photos), until, token


def _is_name(name: str) -> bool:
    return bool(name) and _is_text(name) and Path(name).name == name


def _is_text(value: str) -> bool:
    """Return whether the system takes this for a path or in the environment."""
    try:
        os.fsencode(value)
    except UnicodeError:
        return False
    return "\0" not in value


def _socket_folder() -> Path:
    """Return a folder where no other user can plant a socket under our name."""
    run_time = os.environ.get("XDG_RUNTIME_DIR", "")
    if run_time and is_ours(run_time, stat.S_ISDIR):
        return Path(run_time)
    return Path(os.environ.get("TMPDIR") or "/tmp")  # as Qt does; the owner of the socket is checked


def _may_answer(name: str) -> bool:
    """Return whether there may be a window at this address; one of another user doesn't count."""
    return sys.platform == "win32" or is_ours(name, stat.S_ISSOCK)


def listens(name: str) -> bool:
    """Return whether a window listens at this address, or was killed while it did."""
    if sys.platform == "win32":
        return name in os.listdir(_PIPES)  # noqa: PTH208  # to pathlib this is no folder
    return is_ours(name, stat.S_ISSOCK)


def forget_dead(name: str) -> None:
    """Remove the socket of a window that was killed. Only for the holder of the lock."""
    if sys.platform != "win32" and is_ours(name, stat.S_ISSOCK):
        with contextlib.suppress(OSError):
            Path(name).unlink()


def is_ours(path: str, kind: Callable[[int], bool]) -> bool:
    """Return whether something of a kind (a test from `stat`) exists at a path and belongs to this user."""
    if sys.platform == "win32":
        return True
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return False
    return kind(status.st_mode) and status.st_uid == os.getuid()


def _connected(socket: QLocalSocket, name: str, until: float) -> bool:
    socket.connectToServer(name)
    return socket.waitForConnected(_milliseconds_to(until))


def _milliseconds_to(until: float) -> int:
    return max(0, int((until - time.monotonic()) * 1000))


def _allow_foreground() -> None:
    # On Windows only the program that the user has just started may come to the front, unless it lets others.
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(-1)


STARTING_SECONDS: Final = 10.0
"""How long a start waits for a window that is being opened by another one."""
_POLL_SECONDS: Final = 0.05


class InstanceLock:
    """The right to be the window that later starts find.

    Attributes:
        name: the address, from `server_name`.
    """

    def __init__(self, name: str) -> None:
        """Prepare; `acquire()` takes the lock."""
        self.name = name
        self._path = os.path.join(QDir.tempPath(), f"{name}.lock") if sys.platform == "win32" else f"{name}.lock"  # noqa: PTH118
        self._lock = QLockFile(self._path)
        # A lock never expires with time; that of a killed process is taken over in any case.
        self._lock.setStaleLockTime(0)

    @property
    def held(self) -> bool:
        """Whether this process holds the lock."""
        return self._lock.isLocked()

    def acquire(self) -> bool:
        """Take the lock unless another process holds it; return whether it is held now."""
        if not self.held and self._lock.tryLock(0):
            close_to_others(Path(self._path))
            # A socket that is still there belongs to a process that was killed.
            forget_dead(self.name)
        return self.held

    def is_held_elsewhere(self) -> bool:
        """Return whether another process of this user holds the lock, after `acquire` failed."""
        return self._lock.error() == QLockFile.LockError.LockFailedError and is_ours(self._path, stat.S_ISREG)

    def release(self) -> None:
        """Release the lock. Releasing twice is fine."""
        self._lock.unlock()


def hand_over_or_lock(
    lock: InstanceLock, folder: Path | None, photos: Sequence[str] = (), *, seconds: float = STARTING_SECONDS
) -> bool:
    """Hand a folder to the window that is open or being opened; if there is none, take the lock.

    Args:
        lock: of this start.
        folder: absolute, or None to have the window come to the front only.
        photos: names of photos in the folder to select.
        seconds: how long to wait for a window that is being opened.

    Returns:
        Whether a window accepted it. If not, this start opens a window of its own; `lock.held` says whether later
        starts will find that one, which they don't if there is another one that is busy.
    """
    until = time.monotonic() + seconds
    while True:
        is_listening = listens(lock.name)
        if hand_over(lock.name, folder, photos):
            return True
        if lock.acquire() or is_listening or not lock.is_held_elsewhere() or time.monotonic() >= until:
            return False
        time.sleep(_POLL_SECONDS)
