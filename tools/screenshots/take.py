"""Takes the screenshots in the documents: `python -m tools.screenshots.take [STATE …]`, or `make screenshots`.

The real window with the bundled model shows a drawn hike; nothing of the user's is read or written. Without a display,
each state is shown in the light and in the dark scheme. A run takes about a minute.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from alpacasorter.ui.main_window import MainWindow

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
OUT = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
SIZE = (1120, 740)
WAIT = 120.0
"""Seconds that anything may take."""
_COLORS = 128
"""In a palette they make a file of a third of the size, and these pictures have few."""
_SEEN = 5
"""So many photos with an animal does the user tag, and as many without."""


class Session:
    """The window with the drawn hike, some photos of which were tagged."""

    def __init__(self, home: Path, scheme: Scheme) -> None:
        """Open it; `home` gets everything that the app stores."""
        from PySide6.QtCore import QSettings
        from PySide6.QtWidgets import QApplication

        from alpacasorter import paths
        from alpacasorter.ml.models.bundle import load_bundle
        from alpacasorter.ml.models.store import ModelStore
        from alpacasorter.ui.app import build_window
        from alpacasorter.ui.settings import Settings
        from tools.screenshots.scenes import draw_hike

        application = QApplication.instance() or QApplication(["AlpacaSorter"])
        assert isinstance(application, QApplication)
        self._application = application
        self.folder = home / "Hike in the hills"
        self.animals = draw_hike(self.folder)
        bundle = load_bundle(paths.bundled_model())
        if bundle.variants is not None:
            # Otherwise the user is asked first.
            ModelStore(paths.user_data_dir()).choose_variant(bundle, bundle.variant)
        settings = Settings(QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat))
        settings.device, settings.scheme = "cpu", scheme
        self.window: MainWindow = build_window(application, settings)
        self.window.resize(*SIZE)
        self.window.show()
        finished: list[object] = []
        learned: list[object] = []
        self.window.engine.finished.connect(finished.append)
        self.window.engine.learned.connect(learned.append)
        ready: list[object] = []
        self.window.engine.ready.connect(ready.append)
        self.wait(lambda: bool(ready))
        self.window.open_folder(self.folder)
        self.wait(lambda: bool(finished))
        self.page = self.window.page
        # Drawn animals are none to a model that has seen photos only, until it is told.
        others = sorted(path.name for path in self.folder.iterdir() if path.name not in self.animals)
        actions = self.page.actions_
        for photos, tag in ((self.animals, actions.positive_stay), (others[::3], actions.negative_stay)):
            before = len(learned)
            self.select(*photos[:_SEEN])
            tag.trigger()
            self.wait(lambda before=before: len(learned) > before)  # type: ignore[misc]
        self.page.grid.clearSelection()
        self.page.grid.scrollToTop()
        self.settle()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Let the window work until something is so; raises TimeoutError if that takes too long."""
        end = time.monotonic() + WAIT
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("The window did not get there.")
            self._application.processEvents()
            time.sleep(0.01)

    def settle(self, seconds: float = 1.5) -> None:
        """Let thumbnails arrive and transitions end."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def select(self, *names: str) -> None:
        """Select photos by name; the first becomes the current one."""
        from PySide6.QtCore import QItemSelectionModel

        flags = QItemSelectionModel.SelectionFlag
        selection, model = self.page.grid.selectionModel(), self.page.model
        selection.clearSelection()
        indexes = [model.index_of(row) for name in names for row in self.page.store.rows if row.path.name == name]
        for index in indexes:
            selection.select(index, flags.Select)
        if indexes:
            selection.setCurrentIndex(indexes[0], flags.NoUpdate)
            self.page.grid.scrollTo(indexes[0])

    def hide_speed(self) -> None:
        """Hide how fast this computer is, which differs from run to run."""
        from PySide6.QtWidgets import QLabel

        for label in self.window.statusBar().findChildren(QLabel):
            if " ms" in label.text():
                label.hide()

    def answer(self) -> None:
        """Keep the tags that have changed, if the window asks."""
        from PySide6.QtWidgets import QAbstractButton

        for button in self.window.findChildren(QAbstractButton):
            if button.text() == "Keep" and button.isVisible() and button.window() is self.window:
                button.click()

    def close(self) -> None:
        """Close the window and end its threads."""
        self.window.close()
        self.window.deleteLater()
        self._application.processEvents()


def tags(session: Session) -> QWidget:
    """The photos with their tags and the preview."""
    session.select(session.animals[1])
    return session.window


def unsure(session: Session) -> QWidget:
    """The photos that the model is unsure about."""
    from alpacasorter.ui.photo_filters import Filter

    session.page.actions_.filters[Filter.UNSURE].trigger()
    return session.window


def why(session: Session) -> QWidget:
    """Why a photo has its tag."""
    session.select(session.animals[-1])
    session.page.actions_.why.trigger()
    session.wait(lambda: session.page.why.answer is not None)
    return session.window


def histograms(session: Session) -> QWidget:
    """When the photos were taken, and how sure the model is."""
    session.page.actions_.histograms.trigger()
    return session.window


def loupe(session: Session) -> QWidget:
    """One photo as large as the window."""
    session.select(session.animals[2])
    session.page.actions_.loupe.trigger()
    session.wait(lambda: session.page.closeups.loupe.view.is_sharp)
    return session.window


def compare(session: Session) -> QWidget:
    """Two photos side by side."""
    session.select(*session.animals[:2])
    session.page.actions_.compare.trigger()
    return session.window


def changed(session: Session) -> QWidget:
    """Which tags have changed by learning."""
    # As it was before the user had tagged the photos without an animal.
    session.page.actions_.undo.trigger()
    session.settle()
    session.page.actions_.changed_tags.setChecked(True)
    return session.window


def sort(session: Session) -> QWidget:
    """What a sort would do."""
    session.page.actions_.sort.trigger()
    dialog = session.window.sorting.dialog
    assert dialog is not None
    session.wait(lambda: dialog.plan_page.plan is not None)
    return dialog


STATES: dict[str, Callable[[Session], QWidget]] = {
    one.__name__: one for one in (tags, unsure, why, histograms, loupe, compare, changed, sort)
}


def take(names: list[str], out: Path, schemes: tuple[Scheme, ...] = SCHEMES) -> list[Path]:
    """Write screenshots as STATE-SCHEME.png; return the files.

    Must run in a process of its own: it sets the environment.
    """
    from PySide6.QtGui import QImage

    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        for scheme in schemes:
            with tempfile.TemporaryDirectory() as place:
                home = Path(place)
                _isolate(home)
                session = Session(home, scheme)
                try:
                    if name != "changed":
                        session.answer()
                    widget = STATES[name](session)
                    session.settle()
                    session.hide_speed()
                    image = widget.grab().toImage()
                finally:
                    session.close()
            file = out / f"{name}-{scheme}.png"
            image.convertToFormat(QImage.Format.Format_RGB888).save(str(file))
            _shrink(file)
            written.append(file)
    return written


def _isolate(home: Path) -> None:
    (home / "config").mkdir()
    os.environ |= {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "share"),
        "ALPACASORTER_DATA_DIR": str(home / "data"),
        "ALPACASORTER_CACHE_DIR": str(home / "cache"),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "en",
        "QT_QPA_PLATFORM": "offscreen",
    }
    os.environ.pop("ALPACASORTER_MODEL", None)


def _shrink(file: Path) -> None:
    from PIL import Image

    with Image.open(file) as image:
        small = image.quantize(_COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


def main() -> int:
    """Take the screenshots that are named, or all."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("states", nargs="*", metavar="STATE", choices=[[], *STATES], help=", ".join(STATES))
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write to")
    parser.add_argument("--scheme", choices=SCHEMES, help="only this color scheme")
    options = parser.parse_args()
    schemes = (options.scheme,) if options.scheme else SCHEMES
    for file in take(options.states or list(STATES), options.out, schemes):
        print(f"{file} ({file.stat().st_size // 1000} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
