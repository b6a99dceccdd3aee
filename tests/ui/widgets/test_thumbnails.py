"""The pixmaps are limited in size and requested once."""

from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from alpacasorter.ui.widgets import thumbnails as module
from alpacasorter.ui.widgets.thumbnails import Thumbnails


class Loader(QObject):
    """Answers when the test says so."""

    loaded = Signal(str, QImage)
    dropped = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, QSize]] = []

    def request(self, key: str, path: Path, size: QSize) -> None:
        self.requests.append((key, size))

    def clear(self) -> None:
        self.requests.clear()

    def answer(self, key: str, width: int = 100, height: int = 80) -> None:
        self.loaded.emit(key, QImage(width, height, QImage.Format.Format_RGB32))


@pytest.fixture
def loader(qapp: QApplication) -> Loader:
    return Loader()


@pytest.fixture
def thumbnails(loader: Loader) -> Thumbnails:
    result = Thumbnails(loader)  # type: ignore[arg-type]
    result.set_size(QSize(100, 80), 1.0)
    return result


PATH = Path("/p/1.jpg")


def test_requested_once_and_ready_once(thumbnails: Thumbnails, loader: Loader) -> None:
    ready: list[str] = []
    thumbnails.ready.connect(ready.append)
    assert thumbnails.get("a", PATH) is None
    assert thumbnails.get("a", PATH) is None
    assert loader.requests == [("a", QSize(100, 80))]
    loader.answer("a")
    assert ready == ["a"]
    pixmap = thumbnails.get("a", PATH)
    assert pixmap is not None
    assert pixmap.width() == 100


def test_dropped_request_can_be_made_again(thumbnails: Thumbnails, loader: Loader) -> None:
    thumbnails.get("a", PATH)
    loader.dropped.emit("a")
    thumbnails.get("a", PATH)
    assert len(loader.requests) == 2


def test_another_size_is_loaded_while_the_old_one_is_painted(thumbnails: Thumbnails, loader: Loader) -> None:
    thumbnails.get("a", PATH)
    loader.answer("a")
    thumbnails.set_size(QSize(200, 160), 2.0)
    old = thumbnails.get("a", PATH)
    assert old is not None
    assert old.width() == 100
    assert loader.requests[-1] == ("a", QSize(400, 320))
    loader.answer("a", 400, 320)
    new = thumbnails.get("a", PATH)
    assert new is not None
    assert new.width() == 400


def test_the_same_picture_in_changed_bytes_is_painted_meanwhile(thumbnails: Thumbnails, loader: Loader) -> None:
    thumbnails.get("a", PATH)
    loader.answer("a", 100)
    meanwhile = thumbnails.get("b", PATH, "a")
    assert meanwhile is not None
    assert meanwhile.width() == 100
    assert loader.requests[-1] == ("b", QSize(100, 80))
    loader.answer("b", 90)
    pixmap = thumbnails.get("b", PATH, "a")
    assert pixmap is not None
    assert pixmap.width() == 90


def test_what_arrives_after_clearing_is_dropped(thumbnails: Thumbnails, loader: Loader) -> None:
    thumbnails.get("a", PATH)
    thumbnails.clear()
    ready: list[str] = []
    thumbnails.ready.connect(ready.append)
    loader.answer("a")
    assert ready == []


def test_memory_is_bounded(thumbnails: Thumbnails, loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIMIT_BYTES", 3 * 100 * 80 * 4)
    for name in "abcd":
        thumbnails.get(name, PATH)
        loader.answer(name)
    assert thumbnails.get("d", PATH) is not None
    assert thumbnails.get("b", PATH) is not None
    assert thumbnails.get("a", PATH) is None, "the least recently painted one goes first"


def test_missing_thumbnail_is_not_requested_at_every_paint(thumbnails: Thumbnails, loader: Loader) -> None:
    thumbnails.get("a", PATH)
    loader.loaded.emit("a", QImage())
    pixmap = thumbnails.get("a", PATH)
    assert pixmap is not None
    assert pixmap.isNull()
    assert len(loader.requests) == 1


def test_thumbnail_of_a_moved_file_is_requested_from_its_new_place(thumbnails: Thumbnails, loader: Loader) -> None:
    thumbnails.get("a", PATH)
    loader.loaded.emit("a", QImage())
    moved = Path("/sorted/1.jpg")
    thumbnails.get("a", moved)
    assert len(loader.requests) == 2
    loader.loaded.emit("a", QImage())
    # Two copies that both can't be loaded are not requested alternately.
    thumbnails.get("a", PATH)
    thumbnails.get("a", moved)
    assert len(loader.requests) == 2
