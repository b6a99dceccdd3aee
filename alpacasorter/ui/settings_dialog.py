"""The Settings dialog. Every change takes effect at once, except the language and what is left out."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core import reasons
from alpacasorter.core.photos.exclusion import PatternError, check, usable
from alpacasorter.i18n import _, languages
from alpacasorter.ui.settings import UNSURE_LEAST, UNSURE_MOST, Settings
from alpacasorter.ui.widgets.dialogs import add_close_button
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.workers.view_facts import DeviceFacts, VariantsFacts

_LINES: Final = 3
"""Patterns that can be seen at once."""


class SettingsDialog(QDialog):
    """Lets the user change the settings.

    Signals:
        recursive_changed, unsure_changed, device_changed, scheme_changed: the setting has this value now.
        advance_changed(bool): whether a key that labels a photo goes on to the next one has changed.
        exclusion_changed: what is left out has changed.
        time_again: the user wants the speed of both devices measured again.
        variant_chosen(str): the user wants the variant of the model with this name.
    """

    recursive_changed = Signal(bool)
    advance_changed = Signal(bool)
    exclusion_changed = Signal()
    unsure_changed = Signal(float)
    device_changed = Signal(str)
    scheme_changed = Signal(str)
    time_again = Signal()
    variant_chosen = Signal(str)

    def __init__(
        self,
        settings: Settings,
        device_in_use: DeviceFacts | None,
        parent: QWidget | None = None,
        variants: VariantsFacts | None = None,
    ) -> None:
        """Show `settings`, the device in use, and the variants of the model if it has several."""
        super().__init__(parent)
        self.setWindowTitle(_("Settings"))
        self._settings = settings
        self.recursive = QCheckBox(_("Include subfolders"), self)
        self.recursive.setChecked(settings.recursive)
        self.recursive.toggled.connect(self._set_recursive)
        self.nomedia = QCheckBox(_("Skip folders with a .nomedia file"), self)
        self.nomedia.setToolTip(_("Android apps put this file in folders that should not show up in galleries"))
        self.nomedia.setChecked(settings.skip_nomedia)
        self.nomedia.toggled.connect(self._set_nomedia)
        self.exclude = QPlainTextEdit("\n".join(settings.exclude), self)
        self.exclude.setTabChangesFocus(True)
        self.exclude.setPlaceholderText(_("One name or pattern per line, such as *.png, raw/ or 2019/**"))
        self.exclude.setAccessibleName(_("Leave out"))
        self.exclude.setToolTip(
            _(
                "* matches any text, ? any character. A slash at the end matches only folders; a slash elsewhere,"
                " the path inside the folder."
            )
        )
        self.exclude.setFixedHeight(self.exclude.fontMetrics().lineSpacing() * _LINES + 12)
        self.exclude.textChanged.connect(self._check_exclude)
        self.exclude_wrong = _sentence(self)
        self.exclude_wrong.hide()
        exclude = QVBoxLayout()
        exclude.addWidget(self.exclude)
        exclude.addWidget(self.exclude_wrong)
        self.finished.connect(self._keep_exclude)
        self.unsure = QSpinBox(self)
        self.unsure.setRange(round(UNSURE_LEAST * 100), round(UNSURE_MOST * 100))
        # Translators: when a photo counts as unsure; {number} is a field in which the number can be changed.
        before, _field, after = _("less than {number}% sure").partition("{number}")
        self.unsure.setPrefix(before)
        self.unsure.setSuffix(after)
        self.unsure.setValue(round(settings.unsure_below * 100))
        self.unsure.valueChanged.connect(self._set_unsure)
        self.ask_trash = QCheckBox(_("Ask before moving photos to the trash"), self)
        self.ask_trash.setChecked(settings.ask_before_trash)
        self.ask_trash.toggled.connect(lambda on: setattr(settings, "ask_before_trash", on))
        self.advance = QCheckBox(_("Go to the next photo after a key labels one"), self)
        self.advance.setToolTip(_("With Shift, the keys label the photo and stay"))
        self.advance.setChecked(settings.auto_advance)
        self.advance.toggled.connect(self._set_advance)
        devices = (("auto", _("Automatic")), ("cpu", _("Processor (CPU)")), ("gpu", _("Graphics processor (GPU)")))
        self.device = _choices(self, devices, settings.device)
        self.device.setToolTip(_("Automatic: the one that is faster on this computer"))
        self.device.currentIndexChanged.connect(self._set_device)
        again = QPushButton(_("Measure again"), self)
        again.setToolTip(_("Measure the speed of both processors again, for example after installing a new driver"))
        again.setAutoDefault(False)
        again.clicked.connect(self._measure)
        self.device_in_use = _sentence(self)
        schemes = (("system", _("System")), ("light", _("Light")), ("dark", _("Dark")))
        self.scheme = _choices(self, schemes, settings.scheme)
        self.scheme.currentIndexChanged.connect(self._set_scheme)
        self.language = _choices(self, (("", _("System")), *_languages()), settings.language)
        self.language.currentIndexChanged.connect(self._set_language)
        self.later = _sentence(self)
        self.later.setText(_("AlpacaSorter uses this language the next time you start it."))
        self.later.hide()
        language = QVBoxLayout()
        language.addWidget(self.language)
        language.addWidget(self.later)
        device_row = QHBoxLayout()
        device_row.addWidget(self.device, 1)
        device_row.addWidget(again)
        form = QFormLayout()
        form.setSpacing(10)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(_("Folders"), self.recursive)
        form.addRow("", self.nomedia)
        form.addRow(_("Leave out"), exclude)
        form.addRow(_("Unsure photos"), self.unsure)
        form.addRow(_("Trash"), self.ask_trash)
        form.addRow(_("Labeling"), self.advance)
        self.variant: QComboBox | None = None
        if variants is not None:
            self.variant = _choices(self, tuple((one.name, one.title) for one in variants.choices), variants.current)
            self.variant.setToolTip(_("All photos are tagged again at once. Your own labels stay."))
            # Unlike currentIndexChanged, only the user causes this.
            self.variant.activated.connect(self._set_variant)
            label = QLabel(variants.setting.replace("&", "&&"), self)
            # The model's words may look like markup.
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setBuddy(self.variant)
            form.addRow(label, self.variant)
            # Made last, because there may be none; where the Tab key comes to it is where it is seen.
            self.setTabOrder(self.advance, self.variant)
        form.addRow(_("Run the model on"), device_row)
        form.addRow("", self.device_in_use)
        form.addRow(_("Appearance"), self.scheme)
        form.addRow(_("Language"), language)
        add_close_button(self, form)
        self.setMinimumWidth(560)
        self.show_device(device_in_use)

    def show_device(self, device: DeviceFacts | None) -> None:
        """Say which device is in use and why."""
        if device is None:
            self.device_in_use.setText(_("The model is still being opened."))
            return
        name = _("In use: graphics processor (GPU).") if device.kind == "gpu" else _("In use: processor (CPU).")
        self.device_in_use.setText(f"{name} {reasons.sentence(device.note)}")

    def show_variant(self, name: str) -> None:
        """Show which variant of the model is in use now; this chooses nothing."""
        if self.variant is not None:
            self.variant.setCurrentIndex(self.variant.findData(name))

    def _measure(self) -> None:
        self.device_in_use.setText(_("Measuring…"))
        self.time_again.emit()

    def _set_recursive(self, value: bool) -> None:
        self._settings.recursive = value
        self.recursive_changed.emit(value)

    def _set_nomedia(self, value: bool) -> None:
        self._settings.skip_nomedia = value
        self.exclusion_changed.emit()

    def _patterns(self) -> tuple[str, ...]:
        """Return the patterns that were entered; raises PatternError if one can't be used."""
        return check(line for line in self.exclude.toPlainText().splitlines() if line.strip())

    def _check_exclude(self) -> None:
        try:
            self._patterns()
        except PatternError as error:
            self.exclude_wrong.setText(str(error))
        else:
            self.exclude_wrong.clear()
        self.exclude_wrong.setVisible(bool(self.exclude_wrong.text()))

    def _keep_exclude(self) -> None:
        """Keep the patterns that can be used, once the dialog is closed: half a pattern may leave out too much."""
        patterns = usable(line for line in self.exclude.toPlainText().splitlines() if line.strip())
        if patterns != self._settings.exclude:
            self._settings.exclude = patterns
            self.exclusion_changed.emit()

    def _set_advance(self, value: bool) -> None:
        self._settings.auto_advance = value
        self.advance_changed.emit(value)

    def _set_unsure(self, value: int) -> None:
        self._settings.unsure_below = value / 100
        self.unsure_changed.emit(value / 100)

    def _set_device(self) -> None:
        self._settings.device = self.device.currentData()
        self.device_changed.emit(self.device.currentData())

    def _set_variant(self) -> None:
        if self.variant is not None:
            self.variant_chosen.emit(self.variant.currentData())

    def _set_scheme(self) -> None:
        self._settings.scheme = self.scheme.currentData()
        self.scheme_changed.emit(self.scheme.currentData())

    def _set_language(self) -> None:
        self._settings.language = self.language.currentData()
        self.later.show()


def _languages() -> tuple[tuple[str, str], ...]:
    return tuple((language.code, language.name) for language in languages())


def _sentence(parent: QWidget) -> QLabel:
    label = sentence_label(parent, "muted")
    # Otherwise the form would make it narrow and wrap it.
    label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return label


def _choices(parent: QWidget, choices: tuple[tuple[str, str], ...], current: str) -> QComboBox:
    box = QComboBox(parent)
    for value, words in choices:
        box.addItem(words, value)
    box.setCurrentIndex(max(0, box.findData(current)))
    return box
