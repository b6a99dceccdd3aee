"""Another program writes keywords into photos that are open in the real window; they stay the photos they were."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from alpacasorter.ui.photo_filters import Filter
from tests.e2e.conftest import User
from tests.metadata_writers import can_run, write_keyword
from tests.picture_files import can_write, make_picture

Start = Callable[[], User]
KINDS = [kind for kind in ("jpeg", "png", "tiff", "webp", "heic") if can_write(kind)]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for number, kind in enumerate(KINDS):
        make_picture(folder / f"{kind}.{kind}", kind=kind, seed=number, size=(320, 240))
    make_picture(folder / "other.jpg", seed=50, size=(320, 240))
    return folder


@pytest.mark.parametrize("writer", ["ourselves", "exiftool"])
def test_labels_survive_keywords_while_the_folder_is_watched(start: Start, album: Path, writer: str) -> None:
    if writer != "ourselves" and not can_run(writer):
        pytest.skip(f"{writer} is not installed")
    user = start()
    user.open(album)
    user.wait(lambda: user.window.watching.label.text() == "Watching")
    names = [f"{kind}.{kind}" for kind in KINDS]
    for name in names:
        user.click_tag(name)
    said = {name: user.row(name).correction for name in names}
    keys = {name: user.row(name).key for name in names}
    assert None not in said.values()
    corrected, learned = user.store.counts[Filter.CORRECTED], user.learned[-1].corrections
    # What each row shows from now on, at every change.
    shown: dict[str, set[str | None]] = {name: set() for name in names}
    user.window.engine.watching.judged.connect(
        lambda _event: [shown[name].add(user.row(name).correction) for name in names]
    )
    write_keyword(*(album / name for name in names), by=writer)
    user.wait(lambda: all(user.row(name).key != keys[name] for name in names))

    assert {name: user.row(name).correction for name in names} == said
    assert all(shown[name] <= {said[name]} for name in names), "no flicker"
    assert user.store.counts[Filter.CORRECTED] == corrected == len(names)
    assert user.store.counts[Filter.NEW] == 0
    assert user.learned[-1].corrections == learned == len(names)

    # The history of the window still means these photos.
    last = names[-1]
    user.press_and_learn(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    user.wait(lambda: user.row(last).correction is None)
    assert user.store.counts[Filter.CORRECTED] == len(names) - 1
    user.press_and_learn(Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    user.wait(lambda: user.row(last).correction == said[last])
    user.click_tag(names[0])
    assert user.row(names[0]).correction not in (None, said[names[0]])
    assert user.learned[-1].corrections == len(names)
    said[names[0]] = user.row(names[0]).correction

    # At the next start, with other keywords, too.
    user.window.close()
    write_keyword(*(album / name for name in names), by=writer)
    again = start()
    again.open(album)
    assert {name: again.row(name).correction for name in names} == said
    assert again.window.engine.opened is not None
    assert again.window.engine.opened.session.learning.correction_count == len(names)


def test_a_copy_with_a_keyword_shares_the_label(start: Start, album: Path) -> None:
    shutil.copy(album / "jpeg.jpeg", album / "copy.jpg")
    write_keyword(album / "copy.jpg")
    user = start()
    user.open(album)
    learned = user.click_tag("copy.jpg")
    assert user.row("jpeg.jpeg").correction == user.row("copy.jpg").correction is not None
    assert user.store.counts[Filter.CORRECTED] == 2, "these are photos"
    assert learned.corrections == 1, "and this is what the app has learned from"
    user.press_and_learn(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert user.row("jpeg.jpeg").correction is user.row("copy.jpg").correction is None
