"""The settings dialog. Every change takes effect at once, but for the language."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.i18n import _, languages
from alpacasorter.ui.settings import UNSURE_LEAST, UNSURE_MOST, Settings
from alpacasorter.ui.widgets.dialogs import lay_out
from alpacasorter.workers.view_facts import DeviceFacts

_DEVICES = (("auto", "Whichever is faster here"), ("cpu", "Processor"), ("gpu", "Graphics processor (GPU)"))
_SCHEMES = (("system", "As the desktop"), ("light", "Light"), ("dark", "Dark"))


class SettingsDialog(QDialog):
    """Lets the user set how photos are looked at and shown.

    Signals:
        recursive_changed, unsure_changed, device_changed, scheme_changed: the setting has another value now.
        time_again: the user wants both devices timed anew.
    """

    recursive_changed = Signal(bool)
    unsure_changed = Signal(float)
    device_changed = Signal(str)
    scheme_changed = Signal(str)
    time_again = Signal()

    def __init__(self, settings: Settings, device: DeviceFacts | None, parent: QWidget | None = None) -> None:
        """Show `settings` and which device serves now."""
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self._settings = settings
        self.recursive = QCheckBox("Look into sub-folders too", self)
        self.recursive.setChecked(settings.recursive)
        self.recursive.toggled.connect(self._set_recursive)
        self.unsure = QSpinBox(self)
        self.unsure.setRange(round(UNSURE_LEAST * 100), round(UNSURE_MOST * 100))
        self.unsure.setSuffix("% sure")
        self.unsure.setPrefix("less than ")
        self.unsure.setValue(round(settings.unsure_below * 100))
        self.unsure.valueChanged.connect(self._set_unsure)
        self.device = _choices(self, _DEVICES, settings.device)
        self.device.currentIndexChanged.connect(self._set_device)
        again = QPushButton("Measure again", self)
        again.setToolTip("Time the processor and the graphics processor anew, for example after a new driver")
        again.setAutoDefault(False)
        again.clicked.connect(self._measure)
        self.serving = QLabel(self)
        self.serving.setProperty("role", "muted")
        self.serving.setWordWrap(True)
        self.scheme = _choices(self, _SCHEMES, settings.scheme)
        self.scheme.currentIndexChanged.connect(self._set_scheme)
        self.language = _choices(self, (("", _("System")), *_languages()), settings.language)
        self.language.currentIndexChanged.connect(self._set_language)
        self.later = QLabel(_("AlpacaSorter uses this language the next time you start it."), self)
        self.later.setProperty("role", "muted")
        self.later.setWordWrap(True)
        self.later.hide()
        speech = QVBoxLayout()
        speech.addWidget(self.language)
        speech.addWidget(self.later)
        devices = QHBoxLayout()
        devices.addWidget(self.device, 1)
        devices.addWidget(again)
        form = QFormLayout()
        form.setSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Folders", self.recursive)
        form.addRow("A photo is unsure when", self.unsure)
        form.addRow("Photos are judged by", devices)
        form.addRow("", self.serving)
        form.addRow("Colours", self.scheme)
        form.addRow(_("Language"), speech)
        lay_out(self, form)
        self.setMinimumWidth(560)
        self.show_device(device)

    def show_device(self, device: DeviceFacts | None) -> None:
        """Say which device serves now and why."""
        if device is None:
            self.serving.setText("The model is still being opened.")
            return
        name = "The graphics processor" if device.kind == "gpu" else "The processor"
        self.serving.setText(f"Now: {name.lower()} ({device.note.rstrip('.').lower()}).")

    def _measure(self) -> None:
        self.serving.setText("Measuring…")
        self.time_again.emit()

    def _set_recursive(self, value: bool) -> None:
        self._settings.recursive = value
        self.recursive_changed.emit(value)

    def _set_unsure(self, value: int) -> None:
        self._settings.unsure_below = value / 100
        self.unsure_changed.emit(value / 100)

    def _set_device(self) -> None:
        self._settings.device = self.device.currentData()
        self.device_changed.emit(self.device.currentData())

    def _set_scheme(self) -> None:
        self._settings.scheme = self.scheme.currentData()
        self.scheme_changed.emit(self.scheme.currentData())

    def _set_language(self) -> None:
        self._settings.language = self.language.currentData()
        self.later.show()


def _languages() -> tuple[tuple[str, str], ...]:
    return tuple((language.code, language.name) for language in languages())


def _choices(parent: QWidget, choices: tuple[tuple[str, str], ...], current: str) -> QComboBox:
    box = QComboBox(parent)
    for value, words in choices:
        box.addItem(words, value)
    box.setCurrentIndex(max(0, box.findData(current)))
    return box
