"""The clocks of cameras in the sort form: by how much each was wrong, typed in or told from one photo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from PySide6.QtCore import QDateTime, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDateTimeEdit,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.taken import Clock, clock_of, clock_right_at, offset_text, parse_offset
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.wording import sorts

_SHOWN: str = "yyyy-MM-dd HH:mm:ss"
_NO_OFFSET = "+00:00"


class ClocksField(QWidget):
    """A camera to choose, and by how much its clock is corrected.

    Signals:
        changed: a clock is corrected differently now.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Start without cameras."""
        super().__init__(parent)
        self._clocks: dict[str, Clock] = {}
        self._photos: dict[str, list[LabeledPhoto]] = {}
        self.camera = QComboBox(self)
        self.camera.setAccessibleName(_("Camera"))
        self.camera.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.offset = QLineEdit(self)
        self.offset.setAccessibleName(_("Clock correction"))
        self.offset.setPlaceholderText(_NO_OFFSET)
        tip = _("How much to add to this camera's times, such as +01:00, -00:05:30 or +1d 02:00.")
        self.offset.setToolTip(sorts.tip(tip))
        self.offset.setMaximumWidth(self.fontMetrics().horizontalAdvance("+10000d 00:00:00") + 24)
        self.from_photo = QPushButton(_("From a &photo…"), self)
        self.from_photo.setToolTip(sorts.tip(_("Enter when one photo by this camera was actually taken.")))
        self.from_photo.setAutoDefault(False)
        self.wrong = sentence_label(self, "warning")
        self.words = sentence_label(self, "muted")
        line = QHBoxLayout()
        line.addWidget(self.offset)
        line.addWidget(self.from_photo)
        line.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.camera)
        column.addLayout(line)
        column.addWidget(self.wrong)
        column.addWidget(self.words)
        for one, next_one in pairwise((self.camera, self.offset, self.from_photo)):
            self.setTabOrder(one, next_one)
        self.camera.currentIndexChanged.connect(self._show_camera)
        self.offset.textEdited.connect(self._on_edited)
        self.from_photo.clicked.connect(self.ask)
        self._list_cameras()

    @property
    def clocks(self) -> tuple[Clock, ...]:
        """The clocks that are corrected, also of cameras that took none of these photos."""
        return tuple(self._clocks.values())

    @property
    def problem(self) -> str:
        """What is wrong with the correction; empty if nothing is."""
        return self.wrong.text()

    def set_clocks(self, clocks: Iterable[Clock]) -> None:
        """Show corrections."""
        self._clocks = {clock.camera: clock for clock in clocks if clock.seconds}
        self._list_cameras()

    def set_photos(self, photos: Iterable[LabeledPhoto]) -> None:
        """Offer the cameras that took these photos."""
        by_camera: dict[str, list[LabeledPhoto]] = {}
        for photo in photos:
            if photo.camera is not None and photo.taken_at is not None:
                by_camera.setdefault(photo.camera, []).append(photo)
        cameras_before = self._photos.keys()
        self._photos = by_camera
        if by_camera.keys() != cameras_before:
            self._list_cameras()

    def ask(self) -> None:
        """Let the user say when one photo of the camera was really taken."""
        camera = self._chosen
        photos = self._photos.get(camera, [])
        if not photos:
            return
        dialog = RightTimeDialog(camera, photos, self._seconds(camera), self)
        if dialog.exec() == QDialog.DialogCode.Accepted and dialog.clock is not None:
            self._set(camera, dialog.clock.seconds)
            self._show_camera()
            self.changed.emit()

    @property
    def _chosen(self) -> str:
        return str(self.camera.currentData() or "")

    def _seconds(self, camera: str) -> int:
        clock = clock_of(camera, self.clocks)
        return 0 if clock is None else clock.seconds

    def _set(self, camera: str, seconds: int) -> None:
        self._clocks.pop(camera, None)
        # Without its own correction, the one of its kind would count.
        if seconds or self._seconds(camera):
            self._clocks[camera] = Clock(camera, seconds)

    def _list_cameras(self) -> None:
        chosen = self._chosen
        self.camera.blockSignals(True)
        self.camera.clear()
        for camera in sorted(self._photos, key=str.casefold):
            self.camera.addItem(camera, camera)
        at = self.camera.findData(chosen)
        self.camera.setCurrentIndex(max(at, 0))
        self.camera.blockSignals(False)
        for widget in (self.camera, self.offset, self.from_photo):
            widget.setVisible(bool(self._photos))
        self._show_camera()

    def _show_camera(self) -> None:
        seconds = self._seconds(self._chosen)
        self.offset.setText(offset_text(seconds) if seconds else "")
        self._say("")
        if not self._photos:
            self.words.setText(_("No photo says which camera took it."))
        else:
            others = [camera for camera in self._photos if camera != self._chosen and self._seconds(camera)]
            self.words.setText(
                "\n".join(f"{camera}: {offset_text(self._seconds(camera))}" for camera in sorted(others))
            )
        self.words.setVisible(bool(self.words.text()))

    def _on_edited(self, words: str) -> None:
        seconds = parse_offset(words) if words.strip() else 0
        if seconds is None:
            self._say(_("Enter the correction as +01:00, -00:05:30 or +1d 02:00, for example."))
        else:
            self._say("")
            self._set(self._chosen, seconds)
        self.changed.emit()

    def _say(self, problem: str) -> None:
        self.wrong.setText(problem)
        self.wrong.setVisible(bool(problem))


class RightTimeDialog(QDialog):
    """Asks when a photo was really taken."""

    def __init__(self, camera: str, photos: Sequence[LabeledPhoto], seconds: int, parent: QWidget) -> None:
        """Start with the first photo, and the correction in `seconds` that there is already."""
        super().__init__(parent)
        self.setWindowTitle(_("Correct the camera clock"))
        self._camera = camera
        self._photos = [photo for photo in photos if self._clock(photo, datetime.min) is not None]  # noqa: DTZ901
        self._seconds = seconds
        self.photo = QComboBox(self)
        self.photo.setMaxVisibleItems(20)
        for photo in self._photos:
            self.photo.addItem(display_path(photo.path.name))
        self.recorded = QLabel(self)
        self.right = QDateTimeEdit(self)
        self.right.setDisplayFormat(_SHOWN)
        self.right.setCalendarPopup(True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        form = QFormLayout()
        form.addRow(_("Camera:"), QLabel(camera, self))
        form.addRow(_("&Photo:"), self.photo)
        form.addRow(_("Recorded:"), self.recorded)
        form.addRow(_("&Actually taken:"), self.right)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.buttons)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.photo.currentIndexChanged.connect(self._show)
        self._show()

    @property
    def clock(self) -> Clock | None:
        """By how much the clock was wrong according to the user; None without a photo."""
        if not self._photos:
            return None
        right = self.right.dateTime()
        return self._clock(self._photos[self.photo.currentIndex()], datetime.fromisoformat(right.toString(_SHOWN)))

    def _clock(self, photo: LabeledPhoto, moment: datetime) -> Clock | None:
        return clock_right_at(photo.taken_at, photo.taken_from, self._camera, moment)

    def _show(self) -> None:
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(bool(self._photos))
        if not self._photos:
            return
        photo = self._photos[self.photo.currentIndex()]
        recorded = datetime.fromisoformat(str(photo.taken_at)).replace(tzinfo=None)
        self.recorded.setText(f"{recorded:%Y-%m-%d %H:%M:%S}")
        try:
            right = recorded + timedelta(seconds=self._seconds)
        except OverflowError:
            right = recorded
        self.right.setDateTime(QDateTime.fromString(f"{right:%Y-%m-%d %H:%M:%S}", _SHOWN))
