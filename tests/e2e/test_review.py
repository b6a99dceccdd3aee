"""Correcting many photos: the list stays, what changed is kept or taken back, and undo shows what it does."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QAction, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractButton, QApplication

from alpacasorter.ui.photo_filters import Filter, Order
from tests.e2e.conftest import User
from tests.picture_files import BAD_KINDS, make_picture

Start = Callable[[], User]
Scene = Callable[[Sequence[float]], Path]
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
MIXED = [0.35, 0.62, 0.30, 0.58, 0.95, 0.33, 0.55, 0.05, 0.57, 0.31] * 4


def current(user: User) -> str:
    return user.model.photo(user.grid.currentIndex()).path.name


def selected(user: User) -> list[str]:
    return [row.path.name for row in user.grid.selected_photos()]


def in_view(user: User, name: str) -> bool:
    place = user.grid.visualRect(user.model.index_of(user.row(name)))
    return user.grid.viewport().rect().contains(place.center())


def labeled(user: User) -> list[str]:
    return [row.path.name for row in user.store.rows if row.correction is not None]


def click(user: User, button: QAbstractButton) -> None:
    assert button.isVisible()
    user._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def click_and_learn(user: User, button: QAbstractButton) -> None:
    before = len(user.learned)
    click(user, button)
    user.wait(lambda: len(user.learned) > before)


def in_menu(user: User, title: str, action: QAction) -> bool:
    [menu] = [m.menu() for m in user.window.menuBar().actions() if m.text().replace("&", "") == title]
    return action in menu.actions()


@pytest.mark.parametrize("order", list(Order))
def test_only_what_was_listed_is_labeled(start: Start, scene: Scene, order: Order) -> None:
    """N, N, N in a filter, while learning makes other photos belong in the middle of it."""
    user = start()
    user.open(scene(MIXED))
    user.page.actions_.orders[order].trigger()
    user.press(Qt.Key.Key_3, CTRL)
    listed = user.shown()
    assert len(listed) == 20
    user.press(Qt.Key.Key_Home)
    for _ in range(8):
        user.press_and_learn(Qt.Key.Key_N)
    assert user.model.out_of_date.more > 4, "otherwise this test shows nothing"
    assert user.shown() == listed
    assert sorted(labeled(user)) == sorted(listed[:8])
    assert current(user) == listed[8]
    more = user.model.out_of_date.more
    button = user.page.update_button
    assert button.text() == f"{more} more"
    chip = user.page.filters.button(Filter.NEGATIVE)
    assert chip.text().split()[-1] == str(len(listed) + more)


@pytest.mark.parametrize("way", ["click", "key", "filter"])
def test_the_list_is_updated_when_the_user_asks(start: Start, scene: Scene, way: str) -> None:
    user = start()
    user.window.resize(800, 560)
    user.open(scene(MIXED))
    user.press(Qt.Key.Key_3, CTRL)
    listed = user.shown()
    user.select(listed[12], listed[3])
    user.grid.scrollTo(user.grid.currentIndex())
    user.press_and_learn(Qt.Key.Key_N)
    top = user.grid.visualRect(user.grid.currentIndex()).top()
    assert in_menu(user, "View", user.page.actions_.update_list)
    match way:
        case "click":
            click(user, user.page.update_button)
        case "key":
            user.press(Qt.Key.Key_F5, SHIFT)
        case "filter":
            click(user, user.page.filters.button(Filter.NEGATIVE))
    assert len(user.shown()) == user.store.counts[Filter.NEGATIVE] > 20
    assert user.shown() == sorted(user.shown())
    assert not user.page.update_button.isVisible()
    assert current(user) == listed[12]
    assert selected(user) == [listed[3], listed[12]]
    assert in_view(user, listed[12])
    assert abs(user.grid.visualRect(user.grid.currentIndex()).top() - top) <= user.grid.gridSize().height()
    assert user.grid.hasFocus()


def test_the_next_photo_takes_the_place_of_one_that_leaves(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MIXED))
    user.press(Qt.Key.Key_3, CTRL)
    listed = user.shown()
    user.select(listed[6])
    user.press_and_learn(Qt.Key.Key_A, SHIFT)
    assert user.page.update_button.isVisible()
    assert user.shown() == listed
    user.press(Qt.Key.Key_F5, SHIFT)
    assert listed[6] not in user.shown()
    assert current(user) == next(name for name in listed[7:] if name in user.shown())


def test_another_order_keeps_what_is_selected(start: Start, scene: Scene) -> None:
    user = start()
    user.window.resize(800, 560)
    user.open(scene(MIXED))
    user.select("IMG_037.jpg", "IMG_004.jpg")
    user.page.actions_.orders[Order.DOUBTFUL].trigger()
    assert current(user) == "IMG_037.jpg"
    assert sorted(selected(user)) == ["IMG_004.jpg", "IMG_037.jpg"]
    assert in_view(user, "IMG_037.jpg")


def test_a_scan_ends_in_order_unless_somebody_works_with_the_photos(start: Start, scene: Scene) -> None:
    user = start()
    folder = scene(MIXED)
    user.open(folder)
    user.page.actions_.orders[Order.DOUBTFUL].trigger()
    in_order = user.shown()
    assert in_order != sorted(in_order)
    # A rescan, and the folder opened again, with nobody touching the photos.
    user.select(in_order[5])
    before = len(user.finished)
    user.press(Qt.Key.Key_F5)
    user.wait(lambda: len(user.finished) > before)
    assert user.shown() == in_order
    assert current(user) == in_order[5]
    user.window.close_folder()
    user.open(folder)
    assert user.shown() == in_order
    assert current(user) == in_order[0]
    # A key is pressed during the scan.
    user.window.engine.found.connect(lambda: user.press(Qt.Key.Key_End))
    user.open(folder)
    assert user.shown() == sorted(in_order), "they stay as they were found"
    assert user.page.update_button.text() == "Update order"
    click(user, user.page.update_button)
    assert user.shown() == in_order


def test_changed_counts_all_steps_with_the_earlier_tags(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MIXED))
    at_first = {row.path.name: (user.label(row.path.name), user.store.confidence(row)) for row in user.store.rows}
    user.press(Qt.Key.Key_3, CTRL)
    user.press(Qt.Key.Key_Home)
    steps = []
    for _ in range(8):
        user.press_and_learn(Qt.Key.Key_N)
        steps.append(user.store.flipped)
    flipped = [name for name, (label, _) in at_first.items() if label != user.label(name)]
    assert any(steps), "otherwise this test shows nothing"
    assert len(flipped) > steps[-1]
    assert user.store.counts[Filter.CHANGED] == len(flipped)
    assert user.page.filters.button(Filter.CHANGED).text().split()[-1] == str(len(flipped))
    assert in_menu(user, "View", user.page.actions_.filters[Filter.CHANGED])
    user.press(Qt.Key.Key_8, CTRL)
    assert user.shown() == flipped
    assert str(len(flipped)) in user.page.review.strip.words.text()
    name = flipped[0]
    label, confidence = at_first[name]
    assert label == user.store.labels.positive
    assert confidence is not None
    said = f"Alpaca {round(100 * confidence)}% → Not alpaca "
    user.select(name)
    assert f"Changed from Alpaca, {round(100 * confidence)}% sure." in user.page.preview.verdict.text()
    tip = user.model.data(user.model.index_of(user.row(name)), Qt.ItemDataRole.ToolTipRole)
    assert said in str(tip)
    # All corrections are undone: everything has flipped back.
    while user.page.corrections.stack.canUndo():
        user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert user.store.counts[Filter.CHANGED] == 0
    assert {name: user.label(name) for name in at_first} == {name: label for name, (label, _) in at_first.items()}


def make_changes(user: User) -> list[str]:
    """Label two photos so that others change, and show those."""
    for name in ("IMG_000.jpg", "IMG_002.jpg", "IMG_005.jpg"):
        user.select(name)
        user.press_and_learn(Qt.Key.Key_N)
    user.press(Qt.Key.Key_8, CTRL)
    changed = user.shown()
    assert len(changed) > 5
    return changed


def test_changes_are_kept_one_some_all(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MIXED))
    changed = make_changes(user)
    seen = user.page.actions_.see_change
    assert in_menu(user, "Photo", seen)
    user.select(changed[0])
    seen.trigger()
    assert user.store.counts[Filter.CHANGED] == len(changed) - 1
    assert user.shown() == changed, "nothing moves"
    assert not seen.isEnabled(), "it is seen"
    user.select(changed[1], changed[2])
    seen.trigger()
    assert user.store.counts[Filter.CHANGED] == len(changed) - 3
    user.press(Qt.Key.Key_F5, SHIFT)
    assert user.shown() == changed[3:]
    assert labeled(user) == ["IMG_000.jpg", "IMG_002.jpg", "IMG_005.jpg"], "no label was made of it"
    kept = {name: user.label(name) for name in changed[3:]}
    click_and_learn(user, user.page.review.strip.keep_button)
    assert {name: user.row(name).correction for name in kept} == kept
    # What is learned from these labels may change others, and those that were only marked as seen.
    assert not {row.path.name for row in user.store.changed_rows()} & kept.keys()
    assert user.model.filter is Filter.CHANGED
    assert user.shown() == changed[3:], "nothing moves"
    assert user.grid.hasFocus()


def test_changes_are_taken_back_one_and_some(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MIXED))
    changed = make_changes(user)
    restore, stack = user.page.actions_.restore_tag, user.page.corrections.stack
    assert in_menu(user, "Photo", restore)
    user.select(changed[0])
    before = len(user.learned)
    restore.trigger()
    user.wait(lambda: len(user.learned) > before)
    assert user.row(changed[0]).correction == user.store.labels.positive
    assert stack.undoText() == f"Earlier tags on {changed[0]}"
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert user.row(changed[0]).correction is None
    assert user.store.counts[Filter.CHANGED] == len(changed)
    user.select(*changed[1:4])
    before, steps = len(user.learned), stack.index()
    restore.trigger()
    user.wait(lambda: len(user.learned) > before)
    assert [user.label(name) for name in changed[1:4]] == [user.store.labels.positive] * 3
    assert stack.index() == steps + 1, "one step"
    assert stack.undoText() == "Earlier tags on 3 photos"


def test_all_changes_are_taken_back_by_labels(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MIXED))
    changed = make_changes(user)
    stack, banner = user.page.corrections.stack, user.page.review.strip
    steps = stack.index()
    click_and_learn(user, banner.restore_button)
    assert {user.row(name).correction for name in changed} == {user.store.labels.positive}
    assert stack.index() == steps + 1
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert user.store.counts[Filter.CHANGED] == len(changed)


def test_a_click_that_changes_many_tags_is_asked_about(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene([0.05, *[0.52] * 30, *[0.9] * 40]))
    flipped = user.page.banners.flipped
    user.click_tag("IMG_040.jpg")
    assert user.store.flipped > 0.05 * 71, "otherwise this test shows nothing"
    assert flipped.isVisible()
    words = flipped.words.text()
    assert words.startswith("Not alpaca on IMG_040.jpg: this changed ")
    assert f"{user.store.flipped} other tags" in words
    # It stays while the user goes on.
    user.select("IMG_000.jpg")
    user.press_and_learn(Qt.Key.Key_N)
    assert flipped.words.text() == words
    assert flipped.isVisible()
    # Undo undoes that correction, although it is not the latest one.
    click_and_learn(user, flipped.undo_button)
    assert labeled(user) == ["IMG_000.jpg"]
    assert user.page.actions_.undo.text() == "&Undo: Undo of “Not alpaca on IMG_040.jpg”"
    assert user.grid.hasFocus()


def test_an_answered_question_goes_away(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene([0.05, *[0.52] * 30, *[0.9] * 40]))
    flipped = user.page.banners.flipped
    user.click_tag("IMG_040.jpg")
    assert flipped.isVisible()
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert not flipped.isVisible(), "Undo is an answer, and is not asked about itself"
    user.press_and_learn(Qt.Key.Key_Y, CTRL)
    assert flipped.isVisible()
    click(user, flipped.show_button)
    assert user.model.filter is Filter.CHANGED
    assert not flipped.isVisible(), "the strip asks about each of the tags"
    user.press(Qt.Key.Key_1, CTRL)
    assert flipped.isVisible(), "nothing was answered"
    click(user, flipped.keep_button)
    assert not flipped.isVisible()
    assert user.store.counts[Filter.CHANGED] > 0, "they are still listed as changed"
    assert labeled(user) == ["IMG_040.jpg"]


def test_a_click_that_changes_a_few_tags_asks_nothing(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene([0.05, *[0.52] * 3, *[0.99] * 76]))
    user.click_tag("IMG_000.jpg")
    user.click_tag("IMG_000.jpg")
    assert not user.page.banners.flipped.isVisible()


def test_undo_brings_a_photo_back_into_the_filter(start: Start, scene: Scene) -> None:
    user = start()
    user.window.resize(800, 560)
    user.open(scene(MIXED))
    user.press(Qt.Key.Key_3, CTRL)
    listed = user.shown()
    user.select(listed[15])
    user.press_and_learn(Qt.Key.Key_A)
    user.press(Qt.Key.Key_F5, SHIFT)
    user.press(Qt.Key.Key_Home)
    assert listed[15] not in user.shown()
    undo, redo = user.page.actions_.undo, user.page.actions_.redo
    assert undo.text() == f"&Undo: Alpaca on {listed[15]}"
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert listed[15] in user.shown()
    assert user.shown() == sorted(user.shown())
    assert selected(user) == [listed[15]] == [current(user)]
    assert in_view(user, listed[15])
    assert user.page.banners.learned.words.text().startswith(f"Undone: your label “Alpaca” for {listed[15]}. ")
    user.press(Qt.Key.Key_Home)
    assert redo.text() == f"&Redo: Alpaca on {listed[15]}"
    user.press_and_learn(Qt.Key.Key_Y, CTRL)
    assert selected(user) == [listed[15]]
    assert user.page.banners.learned.words.text().startswith(f"Redone: your label “Alpaca” for {listed[15]}. ")
    # The button does the same as the key. While the window asks about many tags, it is next to that question.
    user.press(Qt.Key.Key_Home)
    banners = user.page.banners
    click_and_learn(user, (banners.flipped if banners.flipped.wanted else banners.learned).undo_button)
    assert selected(user) == [listed[15]]


def test_undo_of_many_selects_them_all(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MIXED))
    names = [f"IMG_{n:03}.jpg" for n in (1, 3, 4, 11)]
    user.select(*names)
    user.press_and_learn(Qt.Key.Key_N)
    user.select("IMG_030.jpg")
    assert user.page.actions_.undo.text() == "&Undo: Not alpaca on 4 photos"
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert selected(user) == names
    user.select("IMG_001.jpg")
    user.press_and_learn(Qt.Key.Key_N, SHIFT)
    user.press_and_learn(Qt.Key.Key_Backspace)
    assert user.page.actions_.undo.text() == "&Undo: Remove label from IMG_001.jpg"
    user.select("IMG_000.jpg", "IMG_004.jpg")
    user.press_and_learn(Qt.Key.Key_Space)
    assert user.page.actions_.undo.text() == "&Undo: Flipped tags of 2 photos"


def test_the_numbers_agree(start: Start, scene: Scene) -> None:
    """Copies and files that can't be read in a selection: each number says what it counts."""
    folder = scene([0.3, 0.6, 0.9, 0.4, 0.2])
    for n in range(3):
        (folder / f"copy{n}.jpg").write_bytes((folder / "IMG_002.jpg").read_bytes())
    make_picture(folder / "damaged.jpg", kind=BAD_KINDS[0])
    (folder / "empty.jpg").write_bytes(b"")
    user = start()
    finished = user.open(folder)
    assert finished.unreadable == 2
    counts, page = user.store.counts, user.page
    assert counts[Filter.ALL] == 10
    user.press(Qt.Key.Key_A, CTRL)
    assert len(selected(user)) == 10
    assert "8 of 10 selected photos; the others have no tag" in page.preview.verdict.text()
    learned = user.press_and_learn(Qt.Key.Key_N)
    assert counts[Filter.CORRECTED] == 8
    assert page.actions_.undo.text() == "&Undo: Not alpaca on 8 photos"
    assert learned.corrections == 5
    assert "Learned from your labels of 5 photos." in page.banners.learned.words.text()
    # Some have the label already: they are not counted again.
    user.select("IMG_000.jpg")
    user.press_and_learn(Qt.Key.Key_Backspace)
    assert page.actions_.undo.text() == "&Undo: Remove label from IMG_000.jpg"
    user.press(Qt.Key.Key_A, CTRL)
    user.press_and_learn(Qt.Key.Key_N)
    assert page.actions_.undo.text() == "&Undo: Not alpaca on IMG_000.jpg"
    # A copy that is not selected has the same label.
    user.select("copy1.jpg")
    user.press_and_learn(Qt.Key.Key_A)
    assert page.actions_.undo.text() == "&Undo: Alpaca on copy1.jpg and its 3 copies"
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert sorted(selected(user)) == ["IMG_002.jpg", "copy0.jpg", "copy1.jpg", "copy2.jpg"]
    # The current photo can't be read: the others are tagged all the same, and the preview says so.
    user.select("empty.jpg", "IMG_001.jpg", "IMG_003.jpg")
    assert "2 of 3 selected photos" in page.preview.verdict.text()
    click_and_learn(user, page.preview.positive)
    assert page.actions_.undo.text() == "&Undo: Alpaca on 2 photos"


