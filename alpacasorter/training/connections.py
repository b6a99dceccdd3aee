"""The urllib side of fetching: which addresses are opened, how, and where a redirect may lead."""

from __future__ import annotations

import functools
import http.client
import socket
import ssl
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import IO, Any, Final

from alpacasorter.training.download_errors import Refused

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
