"""The questions about the variants of a model: when they are asked, how they look, and what is remembered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from alpacasorter.core.events import Learned
from alpacasorter.core.labels import LabelSet
from alpacasorter.ml.learning.agreement import Agreement
from alpacasorter.workers.view_facts import ModelFacts, VariantFacts, VariantsFacts
from tests.ui.conftest import FINISHED, Hands
from tests.ui.test_photo_store import LABELS
from tests.window_texts import shared_mnemonics

VARIANTS = VariantsFacts(
    setting="Ponies count as",
    choices=(
        VariantFacts("wide", "Horse & co.", "Are ponies horses for you?", "Ponies are horses"),
        VariantFacts("narrow", "Not horse", "Are ponies not horses for you?", "Ponies are not horses"),
    ),
    current="wide",
    is_chosen=False,
    first_question="What do ponies count as for you?",
)


class Owner(Hands):
    """Someone whose model has variants; the engine is not started, and what it is asked for can be read."""

    def begin(self, variants: VariantsFacts | None = VARIANTS, name: str = "Horses") -> None:
        self.used: list[str] = []
        self.previews: list[str] = []
        engine = self.window.engine
        engine.variants.use = self.used.append  # type: ignore[method-assign]
        engine.variants.preview = self.previews.append  # type: ignore[method-assign]
        self.window._folder = Path("/p")
        self.ready(variants, name)

    def ready(self, variants: VariantsFacts | None, name: str = "Horses", labels: LabelSet = LABELS) -> None:
        self.window.engine.ready.emit(ModelFacts(name, "1.0", labels, 0, Path("/m"), variants))

    def scan(self) -> None:
        self.window.engine.finished.emit(FINISHED)

    def differ(self, count: int, name: str = "narrow") -> None:
        """The engine says how many photos another variant tags otherwise."""
        keys = tuple(str(self.row(100 + n).key) for n in range(count))
        self.window.engine.variants.previewed.emit(name, keys)

    def agree(self, corrections: int, against: int = 0, name: str = "narrow") -> None:
        self.window.engine.variants.agreed.emit((Agreement(name, ("k",), corrections, against),))

    def hear(self, changes: dict[str, str | None]) -> None:
        """The engine has learned these labels; no tag changed."""
        none = np.empty(0, dtype=np.float32)
        self.window.engine.learned.emit(Learned(1, changes, (), none, (), head_version=99))

    def texts(self) -> list[str]:
        return [button.text() for button in self.window.variants.question.answers]


@pytest.fixture
def owner(hands: Hands) -> Owner:
    hands.__class__ = Owner
    assert isinstance(hands, Owner)
    hands.begin()
    return hands


def test_a_few_photos_are_enough_for_the_first_question(owner: Owner) -> None:
    owner.scan()
    assert owner.previews == ["narrow"]
    owner.differ(2)
    assert not owner.window.variants.question.isVisible()
    owner.scan()
    owner.differ(3)
    assert owner.window.variants.question.isVisible()
    assert "3 photos" in owner.window.variants.question.words.text()
    assert owner.texts() == ["Horse && co.", "Not horse"]


@pytest.mark.parametrize(
    "variants",
    [None, replace(VARIANTS, first_question=""), replace(VARIANTS, is_chosen=True)],
    ids=["no variants", "not wanted", "chosen"],
)
def test_where_nothing_is_asked(owner: Owner, variants: VariantsFacts | None) -> None:
    owner.ready(variants)
    owner.scan()
    assert owner.previews == []
    owner.differ(9)
    assert not owner.window.variants.question.isVisible()


def test_a_stopped_scan_asks_nothing(owner: Owner) -> None:
    owner.window.engine.finished.emit(replace(FINISHED, canceled=True))
    assert owner.previews == []


def test_photos_that_the_user_has_labeled_do_not_count(owner: Owner) -> None:
    owner.page.store.row_of(Path("/p/101.jpg")).correction = LABELS.negative  # type: ignore[union-attr]
    owner.scan()
    owner.differ(3)
    assert not owner.window.variants.question.isVisible()


def test_the_one_in_use_can_be_chosen(owner: Owner) -> None:
    owner.scan()
    owner.differ(5)
    owner.window.variants.question.answers[0].click()
    assert owner.used == ["wide"]
    assert not owner.page.corrections.stack.canUndo(), "nothing has changed"
    owner.scan()
    owner.differ(5)
    assert not owner.window.variants.question.isVisible()


@pytest.mark.parametrize(
    ("corrections", "against", "asked"), [(1, 0, False), (2, 0, True), (4, 3, False), (5, 2, True)]
)
def test_corrections_speak_for_a_variant(owner: Owner, corrections: int, against: int, asked: bool) -> None:
    owner.agree(corrections, against)
    assert owner.previews == ["narrow"] * asked
    owner.differ(1)
    assert owner.window.variants.question.isVisible() == asked
    if asked:
        assert "1 other tag " in owner.window.variants.question.words.text()
        assert owner.texts() == ["Ponies are not horses", "No"]


def test_a_variant_that_changes_nothing_here_is_asked_about_in_another_folder(owner: Owner) -> None:
    owner.agree(2)
    owner.differ(0)
    assert not owner.window.variants.question.isVisible()
    owner.agree(3)
    owner.differ(4)
    assert owner.window.variants.question.isVisible()


def test_no_holds_for_all_folders_and_for_the_first_question(owner: Owner) -> None:
    owner.agree(2)
    owner.differ(4)
    owner.window.variants.question.answers[1].click()
    assert owner.used == []
    owner.page.begin()
    owner.scan()
    owner.agree(3)
    assert owner.previews == ["narrow"]
    # Another model is another matter.
    owner.ready(VARIANTS, "Mules")
    owner.scan()
    assert owner.previews == ["narrow", "narrow"]


def test_what_is_said_follows_what_is_learned(owner: Owner) -> None:
    owner.agree(2)
    owner.differ(6)
    assert "6 other tags" in owner.window.variants.question.words.text()
    owner.hear({"x": LABELS.negative})
    assert owner.previews == ["narrow", "narrow"]
    owner.differ(2)
    assert "2 other tags" in owner.window.variants.question.words.text()
    owner.hear({"x": None})
    assert not owner.window.variants.question.isVisible(), "the label that spoke for it is gone"


def test_another_folder_withdraws_the_question(owner: Owner) -> None:
    owner.scan()
    owner.differ(5)
    owner.page.begin()
    assert not owner.window.variants.question.isVisible()
    owner.show(12)
    owner.differ(5)
    assert not owner.window.variants.question.isVisible(), "this was about the other folder"
    owner.scan()
    owner.differ(5)
    assert owner.window.variants.question.isVisible(), "it was not answered"


def test_three_variants(owner: Owner) -> None:
    third = VariantFacts("third", "Mule", "", "")
    owner.ready(replace(VARIANTS, choices=(*VARIANTS.choices, third)))
    owner.scan()
    assert owner.previews == ["narrow", "third"]
    owner.differ(1, "narrow")
    assert not owner.window.variants.question.isVisible()
    owner.differ(4, "third")
    assert owner.texts() == ["Horse && co.", "Not horse", "Mule"]
    owner.window.variants.question.close_button.click()
    owner.agree(5, name="third")
    owner.differ(5, "third")
    assert not owner.window.variants.question.isVisible(), "it has no question"


def test_the_step_is_named_and_goes_with_its_model(owner: Owner) -> None:
    stack = owner.page.corrections.stack
    owner.window.variants.use("narrow")
    assert owner.used == ["narrow"]
    assert "Ponies count as: Not horse" in stack.undoText()
    owner.window.variants.use("narrow")
    assert stack.count() == 1
    stack.undo()
    stack.redo()
    assert owner.used == ["narrow", "narrow", "wide", "narrow"]
    owner.ready(VARIANTS)
    assert stack.canUndo(), "it is the same model"
    owner.ready(replace(VARIANTS, setting="Something else"), "Mules")
    assert not stack.canUndo()


def test_a_variant_that_can_t_be_used_is_told(owner: Owner) -> None:
    shown: list[str] = []
    owner.window.variants.changed.connect(shown.append)
    owner.window.engine.variants.failed.emit("Your choice can't be saved.")
    assert shown == ["wide"], "what a dialog shows is in use"
    assert owner.window.notice.isVisible()
    assert "can't be saved" in owner.window.notice.words.text()


def test_the_tab_key_reaches_the_answers_between_photos_and_cross(owner: Owner) -> None:
    owner.scan()
    owner.differ(5)
    owner.settle()
    question = owner.window.variants.question
    owner.focus(owner.grid)
    visited: list[QWidget | None] = []
    for _ in range(40):
        QTest.keyClick(owner.window.windowHandle(), Qt.Key.Key_Tab)
        visited.append(QApplication.focusWidget())
        if visited[-1] is question.close_button:
            break
    assert visited[-3:] == [*question.answers, question.close_button]
    QTest.keyClick(owner.window.windowHandle(), Qt.Key.Key_Space)
    assert not question.isVisible()
    assert owner.grid.hasFocus()


def test_screen_readers_read_the_question_with_each_answer(owner: Owner) -> None:
    owner.agree(2)
    owner.differ(4)
    for button in owner.window.variants.question.answers:
        interface = QAccessible.queryAccessibleInterface(button)
        assert interface.text(QAccessible.Text.Name) in ("Ponies are not horses", "No")
        assert "Are ponies not horses for you?" in interface.text(QAccessible.Text.Description)


def low(owner: Owner) -> None:
    owner.window.resize(640, 480)
    owner.settle()


def test_one_message_at_a_time_in_a_low_window(owner: Owner) -> None:
    """What one correction did to many tags comes first, then the question, then what was learned."""
    page = owner.page
    low(owner)
    owner.show(12)
    owner.agree(2)
    owner.differ(4)
    page.banners.learned.tell("Learned.")
    shown = [owner.window.variants.question.isVisible(), page.banners.learned.isVisible()]
    page.banners.flipped.say("Many.")
    shown += [page.banners.flipped.isVisible(), owner.window.variants.question.isVisible()]
    page.banners.flipped.hide()
    shown += [owner.window.variants.question.isVisible(), page.banners.learned.isVisible()]
    owner.window.variants.question.close_button.click()
    assert [*shown, page.banners.learned.isVisible()] == [True, False, True, False, True, False, True]


@pytest.mark.parametrize("ask", [lambda owner: owner.scan(), lambda owner: owner.agree(2)], ids=["first", "later"])
def test_it_is_whole_in_the_smallest_window(owner: Owner, ask: Callable[[Owner], None]) -> None:
    low(owner)
    owner.show(12)
    ask(owner)
    owner.differ(9)
    owner.settle()
    question = owner.window.variants.question
    words = question.words
    assert question.isVisible()
    assert words.heightForWidth(words.width()) <= words.height()
    for button in (*question.answers, question.close_button):
        assert button.width() >= button.sizeHint().width()
        assert question.rect().contains(button.geometry())
    assert owner.grid.height() > owner.grid.gridSize().height()
    assert shared_mnemonics(owner.window) == {}
