"""One window for a user: a second start hands its folder to the window that is open, which comes to the front.

Between the two there is a socket that only the same user may open; on Windows it is a named pipe, which other programs
of the user may open, too. Over it goes one line: JSON with a folder or null, the photos in it to select, until when it
may be taken, and what lets the window come to the front; and back comes one that says whether it was taken. Qt's
network library, which has the socket, is imported only where there is somebody to talk to, and after the first window.
Which window listens is settled in claim.py.

Of several starts, one has the window that later ones are handed to: it holds a lock from its start to its end.

The lock is taken before the window is made, which takes half a second: of two starts at the same moment the one without
it waits until the other listens.
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
_GRACE_SECONDS: Final = 0.25
"""An answer that was given at the last moment is still waited for, or two windows would open the folder."""
_TOKENS: Final = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")
"""Variables by which a desktop lets the window that a start leads to come to the front."""
_PIPES: Final = r"\\.\pipe" + "\\"

Take = Callable[["Path | None", tuple[str, ...], str], None]
"""Opens a folder and selects photos of these names in it, or comes to the front only; by a token of the desktop's that
may be ""."""


def server_name(*setup: str) -> str:
    """Return the address of the window that was started by this user in this way.

    Args:
        setup: whatever makes two starts so different that one window can't serve both: data folder, screen, model.
    """
    if sys.platform == "win32":
        # One user may be at work in two sessions, each with a screen of its own.
        user = [os.environ.get("USERNAME", ""), os.environ.get("SESSIONNAME", "")]
    else:
        user = [str(os.getuid())]
    parts = json.dumps([*user, *setup]).encode()
    name = f"alpacasorter-{hashlib.sha256(parts).hexdigest()[:24]}"
    return name if sys.platform == "win32" else str(_socket_folder() / name)


def hand_over(name: str, folder: Path | None, photos: Sequence[str] = (), *, seconds: float = ANSWER_SECONDS) -> bool:
    """Have the window that is open come to the front, and open a folder where one is given.

    Args:
        name: from `server_name`.
        folder: absolute, or None.
        photos: names of those in it that are to be selected; none where they are too many for a message.
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
        _let_it_come_to_the_front()
        socket.write(line)
        until += _GRACE_SECONDS
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

    def __init__(self, name: str, take: Take, parent: QObject | None = None) -> None:
        """Prepare; nobody is heard before `listen()`.

        Args:
            name: from `server_name`.
            take: is told of what later starts ask for.
            parent: owner.
        """
        super().__init__(parent)
        self._name = name
        self._take = take
        self._server: QLocalServer | None = None

    def listen(self) -> bool:
        """Hear of later starts from now on; return whether that can be had. Only for who holds the claim (claim.py)."""
        try:
            from PySide6.QtNetwork import QLocalServer
        except ImportError as error:
            # Such as on a system that lacks a library which Qt's needs. Then each start has a window of its own.
            _log.warning("Later starts are not heard of: %s", error)
            return False
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

    def __init__(self, socket: QLocalSocket, take: Take) -> None:
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
            folder, photos, until, token = _understood(line)
        except ValueError as error:
            _log.warning("Something else than a start spoke to this window: %s", error)
            self._socket.abort()
            return
        # Whoever has waited for too long opens a window for it.
        taken = time.time() <= until
        if taken:
            self._take(folder, photos, token)
        self._socket.write(_TAKEN if taken else _NOT_TAKEN)
        self._socket.disconnectFromServer()


def _understood(line: bytes) -> tuple[Path | None, tuple[str, ...], float, str]:
    """Return what a message says: the folder, if any; names of photos in it; until when it may be taken, in seconds
    since 1970; the token.

    Raises:
        ValueError: the message makes no sense.
    """
    try:
        message = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(message, dict) or message.keys() != {"folder", "photos", "until", "token"}:
        raise ValueError("not an object with what a start says")
    folder, photos, until, token = (message[key] for key in ("folder", "photos", "until", "token"))
    if not isinstance(photos, list) or not all(isinstance(name, str) and _is_name(name) for name in photos):
        raise ValueError("not names of photos")
    if isinstance(until, bool) or not isinstance(until, int | float):
        raise ValueError("not a time")
    if not isinstance(token, str) or "\0" in token:
        raise ValueError("not a token")
    if folder is None:
        return None, (), until, token
    if not isinstance(folder, str) or "\0" in folder or not Path(folder).is_absolute():
        raise ValueError("not a folder from the root")
    return Path(folder), tuple(photos), until, token


