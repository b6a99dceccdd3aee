"""HTTP downloads that are bounded, retried, and can be stopped at once.

Standard library only: urllib already uses the system's proxies and certificates, and a library with retries, such as
urllib3, would be one more dependency of the app that saves nothing here. Its retries can't be interrupted while they
wait, it does not reveal its sockets, which must be closed to stop a download at once, and it does not restrict where a
redirect may lead; size limits, deadlines and resuming would still be up to us.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any, Final

from alpacasorter.i18n import _, size


class DownloadError(Exception):
    """Something can't be downloaded or stored. The message is a sentence or two for the user."""


class Missing(DownloadError):
    """The server does not have it."""


class Refused(DownloadError):
    """The server gave an answer that would be the same on another attempt."""


class RangeRefused(Refused):
    """The server can't send the requested part."""


class TooLarge(DownloadError):
    """It has more bytes than allowed."""


class Unusable(DownloadError):
    """What was received is not what was requested, such as a web page instead of a picture."""


class DownloadStopped(DownloadError):
    """`Web.close` was called."""


class Unreachable(DownloadError):
    """Every attempt failed."""


class Interrupted(DownloadError):
    """One attempt failed; the next may succeed.

    Attributes:
        wait: seconds the server asks to wait before the next attempt; None if it did not say.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


_CONNECT_SECONDS: Final = 10.0
_MAX_REDIRECTS: Final = 5


def build_opener(opened: Callable[[socket.socket], None]) -> urllib.request.OpenerDirector:
    """Return an opener for http and https addresses and nothing else, using the system's proxies.

    Certificates are verified, and a redirect must lead to https or keep the scheme.

    Args:
        opened: called with the socket of each connection.
    """
    opener = urllib.request.OpenerDirector()
    # Not urllib's build_opener(), which would also open files and FTP addresses.
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        _PlainHandler(opened),
        _SecureHandler(opened),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _CarefulRedirects(),
    ):
        opener.add_handler(handler)
    return opener


def host_of(url: str) -> str:
    """Return the host of an address, for messages."""
    return urllib.parse.urlsplit(url).hostname or url


class _Arriving(io.RawIOBase):
    """What arrives at a socket, within a time for each part of an answer, however slowly its bytes come."""

    def __init__(self, opened: socket.socket) -> None:
        super().__init__()
        self._socket = opened
        self._raw = opened.makefile("rb", buffering=0)
        self._timeout = opened.gettimeout()
        self._until: float | None = None
        self.begin_part()

    def begin_part(self) -> None:
        """Give the next part (the head, or a block of the body with what frames it) its time."""
        self._until = None if self._timeout is None else time.monotonic() + self._timeout

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int | None:
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("this part of the answer took too long")
            self._socket.settimeout(left)
        return self._raw.readinto(room)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *given: Any, **options: Any) -> None:
        super().__init__(sock, *given, **options)
        self.fp.close()
        self.arriving = _Arriving(sock)
        self.fp = io.BufferedReader(self.arriving)


class _Watched(http.client.HTTPConnection):
    """A connection that reveals its socket, so that it can be closed, and has a shorter timeout while connecting."""

    response_class = _Answer

    def __init__(self, host: str, *, opened: Callable[[socket.socket], None], **options: Any) -> None:
        super().__init__(host, **options)
        self._opened = opened

    def connect(self) -> None:
        timeout = self.timeout
        if isinstance(timeout, int | float):
            self.timeout = min(timeout, _CONNECT_SECONDS)
        super().connect()
        self.sock.settimeout(timeout)
        self._opened(self.sock)


class _WatchedSecure(_Watched, http.client.HTTPSConnection):
    """The same over TLS."""


class _PlainHandler(urllib.request.HTTPHandler):
    def __init__(self, opened: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._connection: Any = functools.partial(_Watched, opened=opened)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, opened: Callable[[socket.socket], None]) -> None:
        self._trust = ssl.create_default_context()
        super().__init__(context=self._trust)
        self._connection: Any = functools.partial(_WatchedSecure, opened=opened)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, req, context=self._trust)


class _CarefulRedirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MAX_REDIRECTS
    max_repeats = 2

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        # Closed first: urllib would read all that comes with it.
        fp.close()
        to = urllib.parse.urlsplit(newurl)
        if to.scheme != "https" and (to.scheme != req.type or to.hostname != host_of(req.full_url)):
            raise Refused(_("{host} redirects to an insecure address.").format(host=host_of(req.full_url)))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_BLOCK: Final = 64 * 1024
# What storage servers answer for a missing object; some answer 403 so as not to reveal that it is missing.
_NOT_THERE: Final = frozenset((403, 404, 410))
_WORTH_RETRYING: Final = frozenset((408, 425, 429))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        timeout: seconds without a byte, or without a complete head of an answer, after which an attempt fails.
        slowest: bytes a second, measured over `timeout`, below which an attempt fails.
        deadline: seconds one attempt of `Web.get` may take in total.
        tries: attempts at most.
        pause: seconds before the second attempt; doubled before each further one.
        longest_pause: seconds a server may ask to wait, at most; if it asks for more, the download fails.
    """

    timeout: float = 30.0
    slowest: float = 1024.0
    deadline: float = 300.0
    tries: int = 5
    pause: float = 0.5
    longest_pause: float = 120.0


