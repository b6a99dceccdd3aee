"""Two windows of one user, or a window and a command: what one is taught, the other knows."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt

from alpacasorter.cli import main
from alpacasorter.ui.photo_filters import Filter
from tests.e2e.conftest import User

Start = Callable[[], User]


def other(user: User, label: str | None) -> str:
    return user.store.labels.other(str(label))


def test_a_correction_and_its_undo_reach_the_other_window(start: Start, folder: Path) -> None:
    one, two = start(), start()
    one.open(folder)
    two.open(folder)
    name = one.shown()[0]
    before = one.label(name)
    one.click_tag(name)
    two.wait(lambda: two.row(name).correction == other(one, before))
    assert two.window.engine.opened is not None
    assert two.window.engine.opened.session.learning.correction_count == 1
    heads = [user.window.engine.opened.session.learning.head for user in (one, two)]  # type: ignore[union-attr]
    assert (heads[0].weights == heads[1].weights).all()
    two.wait(lambda: [row.probability for row in two.store.rows] == [row.probability for row in one.store.rows])
    assert two.store.counts[Filter.CORRECTED] == 1
    assert not two.page.banners.learned.undo_button.isVisible(), "here is nothing to undo"
    one.page.actions_.undo.trigger()
    two.wait(lambda: two.row(name).correction is None)
    assert two.label(name) == before


def test_both_windows_teach(start: Start, folder: Path) -> None:
    one, two = start(), start()
    one.open(folder)
    two.open(folder / "day 2")
    first, last = one.shown()[0], two.shown()[0]
    one.click_tag(first)
    two.click_tag(last)
    one.wait(lambda: one.row(last).correction == two.row(last).correction)
    for user in (one, two):
        user.wait(lambda user=user: user.window.engine.opened.session.learning.correction_count == 2)


def test_a_label_removed_in_the_other_window(start: Start, folder: Path) -> None:
    one, two = start(), start()
    one.open(folder)
    two.open(folder)
    name = one.shown()[0]
    one.click_tag(name)
    two.wait(lambda: two.row(name).correction is not None)
    two.select(name)
    two.press_and_learn(Qt.Key.Key_Backspace)
    one.wait(lambda: one.row(name).correction is None)


def test_labels_that_a_command_imports(start: Start, folder: Path, tmp_path: Path) -> None:
    user = start()
    user.open(folder)
    names = user.shown()[:2]
    rows = [user.row(name) for name in names]
    labels = tmp_path / "labels.csv"
    lines = [f"{row.key},{other(user, user.label(row.path.name))}" for row in rows]
    labels.write_text("content_key,label\n" + "\n".join(lines) + "\n")
    assert main(["import", str(labels)]) == 0
    user.wait(lambda: all(row.correction is not None for row in rows))


def test_going_back_to_the_model_as_shipped_in_the_other_window(start: Start, folder: Path) -> None:
    one, two = start(), start()
    one.open(folder)
    two.open(folder)
    one.click_tag(one.shown()[0])
    two.wait(lambda: two.store.counts[Filter.CORRECTED] == 1)
    two.wait(lambda: two.window.engine.opened.session.learning.correction_count == 1)
    one.window.engine.versions.go_back(0)
    two.wait(lambda: two.window.engine.opened.session.learning.correction_count == 0)
    two.wait(lambda: [row.probability for row in two.store.rows] == [row.probability for row in one.store.rows])