def _is_name(name: str) -> bool:
    return "\0" not in name and Path(name).name == name


def _socket_folder() -> Path:
    """Return a folder in which nobody else can put a socket under our name and have it taken for ours."""
    run_time = os.environ.get("XDG_RUNTIME_DIR", "")
    if run_time and is_ours(run_time, stat.S_ISDIR):
        return Path(run_time)
    return Path(os.environ.get("TMPDIR") or "/tmp")  # as Qt does; who owns the socket is looked at


def _may_answer(name: str) -> bool:
    """Tell whether there may be a window at this address; another user's counts as none."""
    return sys.platform == "win32" or is_ours(name, stat.S_ISSOCK)


def listens(name: str) -> bool:
    """Tell whether somebody listens at this address, or was killed while they did."""
    if sys.platform == "win32":
        return name in os.listdir(_PIPES)  # noqa: PTH208  # pathlib takes it for no folder
    return is_ours(name, stat.S_ISSOCK)


def forget_dead(name: str) -> None:
    """Remove the socket of a window that was killed; only for who holds the claim."""
    if sys.platform != "win32" and is_ours(name, stat.S_ISSOCK):
        with contextlib.suppress(OSError):
            Path(name).unlink()


def is_ours(path: str, kind: Callable[[int], bool]) -> bool:
    """Tell whether there is something of a kind (see `stat`) at a path that belongs to this user."""
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


STARTING_SECONDS: Final = 10.0
"""How long one start waits for the window of another that is being opened."""
_POLL_SECONDS: Final = 0.05


class Claim:
    """The right to be found by later starts.

    Attributes:
        name: the address, from `instance.server_name`.
    """

    def __init__(self, name: str) -> None:
        """Prepare; `take()` takes it."""
        self.name = name
        self._path = os.path.join(QDir.tempPath(), f"{name}.lock") if sys.platform == "win32" else f"{name}.lock"  # noqa: PTH118
        self._lock = QLockFile(self._path)
        # However old it is; that of a process which was killed is never in the way.
        self._lock.setStaleLockTime(0)

    @property
    def held(self) -> bool:
        """Whether it was taken."""
        return self._lock.isLocked()

    def take(self) -> bool:
        """Take it unless another window has it; return whether it is held now."""
        if not self.held and self._lock.tryLock(0):
            # Whoever listened there was killed.
            forget_dead(self.name)
        return self.held

    def is_elsewhere(self) -> bool:
        """Tell whether another process of this user has it, after `take` failed."""
        return self._lock.error() == QLockFile.LockError.LockFailedError and is_ours(self._path, stat.S_ISREG)

    def release(self) -> None:
        """Leave it to others. Releasing twice is fine."""
        self._lock.unlock()


def hand_over_or_claim(
    claim: Claim, folder: Path | None, photos: Sequence[str] = (), *, seconds: float = STARTING_SECONDS
) -> bool:
    """Hand a folder to the window that is open or is being opened; where there is none, take the claim.

    Args:
        claim: of this start.
        folder: absolute, or None to have the window come to the front only.
        photos: names of those in it that are to be selected.
        seconds: how long to wait for a window that is being opened.

    Returns:
        Whether a window has it. Where not, this start opens one of its own; `claim.held` says whether later starts
        find that one: not where there is another one that is busy.
    """
    until = time.monotonic() + seconds
    while True:
        there = listens(claim.name)
        if hand_over(claim.name, folder, photos):
            return True
        if claim.take() or there or not claim.is_elsewhere() or time.monotonic() >= until:
            return False
        time.sleep(_POLL_SECONDS)
