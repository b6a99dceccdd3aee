"""Searching and choosing ranges in the window, by keys and by mouse."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton

from alpacasorter.core.events import Found, Judged, JudgedPhoto, Learned, Problem, Problems
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photos.finding.histogram import Histogram
from alpacasorter.ui.photos.finding.panel import FindingPanel
from tests.ui.conftest import FINISHED, Hands
from tests.ui.test_photo_store import LABELS

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
ROOT = Path("/p")
NAMES = ("Peru/IMG_1.jpg", "Peru/IMG_2.jpg", "Łódź/IMG_3.jpg", "Łódź/alpaca.jpg", "plain.jpg")
DAYS = (1, 2, 10, 20, None)
PROBABILITIES = (0.95, 0.85, 0.55, 0.15, 0.02)


@pytest.fixture
def user(hands: Hands) -> Hands:
    """A window with five photos in two folders, from April 2024; the last has no date."""
    page = hands.page
    page.begin(folder=ROOT)
    paths = [ROOT / name for name in NAMES]
    page.on_found(Found(tuple(PhotoFile(path, 1, 1) for path in paths)))
    page.model.on_judged(Judged(tuple(map(judged, range(5))), 0))
    page.on_finished(FINISHED)
    hands.settle()
    return hands


def judged(n: int, probability: float | None = None) -> JudgedPhoto:
    taken = None if DAYS[n] is None else f"2024-04-{DAYS[n]:02}T12:00:00"
    facts = PhotoFacts(100, 80, taken, "JPEG")
    return JudgedPhoto(ROOT / NAMES[n], f"key{n}", probability or PROBABILITIES[n], facts, None)


def listed(user: Hands) -> list[str]:
    return [row.path.stem for row in user.page.model.listed]


def panel_of(user: Hands) -> FindingPanel:
    return user.page.finding.panel


def search(user: Hands, words: str) -> None:
    user.press(Qt.Key.Key_F, CONTROL)
    type_text(words)
    QApplication.processEvents()


def type_text(words: str) -> None:
    field = QApplication.focusWidget()
    assert field is not None
    QTest.keyClicks(field, words)


def chips(user: Hands) -> dict[Filter, str]:
    return {which: user.page.filters.button(which).text() for which in Filter}


# Words


def test_the_list_follows_what_is_typed(user: Hands) -> None:
    assert not panel_of(user).isVisible()
    search(user, "img")
    assert panel_of(user).isVisible()
    assert listed(user) == ["IMG_1", "IMG_2", "IMG_3"]
    type_text(" peru")
    QApplication.processEvents()
    assert listed(user) == ["IMG_1", "IMG_2"]
    for _ in "peru":
        user.press(Qt.Key.Key_Backspace)
    QApplication.processEvents()
    assert len(listed(user)) == 3
    assert user.asked == [], "no letter has tagged a photo"


def test_accents_make_no_difference(user: Hands) -> None:
    search(user, "lodz")
    assert listed(user) == ["alpaca", "IMG_3"]


def test_the_numbers_say_how_many_are_found(user: Hands) -> None:
    search(user, "img")
    assert "3 of 5" in chips(user)[Filter.ALL]
    assert "3 of 3" in chips(user)[Filter.POSITIVE]
    assert user.page.finding.shown.isVisible()
    assert "3 of 5" in user.page.finding.shown.text()
    user.settle()
    places = [user.page.filters.button(which).geometry() for which in Filter]
    type_text("_1")
    user.settle()
    assert "1 of 5" in chips(user)[Filter.ALL]
    assert [user.page.filters.button(which).geometry() for which in Filter] == places, "no button has moved"


def test_search_and_filter_combine(user: Hands) -> None:
    search(user, "peru")
    QTest.mouseClick(user.page.filters.button(Filter.UNSURE), LEFT)
    assert listed(user) == []
    panel_of(user).field.selectAll()
    user.focus(panel_of(user).field)
    type_text("lodz")
    QApplication.processEvents()
    assert listed(user) == ["IMG_3"]
    QTest.mouseClick(user.page.filters.button(Filter.ALL), LEFT)
    assert listed(user) == ["alpaca", "IMG_3"]


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down])
def test_enter_and_down_go_to_the_first_photo_found(user: Hands, key: Qt.Key) -> None:
    search(user, "img")
    user.press(key)
    assert QApplication.focusWidget() is user.grid
    assert user.page.model.photo(user.grid.currentIndex()).path.stem == "IMG_1"


def test_enter_without_a_photo_stays_in_the_field(user: Hands) -> None:
    search(user, "xyz")
    user.press(Qt.Key.Key_Return)
    assert QApplication.focusWidget() is panel_of(user).field


def test_escape_clears_the_search_and_goes_back(user: Hands) -> None:
    stopped: list[None] = []
    user.page.actions_.stop.setEnabled(True)
    user.page.actions_.stop.triggered.connect(lambda: stopped.append(None))
    search(user, "img_2")
    user.press(Qt.Key.Key_Escape)
    assert len(listed(user)) == 5
    assert QApplication.focusWidget() is user.grid
    assert not panel_of(user).isVisible()
    assert user.page.model.photo(user.grid.currentIndex()).path.stem == "IMG_2", "what was found stays current"
    assert not stopped, "the key has not stopped the scan"


@pytest.mark.parametrize("words", ["img", ""])
def test_escape_leaves_the_search_from_the_photos_too(user: Hands, words: str) -> None:
    stopped: list[None] = []
    user.page.actions_.stop.setEnabled(True)
    user.page.actions_.stop.triggered.connect(lambda: stopped.append(None))
    search(user, words)
    user.press(Qt.Key.Key_Return)
    user.press(Qt.Key.Key_N)
    user.press(Qt.Key.Key_Return)
    user.press(Qt.Key.Key_Escape)
    assert user.grid.isVisible(), "the loupe is left before the search"
    assert panel_of(user).isVisible()
    user.press(Qt.Key.Key_Escape)
    assert len(listed(user)) == 5
    assert not panel_of(user).isVisible()
    assert QApplication.focusWidget() is user.grid
    assert not stopped
    user.press(Qt.Key.Key_Escape)
    assert stopped, "the next one stops the scan"


def test_escape_leaves_the_search_from_a_filter(user: Hands) -> None:
    search(user, "img")
    user.focus(user.page.filters.button(Filter.UNSURE))
    user.press(Qt.Key.Key_Escape)
    assert len(listed(user)) == 5
    assert not panel_of(user).isVisible()


def test_searching_from_the_loupe_goes_back_to_the_photos(user: Hands) -> None:
    user.press(Qt.Key.Key_Return)
    assert not user.grid.isVisible()
    search(user, "img_2")
    assert user.grid.isVisible()
    assert listed(user) == ["IMG_2"]


def test_keys_that_find_the_same_photos_lay_out_nothing(user: Hands) -> None:
    search(user, "im")
    resets: list[None] = []
    user.page.model.modelReset.connect(lambda: resets.append(None))
    type_text("g_")
    QApplication.processEvents()
    assert not resets
    assert user.page.model.view.query.words == ("img_",)


def test_the_clear_button(user: Hands) -> None:
    search(user, "img_2")
    [button] = panel_of(user).field.findChildren(QToolButton)
    QTest.mouseClick(button, LEFT)
    QApplication.processEvents()
    assert len(listed(user)) == 5
    assert panel_of(user).isVisible()
    assert QApplication.focusWidget() is panel_of(user).field


def test_an_empty_list_says_why_and_has_a_button(user: Hands) -> None:
    search(user, "llama")
    [button] = [one for one in user.grid.viewport().findChildren(QPushButton) if one.isVisible()]
    assert "llama" in user.page.finding.why_empty()
    QTest.mouseClick(button, LEFT)
    assert len(listed(user)) == 5
    assert not button.isVisible()
    assert panel_of(user).field.text() == ""


def test_words_that_only_photos_out_of_the_range_have(user: Hands) -> None:
    user.page.actions_.histograms.setChecked(True)
    panel = panel_of(user)
    panel.sureness.chosen.emit((0.9, 1.0))
    search(user, "plain")
    assert listed(user) == []
    assert "in this range" in user.page.finding.why_empty().splitlines()[0]
    [button] = [one for one in user.grid.viewport().findChildren(QPushButton) if one.isVisible()]
    assert button.text() == panel.clear_all.text()
    user.page.actions_.why.setChecked(True)
    assert not user.page.preview.why.isVisible(), "there is no photo to say it about"
    QTest.mouseClick(button, LEFT)
    user.settle()
    assert len(listed(user)) == 5
    assert user.page.preview.why.isVisible()


def test_select_all_and_keys_act_on_what_is_found(user: Hands) -> None:
    search(user, "img")
    user.press(Qt.Key.Key_Return)
    user.press(Qt.Key.Key_A, CONTROL)
    assert len(user.grid.selected_photos()) == 3
    assert user.page.model.filtered() == user.grid.selected_photos(), "an export offers them"


def test_another_folder_shows_everything_and_the_same_one_what_was_found(user: Hands) -> None:
    search(user, "img")
    user.page.begin(folder=ROOT, same_folder=True)
    user.page.on_found(Found(tuple(PhotoFile(ROOT / name, 1, 1) for name in NAMES)))
    assert len(listed(user)) == 3
    user.page.begin(folder=Path("/other"))
    user.page.on_found(Found((PhotoFile(Path("/other/a.jpg"), 1, 1),)))
    assert listed(user) == ["a"]
    assert panel_of(user).field.text() == ""


def test_photos_that_arrive_go_to_the_end_if_they_are_found(user: Hands) -> None:
    search(user, "img")
    user.press(Qt.Key.Key_Return)
    model = user.page.model
    model.on_arrived(Found(tuple(PhotoFile(ROOT / name, 1, 1) for name in ("IMG_0.jpg", "other.jpg"))))
    user.page.live.on_problems(Problems((Problem(ROOT / "img_broken.jpg", "file-empty"),)))
    model.settle()
    assert listed(user) == ["IMG_1", "IMG_2", "IMG_3", "IMG_0", "img_broken"]


def test_what_learning_takes_out_of_a_range_stays_until_the_list_is_updated(user: Hands) -> None:
    open_histograms(user)
    drag(panel_of(user).sureness, 0.31, 0.69)
    assert listed(user) == ["IMG_3"]
    after = [0.95, 0.6, 0.9, 0.15, 0.02]
    keys = tuple(f"key{n}" for n in range(5))
    user.page.on_learned(Learned(1, {"key0": LABELS.positive}, keys, np.array(after, np.float32), (), 1))
    user.settle()
    assert listed(user) == ["IMG_3"], "nothing moves under the mouse"
    assert user.page.update_button.isVisible()
    user.press(Qt.Key.Key_F5, Qt.KeyboardModifier.ShiftModifier)
    assert listed(user) == ["IMG_2"]


# Ranges


def open_histograms(user: Hands) -> None:
    user.press(Qt.Key.Key_F4)
    user.settle()


def drag(histogram: Histogram, first: float, last: float) -> None:
    """Drag from one part of the scale to another, 0 to 1."""
    plot = histogram.plot()

    def point(part: float) -> QPoint:
        return QPoint(plot.left() + round(part * plot.width()), plot.center().y())

    QTest.mousePress(histogram, LEFT, pos=point(first))
    for step in range(1, 6):
        QTest.mouseMove(histogram, point(first + (last - first) * step / 5))
        QApplication.processEvents()
    QTest.mouseRelease(histogram, LEFT, pos=point(last))
    QApplication.processEvents()


def test_histograms_are_remembered(user: Hands) -> None:
    assert not panel_of(user).dates.isVisible()
    open_histograms(user)
    assert panel_of(user).dates.isVisible()
    assert user.page._settings.histograms
    user.press(Qt.Key.Key_F4)
    assert not panel_of(user).isVisible()
    assert not user.page._settings.histograms


def test_bars_and_photos_without_a_date(user: Hands) -> None:
    open_histograms(user)
    panel = panel_of(user)
    assert sum(map(sum, panel.dates.bars.counts)) == 4
    assert sum(map(sum, panel.sureness.bars.counts)) == 5
    assert "1" in panel.undated.text()
    QTest.mouseClick(panel.undated, LEFT)
    QApplication.processEvents()
    assert listed(user) == ["plain"]
    QTest.mouseClick(panel.taken, LEFT)
    QApplication.processEvents()
    assert len(listed(user)) == 5


def test_the_list_follows_while_a_range_is_dragged(user: Hands) -> None:
    open_histograms(user)
    panel, seen = panel_of(user), []
    user.page.model.modelReset.connect(lambda: seen.append(len(listed(user))))
    drag(panel.sureness, 0.75, 0.99)
    assert listed(user) == ["IMG_1", "IMG_2"]
    assert len(set(seen)) > 1, "and not only when the button is released"
    drag(panel.dates, 0.05, 0.12)
    assert listed(user) == ["IMG_2"]
    assert panel.taken.isVisible()
    assert panel.probability.isVisible()
    QTest.mouseClick(panel.taken, LEFT)
    QApplication.processEvents()
    assert listed(user) == ["IMG_1", "IMG_2"]
    QTest.mouseClick(panel.clear_all, LEFT)
    assert len(listed(user)) == 5
    assert not panel.probability.isVisible()


def test_nothing_moves_under_the_mouse_while_it_drags(user: Hands) -> None:
    open_histograms(user)
    histogram = panel_of(user).sureness

    def places() -> list[QPoint]:
        return [one.mapTo(user.window, QPoint()) for one in (histogram, panel_of(user).dates, user.grid)]

    before = places()
    drag(histogram, 0.75, 0.99)
    user.settle()
    assert places() == before


def test_what_is_active_can_be_seen_when_the_histograms_are_hidden(user: Hands) -> None:
    open_histograms(user)
    drag(panel_of(user).sureness, 0.75, 0.99)
    user.press(Qt.Key.Key_F4)
    assert panel_of(user).probability.isVisible()
    assert len(listed(user)) == 2


def test_by_keys(user: Hands) -> None:
    open_histograms(user)
    user.press(Qt.Key.Key_F, CONTROL)
    first, last = panel_of(user).sureness.handles
    for _ in range(20):
        if QApplication.focusWidget() is first:
            break
        user.press(Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is first, "the Tab key reaches it"
    for _ in range(4):
        user.press(Qt.Key.Key_PageUp)
    QApplication.processEvents()
    assert listed(user) == ["IMG_1", "IMG_2"]
    user.press(Qt.Key.Key_Right)
    user.press(Qt.Key.Key_Right)
    user.press(Qt.Key.Key_Right)
    QApplication.processEvents()
    assert listed(user) == ["IMG_1"]
    user.press(Qt.Key.Key_End)
    assert first.value() == last.value() - 1, "one bar is left"
    user.press(Qt.Key.Key_Home)
    QApplication.processEvents()
    assert len(listed(user)) == 5
    user.press(Qt.Key.Key_PageUp)
    user.press(Qt.Key.Key_Escape)
    QApplication.processEvents()
    assert panel_of(user).sureness.values is None


def test_each_end_is_a_slider_that_says_where_it_stands(user: Hands) -> None:
    open_histograms(user)
    handle = panel_of(user).sureness.handles[0]
    handle.setFocus()
    for _ in range(4):
        user.press(Qt.Key.Key_PageUp)
    interface = QAccessible.queryAccessibleInterface(handle)
    assert interface.role() == QAccessible.Role.Slider
    assert "Alpaca 80%" in interface.text(QAccessible.Text.Name)
    assert panel_of(user).sureness.accessibleName()


def test_bars_follow_learning_and_arrivals(user: Hands) -> None:
    open_histograms(user)
    bars = panel_of(user).sureness.bars
    user.page.model.on_arrived(Found((PhotoFile(ROOT / "new.jpg", 1, 1),)))
    facts = PhotoFacts(1, 1, "2024-06-01T00:00:00", "JPEG")
    new = JudgedPhoto(ROOT / "new.jpg", "new", 0.5, facts, LABELS.negative)
    user.page.live.on_judged(Judged((new,), 0))
    user.settle()
    assert sum(map(sum, panel_of(user).sureness.bars.counts)) == 6
    assert panel_of(user).sureness.bars != bars
    assert sum(map(sum, panel_of(user).dates.bars.counts)) == 5


def test_another_model_takes_back_the_range_of_probabilities(user: Hands) -> None:
    open_histograms(user)
    drag(panel_of(user).sureness, 0.75, 0.99)
    user.page.set_labels(LABELS)
    QApplication.processEvents()
    assert len(listed(user)) == 5
