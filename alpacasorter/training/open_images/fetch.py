"""Fetching over HTTP with patience: bounded, retried, stoppable at once.

Standard library only. Libraries such as requests are no dependency of the app, and what is needed here, a GET that
is retried, resumed and bounded, is a page of code on urllib, which already honours the proxies and the certificates
of the system.

What can go wrong while something is downloaded, each with a sentence for the user.

The urllib side of fetching: which addresses are opened, how, and where a redirect may lead.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
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


class DownloadError(Exception):
    """Something can't be fetched or stored. The message is a sentence or two for the user."""


class Missing(DownloadError):
    """The server has nothing of this name."""


class Refused(DownloadError):
    """The server gave an answer that trying again would not change."""


class RangeRefused(Refused):
    """There is nothing behind the byte from which the rest was asked for."""


class TooLarge(DownloadError):
    """There are more bytes than allowed."""


class Unusable(DownloadError):
    """What came is not what was asked for, such as a web page in place of a picture."""


class Stopped(DownloadError):
    """The fetching was stopped from outside."""


class Unreachable(DownloadError):
    """Every try failed."""


class Interrupted(DownloadError):
    """One try failed; the next may not.

    Attributes:
        wait: seconds after which the server wants to be asked again; None where it did not say.
    """

    def __init__(self, sentence: str, wait: float | None = None) -> None:
        super().__init__(sentence)
        self.wait = wait


_CONNECT_SECONDS: Final = 10.0
_MAX_REDIRECTS: Final = 5


def build_opener(opened: Callable[[socket.socket], None]) -> urllib.request.OpenerDirector:
    """Return what opens addresses with http and https and nothing else, through the proxies of the system.

    Certificates are verified, and a redirect leads to https or stays with the scheme it came from.

    Args:
        opened: told of each connection's socket.
    """
    opener = urllib.request.OpenerDirector()
    # Not urllib's build_opener(), which would also open files and FTP.
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
    """Return the host of an address, for sentences."""
    return urllib.parse.urlsplit(url).hostname or url


