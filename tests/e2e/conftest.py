"""The real main window with the real engine and model, in a temporary home."""

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.core.events import Finished, Learned
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.store.cache import Cache, CacheEntry
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.store import ModelStore, ModelStoreError
from alpacasorter.ui.app import build_window
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.settings import Settings
from tests.picture_files import make_picture

WAIT_MS = 30_000


class User:
    """A user of the window, who opens folders, clicks, presses keys, and waits until something has happened."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.window = window
        self.page = window.page
        self.grid = window.page.grid
        self.model = window.page.model
        self.store = window.page.store
        self._qtbot = qtbot
        self.finished: list[Finished] = []
        self.learned: list[Learned] = []
        self.notices: list[str] = []
        engine = window.engine
        engine.finished.connect(self.finished.append)
        engine.learned.connect(self.learned.append)
        engine.notice.connect(self.notices.append)

    def open(self, folder: Path) -> Finished:
        """Open a folder and wait until it is scanned."""
        before = len(self.finished)
        self.window.open_folder(folder)
        self.wait(lambda: len(self.finished) > before)
        return self.finished[-1]

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def row(self, name: str) -> PhotoRow:
        return next(row for row in self.store.rows if row.path.name == name)

    def label(self, name: str) -> str | None:
        return self.store.label(self.row(name))

    def shown(self) -> list[str]:
        return [self.model.photo(self.model.index(n)).path.name for n in range(self.model.rowCount())]

    def click_tag(self, name: str) -> Learned:
        """Click on the tag of a photo with the mouse and wait until the app has learned."""
        index = self.model.index_of(self.row(name))
        self.grid.scrollTo(index)
        # People click on what they see.
        self.wait(lambda: self.grid.delegate.shown_label(self.row(name)) == self.label(name))
        before = len(self.learned)
        place = self.grid.tag_rect(index).center()
        self._qtbot.mouseClick(self.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
        self.wait(lambda: len(self.learned) > before)
        return self.learned[-1]

    def select(self, *names: str) -> None:
        """Select photos; the first becomes the current one."""
        indexes = [self.model.index_of(self.row(name)) for name in names]
        selection, flags = self.grid.selectionModel(), QItemSelectionModel.SelectionFlag
        selection.clearSelection()
        for index in indexes:
            selection.select(index, flags.Select)
        selection.setCurrentIndex(indexes[0], flags.NoUpdate)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self._qtbot.keyClick(self.grid, key, modifier)

    def press_and_learn(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> Learned:
        before = len(self.learned)
        self.press(key, modifier)
        self.wait(lambda: len(self.learned) > before)
        return self.learned[-1]


@pytest.fixture
def start(qtbot: QtBot, qapp: QApplication, home: Path) -> Iterator[Callable[..., User]]:
    """Start the app repeatedly with one home, as a user does by closing and opening it.

    If the bundled model has variants, its default was chosen before, so that nothing is asked; not with `asks`.
    """
    windows: list[MainWindow] = []

    def start_app(*, asks: bool = False) -> User:
        if not asks and (bundle := load_bundle(paths.bundled_model())).variants is not None:
            # In some tests the folder for it can't be written to.
            with contextlib.suppress(ModelStoreError):
                ModelStore(paths.user_data_dir()).choose_variant(bundle, bundle.variant)
        settings = Settings()
        # A test must not wait for graphics drivers.
        settings.device = "cpu"
        window = build_window(qapp, settings)
        windows.append(window)
        window.show()
        qtbot.waitExposed(window)
        with qtbot.waitSignal(window.engine.ready, timeout=WAIT_MS):
            pass
        return User(qtbot, window)

    yield start_app
    for window in windows:
        window.close()
        window.deleteLater()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve photos of noise in a folder and one below it."""
    folder = tmp_path / "a hike 🦙"
    (folder / "day 2").mkdir(parents=True)
    for n in range(12):
        place = folder if n < 9 else folder / "day 2"
        make_picture(place / f"photo{n}.jpg", seed=n, size=(320, 240))
    return folder


@pytest.fixture
def scene(tmp_path: Path, home: Path) -> Callable[[Sequence[float]], Path]:
    """Make a folder of photos of one scene, for which the bundled model says these probabilities, roughly.

    They are in the cache and look all the same to the window. Learning from one of them changes the others.
    """

    def make(probabilities: Sequence[float]) -> Path:
        bundle = load_bundle(paths.bundled_model())
        known = bundle.replay.embeddings.astype(np.float32)
        says = bundle.head.probability(known)
        positive, negative = known[says > 0.95][0], known[says < 0.05][0]
        steps = np.linspace(0, 1, 2001, dtype=np.float32)[:, None]
        between = steps * positive + (1 - steps) * negative
        curve = bundle.head.probability(between)
        return known_photos(
            tmp_path / "scene",
            {
                f"IMG_{n:03}.jpg": between[int(np.argmin(np.abs(curve - probability)))]
                for n, probability in enumerate(probabilities)
            },
        )

    return make


def known_photos(folder: Path, embeddings: Mapping[str, npt.NDArray[np.floating]]) -> Path:
    """Make a folder of photos whose embeddings, by file name, the cache knows as those of the bundled model."""
    backbone_id = load_bundle(paths.bundled_model()).backbone_id
    folder.mkdir()
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240), "peru").save(buffer, "JPEG")
    picture = buffer.getvalue()
    entries = []
    for n, (name, embedding) in enumerate(embeddings.items()):
        path = folder / name
        data = picture + n.to_bytes(4, "big")
        path.write_bytes(data)
        status = path.stat()
        entries.append(
            CacheEntry(
                PhotoFile(path, status.st_size, status.st_mtime_ns),
                content_key(data),
                None,
                PhotoFacts(320, 240, None, "JPEG"),
                picture,
                embedding.astype("<f2").tobytes(),
                backbone_id,
            )
        )
    with Cache.open(paths.user_cache_dir() / "cache.sqlite") as cache:
        cache.store(entries)
    return folder