class Web:
    """Downloads over HTTP(S). Can be used by several threads at once; `close` stops them all."""

    def __init__(self, patience: Patience | None = None) -> None:
        """Prepare; no connection is opened yet."""
        self._patience = patience or Patience()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._agent = _user_agent()
        self._opener = build_opener(self._opened)

    def close(self) -> None:
        """Stop all downloads; every method raises `DownloadStopped` from now on."""
        self._stopped.set()
        with self._lock:
            for opened in list(self._sockets):
                with contextlib.suppress(OSError):
                    # The plain shutdown also for TLS, whose own would wait for the server.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def open(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """Send one request and yield the response, its body not yet read.

        Raises:
            Missing, Refused, Interrupted, DownloadStopped: see there.
        """
        if self._stopped.is_set():
            raise _stopped()
        asking = {"User-Agent": self._agent, **(headers or {})}
        try:
            request = urllib.request.Request(url, method=method, headers=asking)
            response = self._opener.open(request, timeout=self._patience.timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failure(error, url) from error
        with response:
            yield response

    def blocks(self, response: http.client.HTTPResponse, *, until: float | None = None) -> Iterator[bytes]:
        """Yield the body as it arrives, and raise if it is incomplete.

        Args:
            response: from `open`.
            until: time.monotonic() at which to give up.

        Raises:
            Interrupted: the connection was lost, or is too slow.
            DownloadStopped: `close` was called.
        """
        announced = length_of(response)
        got, patience = 0, self._patience
        counted_from, counted = time.monotonic(), 0
        while True:
            try:
                if isinstance(response, _Answer):
                    response.arriving.begin_part()
                block = response.read1(_BLOCK)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._failure(error, response.url) from error
            if self._stopped.is_set():
                raise _stopped()
            if not block:
                break
            got += len(block)
            yield block
            now = time.monotonic()
            is_late = until is not None and now > until
            if now - counted_from > patience.timeout:
                is_late = is_late or got - counted < patience.slowest * (now - counted_from)
                counted_from, counted = now, got
            if is_late:
                raise Interrupted(_("{host} is too slow.").format(host=host_of(response.url)))
        if announced is not None and got != announced:
            raise Interrupted(_("The connection to {host} was lost.").format(host=host_of(response.url)))

    def get(self, url: str, *, limit: int, check: Callable[[bytes], None]) -> bytes:
        """Return all bytes at an address; attempts that may succeed later are repeated.

        Args:
            url: the address.
            limit: bytes at most.
            check: raises `Unusable` for bytes that are not what was requested; those are downloaded twice at most.

        Raises:
            Missing, Refused, TooLarge, Unusable, Unreachable, DownloadStopped: see there.
        """
        failed = unusable = 0
        while True:
            try:
                data = self._get_once(url, limit)
                check(data)
                return data
            except Interrupted as error:
                failed += 1
                self.wait_after(error, failed)
            except Unusable:
                unusable += 1
                if unusable == 2:
                    raise

    def wait_after(self, error: Interrupted, failed: int) -> None:
        """Wait before the next attempt.

        Args:
            error: why the last one failed.
            failed: how many have failed so far.

        Raises:
            Unreachable: there are no more attempts.
            DownloadStopped: `close` was called in the meantime.
        """
        patience = self._patience
        if failed >= patience.tries or (error.wait is not None and error.wait > patience.longest_pause):
            raise Unreachable(str(error)) from error
        pause = min(patience.pause * 2 ** (failed - 1), patience.longest_pause)
        if self._stopped.wait(max(pause, error.wait or 0.0)):
            raise _stopped()

    def _get_once(self, url: str, limit: int) -> bytes:
        until = time.monotonic() + self._patience.deadline
        with self.open(url) as response:
            if (length_of(response) or 0) > limit:
                raise too_large(limit)
            data = bytearray()
            for block in self.blocks(response, until=until):
                data += block
                if len(data) > limit:
                    raise too_large(limit)
            return bytes(data)

    def _opened(self, opened: socket.socket) -> None:
        with self._lock:
            self._sockets.add(opened)
        if self._stopped.is_set():
            opened.close()

    def _failure(self, error: Exception, url: str) -> DownloadError:
        host = host_of(url)
        if self._stopped.is_set():
            return _stopped()
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            return _of_status(error, host)
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return Refused(
                _("The certificate of {host} is not valid, so nothing was downloaded from it.").format(host=host)
            )
        if isinstance(error, http.client.InvalidURL) or (isinstance(error, ValueError) and "url type" in str(error)):
            return Refused(_("{address} is not a valid address.").format(address=url))
        if isinstance(reason, str):
            return Refused(_("{address} can't be downloaded ({error}).").format(address=url, error=reason))
        if isinstance(reason, TimeoutError):
            return Interrupted(_("{host} is not responding.").format(host=host))
        if isinstance(reason, socket.gaierror):
            return Interrupted(_("{host} can't be found. Check your internet connection.").format(host=host))
        return Interrupted(_("The connection to {host} failed.").format(host=host))


def _stopped() -> DownloadStopped:
    return DownloadStopped(_("The download was stopped."))


def too_large(limit: int) -> TooLarge:
    """Return the error for what has more bytes than allowed."""
    return TooLarge(_("It is larger than {size}.").format(size=size(limit)))


def length_of(response: http.client.HTTPResponse) -> int | None:
    """Return the Content-Length of a response in bytes, or None if it has none."""
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def _of_status(error: urllib.error.HTTPError, host: str) -> DownloadError:
    code = error.code
    if code in _NOT_THERE:
        return Missing(_("{host} does not have it.").format(host=host))
    if code == 416:
        return RangeRefused(_("{host} can't send the requested part.").format(host=host))
    if code in _WORTH_RETRYING or code >= 500:
        return Interrupted(
            _("{host} is busy or not working (HTTP status {code}).").format(host=host, code=code),
            _retry_after(error.headers),
        )
    if 300 <= code < 400:
        return Refused(_("{host} redirects in circles, or to an insecure address.").format(host=host))
    return Refused(_("{host} refused the request (HTTP status {code}).").format(host=host, code=code))


def _retry_after(headers: Any) -> float | None:
    value = (headers.get("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _user_agent() -> str:
    import alpacasorter

    return f"AlpacaSorter/{alpacasorter.__version__}"
