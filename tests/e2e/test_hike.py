"""The main job on real photos: scan, correct with mouse and keys, see other tags change, undo, close, reopen."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

import alpacasorter.ml.scan as scan_module
from alpacasorter.ui.photo_filters import Filter
from tests.e2e.conftest import User
from tests.picture_files import make_picture

PLAIN = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def hike(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Photos of llamas, alpacas and landscapes, or noise where the real photos are not on this machine."""
    folder = tmp_path / "hike"
    folder.mkdir()
    try:
        photos = request.getfixturevalue("photos")
    except pytest.skip.Exception:
        for n in range(40):
            make_picture(folder / f"photo{n:02}.jpg", seed=n, size=(320, 240))
        return folder
    for source, count in (("lookalike/llama", 40), ("more/not_alpaca", 20), ("more/alpaca", 10)):
        for photo in sorted((photos / source).iterdir())[:count]:
            shutil.copy(photo, folder / photo.name)
    return folder


def test_scan_correct_undo_close_reopen(start: Callable[[], User], hike: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = start()
    total = len(list(hike.iterdir()))

    # GIVEN a scanned folder
    finished = user.open(hike)
    assert (finished.total, finished.judged, finished.opened) == (total, total, total)
    assert len(user.shown()) == total
    assert not any(row.waiting for row in user.store.rows)
    counts = user.store.counts
    assert counts[Filter.POSITIVE] + counts[Filter.NEGATIVE] == counts[Filter.ALL] == total
    at_first = {row.path.name: row.probability for row in user.store.rows}

    # WHEN the user clicks on wrong tags, THEN those flip at once and others change
    labels = user.store.labels
    wrong = [row.path.name for row in user.store.rows if row.path.name.startswith(("llama", "ambiguous", "photo"))]
    changed = 0
    for name in wrong[:6]:
        before = user.label(name)
        learned = user.click_tag(name)
        changed += len(learned.changed)
        assert user.label(name) == labels.other(str(before))
        assert user.row(name).correction == user.label(name)
    assert user.store.counts[Filter.CORRECTED] == 6
    assert user.learned[-1].corrections == 6
    assert any(abs(at_first[row.path.name] - row.probability) > 0.01 for row in user.store.rows if not row.correction)
    assert "Learned from your label." in user.page.banners.learned.words.text()
    assert user.page.banners.learned.wanted

    # WHEN keys are used: N and A on several photos, Backspace to remove the labels
    user.select(*wrong[6:9])
    user.press_and_learn(Qt.Key.Key_N)
    assert [user.row(name).correction for name in wrong[6:9]] == [labels.negative] * 3
    user.press_and_learn(Qt.Key.Key_A)
    assert [user.label(name) for name in wrong[6:9]] == [labels.positive] * 3
    user.press_and_learn(Qt.Key.Key_Backspace)
    assert [user.row(name).correction for name in wrong[6:9]] == [None] * 3
    assert user.store.counts[Filter.CORRECTED] == 6

    # WHEN everything is undone, THEN every photo is judged exactly as at first
    while user.page.corrections.stack.canUndo():
        user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert user.store.counts[Filter.CORRECTED] == 0
    assert {row.path.name: row.probability for row in user.store.rows} == pytest.approx(at_first, abs=1e-6)
    # ... AND redone
    for _ in range(6):
        user.press_and_learn(Qt.Key.Key_Y, CTRL)
    corrected = {row.path.name: row.correction for row in user.store.rows if row.correction}
    assert len(corrected) == 6
    taught = {row.path.name: row.probability for row in user.store.rows}
    user.window.close()

    # WHEN the app is closed and opened again, THEN no photo is opened and the corrections are there
    opened: list[Path] = []
    read_photo = scan_module.read_photo
    monkeypatch.setattr(scan_module, "read_photo", lambda path: (opened.append(path), read_photo(path))[1])
    again = start()
    finished = again.open(hike)
    assert opened == []
    assert (finished.total, finished.judged, finished.opened) == (total, total, 0)
    assert {row.path.name: row.correction for row in again.store.rows if row.correction} == corrected
    assert {row.path.name: row.probability for row in again.store.rows} == pytest.approx(taught, abs=1e-5)


def test_it_learns_what_a_llama_is(start: Callable[[], User], photos: Path, tmp_path: Path) -> None:
    """A few corrections teach the app that llamas are not alpacas; Show lists the changes, and Undo reverts them."""
    folder = tmp_path / "llamas"
    folder.mkdir()
    for photo in sorted((photos / "lookalike/llama").glob("llama_*"))[:24]:
        shutil.copy(photo, folder / photo.name)
    user = start()
    user.open(folder)
    taken_for_alpacas = user.store.counts[Filter.POSITIVE]
    assert taken_for_alpacas > 10, "the model should not know the difference at first"
    first = {row.path.name: user.label(row.path.name) for row in user.store.rows}
    shown = 0
    for _ in range(12):
        name = next(row.path.name for row in user.store.rows if user.label(row.path.name) == user.store.labels.positive)
        learned = user.click_tag(name)
        if learned.changed:
            user.page.banners.learned.show_button.click()
            assert user.model.filter is Filter.CHANGED
            changed = {row.path.name for row in user.store.rows if row.key in learned.changed}
            assert set(user.shown()) >= {name for name in changed if user.label(name) != first[name]}
            assert len(user.shown()) == user.store.counts[Filter.CHANGED]
            user.page.show_filter(Filter.ALL)
            shown += 1
    assert shown
    assert user.store.counts[Filter.POSITIVE] < taken_for_alpacas - 12
    before = user.store.counts[Filter.CORRECTED]
    heard = len(user.learned)
    user.page.banners.learned.undo_button.click()
    user.wait(lambda: len(user.learned) > heard)
    assert user.store.counts[Filter.CORRECTED] == before - 1


def test_tag_of_a_photo_half_out_of_view_can_be_clicked(start: Callable[[], User], folder: Path) -> None:
    """Making a photo the current one must not scroll its tag away between press and release."""
    user = start()
    user.window.resize(700, 520)
    user.open(folder)
    index = next(
        user.model.index(n)
        for n in range(user.model.rowCount())
        if user.grid.visualRect(user.model.index(n)).top() < 0 or n >= 4
    )
    user.grid.verticalScrollBar().setValue(user.grid.tag_rect(index).bottom() - user.grid.viewport().height() + 4)
    name = user.model.photo(index).path.name
    before = user.label(name)
    assert user.grid.visualRect(index).bottom() > user.grid.viewport().height()
    learned = len(user.learned)
    place = user.grid.tag_rect(index).center()
    user._qtbot.mouseClick(user.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    user.wait(lambda: len(user.learned) > learned)
    assert user.label(name) == user.store.labels.other(str(before))