def test_names_in_the_menu_are_shown_as_they_are(start: Start, scene: Scene) -> None:
    folder = scene([0.3, 0.6, 0.9])
    name = "<b>Tom & Jerry " + 60 * "x" + ".jpg"
    (folder / "IMG_000.jpg").rename(folder / name)
    user = start()
    user.open(folder)
    user.select(name)
    user.press_and_learn(Qt.Key.Key_N)
    text = user.page.actions_.undo.text()
    assert "<b>Tom && Jerry" in text
    assert len(text) < 80
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert user.page.banners.learned.words.textFormat() is Qt.TextFormat.PlainText


def test_a_mouse_over_the_photos_keeps_them_in_place(start: Start, scene: Scene) -> None:
    """A file in view is deleted while the mouse rests: no other photo slips under it, until it leaves."""
    folder = scene(MIXED)
    user = start()
    user.open(folder)
    user.select("IMG_010.jpg")
    index = user.model.index_of(user.row("IMG_005.jpg"))
    place = user.grid.visualRect(index)
    viewport, point, none = user.grid.viewport(), QPointF(place.center()), Qt.MouseButton.NoButton
    plain = Qt.KeyboardModifier.NoModifier
    # QTest.mouseMove moves nothing where there is no display.
    QApplication.sendEvent(
        viewport, QMouseEvent(QEvent.Type.MouseMove, point, viewport.mapToGlobal(point), none, none, plain)
    )
    before = user.shown()
    (folder / "IMG_002.jpg").unlink()
    user.wait(lambda: bool(user.model.leaving))
    user._qtbot.wait(2500)
    assert user.shown() == before
    assert user.grid.visualRect(index) == place
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    user.wait(lambda: "IMG_002.jpg" not in user.shown())