class _Watched(http.client.HTTPConnection):
    """A connection that shows its socket to whoever may have to close it, and is impatient while connecting."""

    def __init__(self, host: str, *, opened: Callable[[socket.socket], None], **options: Any) -> None:
        super().__init__(host, **options)
        self._told = opened

    def connect(self) -> None:
        patience = self.timeout
        if isinstance(patience, int | float):
            self.timeout = min(patience, _CONNECT_SECONDS)
        super().connect()
        self.sock.settimeout(patience)
        self._told(self.sock)


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
        if urllib.parse.urlsplit(newurl).scheme not in ("https", req.type):
            fp.close()
            raise Refused(f"{host_of(req.full_url)} leads to an address that is not safe.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_BLOCK: Final = 64 * 1024
# Objects that storage servers don't have; some answer 403 so as not to tell that there is none.
_NOT_THERE: Final = frozenset((403, 404, 410))
_WORTH_ANOTHER_TRY: Final = frozenset((408, 425, 429))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        timeout: seconds without a byte after which a try counts as failed.
        deadline: seconds that one try of `Web.get` may take in all.
        tries: how often to try.
        pause: seconds before the second try; twice as long before each further one.
        longest_pause: seconds that a server may ask us to wait; who asks for more is given up.
    """

    timeout: float = 30.0
    deadline: float = 300.0
    tries: int = 5
    pause: float = 0.5
    longest_pause: float = 120.0


class Web:
    """Fetches over HTTP(S). May be used by several threads at once; `close` ends them all."""

    def __init__(self, patience: Patience | None = None) -> None:
        """Nothing is opened yet."""
        self._patience = patience or Patience()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._agent = _user_agent()
        self._opener = build_opener(self._opened)

    def close(self) -> None:
        """Break off whatever goes on; everything raises `Stopped` from now on."""
        self._stopped.set()
        with self._lock:
            for opened in list(self._sockets):
                with contextlib.suppress(OSError):
                    # The plain one also for TLS: a farewell of the protocol would wait for the other side.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def open(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """Ask once and give the answer, its body not yet read.

        Raises:
            Missing, Refused, Interrupted, Stopped: as their names say.
        """
        if self._stopped.is_set():
            raise Stopped("The download was stopped.")
        asking = {"User-Agent": self._agent, **(headers or {})}
        try:
            request = urllib.request.Request(url, method=method, headers=asking)
            response = self._opener.open(request, timeout=self._patience.timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failure(error, url) from error
        with response:
            yield response

    def blocks(self, response: http.client.HTTPResponse, *, until: float | None = None) -> Iterator[bytes]:
        """Yield the body as it comes in, and raise unless all of it came.

        Args:
            response: what `open` gave.
            until: time.monotonic() at which to give up.

        Raises:
            Interrupted: it broke off, or is too slow.
            Stopped: `close` was called.
        """
        announced = length_of(response)
        got = 0
        while True:
            try:
                block = response.read1(_BLOCK)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._failure(error, response.url) from error
            if self._stopped.is_set():
                raise Stopped("The download was stopped.")
            if not block:
                break
            got += len(block)
            yield block
            if until is not None and time.monotonic() > until:
                raise Interrupted(f"{host_of(response.url)} is too slow.")
        if announced is not None and got != announced:
            raise Interrupted(f"{host_of(response.url)} broke off in the middle.")

    def get(self, url: str, *, limit: int, check: Callable[[bytes], None]) -> bytes:
        """Return all bytes at an address, tried again as long as there is hope.

        Args:
            url: the address.
            limit: bytes at most.
            check: raises `Unusable` for bytes that are not what was asked for; those are fetched twice at most.

        Raises:
            Missing, Refused, TooLarge, Unusable, Unreachable, Stopped: as their names say.
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
        """Wait before the next try.

        Args:
            error: why the last one failed.
            failed: how many failed so far.

        Raises:
            Unreachable: that was the last one.
            Stopped: `close` was called meanwhile.
        """
        patience = self._patience
        if failed >= patience.tries or (error.wait is not None and error.wait > patience.longest_pause):
            raise Unreachable(str(error)) from error
        pause = min(patience.pause * 2 ** (failed - 1), patience.longest_pause)
        if self._stopped.wait(max(pause, error.wait or 0.0)):
            raise Stopped("The download was stopped.")

    def _get_once(self, url: str, limit: int) -> bytes:
        until = time.monotonic() + self._patience.deadline
        with self.open(url) as response:
            if (length_of(response) or 0) > limit:
                raise TooLarge(f"It is larger than {limit:,} bytes.")
            data = bytearray()
            for block in self.blocks(response, until=until):
                data += block
                if len(data) > limit:
                    raise TooLarge(f"It is larger than {limit:,} bytes.")
            return bytes(data)

    def _opened(self, opened: socket.socket) -> None:
        with self._lock:
            self._sockets.add(opened)
        if self._stopped.is_set():
            opened.close()

    def _failure(self, error: Exception, url: str) -> DownloadError:
        host = host_of(url)
        if self._stopped.is_set():
            return Stopped("The download was stopped.")
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            return _of_status(error, host)
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return Refused(f"{host} could not prove that it is {host}, so nothing was fetched from it.")
        if isinstance(error, http.client.InvalidURL) or (isinstance(error, ValueError) and "url type" in str(error)):
            return Refused(f"{url} is not an address that can be fetched.")
        if isinstance(reason, str):
            return Refused(f"{url} can't be fetched: {reason}.")
        if isinstance(reason, TimeoutError):
            return Interrupted(f"{host} does not answer.")
        if isinstance(reason, socket.gaierror):
            return Interrupted(f"{host} can't be found on the network. Is this computer online?")
        return Interrupted(f"The connection to {host} failed.")


def length_of(response: http.client.HTTPResponse) -> int | None:
    """Return the Content-Length of an answer in bytes, or None where it has none."""
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def _of_status(error: urllib.error.HTTPError, host: str) -> DownloadError:
    code = error.code
    if code in _NOT_THERE:
        return Missing(f"{host} does not have it.")
    if code == 416:
        return RangeRefused(f"{host} has nothing more.")
    if code in _WORTH_ANOTHER_TRY or code >= 500:
        return Interrupted(f"{host} is busy or out of order (code {code}).", _retry_after(error.headers))
    if 300 <= code < 400:
        return Refused(f"{host} leads round in circles, or to an address that is not safe.")
    return Refused(f"{host} refused to answer (code {code}).")


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
