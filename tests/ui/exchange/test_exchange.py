"""Exporting and importing in the window, with the real engine."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.core import reasons
from alpacasorter.core.events import Finished, Learned
from alpacasorter.core.exchange.sidecars import Naming
from alpacasorter.core.store.library import Library
from alpacasorter.ui.app import build_window
from alpacasorter.ui.exchange.export_dialog import ExportChoices, ExportDialog
from alpacasorter.ui.exchange.import_dialog import ImportDialog
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.settings import Settings
from tests.engines import fill, real_bundle
from tests.picture_files import make_picture

WAIT_MS = 30_000
POSITIVE, NEGATIVE = real_bundle().positive_label, real_bundle().negative_label
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support raise")


class User:
    """A user with an open folder of four photos and a damaged one."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.window = window
        self.page = window.page
        self.control = window.exchange
        self.learned: list[Learned] = []
        self.told: list[str] = []
        self._qtbot = qtbot
        window.engine.learned.connect(self.learned.append)
        self.control.told.connect(self.told.append)

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=WAIT_MS)

    def key(self, name: str) -> str:
        return next(row.key for row in self.page.store.rows if row.path.name == name and row.key is not None)

    def export(self) -> ExportDialog:
        self.page.actions_.export.trigger()
        dialog = self.control.exporting
        assert dialog is not None
        assert dialog.isVisible()
        return dialog

    def over(self, dialog: ExportDialog) -> str:
        """Wait until an export is over; return the message."""
        self.wait(lambda: not self.window.engine.exchange.busy and dialog.export_button.isEnabled())
        return dialog.message.text()

    def preview(self, path: Path) -> ImportDialog:
        self.control.preview(path)
        dialog = self.control.importing
        assert dialog is not None
        self.wait(lambda: not self.window.engine.exchange.busy)
        return dialog

    def labels(self) -> dict[str, str | None]:
        return {row.path.name: row.correction for row in self.page.store.rows if row.reason is None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "a hike"
    fill(place, 4)
    make_picture(place / "x.jpg", kind="truncated_jpeg")
    return place


@pytest.fixture
def user(qtbot: QtBot, qapp: QApplication, folder: Path) -> Iterator[User]:
    settings = Settings()
    settings.device = "cpu"
    window = build_window(qapp, settings)
    window.show()
    finished: list[Finished] = []
    window.engine.finished.connect(finished.append)
    window.open_folder(folder)
    qtbot.waitUntil(lambda: bool(finished), timeout=WAIT_MS)
    yield User(qtbot, window)
    window.close()
    window.deleteLater()


def stored() -> dict[str, str]:
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        return {key: one.label for key, one in library.corrections(real_bundle().label_set).items()}


def label_file(path: Path, labels: dict[str, str]) -> Path:
    path.write_text("content_key,label\n" + "".join(f"{key},{label}\n" for key, label in labels.items()))
    return path


class TestExport:
    def test_nothing_can_be_exported_without_a_folder(self, user: User) -> None:
        assert user.page.actions_.export.isEnabled()
        user.window.close_folder()
        assert not user.page.actions_.export.isEnabled()
        assert user.page.actions_.import_labels.isEnabled()

    def test_all_that_is_shown_goes_into_the_table(self, user: User, tmp_path: Path) -> None:
        dialog = user.export()
        assert dialog.photos.count() == 1
        dialog.write_file(tmp_path / "out.csv", "csv")
        assert "out.csv" in user.over(dialog)
        assert dialog.show_button.isVisibleTo(dialog)
        with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [row["relative_path"] for row in rows] == [
            "photo0.jpg",
            "photo1.jpg",
            "photo2.jpg",
            "photo3.jpg",
            "x.jpg",
        ]
        for row in rows[:4]:
            shown = next(one for one in user.page.store.rows if str(one.path) == row["path"])
            assert row["content_key"] == shown.key
            assert row["label"] == user.page.store.label(shown)
            assert float(row["probability"]) == pytest.approx(shown.probability, abs=1e-6)
            assert (row["width"], row["height"]) == ("320", "240")
        assert rows[4]["status"] == "unreadable"

    def test_the_photos_of_a_filter_or_those_selected(self, user: User, tmp_path: Path) -> None:
        user.page.show_filter(Filter.PROBLEMS)
        dialog = user.export()
        assert [dialog.photos.itemText(n) for n in range(dialog.photos.count())] == [
            "All photos in the folder (5)",
            "Photos shown now (1)",
        ]
        dialog.reject()
        user.page.show_filter(Filter.ALL)
        user.page.grid.selectAll()
        dialog = user.export()
        assert dialog.photos.itemText(1) == "Selected photos (5)"
        dialog.reject()
        user.page.show_filter(Filter.PROBLEMS)
        dialog = user.export()
        dialog.photos.setCurrentIndex(1)
        dialog.write_file(tmp_path / "out.json", "json")
        user.over(dialog)
        photos = json.loads((tmp_path / "out.json").read_text())["photos"]
        assert [row["relative_path"] for row in photos] == ["x.jpg"]

    def test_the_file_is_chosen_and_the_choices_are_kept(
        self, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[tuple[object, ...]] = []

        def choose(*arguments: object) -> tuple[str, str]:
            asked.append(arguments)
            return str(tmp_path / "out"), "JSON (*.json)"

        monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
        dialog = user.export()
        dialog.form.choose("json")
        dialog.form.sure.setChecked(True)
        dialog.form.least.setValue(99)
        dialog.export_button.click()
        user.over(dialog)
        assert str(asked[0][2]).endswith("a hike results.json")
        assert (tmp_path / "out.json").exists()
        again = ExportChoices(Settings())
        assert (again.form, again.min_confidence) == ("json", 0.99)
        again.deleteLater()

    def test_sidecars_are_written_and_taken_out(self, user: User, folder: Path) -> None:
        user.page.corrections.set(user.page.store.rows[:2], POSITIVE)
        user.wait(lambda: bool(user.learned))
        dialog = user.export()
        dialog.form.choose("xmp")
        assert dialog.form.sidecars.isVisibleTo(dialog)
        dialog.form.both.setChecked(True)
        dialog.form.rating.setChecked(True)
        dialog.form.naming.setCurrentIndex(1)
        dialog.export_button.click()
        assert "4 sidecars created" in user.over(dialog)
        assert sorted(path.name for path in folder.glob("*.xmp")) == [f"photo{n}.xmp" for n in range(4)]
        assert b'xmp:Rating="5"' in (folder / "photo0.xmp").read_bytes()
        dialog.remove_button.click()
        assert "4 cleared" in user.over(dialog)
        assert list(folder.glob("*.xmp")) == []

    def test_what_could_not_be_written_is_listed(self, user: User, folder: Path) -> None:
        (folder / "photo0.jpg.xmp").write_bytes(b"broken")
        dialog = user.export()
        dialog.form.choose("xmp")
        dialog.form.both.setChecked(True)
        dialog.export_button.click()
        assert "1 could not be written" in user.over(dialog)
        assert dialog.failures.isVisibleTo(dialog)
        assert dialog.failures.item(0).text() == f"photo0.jpg.xmp: {reasons.sentence(reasons.SIDECAR_DAMAGED)}"
        dialog.form.choose("csv")
        assert not dialog.failures.isVisibleTo(dialog)

    def test_no_sidecar_is_written_while_a_sort_runs(
        self, user: User, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dialog = user.export()
        dialog.form.choose("xmp")
        dialog.form.both.setChecked(True)
        with monkeypatch.context() as patch:
            patch.setattr(user.window.engine.sorting, "_busy", True)
            dialog.export_button.click()
        assert "sort is running" in dialog.message.text()
        assert not user.window.engine.exchange.busy
        assert list(folder.glob("*.xmp")) == []

    def test_escape_stops_what_is_under_way_and_then_closes(self, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
        dialog = user.export()
        stopped: list[bool] = []
        with monkeypatch.context() as patch:
            patch.setattr(user.window.engine.exchange, "_busy", True)
            patch.setattr(user.window.engine.exchange, "stop", lambda: stopped.append(True))
            dialog.reject()
            assert stopped
            assert dialog.isVisible()
        dialog.reject()
        assert not dialog.isVisible()

    def test_the_rest_of_the_window_is_blocked(self, user: User) -> None:
        dialog = user.export()
        assert dialog.windowModality() is Qt.WindowModality.ApplicationModal
        dialog.close()
        assert not dialog.isVisible()

    def test_photos_that_are_not_judged_yet_are_left_out_and_counted(self, user: User) -> None:
        row = user.page.store.rows[0]
        row.probability = None
        dialog = user.export()
        assert dialog.message.text().startswith("1 photo has not been judged yet")
        assert dialog.photos.itemText(0) == "All photos in the folder (4)"


class TestImport:
    def test_a_summary_comes_first_and_nothing_is_done_without_a_yes(self, user: User, tmp_path: Path) -> None:
        labels = {user.key("photo0.jpg"): POSITIVE, "f" * 64: NEGATIVE}
        dialog = user.preview(label_file(tmp_path / "a.csv", labels))
        assert dialog.summary.text() == "2 labels: 2 new."
        assert dialog.import_button.text() == "&Import 2 labels"
        assert not dialog.keep.isVisibleTo(dialog)
        dialog.cancel_button.click()
        assert not dialog.isVisible()
        assert user.learned == []
        assert set(user.labels().values()) == {None}

    def test_the_window_shows_at_once_what_was_imported_and_undo_takes_it_back(
        self, user: User, tmp_path: Path
    ) -> None:
        labels = {user.key("photo0.jpg"): POSITIVE, user.key("photo1.jpg"): NEGATIVE, "f" * 64: NEGATIVE}
        dialog = user.preview(label_file(tmp_path / "a.csv", labels))
        dialog.import_button.click()
        assert not dialog.isVisible()
        user.wait(lambda: len(user.told) == 1)
        assert user.told[0].startswith("3 labels were imported. 1 of them is of a photo that has not been scanned")
        assert user.labels() == {"photo0.jpg": POSITIVE, "photo1.jpg": NEGATIVE, "photo2.jpg": None, "photo3.jpg": None}
        assert user.learned[-1].corrections == 2
        assert user.page.store.counts[Filter.CORRECTED] == 2
        assert stored() == labels
        stack = user.page.corrections.stack
        assert stack.undoText() == "Import of 3 labels"
        stack.undo()
        user.wait(lambda: len(user.told) == 2)
        assert user.told[1] == "The import was undone."
        assert set(user.labels().values()) == {None}
        assert stored() == {}
        stack.redo()
        user.wait(lambda: len(user.told) == 3)
        assert stored() == labels

    def test_own_corrections_stay_unless_they_are_to_be_replaced(self, user: User, tmp_path: Path) -> None:
        mine = user.page.store.rows[0]
        user.page.corrections.set([mine], NEGATIVE)
        user.wait(lambda: bool(user.learned))
        labels = {user.key("photo0.jpg"): POSITIVE, user.key("photo1.jpg"): POSITIVE}
        path = label_file(tmp_path / "a.csv", labels)
        dialog = user.preview(path)
        assert dialog.summary.text() == "2 labels: 1 new and 1 different from yours."
        assert dialog.keep.isChecked()
        dialog.import_button.click()
        user.wait(lambda: len(user.told) == 1)
        assert user.labels()["photo0.jpg"] == NEGATIVE
        dialog = user.preview(path)
        assert dialog.summary.text() == "2 labels: 0 new, 1 the same as yours and 1 different from yours."
        assert not dialog.import_button.isEnabled()
        dialog.replace.setChecked(True)
        assert dialog.import_button.text() == "&Import 1 label"
        dialog.import_button.click()
        user.wait(lambda: len(user.told) == 2)
        assert user.labels()["photo0.jpg"] == POSITIVE
        user.page.corrections.stack.undo()
        user.wait(lambda: len(user.told) == 3)
        assert user.labels()["photo0.jpg"] == NEGATIVE

    def test_what_only_a_model_said_is_taken_where_it_is_wanted(self, user: User, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text(f"content_key,label,corrected,confidence\n{'f' * 64},{POSITIVE},false,0.95\n")
        dialog = user.preview(tmp_path / "a.csv")
        assert dialog.summary.text() == "All labels in this file are from a model, not from you."
        assert "1 label was skipped: it is from a model" in dialog.skipped.text()
        assert not dialog.import_button.isEnabled()
        dialog.all_labels.setChecked(True)
        user.wait(lambda: dialog.import_button.isEnabled())
        dialog.least.setValue(99)
        user.wait(lambda: "from a model" in dialog.skipped.text())
        assert not dialog.import_button.isEnabled()

    def test_a_file_that_is_none_is_said(self, user: User, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\x00")
        dialog = user.preview(tmp_path / "a.jpg")
        assert "a.jpg can't be imported. It is not a text file." in dialog.summary.text()
        assert not dialog.import_button.isEnabled()
        assert not dialog.all_labels.isVisibleTo(dialog)

    def test_the_menu_asks_for_a_file(self, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = label_file(tmp_path / "a.csv", {"f" * 64: POSITIVE})
        answers = [("", ""), (str(path), "")]
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: answers.pop(0))
        user.page.actions_.import_labels.trigger()
        assert user.control.importing is None
        user.page.actions_.import_labels.trigger()
        assert user.control.importing is not None
        user.wait(lambda: user.control.importing.import_button.isEnabled())

    def test_an_import_that_fails_is_said_and_leaves_nothing_to_undo(
        self, user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dialog = user.preview(label_file(tmp_path / "a.csv", {"f" * 64: POSITIVE}))
        monkeypatch.setattr(user.window.engine.exchange, "_opened", lambda: None)
        dialog.import_button.click()
        user.wait(lambda: bool(user.told))
        assert user.told[0].startswith("The labels could not be imported.")
        assert not user.page.corrections.stack.canUndo()


@pytest.mark.parametrize("kept", ["", "no JSON", "[1]", '{"form": 5, "least": "x", "naming": []}', "[" * 5000])
def test_choices_that_make_no_sense_count_as_none(kept: str, qapp: QApplication) -> None:
    settings = Settings()
    settings.export = kept
    form = ExportChoices(settings)
    assert (form.form, form.min_confidence, form.least.value()) == ("csv", 0.0, 80)
    assert form.sidecar_options.naming is Naming.FULL
    form.deleteLater()


def test_the_dialog_fits_a_small_screen(user: User) -> None:
    dialog = user.export()
    dialog.form.choose("xmp")
    assert dialog.minimumSizeHint().height() <= 440
    assert dialog.minimumSizeHint().width() <= 620
