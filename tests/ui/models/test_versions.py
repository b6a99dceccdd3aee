"""The versions: sentences, table, buttons, keys."""

import re
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import LearningAgain
from alpacasorter.i18n import moment
from alpacasorter.ml.learning.versions import SHIPPED, LearningState, SelfCheck, Version
from alpacasorter.ui.models import versions as version_words
from alpacasorter.ui.models.versions import VersionsView
from alpacasorter.wording import text

FIRST, SECOND, THIRD = (f"2026-03-{day}T14:05:00+00:00" for day in (10, 12, 14))
AS_SHIPPED = Version(SHIPPED, "", 0, None, current=False)
NOTHING = LearningState(0, 0, 0, 0, (Version(SHIPPED, "", 0, None, current=True),))


def state(current: int = 3, set_aside: int = 0, waiting: int = 0, check: SelfCheck | None = None) -> LearningState:
    versions = (
        Version(3, THIRD, 30, SelfCheck(30, 11, 26, 0), current == 3),
        Version(2, SECOND, 23, check or SelfCheck(23, 9, 19, 2), current == 2),
        Version(1, FIRST, 1, None, current == 1),
        Version(SHIPPED, "", 0, None, current == SHIPPED),
    )
    learned = {3: 30, 2: 23, 1: 1}.get(current, 0)
    return LearningState(30 + waiting, learned, set_aside, waiting, versions)


@pytest.fixture
def view(qtbot: QtBot) -> VersionsView:
    view = VersionsView()
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    return view


def cells(view: VersionsView) -> list[list[str]]:
    items = [view.table.topLevelItem(row) for row in range(view.table.topLevelItemCount())]
    return [[item.text(column) for column in range(4)] for item in items]


def test_before_anything_was_learned_it_says_how(view: VersionsView) -> None:
    view.show_state(NOTHING)
    assert "Nothing learned yet" in view.summary.text()
    assert not view.table.isVisible()
    assert not view.back_button.isVisible()
    assert not view.all_button.isVisible()


def test_versions_are_listed_with_their_figures(view: VersionsView) -> None:
    view.show_state(state())
    assert cells(view) == [
        [moment(THIRD), "30 corrections", "11 → 26 of 30", "In use"],
        [moment(SECOND), "23 corrections", "9 → 19 of 23", ""],
        [moment(FIRST), "1 correction", "not measured", ""],
        ["Before learning", "no corrections", "", ""],
    ]
    assert view.table.currentItem() is view.table.topLevelItem(0)
    assert not view.back_button.isEnabled(), "it is in use already"
    assert not view.all_button.isVisible()


def test_a_version_is_gone_back_to_by_mouse_and_by_keys(view: VersionsView, qtbot: QtBot) -> None:
    asked: list[int] = []
    view.go_back.connect(asked.append)
    view.show_state(state())
    view.table.setFocus()
    qtbot.keyClick(view.table, Qt.Key.Key_Return)
    assert asked == [], "it is in use already"
    qtbot.keyClick(view.table, Qt.Key.Key_Down)
    assert view.back_button.isEnabled()
    qtbot.mouseClick(view.back_button, Qt.MouseButton.LeftButton)
    assert asked == [2]
    assert not view.back_button.isEnabled(), "a second click would ask for the same"
    view.show_state(state(current=2, set_aside=7))
    qtbot.keyClick(view.table, Qt.Key.Key_End)
    qtbot.keyClick(view.table, Qt.Key.Key_Return)
    assert asked == [2, SHIPPED]


def test_the_chosen_version_stays_chosen(view: VersionsView) -> None:
    view.show_state(state())
    view.table.setCurrentItem(view.table.topLevelItem(1))
    newer = Version(4, THIRD, 31, None, current=True)
    view.show_state(LearningState(31, 31, 0, 0, (newer, *state(current=0).versions)))
    assert view.table.currentItem() is view.table.topLevelItem(2)
    view.show_state(LearningState(31, 31, 0, 0, (newer, AS_SHIPPED)))
    assert view.table.currentItem() is view.table.topLevelItem(0), "it is gone: then the one in use"
    view.show_state(LearningState(32, 32, 0, 0, (replace(newer, id=5), replace(newer, current=False), AS_SHIPPED)))
    assert view.table.currentItem() is view.table.topLevelItem(0), "which was not chosen by anyone"


def test_corrections_set_aside_can_be_learned_from_again(view: VersionsView, qtbot: QtBot) -> None:
    view.show_state(state(current=2, set_aside=7))
    assert text.set_aside(7) in view.summary.text()
    with qtbot.waitSignal(view.learn_from_all):
        qtbot.mouseClick(view.all_button, Qt.MouseButton.LeftButton)
    view.show_state(state())
    assert not view.all_button.isVisible()