def test_what_another_window_labels_waits_too(start: Start, scene: Scene) -> None:
    """The list stays, and Undo is not offered for what was done elsewhere."""
    user, folder = start(), scene(MIXED)
    user.open(folder)
    user.press(Qt.Key.Key_3, CTRL)
    listed = user.shown()
    other = start()
    other.open(folder)
    for name in ("IMG_000.jpg", "IMG_002.jpg", "IMG_005.jpg"):
        other.select(name)
        other.press_and_learn(Qt.Key.Key_N)
    # This window learns of them with its next correction.
    user.window.activateWindow()
    user.wait(user.window.isActiveWindow)
    user.select("IMG_009.jpg")
    user.press_and_learn(Qt.Key.Key_N)
    user.wait(lambda: user.store.counts[Filter.CORRECTED] == 4)
    assert user.shown() == listed
    assert user.model.out_of_date.more > 0
    assert user.store.counts[Filter.CHANGED] == user.model.out_of_date.more
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert labeled(user) == ["IMG_000.jpg", "IMG_002.jpg", "IMG_005.jpg"]
    assert not user.page.banners.learned.undo_button.isVisible()


def test_photos_found_while_a_filter_is_shown_go_to_the_end(start: Start, tmp_path: Path) -> None:
    """During the first scan the list grows at its end, whatever the order; the current photo stays."""
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(60):
        make_picture(folder / f"{n:03}.jpg", seed=n, size=(640, 480))
    user = start()
    user.window.open_folder(folder)
    user.wait(lambda: user.store.counts[Filter.POSITIVE] + user.store.counts[Filter.NEGATIVE] > 3)
    user.page.actions_.orders[Order.DOUBTFUL].trigger()
    which = max(Filter.POSITIVE, Filter.NEGATIVE, key=lambda which: user.store.counts[which])
    click(user, user.page.filters.button(which))
    seen = [user.shown()]
    user.press(Qt.Key.Key_Home)
    name = current(user)
    user.model.rowsInserted.connect(lambda: seen.append(user.shown()))
    user.wait(lambda: bool(user.finished))
    assert len(seen) > 1, "otherwise this test shows nothing"
    assert all(after[: len(before)] == before for before, after in pairwise(seen))
    assert current(user) == name
    assert user.page.update_button.isVisible()
    assert user.page.filters.button(which).text().split()[-1] == str(len(user.shown()))


