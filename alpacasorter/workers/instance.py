"""One window for a user: a second start hands its folder to the window that is open, which comes to the front.

Between the two there is a socket (a named pipe on Windows) that only the same user may open. Over it goes one line:
JSON with a folder or null; and back comes one that says whether it was taken. Qt's network library, which has the
socket, is imported only where there is somebody to talk to, and after the first window.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer, QLocalSocket

_log = logging.getLogger(__name__)

LONGEST: Final = 64 * 1024
"""Bytes of a message; no path is as long."""
ANSWER_SECONDS: Final = 1.0
"""How long a second start waits for the window that is open, before it opens one of its own."""

_TAKEN: Final = b"taken\n"
_NOT_TAKEN: Final = b"not taken\n"
_TALK_MS: Final = 2_000
"""After this a connection that has said nothing is closed."""
_PROBE_SECONDS: Final = 0.2


def server_name(*setup: str) -> str:
    """Return the address of the window that was started by this user in this way.

    Args:
        setup: whatever makes two starts so different that one window can't serve both: data folder, screen, model.
    """
    user = os.environ.get("USERNAME", "") if sys.platform == "win32" else str(os.getuid())
    parts = json.dumps([user, *setup]).encode()
    name = f"alpacasorter-{hashlib.sha256(parts).hexdigest()[:24]}"
    return name if sys.platform == "win32" else str(_socket_folder() / name)


def hand_over(name: str, folder: Path | None, *, seconds: float = ANSWER_SECONDS) -> bool:
    """Have the window that is open come to the front, and open a folder where one is given.

    Args:
        name: from `server_name`.
        folder: absolute, or None.
        seconds: how long to wait for an answer.

    Returns:
        Whether it does; where not, there is none, it is busy, or it does not answer.
    """
    if not _may_answer(name):
        return False
    try:
        from PySide6.QtNetwork import QLocalSocket
    except ImportError as error:
        _log.warning("Other windows can't be asked: %s", error)
        return False
    until = time.monotonic() + seconds
    line = json.dumps({"folder": None if folder is None else str(folder)}).encode() + b"\n"
    if len(line) > LONGEST:
        return False
    socket = QLocalSocket()
    try:
        if not _connected(socket, name, until):
            return False
        _let_it_come_to_the_front()
        socket.write(line)
        answer = b""
        while b"\n" not in answer and len(answer) < LONGEST:
            if not socket.bytesAvailable() and not socket.waitForReadyRead(_milliseconds_to(until)):
                return False
            answer += socket.readAll().data()
        return answer == _TAKEN
    finally:
        socket.abort()


class Instance(QObject):
    """Hears of later starts. All methods are called on the GUI thread."""

    def __init__(self, name: str, take: Callable[[Path | None], bool], parent: QObject | None = None) -> None:
        """Prepare; nobody is heard before `listen()`.

        Args:
            name: from `server_name`.
            take: is told of a folder to open, or None to come to the front only; says whether that is done.
            parent: owner.
        """
        super().__init__(parent)
        self._name = name
        self._take = take
        self._server: QLocalServer | None = None

    def listen(self) -> bool:
        """Hear of later starts from now on, unless another window does so; return whether this one does."""
        try:
            from PySide6.QtNetwork import QLocalServer, QLocalSocket
        except ImportError as error:
            # Such as on a system that lacks a library which Qt's needs. Then each start has a window of its own.
            _log.warning("Later starts are not heard of: %s", error)
            return False
        if _may_answer(self._name):
            probe = QLocalSocket()
            answered = _connected(probe, self._name, time.monotonic() + _PROBE_SECONDS)
            probe.abort()
            if answered:
                return False
            # Its owner was killed.
            QLocalServer.removeServer(self._name)
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_connection)
        if not server.listen(self._name):
            _log.warning("Later starts are not heard of: %s", server.errorString())
            return False
        self._server = server
        return True

    def close(self) -> None:
        """Hear of no more. Closing twice is fine."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _on_connection(self) -> None:
        while self._server is not None and (socket := self._server.nextPendingConnection()) is not None:
            _Talk(socket, self._take)


class _Talk(QObject):
    """One connection: a line comes, a line goes back, and it is over."""

    def __init__(self, socket: QLocalSocket, take: Callable[[Path | None], bool]) -> None:
        super().__init__(socket)
        self._socket = socket
        self._take = take
        self._heard = b""
        self._over = False
        socket.setReadBufferSize(LONGEST + 1)
        socket.disconnected.connect(socket.deleteLater)
        socket.readyRead.connect(self._read)
        QTimer.singleShot(_TALK_MS, self, socket.abort)
        # It may have come before anybody listened.
        self._read()

    def _read(self) -> None:
        if self._over:
            return
        self._heard += self._socket.readAll().data()
        line, end, more = self._heard.partition(b"\n")
        if not end and len(line) <= LONGEST:
            return
        self._over = True
        try:
            if not end or more:
                raise ValueError("not one line")
            folder = _folder_in(line)
        except ValueError as error:
            _log.warning("Something else than a start spoke to this window: %s", error)
            self._socket.abort()
            return
        self._socket.write(_TAKEN if self._take(folder) else _NOT_TAKEN)
        self._socket.disconnectFromServer()


def _folder_in(line: bytes) -> Path | None:
    """Return the folder that a message names, or None where it names none.

    Raises:
        ValueError: the message makes no sense.
    """
    try:
        message = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(message, dict) or message.keys() != {"folder"}:
        raise ValueError("not an object with a folder")
    folder = message["folder"]
    if folder is None:
        return None
    if not isinstance(folder, str) or "\0" in folder or not Path(folder).is_absolute():
        raise ValueError("not a folder from the root")
    return Path(folder)


def _socket_folder() -> Path:
    """Return a folder in which nobody else can put a socket under our name and have it taken for ours."""
    run_time = os.environ.get("XDG_RUNTIME_DIR", "")
    if run_time and _is_ours(run_time, stat.S_ISDIR):
        return Path(run_time)
    return Path(os.environ.get("TMPDIR") or "/tmp")  # as Qt does; who owns the socket is looked at


def _may_answer(name: str) -> bool:
    """Tell whether there may be a window at this address; another user's counts as none."""
    return sys.platform == "win32" or _is_ours(name, stat.S_ISSOCK)


def _is_ours(path: str, kind: Callable[[int], bool]) -> bool:
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


def _let_it_come_to_the_front() -> None:
    # Windows lets only that program come to the front which the user has just started, unless that one allows it.
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.AllowSetForegroundWindow(-1)