def test_trouble_is_said_until_the_next_attempt(view: VersionsView, qtbot: QtBot) -> None:
    view.show_state(state())
    view.table.setCurrentItem(view.table.topLevelItem(1))
    qtbot.mouseClick(view.back_button, Qt.MouseButton.LeftButton)
    view.show_trouble("The disk is full.")
    assert view.trouble.isVisible()
    assert view.trouble.text() == "The disk is full."
    assert view.back_button.isEnabled()
    qtbot.mouseClick(view.back_button, Qt.MouseButton.LeftButton)
    assert not view.trouble.isVisible()


@pytest.mark.parametrize(
    ("shown", "numbers"),
    [
        (state(current=2), ["9", "23", "19", "2"]),
        (state(), ["11", "30", "26"]),
        (state(current=1), ["1"]),
        (state(current=2, check=SelfCheck(5, 0, 0, 0)), ["0", "5", "0"]),
        (state(current=2, check=SelfCheck(1, 0, None, 0)), ["1"]),
        (state(current=2, check=SelfCheck(5, 0, None, 0)), ["5"]),
        (state(current=SHIPPED, set_aside=1, waiting=2), ["1", "2"]),
        (state(current=SHIPPED, set_aside=0, waiting=1), ["1"]),
    ],
)
def test_the_summary_gives_the_numbers(shown: LearningState, numbers: list[str]) -> None:
    assert re.findall(r"\d+", version_words.summary(shown)) == numbers


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (
            SelfCheck(23, 9, 19, 2),
            "gets 9 of your 23 corrections right. Tested on each as if the photo were new, it gets 19",
        ),
        (SelfCheck(5, 0, 0, 0), "a few more"),
        (SelfCheck(5, 0, None, 0), "one scene"),
        (SelfCheck(1, 0, None, 0), "too few"),
        (SelfCheck(23, 9, 19, 1), "after learning from all of them, it gets 1 wrong"),
    ],
)
def test_the_summary_says_what_was_measured(check: SelfCheck, words: str) -> None:
    assert words in version_words.summary(state(current=2, check=check))


def test_a_version_in_words() -> None:
    made = moment(SECOND)
    assert version_words.spoken(state(current=2).versions[1]) == (
        f"{made}, 23 corrections, 9 correct before and 19 after learning, in use"
    )
    assert version_words.spoken(AS_SHIPPED) == "Before learning, no corrections"
    assert version_words.figures(Version(1, FIRST, 1, SelfCheck(1, 0, None, 0), False)) == "too few to measure"


def test_versions_of_other_models_are_listed_and_can_t_be_gone_back_to(view: VersionsView, qtbot: QtBot) -> None:
    asked: list[int] = []
    view.go_back.connect(asked.append)
    others = (
        Version(9, SECOND, 40, SelfCheck(40, 20, 38, 0), current=False, bundle_id="old"),
        Version(8, FIRST, 12, None, current=False, bundle_id="older"),
    )
    view.show_state(replace(state(), others=others))
    view.name_models({"old": "Alpaca 1.0"})
    assert cells(view)[4:] == [
        [moment(SECOND), "40 corrections", "20 → 38 of 40", "Of “Alpaca 1.0”"],
        [moment(FIRST), "12 corrections", "not measured", "Of an earlier model"],
    ]
    view.table.setFocus()
    qtbot.keyClick(view.table, Qt.Key.Key_End)
    assert view.table.currentItem() is view.table.topLevelItem(3), "keys pass over them"
    place = view.table.visualItemRect(view.table.topLevelItem(4)).center()
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert asked == []
    assert view.table.topLevelItem(4).data(0, Qt.ItemDataRole.AccessibleTextRole).endswith("Of “Alpaca 1.0”.")
    assert "Alpaca 1.0" in view.table.topLevelItem(4).toolTip(0)


def test_only_versions_of_other_models(view: VersionsView) -> None:
    view.show_state(replace(NOTHING, corrections=37, waiting=37, others=(Version(9, SECOND, 37, None, False, "old"),)))
    assert view.table.isVisible()
    assert "37 corrections" in view.summary.text()


def test_corrections_that_are_being_learned_again_are_counted(view: VersionsView) -> None:
    running = LearningAgain(12, 25, True)
    assert "12 of 37" in version_words.summary(replace(NOTHING, corrections=37, waiting=25), running)
    # Once that is over, it says which are left and why.
    left = version_words.summary(replace(NOTHING, corrections=37, waiting=5), LearningAgain(32, 5, False))
    assert "5 corrections keep their labels" in left
    assert "of 37" not in left
