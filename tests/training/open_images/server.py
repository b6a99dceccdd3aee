"""A server on this machine that looks like Open Images, and fails in the ways that servers fail."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.picture_files import picture_bytes

ALPACA, LLAMA, SHEEP, HIKING = "/m/0pcr", "/m/0cl6s", "/m/07bgp", "/m/012v9y"
CLASSES = {ALPACA: "Alpaca", LLAMA: "Llama", SHEEP: "Sheep", HIKING: "Hiking", "/m/0x": "Aux", "/m/0y": "Human face"}
BOXED = (ALPACA, LLAMA, SHEEP)
SUBSETS = ("validation", "test", "train")
LABEL_LISTS = {
    "validation": "/openimages/v7/oidv7-val-annotations-human-imagelabels.csv",
    "test": "/openimages/v7/oidv7-test-annotations-human-imagelabels.csv",
    "train": "/openimages/v5/train-annotations-human-imagelabels-boxable.csv",
}
PHOTO_LISTS = {
    "validation": "/openimages/2018_04/validation/validation-images-with-rotation.csv",
    "test": "/openimages/2018_04/test/test-images-with-rotation.csv",
    "train": "/openimages/2018_04/train/train-images-boxable-with-rotation.csv",
}
CLASS_LIST = "/openimages/v7/oidv7-class-descriptions.csv"
BOXED_LIST = "/openimages/v7/oidv7-class-descriptions-boxable.csv"
PHOTO_HEADER = [
    "ImageID",
    "Subset",
    "OriginalURL",
    "OriginalLandingURL",
    "License",
    "AuthorProfileURL",
    "Author",
    "Title",
    "OriginalSize",
    "OriginalMD5",
    "Thumbnail300KURL",
    "Rotation",
]
LICENCE = "https://creativecommons.org/licenses/by/2.0/"
HTML = b"<!DOCTYPE html><html><body>Please log in.</body></html>"


@dataclass
class Answer:
    """How to answer once instead of sending the file.

    Attributes:
        code: status.
        headers: further ones.
        body: in place of the file's; None for the file's own.
        cut: send only so many bytes of the body, then close the connection.
        reset: close the connection with a reset.
        hang: send nothing more until the server is closed or `release` is set.
        length: whether to say how long the body is.
    """

    code: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut: int | None = None
    reset: bool = False
    hang: bool = False
    length: bool = True


class OpenImagesServer:
    """The server with its files, its faults, and the requests it got."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.faults: dict[str, list[Answer]] = {}
        """By path: each answer is used once, then the file itself is sent."""
        self.always: dict[str, Answer] = {}
        self.ranges = True
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.sent: Counter[str] = Counter()
        """Paths whose body was sent completely."""
        self.sent_bytes: Counter[str] = Counter()
        self.release = threading.Event()
        self.hold_photos_after: int | None = None
        self._photos_begun = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"world": self}))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self._labels: dict[str, list[tuple[str, str, str, str]]] = {subset: [] for subset in SUBSETS}
        self._photos: dict[str, list[list[str]]] = {subset: [] for subset in SUBSETS}
        self.put(CLASS_LIST, _csv([["LabelName", "DisplayName"], *CLASSES.items()]))
        self.put(BOXED_LIST, _csv([["LabelName", "DisplayName"], *((label, CLASSES[label]) for label in BOXED)]))
        self.publish()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self.etags[path] = f'"{hashlib.sha256(data).hexdigest()[:12]}"'

    def add(self, subset: str, number: int, yes: tuple[str, ...] = (), no: tuple[str, ...] = (), **facts: str) -> str:
        """Add a photo, and return its id; `publish` adds it to the lists."""
        image_id = facts.pop("ImageID", f"{SUBSETS.index(subset)}{number:015x}")
        row = {
            "ImageID": image_id,
            "Subset": subset,
            "OriginalURL": f"https://photos.example/{image_id}_o.jpg",
            "OriginalLandingURL": f"https://photos.example/{image_id}",
            "License": LICENCE,
            "AuthorProfileURL": "https://photos.example/people/ana",
            "Author": "Ana",
            "Title": f"Photo {number}",
            "OriginalSize": "1000",
            "OriginalMD5": "x==",
            "Thumbnail300KURL": "",
            "Rotation": "0.0",
        } | facts
        self._photos[subset].append([row[column] for column in PHOTO_HEADER])
        self._labels[subset] += [(image_id, "verification", label, "1") for label in yes]
        self._labels[subset] += [(image_id, "crowdsource-verification", label, "0") for label in no]
        self.put(f"/open-images-dataset/{subset}/{image_id}.jpg", picture_bytes(size=(64, 48), seed=number + 1))
        return image_id

    def publish(self) -> None:
        """Write the lists of all subsets."""
        for subset in SUBSETS:
            header = [["ImageID", "Source", "LabelName", "Confidence"]]
            self.put(LABEL_LISTS[subset], _csv([*header, *self._labels[subset]]))
            self.put(PHOTO_LISTS[subset], _csv([PHOTO_HEADER, *self._photos[subset]]))

    def photo(self, image_id: str) -> str:
        """Return the path of a photo."""
        return f"/open-images-dataset/{SUBSETS[int(image_id[0])]}/{image_id}.jpg"

    def times_asked(self, path: str, method: str = "GET") -> int:
        return sum(asked[:2] == (method, path) for asked in self.asked)

    def photos_asked(self) -> list[str]:
        return [path for method, path, _ in self.asked if method == "GET" and path.startswith("/open-images-dataset/")]

    def next_answer(self, path: str, method: str) -> Answer:
        with self._lock:
            if path.startswith("/open-images-dataset/"):
                self._photos_begun += 1
                if self.hold_photos_after is not None and self._photos_begun > self.hold_photos_after:
                    return Answer(hang=True)
            if method == "GET" and self.faults.get(path):
                return self.faults[path].pop(0)
        return self.always.get(path, Answer())


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


class _Handler(BaseHTTPRequestHandler):
    world: OpenImagesServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_GET(self) -> None:
        self._answer("GET")

    def _answer(self, method: str) -> None:
        world, path = self.world, urlsplit(self.path).path
        world.asked.append((method, path, dict(self.headers)))
        answer = world.next_answer(path, method)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self._send(method, path, answer)

    def _send(self, method: str, path: str, answer: Answer) -> None:
        world = self.world
        if answer.hang and answer.cut is None:
            world.release.wait(30)
            return
        data = world.files.get(path) if answer.body is None else answer.body
        code = answer.code
        if data is None:
            code, data = (404 if code == 200 else code), b"none"
        headers = dict(answer.headers)
        if code == 200:
            headers.setdefault("ETag", world.etags.get(path, '"none"'))
            code, data = self._ranged(data, headers)
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.length:
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        if method == "HEAD":
            return
        part = data if answer.cut is None else data[: answer.cut]
        self.wfile.write(part)
        self.wfile.flush()
        world.sent_bytes[path] += len(part)
        if answer.hang:
            world.release.wait(30)
        if answer.reset:
            # Closed without waiting: the other side sees a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        if answer.cut is None and code in (200, 206):
            world.sent[path] += 1

    def _ranged(self, data: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        wanted = self.headers.get("Range")
        if wanted is None or not self.world.ranges:
            return 200, data
        if self.headers.get("If-Range") not in (None, headers["ETag"]):
            return 200, data
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            return 416, b""
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return 206, data[start:]


@contextlib.contextmanager
def open_images() -> Iterator[OpenImagesServer]:
    """Serve while the block runs."""
    server = OpenImagesServer()
    try:
        yield server
    finally:
        server.close()
