"""What is dropped on the window: Copy is the answer, and whatever can't be opened is said."""

import os
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from alpacasorter.ui.widgets import desktop
from tests.ui.conftest import Hands

Action, LEFT, NO_KEYS = Qt.DropAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
ALL = Action.CopyAction | Action.MoveAction | Action.LinkAction


def urls(*things: Path | str) -> QMimeData:
    data = QMimeData()
    data.setUrls([desktop.file_url(one) if isinstance(one, Path) else QUrl(one) for one in things])
    return data


def drop(
    hands: Hands, data: QMimeData, actions: Qt.DropAction = ALL, keys: Qt.KeyboardModifier = NO_KEYS
) -> list[Qt.DropAction]:
    """Drag something over the window and drop it if the window takes it; return its answers."""
    point, answers = QPoint(300, 300), []
    enter = QDragEnterEvent(point, actions, data, LEFT, keys)
    QApplication.sendEvent(hands.window, enter)
    move = QDragMoveEvent(point, actions, data, LEFT, keys)
    QApplication.sendEvent(hands.window, move)
    answers += [event.dropAction() if event.isAccepted() else Action.IgnoreAction for event in (enter, move)]
    if enter.isAccepted():
        dropped = QDropEvent(QPointF(point), actions, data, LEFT, keys)
        QApplication.sendEvent(hands.window, dropped)
        answers.append(dropped.dropAction() if dropped.isAccepted() else Action.IgnoreAction)
    return answers


def said(hands: Hands) -> str:
    notice = hands.window.notice
    return notice.words.text() if notice.isVisible() else ""


@pytest.fixture
def trip(tmp_path: Path) -> Path:
    trip = tmp_path / "trip"
    for name in ("a.jpg", "b.jpg", "day 1/c.jpg", "notes.txt", "old.zip"):
        (trip / name).parent.mkdir(exist_ok=True, parents=True)
        (trip / name).touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "d.jpg").touch()
    return trip


@pytest.mark.parametrize("keys", [NO_KEYS, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier])
@pytest.mark.parametrize("actions", [ALL, Action.CopyAction | Action.MoveAction, Action.CopyAction])
def test_the_answer_is_copy(hands: Hands, trip: Path, actions: Qt.DropAction, keys: Qt.KeyboardModifier) -> None:
    assert drop(hands, urls(trip), actions, keys) == [Action.CopyAction] * 3
    assert hands.window.folder == trip
    assert said(hands) == ""


@pytest.mark.parametrize("actions", [Action.MoveAction, Action.LinkAction, Action.MoveAction | Action.LinkAction])
def test_what_can_only_be_moved_is_refused(hands: Hands, trip: Path, actions: Qt.DropAction) -> None:
    assert drop(hands, urls(trip), actions) == [Action.IgnoreAction] * 2
    assert hands.window.folder is None
    assert (trip / "a.jpg").exists()


def test_photos_open_their_folder_and_are_selected(hands: Hands, trip: Path) -> None:
    selected: list[list[Path]] = []
    begin = hands.page.begin
    hands.page.begin = lambda **how: (selected.append(list(how["select"])), begin(**how))  # type: ignore[method-assign]
    drop(hands, urls(trip / "a.jpg", trip / "b.jpg"))
    assert hands.window.folder == trip
    assert selected == [[trip / "a.jpg", trip / "b.jpg"]]
    assert said(hands) == ""
    drop(hands, urls(trip, trip / "day 1" / "c.jpg"))
    assert selected[1:] == [[trip / "day 1" / "c.jpg"]]
    assert said(hands) == ""


def test_two_folders(hands: Hands, trip: Path) -> None:
    drop(hands, urls(trip, trip.parent / "other"))
    assert hands.window.folder == trip
    assert str(trip) in said(hands)
    assert "others" in said(hands)


def test_a_folder_and_a_photo_of_another_one(hands: Hands, trip: Path) -> None:
    drop(hands, urls(trip.parent / "other" / "d.jpg", trip))
    assert hands.window.folder == trip
    assert str(trip) in said(hands)


def test_photos_of_two_folders(hands: Hands, trip: Path) -> None:
    drop(hands, urls(trip / "a.jpg", trip.parent / "other" / "d.jpg"))
    assert hands.window.folder == trip
    assert str(trip) in said(hands)


def test_what_is_no_photo_opens_nothing(hands: Hands, trip: Path) -> None:
    drop(hands, urls(trip / "old.zip"))
    assert hands.window.folder is None
    assert "old.zip" in said(hands)
    assert "archive" in said(hands)
    hands.window.notice.hide()
    drop(hands, urls(trip / "notes.txt"))
    assert hands.window.folder is None
    assert "notes.txt" in said(hands)
    drop(hands, urls(trip / "notes.txt", trip / "a.jpg"))
    assert hands.window.folder == trip
    assert "notes.txt" in said(hands)


def test_what_is_gone(hands: Hands, trip: Path) -> None:
    drop(hands, urls(trip / "gone.jpg"))
    assert hands.window.folder is None
    assert "gone.jpg" in said(hands)
    drop(hands, urls(trip.parent / "gone", trip / "a.jpg"))
    assert hands.window.folder == trip
    assert "gone" in said(hands)
    assert "gone.jpg" not in said(hands), "it is about the latest drop only"


def test_a_notice_replaces_that_of_the_drop_before(hands: Hands, trip: Path) -> None:
    hands.window.notice.tell("A damaged file was replaced by its backup.")
    for name in ("notes.txt", "old.zip", "gone.jpg"):
        drop(hands, urls(trip / name))
        first, second = said(hands).splitlines()
        assert second == "A damaged file was replaced by its backup.", "it is not about an action"
        assert name in first


def test_the_home_folder_is_named_as_elsewhere(hands: Hands, trip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(trip.parent))
    monkeypatch.setenv("USERPROFILE", str(trip.parent))
    drop(hands, urls(trip, trip.parent / "other"))
    assert str(Path("~/trip")) in said(hands)
    assert str(trip) not in said(hands)


@pytest.mark.parametrize(
    "address", ["https://example.org/a.jpg", "mtp://phone/DCIM", "smb://server/photos", "trash:/a"]
)
def test_what_is_elsewhere(hands: Hands, trip: Path, address: str) -> None:
    assert drop(hands, urls(address)) == [Action.CopyAction] * 3
    assert hands.window.folder is None
    assert "this computer" in said(hands)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes only there")
def test_names_that_are_no_unicode(hands: Hands, trip: Path) -> None:
    odd = trip / os.fsdecode(b"caf\xe9 #1?")
    odd.mkdir()
    drop(hands, urls(odd))
    assert hands.window.folder == odd


def test_many_faults_are_said_in_few_words(hands: Hands, trip: Path) -> None:
    drop(hands, urls(*(trip / f"gone {n}.jpg" for n in range(40))))
    assert len(said(hands).splitlines()) == 4


def test_text_is_refused(hands: Hands) -> None:
    data = QMimeData()
    data.setText("hello")
    assert drop(hands, data) == [Action.IgnoreAction] * 2
