"""The question about a label that changed many tags: taken back as by Undo, withdrawn when nothing is left of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton

from alpacasorter.ui.photo_filters import Filter
from tests.e2e.conftest import User

Start = Callable[[], User]
Scene = Callable[[Sequence[float]], Path]
CTRL = Qt.KeyboardModifier.ControlModifier
MANY = [0.05, *[0.52] * 30, *[0.9] * 40]


def click_and_learn(user: User, button: QAbstractButton) -> None:
    assert button.isVisible()
    before = len(user.learned)
    user._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    user.wait(lambda: len(user.learned) > before)


def labeled(user: User) -> list[str]:
    return [row.path.name for row in user.store.rows if row.correction is not None]


def selected(user: User) -> list[str]:
    return [row.path.name for row in user.grid.selected_photos()]


def asked(user: User) -> User:
    """Label a photo so that the window asks."""
    user.select("IMG_040.jpg")
    user.press_and_learn(Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert user.page.banners.flipped.isVisible()
    return user


def test_undo_of_the_latest_step_is_an_undo(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MANY))
    asked(user)
    user.select("IMG_003.jpg")
    click_and_learn(user, user.page.banners.flipped.undo_button)
    assert labeled(user) == []
    assert selected(user) == ["IMG_040.jpg"]
    assert not user.page.banners.flipped.isVisible()
    assert not user.page.corrections.stack.canUndo()
    assert user.page.banners.learned.words.text().startswith("Undone: your label “Not alpaca” for IMG_040.jpg.")


def test_undo_of_an_earlier_step_shows_it_and_asks_nothing(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MANY))
    asked(user)
    user.select("IMG_000.jpg")
    user.press_and_learn(Qt.Key.Key_N)
    page, actions = user.page, user.page.actions_
    # One question, one pair of buttons that answer it.
    assert page.banners.flipped.undo_button.isVisible()
    assert not page.banners.learned.isVisible()
    click_and_learn(user, page.banners.flipped.undo_button)
    assert labeled(user) == ["IMG_000.jpg"]
    assert selected(user) == ["IMG_040.jpg"]
    assert page.banners.learned.words.text().startswith("Undone: your label “Not alpaca” for IMG_040.jpg.")
    assert actions.undo.text() == "&Undo: Undo of “Not alpaca on IMG_040.jpg”"
    assert not page.banners.flipped.isVisible()
    for key in (Qt.Key.Key_Z, Qt.Key.Key_Y):
        user.press_and_learn(key, CTRL)
        assert not page.banners.flipped.isVisible()
        assert selected(user) == ["IMG_040.jpg"]
    assert labeled(user) == ["IMG_000.jpg"]


def test_a_later_label_of_the_same_photo_stays(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MANY))
    user.select("IMG_039.jpg", "IMG_040.jpg")
    user.press_and_learn(Qt.Key.Key_N)
    user.select("IMG_039.jpg")
    user.press_and_learn(Qt.Key.Key_A)
    click_and_learn(user, user.page.banners.flipped.undo_button)
    assert labeled(user) == ["IMG_039.jpg"]


def test_the_label_removed_by_hand_withdraws_the_question(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MANY))
    asked(user)
    user.press_and_learn(Qt.Key.Key_Backspace)
    assert user.store.flipped > 1, "otherwise this test shows nothing"
    assert user.store.counts[Filter.CHANGED] == 0
    assert not user.page.banners.flipped.isVisible()
    undo = user.page.actions_.undo
    assert undo.text() == "&Undo: Remove label from IMG_040.jpg"
    user.press_and_learn(Qt.Key.Key_Z, CTRL)
    assert user.page.banners.learned.words.text().startswith("Undone: removing your label from IMG_040.jpg.")


def test_labels_as_before_ask_nothing(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MANY))
    asked(user)
    user.press(Qt.Key.Key_8, CTRL)
    user.select(*user.shown()[:3])
    user.press_and_learn(Qt.Key.Key_A)
    assert user.store.flipped > 0.05 * 71, "otherwise this test shows nothing"
    assert not user.page.banners.flipped.isVisible()


def test_all_labeled_as_before(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MANY))
    asked(user)
    user.press(Qt.Key.Key_8, CTRL)
    click_and_learn(user, user.page.review.strip.restore_button)
    assert not user.page.banners.flipped.isVisible()


def test_seen_one_by_one(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene(MANY))
    asked(user)
    user.press(Qt.Key.Key_8, CTRL)
    user.press(Qt.Key.Key_A, CTRL)
    user.page.actions_.see_change.trigger()
    assert not user.page.banners.flipped.isVisible()


def test_one_tag_of_a_small_folder_is_not_asked_about(start: Start, scene: Scene) -> None:
    user = start()
    user.open(scene([0.05, 0.52, 0.9, 0.97, 0.99]))
    user.select("IMG_002.jpg")
    user.press_and_learn(Qt.Key.Key_N)
    assert user.store.flipped == 1, "otherwise this test shows nothing"
    assert not user.page.banners.flipped.isVisible()
