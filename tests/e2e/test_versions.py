"""The learning history in the window: measuring, listing, going back and undoing, also after a restart."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alpacasorter.core.store.library import LibraryError
from alpacasorter.ml.learning import personal_head
from alpacasorter.ml.learning.personal_head import PersonalHead
from alpacasorter.ml.learning.versions import SHIPPED, LearningState
from alpacasorter.ui.models.dialog import ModelsDialog
from alpacasorter.ui.models.versions import VersionsView
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.workers import versions as module
from tests.e2e.conftest import User


class Reader:
    """Opens the models dialog, records what is reported about the versions, and presses buttons."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.told: list[LearningState] = []
        self._dialog: ModelsDialog | None = None
        user.window.engine.versions.told.connect(self.told.append)

    def open(self) -> VersionsView:
        """Open the dialog, or show it again, and wait until the version in use is measured."""
        if self._dialog is None:
            self._dialog = ModelsDialog(self.user.window.engine, self.user.window)
            self._dialog.tabs.setCurrentIndex(1)
            self._dialog.show()
        else:
            self._dialog.begin()
        # What was told before this call may still be under way: another lane, then this thread.
        asked = len(self.told)
        self.user.wait(lambda: len(self.told) > asked + 1 and self._is_measured())
        return self._dialog.versions

    def _is_measured(self) -> bool:
        current = self.told[-1].current
        return current is not None and (current.id == SHIPPED or current.check is not None)

    def cells(self, view: VersionsView) -> list[list[str]]:
        rows = [view.table.topLevelItem(row) for row in range(view.table.topLevelItemCount())]
        return [[row.text(column) for column in (1, 2, 3)] for row in rows]

    def press(self, button: str, view: VersionsView) -> None:
        """Press a button and wait until the window has learned of it and the table is up to date."""
        told, learned = len(self.told), len(self.user.learned)
        getattr(view, button).click()
        self.user.wait(lambda: len(self.told) > told and len(self.user.learned) > learned)


@pytest.fixture
def user(start: Callable[[], User], folder: Path) -> User:
    user = start()
    user.open(folder)
    return user


def probabilities(user: User) -> dict[str, float]:
    return {row.path.name: row.probability for row in user.store.rows if row.probability is not None}


def corrected(user: User) -> set[str]:
    return {row.path.name for row in user.store.rows if row.correction is not None}


def test_going_back_and_on_again(
    user: User, start: Callable[[], User], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To the model all noise is one scene.
    monkeypatch.setattr(personal_head, "scene_similarity", lambda _: 0.9999)
    reader = Reader(user)
    # GIVEN nothing learned yet, THEN it says so
    view = reader.open()
    assert "Nothing learned yet." in view.summary.text()
    at_first = probabilities(user)

    # WHEN a photo is corrected while the dialog is open, THEN the version is there
    told = len(reader.told)
    user.click_tag("photo0.jpg")
    user.wait(lambda: len(reader.told) > told and reader.told[-1].learned == 1)
    assert [row[::2] for row in reader.cells(view)] == [["1 correction", "In use"], ["no corrections", ""]]
    then = probabilities(user)

    # WHEN the dialog is opened again and several photos are corrected in one go, THEN those make one version
    view = reader.open()
    for n in range(1, 5):
        user.click_tag(f"photo{n}.jpg")
    now = probabilities(user)
    view = reader.open()
    (newest, first, shipped) = reader.cells(view)
    assert (newest[0], newest[2]) == ("5 corrections", "In use")
    assert newest[1].endswith(" of 5")
    assert first == ["1 correction", "too few to measure", ""]
    assert shipped == ["no corrections", "", ""]
    assert "of your 5 corrections" in view.summary.text()

    # WHEN going back to the first, THEN every photo is judged as then, and the corrections keep their tags
    view.table.setCurrentItem(view.table.topLevelItem(1))
    reader.press("back_button", view)
    assert probabilities(user) == pytest.approx(then, abs=1e-6)
    assert len(corrected(user)) == 5
    words = user.page.banners.learned.words.text()
    assert words.startswith("Back to the version of ")
    assert "4 newer corrections keep their tags" in words
    assert not user.page.banners.learned.undo_button.isVisible(), (
        "undo would take back corrections, which is not meant here"
    )
    assert [row[2] for row in reader.cells(view)] == ["", "In use", ""]
    assert view.all_button.isVisible()

    # ... also after a restart
    user.window.close()
    again = start()
    again.open(folder)
    assert probabilities(again) == pytest.approx(then, abs=1e-6)
    assert corrected(again) == corrected(user)
    reader = Reader(again)
    view = reader.open()
    assert [row[2] for row in reader.cells(view)] == ["", "In use", ""]

    # WHEN all are learned from again, THEN it is as it was
    reader.press("all_button", view)
    assert probabilities(again) == pytest.approx(now, abs=1e-5)
    assert not view.all_button.isVisible()
    assert "Learning from all 5 corrections again." in again.page.banners.learned.words.text()

    # WHEN going back to the shipped model, THEN nothing is learned, and a new correction is learned on top
    view.table.setCurrentItem(view.table.topLevelItem(2))
    reader.press("back_button", view)
    assert probabilities(again) == pytest.approx(at_first, abs=1e-5)
    assert again.store.counts[Filter.CORRECTED] == 5
    assert again.click_tag("photo7.jpg").corrections == 1


def test_undo_after_going_back_takes_a_correction_back(user: User) -> None:
    reader = Reader(user)
    user.click_tag("photo0.jpg")
    user.click_tag("photo1.jpg")
    view = reader.open()
    view.table.setCurrentItem(view.table.topLevelItem(1))
    reader.press("back_button", view)
    assert len(user.learned) == 3
    user.page.actions_.undo.trigger()
    user.wait(lambda: len(user.learned) == 4)
    assert (user.learned[-1].corrections, corrected(user)) == (0, {"photo0.jpg"})
    # Redone, it is a new correction, and learned from.
    user.page.actions_.redo.trigger()
    user.wait(lambda: len(user.learned) == 5)
    assert (user.learned[-1].corrections, corrected(user)) == (1, {"photo0.jpg", "photo1.jpg"})


def test_a_burst_settles_by_itself(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = user.window.engine.versions
    assert keeper._timer.interval() == module.SETTLE_MS
    reader = Reader(user)
    reader.open()
    keeper._timer.setInterval(0)
    user.click_tag("photo0.jpg")
    user.click_tag("photo1.jpg")
    user.wait(lambda: reader.told[-1].learned == 2 and reader.told[-1].versions[0].check is not None)
    check = reader.told[-1].versions[0].check
    assert check is not None
    assert check.corrections == 2


def test_a_library_that_fails_is_said_in_the_dialog(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(user)
    user.click_tag("photo0.jpg")
    view = reader.open()
    before = probabilities(user)

    def full(*_: object) -> None:
        raise LibraryError("The disk is full.")

    monkeypatch.setattr(PersonalHead, "go_back", full)
    view.table.setCurrentItem(view.table.topLevelItem(1))
    view.back_button.click()
    user.wait(view.trouble.isVisible)
    assert view.trouble.text() == "The disk is full."
    assert probabilities(user) == before
    assert view.back_button.isEnabled()