def held(user: User, key: Qt.Key, text: str, *, repeated: bool) -> None:
    event = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, text, repeated)
    QApplication.sendEvent(user.window.windowHandle(), event)


@pytest.mark.parametrize(("key", "text"), [(Qt.Key.Key_C, "c"), (Qt.Key.Key_A, "a")])
def test_a_held_key_labels_each_photo_once_while_the_app_learns(
    start: Start, folder: Path, key: Qt.Key, text: str
) -> None:
    """And all of it is on the disk when the window is closed at once."""
    user = start()
    user.open(folder)
    user.press(Qt.Key.Key_Home)
    listed, given = user.shown(), {}
    for n in range(10):
        user.wait(lambda: user.grid.seen is user.grid.current_photo())
        assert current(user) == listed[n]
        shown = user.grid.delegate.shown_label(user.row(listed[n]))
        given[listed[n]] = shown if key == Qt.Key.Key_C else user.store.labels.positive
        held(user, key, text, repeated=n > 0)
    assert user.window.close()
    again = start()
    again.open(folder)
    found = {row.path.name: row.correction for row in again.store.rows}
    assert found == dict.fromkeys(listed) | given


def test_confirmed_tags_are_learned_from_and_undone(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MIXED))
    user.press(Qt.Key.Key_4, CTRL)
    listed = user.shown()
    before = {name: user.label(name) for name in listed}
    learned = user.press_and_learn(Qt.Key.Key_C)
    assert learned.changes
    assert user.row(listed[0]).correction == before[listed[0]]
    assert current(user) == listed[1]
    label = user.store.labels.display(before[listed[0]] or "")
    assert user.page.actions_.undo.text() == f"&Undo: Confirm {label} on {listed[0]}"
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert labeled(user) == []
    assert selected(user) == [listed[0]]
    user.press(Qt.Key.Key_1, CTRL)
    user.press(Qt.Key.Key_Home)
    user.press(Qt.Key.Key_Right, CTRL)
    assert user.store.is_unsure(user.row(current(user)))
