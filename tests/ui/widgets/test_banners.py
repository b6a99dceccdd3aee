"""The reserved place for messages: one at a time, nothing moves, and nothing goes or changes under the mouse."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.ui.widgets import banners
from alpacasorter.ui.widgets.banners import Banner, BannerBar, Choice, ChoiceBanner, NoticeBanner, Rank
from alpacasorter.ui.widgets.messages import ProgressStrip
from alpacasorter.ui.widgets.theme import Theme


class Place:
    """A window with photos (a button stands for them), and below them the place for messages."""

    def __init__(self, qapp: QApplication, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.window = QWidget()
        self.photos = QPushButton("Photos", self.window)
        self.bar = BannerBar(Theme(qapp))
        column = QVBoxLayout(self.window)
        column.addWidget(self.photos, 1)
        column.addWidget(self.bar)
        self.news, self.more = Banner(self.bar, Rank.NEWS), Banner(self.bar, Rank.NEWS)
        self.state = Banner(self.bar, Rank.STATE)
        self.offer = ChoiceBanner(self.bar, Rank.OFFER)
        self.notice = NoticeBanner(self.bar)
        self.question, self.other = ChoiceBanner(self.bar, Rank.QUESTION), ChoiceBanner(self.bar, Rank.QUESTION)
        self.alert = ChoiceBanner(self.bar, Rank.QUESTION, "alert")
        self.window.resize(1000, 500)
        self.window.show()
        self.window.activateWindow()
        qtbot.waitActive(self.window)
        self.photos.setFocus()
        # A test before this one may have left the mouse where the messages are now.
        self.point_at(None)

    def seen(self) -> list[str]:
        """What can be read now."""
        return [one.words.text() for one in self.bar.findChildren(Banner) if one.isVisible()]

    def point_at(self, widget: QWidget | None) -> None:
        """Move the mouse over a widget, or away from the messages."""
        target = widget or self.photos
        QTest.mouseMove(self.window.windowHandle(), target.mapTo(self.window, target.rect().center()))
        QApplication.processEvents()
        # A mouse button that a test before this one has left pressed keeps Qt from noticing where the mouse is.
        self.bar.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, widget is not None)

    def wait_for(self, words: list[str]) -> None:
        self.qtbot.waitUntil(lambda: self.seen() == words, timeout=10_000)


@pytest.fixture
def place(qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(banners, "_LEAST_MS", 300)
    monkeypatch.setattr(banners, "_MOST_MS", 300)
    monkeypatch.setattr(banners, "_TICK_MS", 100)
    made = Place(qapp, qtbot)
    yield made
    made.window.close()
    made.window.deleteLater()


@pytest.mark.parametrize("low", [False, True])
def test_the_progress_of_a_scan_is_not_cut_off(place: Place, low: bool) -> None:
    place.bar.set_low(low)
    progress = ProgressStrip(place.bar)
    place.bar.add_beside(progress, progress.words)
    progress.start()
    QApplication.processEvents()
    button = progress.stop_button
    assert button.height() >= button.sizeHint().height()
    assert progress.rect().contains(button.geometry())


def test_a_message_moves_nothing(place: Place) -> None:
    before = place.photos.geometry()
    place.question.offer("Do " + "very " * 300 + "long questions move anything?", [Choice("No", lambda: None)])
    assert place.seen()
    QApplication.processEvents()
    assert place.photos.geometry() == before
    place.question.hide()
    QApplication.processEvents()
    assert place.photos.geometry() == before
    assert place.seen() == []


def test_one_at_a_time_questions_first_and_then_the_latest_news(place: Place) -> None:
    place.news.say("One.")
    place.more.say("Two.")
    assert place.seen() == ["Two."]
    place.question.offer("Why?", [Choice("So", lambda: None)])
    assert place.seen() == ["Why?"]
    place.news.say("Three.")
    assert place.seen() == ["Why?"], "news do not go before a question"
    place.alert.offer("Really?", [Choice("Yes", lambda: None)])
    place.other.offer("When?", [Choice("Now", lambda: None)])
    assert place.seen() == ["Really?"]
    for words in ("When?", "Why?", "Three.", "Two."):
        shown = place.bar.shown
        assert shown is not None
        shown.close_button.click()
        assert place.seen() == [words]


def test_what_has_gone_wrong_is_seen_although_a_question_is_not_answered(place: Place) -> None:
    place.question.offer("Why?", [Choice("So", lambda: None)])
    place.notice.tell("It failed.", passing=True)
    assert place.seen() == ["Why?"], "it can be read first"
    place.wait_for(["It failed."])
    place.wait_for(["Why?"])
    place.news.say("Learned.")
    place.qtbot.wait(600)
    assert place.seen() == ["Why?"]


def test_news_go_by_themselves_and_questions_do_not(place: Place) -> None:
    place.news.say("One.")
    place.wait_for([])
    place.question.offer("Why?", [Choice("So", lambda: None)])
    place.qtbot.wait(900)
    assert place.seen() == ["Why?"]


def test_what_is_still_so_comes_back_after_news(place: Place) -> None:
    place.state.say("12 of 37.")
    assert place.seen() == ["12 of 37."]
    place.news.say("Learned.")
    assert place.seen() == ["Learned."]
    place.wait_for(["12 of 37."])
    place.qtbot.wait(600)
    assert place.seen() == ["12 of 37."], "it has not ended"
    place.state.hide()
    assert place.seen() == []


def test_an_offer_stays_until_it_is_answered_and_goes_before_older_news(place: Place) -> None:
    taken: list[str] = []
    place.news.say("291 photos were moved.")
    place.offer.offer("It belongs elsewhere.", [Choice("Move it there", lambda: taken.append("moved"))])
    assert place.seen() == ["It belongs elsewhere."]
    place.qtbot.wait(900)
    assert place.seen() == ["It belongs elsewhere."], "older news do not take its place"
    place.more.say("Copied.")
    assert place.seen() == ["Copied."], "later news are read first"
    place.wait_for(["It belongs elsewhere."])
    place.qtbot.wait(900)
    assert place.seen() == ["It belongs elsewhere."]
    QTest.mouseClick(place.offer.answers[0], Qt.MouseButton.LeftButton)
    assert taken == ["moved"]
    assert place.seen() == ["291 photos were moved."]


def test_a_click_aimed_at_what_was_just_replaced_hits_nothing(place: Place) -> None:
    done: list[str] = []
    place.news.say("One.")
    place.news.add_button("Undo").clicked.connect(lambda: done.append("undo"))
    place.point_at(None)
    place.other.offer("When?", [Choice("Now", lambda: done.append("now"))])
    QApplication.processEvents()
    button, window = place.other.answers[0], place.window.windowHandle()
    at = button.mapTo(place.window, button.rect().center())
    place.qtbot.wait(QApplication.doubleClickInterval() + 100)
    QTest.mouseMove(window, at)
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, pos=at)
    assert done == [], "the mouse was on its way to the message before"
    place.qtbot.wait(600)
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, pos=at)
    assert done == ["now"]


def test_nothing_goes_or_comes_under_the_mouse(place: Place) -> None:
    done: list[str] = []
    place.news.say("One.")
    button = place.news.add_button("Undo")
    button.clicked.connect(lambda: done.append("undo"))
    QApplication.processEvents()
    place.point_at(button)
    place.qtbot.wait(900)
    assert place.seen() == ["One."], "it waits for the mouse"
    place.more.say("Two.")
    place.alert.offer("Really?", [Choice("Delete everything", lambda: done.append("deleted"))])
    assert place.seen() == ["One."]
    at = button.mapTo(place.window, button.rect().center())
    QTest.mouseClick(place.window.windowHandle(), Qt.MouseButton.LeftButton, pos=at)
    assert done == ["undo"]
    place.point_at(None)
    assert place.seen() == ["Really?"]


def test_a_double_click_answers_one_question(place: Place) -> None:
    done: list[str] = []
    place.other.offer("When?", [Choice("Yes", lambda: done.append("other"))])
    place.question.offer("Why?", [Choice("Yes", lambda: done.append("question"))])
    QApplication.processEvents()
    button = place.question.answers[0]
    place.point_at(button)
    # It has just taken the place of another one.
    place.qtbot.wait(QApplication.doubleClickInterval() + 600)
    at, window = button.mapTo(place.window, button.rect().center()), place.window.windowHandle()
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, pos=at)
    assert place.seen() == ["When?"]
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(window, Qt.MouseButton.LeftButton, pos=at)
    assert done == ["question"]
    place.qtbot.wait(QApplication.doubleClickInterval() + 600)
    QTest.mouseClick(window, Qt.MouseButton.LeftButton, pos=at)
    assert done == ["question", "other"]


def test_nothing_goes_while_the_keyboard_focus_is_on_it(place: Place) -> None:
    place.news.say("One.")
    place.news.close_button.setFocus()
    place.more.say("Two.")
    place.qtbot.wait(900)
    assert place.seen() == ["One."]
    QTest.keyClick(place.news.close_button, Qt.Key.Key_Space)
    assert place.seen() == ["Two."]


def test_answers_by_key(place: Place) -> None:
    done: list[int] = []
    place.question.offer("Which?", [Choice(f"Number {n}", lambda n=n: done.append(n)) for n in range(3)])
    QTest.keyClick(place.photos, Qt.Key.Key_Tab)
    first, second, _third = place.question.answers
    assert QApplication.focusWidget() is first
    QTest.keyClick(first, Qt.Key.Key_Tab)
    QTest.keyClick(second, Qt.Key.Key_Space)
    assert done == [1]
    assert place.seen() == []


def test_screen_readers_are_told_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(banners.QAccessible, "updateAccessibility", lambda event: told.append(event.message()))
    place.question.offer("Which?", [Choice("This", lambda: None, "It can be undone.")])
    place.alert.offer("Really?", [Choice("Yes", lambda: None)])
    place.alert.hide()
    assert told == ["Which?", "Really?"]
    interface = QAccessible.queryAccessibleInterface(place.question.answers[0])
    assert interface.text(QAccessible.Text.Name) == "This"
    assert "Which?" in interface.text(QAccessible.Text.Description)
    words = QAccessible.queryAccessibleInterface(place.question.words)
    assert words.text(QAccessible.Text.Name) == "Which?"
    assert words.role() == QAccessible.Role.StaticText


def test_what_is_gone_can_be_seen_again(place: Place) -> None:
    place.news.say("One.")
    place.news.say("Two.")
    place.state.say("1 of 3.")
    place.state.say("2 of 3.")
    place.notice.tell("It failed.", passing=True)
    place.wait_for(["2 of 3."])
    assert [one.words for one in place.bar.said] == ["One.", "Two.", "2 of 3.", "It failed."]


def test_a_notice_that_is_not_about_an_action_stays(place: Place) -> None:
    place.notice.tell("A damaged file was replaced.")
    place.notice.tell("This can't be opened.", passing=True)
    place.wait_for(["A damaged file was replaced."])
    place.news.say("Learned.")
    place.wait_for(["A damaged file was replaced."])
    place.notice.remove("A damaged file was replaced.")
    assert place.seen() == []


def test_what_does_not_fit_is_in_the_tool_tip_and_the_list(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    monkeypatch.setattr(banners, "show_text", lambda _parent, _title, html: listed.append(html))
    words = "A <b>file</b> " + "with a very long name " * 30
    place.news.say(words)
    QApplication.processEvents()
    assert place.news.words.is_cut
    assert "&lt;b&gt;file" in place.news.words.toolTip()
    QTest.mouseClick(place.news.words, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
    assert len(listed) == 1
    assert "A &lt;b&gt;file" in listed[0]
