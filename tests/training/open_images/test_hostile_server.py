"""A server that wants to fill the disk or the memory, or never to end: every download ends in time, and small."""

import contextlib
import gzip
import itertools
import shutil
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from alpacasorter.training.open_images.catalog import Classes, read_labels, read_photo_list
from alpacasorter.training.open_images.fetch import DownloadError, Patience, Refused, TooLarge, Web
from alpacasorter.training.open_images.list_cache import ListCache, RemoteList
from alpacasorter.training.open_images.saving import Attribution, PhotoFolders
from tests.picture_files import picture_bytes

HEADER = b"ImageID,Source,LabelName,Confidence\n"
ROW = b"%016x,verification,/m/0pcr,1\n" % 1
QUICK = Patience(timeout=0.4, slowest=10_000.0, tries=2, pause=0.0)
LIMIT = 3 << 20

Body = Callable[[], Iterator[bytes]]


class Hostile:
    """Sends the same to everybody who asks, byte for byte, until they hang up."""

    def __init__(self, body: Body, *, pause: float = 0.0) -> None:
        self._body, self._pause = body, pause
        self.sent = 0
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/list.csv"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._socket.accept()
                with connection:
                    connection.settimeout(0.2)
                    connection.recv(10_000)
                    for piece in self._body():
                        if self._stop.is_set():
                            break
                        connection.sendall(piece)
                        self.sent += len(piece)
                        self._stop.wait(self._pause)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Hostile]]:
    servers: list[Hostile] = []

    def make(body: Body, **options: float) -> Hostile:
        servers.append(Hostile(body, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web(QUICK)
    yield web
    web.close()


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode()


def without_end(start: bytes, more: bytes) -> Body:
    return lambda: itertools.chain([start], itertools.repeat(more))


def fetch(folder: Path, web: Web, url: str) -> Path:
    item = RemoteList(url, ("ImageID", "Source", "LabelName", "Confidence"), LIMIT)
    with ListCache(folder, web).hold() as cache:
        fetching = cache.fetch(item)
        while True:
            try:
                next(fetching)
            except StopIteration as end:
                return end.value


def used(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*"))


CHUNK = (ROW * 3000)[: 1 << 16]
ENDLESS: dict[str, Body] = {
    "no length": without_end(head() + HEADER, CHUNK),
    "chunked": without_end(
        head("Transfer-Encoding: chunked") + b"%x\r\n%b\r\n" % (len(HEADER), HEADER),
        b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK),
    ),
    "says that it is enormous": without_end(head("Content-Length: 999999999999") + HEADER, CHUNK),
    "no list": without_end(head(), bytes(1 << 16)),
    "packed": without_end(head("Content-Encoding: gzip"), gzip.compress(bytes(10 << 20))),
    "status without end": without_end(b"HTTP/1.1 200 " + b"x" * 1000, b"x" * 1000),
    "headers without end": without_end(head()[:-2], b"X-More: " + b"x" * 60_000 + b"\r\n"),
    "patience without end": without_end(head(status="100 Continue"), head(status="100 Continue")),
    "another part than asked": without_end(
        head("Content-Range: bytes 0-5/99999999999", status="206 Partial Content"), CHUNK
    ),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_the_disk_is_not_filled(tmp_path: Path, web: Web, serve: Callable[..., Hostile], what: str) -> None:
    server = serve(ENDLESS[what])
    begun = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(DownloadError):
            fetch(tmp_path, web, server.url)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert time.monotonic() - begun < 8
    assert used(tmp_path) < 2 * LIMIT
    assert not (tmp_path / "list.csv").exists()


def test_what_is_no_list_is_given_up_early(tmp_path: Path, web: Web, serve: Callable[..., Hostile]) -> None:
    with pytest.raises(DownloadError, match="expected list"):
        fetch(tmp_path, web, serve(ENDLESS["no list"]).url)
    assert used(tmp_path) < 2 << 20


DRIPS: dict[str, Body] = {
    "head": without_end(b"HTTP/1.1 200 OK\r\n", b"X"),
    "body": without_end(head() + HEADER, b"x"),
    "chunk size": without_end(head("Transfer-Encoding: chunked"), b"0"),
    "body of known length": without_end(head("Content-Length: 1000000") + HEADER, b"x"),
}


@pytest.mark.parametrize("what", DRIPS)
def test_bytes_that_trickle_in(tmp_path: Path, web: Web, serve: Callable[..., Hostile], what: str) -> None:
    begun = time.monotonic()
    server = serve(DRIPS[what], pause=0.05)
    with pytest.raises(DownloadError):
        fetch(tmp_path, web, server.url)
    with pytest.raises(DownloadError):
        web.get(server.url, limit=1000, check=lambda _: None)
    assert time.monotonic() - begun < 12


def test_what_comes_with_a_redirect_is_not_read(web: Web, serve: Callable[..., Hostile]) -> None:
    server = serve(without_end(head("Location: /other", status="302 Found"), bytes(1 << 16)))
    with pytest.raises(DownloadError):
        web.get(server.url, limit=1000, check=lambda _: None)
    assert server.sent < 64 << 20


@pytest.mark.parametrize(
    "to",
    ["http://localhost:{port}/other", "file:///etc/hosts", "ftp://127.0.0.1/a", "http://169.254.169.254/", "data:,x"],
)
def test_redirects_to_elsewhere(web: Web, serve: Callable[..., Hostile], to: str) -> None:
    server: list[Hostile] = []

    def body() -> Iterator[bytes]:
        port = server[0].url.rpartition(":")[2].partition("/")[0]
        yield head(f"Location: {to.format(port=port)}", "Content-Length: 0", status="302 Found")

    server.append(serve(body))
    with pytest.raises(Refused, match="insecure"):
        web.get(server[0].url, limit=1000, check=lambda _: None)


def test_a_disk_that_others_fill(
    tmp_path: Path, web: Web, serve: Callable[..., Hostile], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter((1 << 30, 10 << 20))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free, 0)))
    with pytest.raises(DownloadError, match="not enough space"):
        fetch(tmp_path, web, serve(ENDLESS["no length"]).url)
    assert used(tmp_path) < 2 << 20


def test_photos_are_small_and_leave_space(
    tmp_path: Path, web: Web, serve: Callable[..., Hostile], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = picture_bytes(size=(64, 48), seed=1)
    with Attribution.open(tmp_path) as attribution:
        folders = PhotoFolders(tmp_path, attribution)
        endless = serve(without_end(head() + photo, bytes(1 << 16)))
        with pytest.raises(TooLarge):
            folders.download(web, endless.url, "alpaca", "0" * 16)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
        small = serve(lambda: iter([head(f"Content-Length: {len(photo)}"), photo]))
        with pytest.raises(OSError, match="space"):
            folders.download(web, small.url, "alpaca", "0" * 16)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ATTRIBUTION.csv"]


def test_lists_with_a_line_that_never_ends(tmp_path: Path) -> None:
    image = b"%016x" % 7
    file = tmp_path / "list.csv"
    with file.open("wb") as stream:
        stream.write(HEADER)
        for _ in range(30):
            stream.write(b'0"' * (1 << 19))
        stream.write(b"\n" + image + b",verification,/m/0pcr,1\n")
        stream.write(image + b',train,"' + b"x" * (30 << 20))
    tracemalloc.start()
    try:
        assert list(read_labels(file, ["/m/0pcr"])) == [(image.decode(), "/m/0pcr", True)]
        assert read_photo_list(file, [image.decode()]) == {}
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    names = tmp_path / "classes.csv"
    names.write_bytes(b"LabelName,DisplayName\n/m/0pcr,Alpaca\n/m/x," + b"x" * 500_000 + b"\n/m/y,Llama\n")
    assert [found.name for found in Classes(names, names).search("a")] == ["Alpaca", "Llama"]
