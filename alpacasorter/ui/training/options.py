"""What *More settings* shows in the training dialog: network, training, augmentation and retraining."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QMargins, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.i18n import _
from alpacasorter.training.recipe import (
    AUGMENTATIONS,
    BACKBONE_TITLES,
    BACKBONES,
    KERAS,
    RANDOM,
    SHIPPED,
    Recipe,
    RecipeError,
    setting_names,
)
from alpacasorter.ui.widgets.fields import Field, add_row, number_field, rate_field, rate_text, read_rate, read_units
from alpacasorter.ui.widgets.layouts import FlowLayout

_FILE: Final = "file"


class TrainOptions(QWidget):
    """The settings that have sensible defaults. Each shows what is wrong with it.

    Signals:
        changed: a value has changed.
        preview_wanted: the user wants to see photos after augmentation.
    """

    changed = Signal()
    preview_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Show the defaults."""
        super().__init__(parent)
        # Created in their order on the page, which makes it the tab order.
        self.backbone = QComboBox(self)
        for name, side in BACKBONES.items():
            self.backbone.addItem(f"{BACKBONE_TITLES[name]} ({side} × {side})", name)
        self.weights = QComboBox(self)
        self.weights.addItem(_("Included with AlpacaSorter"), SHIPPED)
        self.weights.addItem(_("Download once (needs the internet)"), KERAS)
        self.weights.addItem(_("None, start from scratch"), RANDOM)
        self.weights.addItem(_("From a file"), _FILE)
        self.file = QLineEdit(self)
        # Files dropped here would be moved away by the file manager they come from.
        self.file.setAcceptDrops(False)
        self.file.setPlaceholderText(_(".h5 or .npz file with weights"))
        self.file.setAccessibleName(_("File with weights"))
        self._browse = QPushButton(_("Choose…"), self)
        self._browse.setAutoDefault(False)
        self._browse.setAccessibleName(_("Choose a file with weights"))
        self._browse.clicked.connect(self._choose_file)
        self.side = number_field(self, 0, 1024, step=32, zero=_("Backbone's default"), suffix=_(" pixels"))
        self.dropout = number_field(self, 0, 90, step=5, suffix="%")
        self.dense = QLineEdit(self)
        # Files dropped here would be moved away by the file manager they come from.
        self.dense.setAcceptDrops(False)
        self.dense.setPlaceholderText(_("None"))
        # Translators: after a number, as in 20% of the photos.
        self.share = number_field(self, 5, 50, suffix=_("% of the photos"))
        self.seed = number_field(self, 0, 2**31 - 1)
        self.batch = number_field(self, 1, 1024)
        self.epochs = number_field(self, 1, 1000)
        self.patience = number_field(self, 0, 1000, zero=_("Never"), suffix=_(" epochs without progress"))
        self.rate = rate_field(self)
        words = augmentation_words()
        self.switches = {name: self._switch(*words[name]) for name in AUGMENTATIONS}
        self.preview = QPushButton(_("Preview"), self)
        self.preview.setToolTip(_("Show some of your photos as the model will see them"))
        self.preview.setAutoDefault(False)
        self.preview.clicked.connect(self.preview_wanted)
        self.retrain = QCheckBox(_("Retrain the last layers of the backbone too"), self)
        self.layers = number_field(self, 1, 10_000)
        self.retrain_epochs = number_field(self, 1, 1000)
        self.retrain_rate = rate_field(self)
        self._fields = self._make_fields()
        self._lay_out()
        self.show_recipe(Recipe())
        self._connect()

    def _switch(self, name: str, tip: str) -> QCheckBox:
        box = QCheckBox(name, self)
        box.setToolTip(f"<p>{tip}</p>")
        box.setAccessibleDescription(tip)
        box.toggled.connect(self._on_change)
        return box

    def _make_fields(self) -> dict[str, Field]:
        inside: dict[str, QWidget] = {
            "backbone": self.backbone,
            "weights": self.weights,
            "side": self.side,
            "validation_share": self.share,
            "seed": self.seed,
            "batch_size": self.batch,
            "epochs": self.epochs,
            "patience": self.patience,
            "learning_rate": self.rate,
            "dropout": self.dropout,
            "dense": self.dense,
            "retrain_layers": self.layers,
            "retrain_epochs": self.retrain_epochs,
            "retrain_rate": self.retrain_rate,
        }
        names, tips = setting_names(), _tips()
        return {key: Field(widget, names[key], tips[key], self) for key, widget in inside.items()}

    def _lay_out(self) -> None:
        file = QWidget(self)
        row = QHBoxLayout(file)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.file, 1)
        row.addWidget(self._browse)
        self._file_row = file
        weights = self._fields["weights"].layout()
        assert isinstance(weights, QVBoxLayout)
        weights.insertWidget(1, file)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._heading(_("Network")))
        column.addLayout(self._form("backbone", "weights", "side", "dropout", "dense"))
        column.addWidget(self._heading(_("Training")))
        training = ("validation_share", "seed", "batch_size", "epochs", "patience", "learning_rate")
        column.addLayout(self._form(*training))
        column.addWidget(self._heading(_("Augmentation: photos are varied at random during training")))
        boxes = QWidget(self)
        flow = FlowLayout(boxes, QMargins(0, 0, 0, 0), 14)
        for box in self.switches.values():
            flow.addWidget(box)
        column.addWidget(boxes)
        previews = QHBoxLayout()
        previews.addWidget(self.preview)
        previews.addStretch(1)
        column.addLayout(previews)
        self.below_preview = QVBoxLayout()
        column.addLayout(self.below_preview)
        column.addWidget(self._heading(_("Retraining")))
        tip = _(
            "After the head, the backbone is trained too, in small steps. This improves the model most if you have "
            "several hundred photos and vary them by augmentation, but takes much longer."
        )
        self.retrain.setToolTip(f"<p>{tip}</p>")
        self.retrain.setAccessibleDescription(tip)
        column.addWidget(self.retrain)
        column.addLayout(self._form("retrain_layers", "retrain_epochs", "retrain_rate"))

    def _heading(self, title: str) -> QLabel:
        label = QLabel(title, self)
        label.setProperty("role", "heading")
        label.setWordWrap(True)
        label.setContentsMargins(0, 10, 0, 0)
        return label

    def _form(self, *keys: str) -> QFormLayout:
        form = QFormLayout()
        form.setSpacing(8)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for key in keys:
            add_row(form, self._fields[key].inside.accessibleName(), self._fields[key])
        return form

    def _connect(self) -> None:
        for box in (self.backbone, self.weights):
            box.currentIndexChanged.connect(self._on_change)
        for line in (self.file, self.dense):
            line.textChanged.connect(self._on_change)
        for edit in (self.rate, self.retrain_rate):
            edit.editTextChanged.connect(self._on_change)
        for spin in (self.side, self.share, self.seed, self.batch, self.epochs, self.patience, self.dropout):
            spin.valueChanged.connect(self._on_change)
        for spin in (self.layers, self.retrain_epochs):
            spin.valueChanged.connect(self._on_change)
        self.retrain.toggled.connect(self._on_change)
        self._on_change()

    # Values

    def field(self, key: str) -> Field:
        """Return the field of a setting, by its name in Recipe."""
        return self._fields[key]

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong with any field."""
        return not any(field.problem for field in self._fields.values())

    def values(self) -> dict[str, Any]:
        """Return the settings by their names in Recipe.

        Raises:
            ValueError: a text is not a value; the message is a sentence for the user.
        """
        retrain = self.retrain.isChecked()
        return {
            "backbone": self.backbone.currentData(),
            "weights": self._chosen_weights(),
            "side": self.side.value(),
            "batch_size": self.batch.value(),
            "validation_share": self.share.value() / 100,
            "seed": self.seed.value(),
            "epochs": self.epochs.value(),
            "patience": self.patience.value(),
            "learning_rate": read_rate(self.rate.currentText()),
            "dropout": self.dropout.value() / 100,
            "dense": read_units(self.dense.text()),
            "augmentation": frozenset(name for name, box in self.switches.items() if box.isChecked()),
            "retrain_layers": self.layers.value() if retrain else 0,
            "retrain_epochs": self.retrain_epochs.value(),
            "retrain_rate": read_rate(self.retrain_rate.currentText()) if retrain else Recipe().retrain_rate,
        }

    def show_recipe(self, recipe: Recipe) -> None:
        """Show the settings of a recipe."""
        self.backbone.setCurrentIndex(self.backbone.findData(recipe.backbone))
        known = self.weights.findData(recipe.weights)
        self.file.setText("" if known >= 0 else recipe.weights)
        self.weights.setCurrentIndex(known if known >= 0 else self.weights.findData(_FILE))
        self.side.setValue(recipe.side)
        self.batch.setValue(recipe.batch_size)
        self.share.setValue(round(recipe.validation_share * 100))
        self.seed.setValue(recipe.seed)
        self.epochs.setValue(recipe.epochs)
        self.patience.setValue(recipe.patience)
        self.rate.setEditText(rate_text(recipe.learning_rate))
        self.dropout.setValue(round(recipe.dropout * 100))
        self.dense.setText(", ".join(map(str, recipe.dense)))
        for name, box in self.switches.items():
            box.setChecked(name in recipe.augmentation)
        self.retrain.setChecked(recipe.retrain_layers > 0)
        self.layers.setValue(recipe.retrain_layers or 30)
        self.retrain_epochs.setValue(recipe.retrain_epochs)
        self.retrain_rate.setEditText(rate_text(recipe.retrain_rate))

    def _chosen_weights(self) -> str:
        chosen = str(self.weights.currentData())
        return self.file.text().strip() if chosen == _FILE else chosen

    def _choose_file(self) -> None:
        title = _("Choose a file with weights")
        chosen, _filter = QFileDialog.getOpenFileName(self, title, self.file.text(), "*.h5 *.npz")
        if chosen:
            self.file.setText(chosen)

    def _on_change(self) -> None:
        self._file_row.setVisible(self.weights.currentData() == _FILE)
        retrain = self.retrain.isChecked()
        for key in ("retrain_layers", "retrain_epochs", "retrain_rate"):
            self._fields[key].setEnabled(retrain)
        self._check()
        self.changed.emit()

    def _check(self) -> None:
        """Show beside each field what is wrong with it."""
        backbone = self.backbone.currentData()
        for key, made in {
            "weights": lambda: self._checked_weights(backbone),
            "side": lambda: Recipe(backbone=backbone, weights=RANDOM, side=self.side.value()),
            "learning_rate": lambda: Recipe(learning_rate=read_rate(self.rate.currentText())),
            "dense": lambda: Recipe(dense=read_units(self.dense.text())),
            "retrain_rate": self._checked_retraining,
        }.items():
            self._fields[key].say(_problem(made))

    def _checked_weights(self, backbone: str) -> Recipe:
        weights = self._chosen_weights()
        if self.weights.currentData() == _FILE:
            if not weights:
                raise RecipeError(_("Choose the file with the weights."))
            if not weights.lower().endswith((".h5", ".npz")):
                raise RecipeError(_("The file must be an .h5 or .npz file."))
        return Recipe(backbone=backbone, weights=weights)

    def _checked_retraining(self) -> Recipe:
        if not self.retrain.isChecked():
            return Recipe()
        return Recipe(retrain_rate=read_rate(self.retrain_rate.currentText()))


def _problem(made: Callable[[], Recipe]) -> str:
    try:
        made()
    except ValueError as error:
        return str(error)
    return ""


def _tips() -> dict[str, str]:
    """Return what each setting does and when to change it, by its name in Recipe."""
    return {
        "backbone": _(
            "The network that the model is built on. MobileNetV2 is fast and good; the others are slower, but some "
            "are more accurate."
        ),
        "weights": _("What the backbone knows before training. Without pretrained weights, it needs very many photos."),
        "side": _("The size at which the model sees a photo. A larger one finds smaller animals and takes longer."),
        "dropout": _(
            "Share of the backbone's output that is dropped at random. Increase it if the two curves are far apart."
        ),
        "dense": _(
            "Units of each layer between backbone and output, such as 128 or 256, 64. Useful only with many photos. "
            "The result says whether a plain model is better."
        ),
        "validation_share": _(
            "Photos the model never learns from. They show how good it is on photos it doesn't know."
        ),
        "seed": _(
            "Determines which photos are held out and everything else that is random. The same seed gives the same "
            "split."
        ),
        "batch_size": _("How many photos the model learns from at once. Decrease it if memory runs out."),
        "epochs": _("The maximum number of passes over all photos."),
        "patience": _("Stops when the results on the held-out photos have not improved for this many epochs."),
        "learning_rate": _("Size of the steps. Decrease it if the curves jump, increase it if they hardly fall."),
        "retrain_layers": _("How many of the last layers are trained. More layers need more photos and more time."),
        "retrain_epochs": _("The maximum number of passes over all photos during retraining."),
        "retrain_rate": _(
            "Must be small, or the backbone forgets what it knows. Too small, and it learns nothing in a few epochs."
        ),
    }


def augmentation_words() -> dict[str, tuple[str, str]]:
    """Return name and tip of each switch, by its name in AUGMENTATIONS."""
    return {
        "flip": (_("Flip"), _("Swaps left and right at random. Suitable for nearly everything except text.")),
        "rotation": (_("Rotation"), _("Rotates the photo a little, as if the camera had been tilted.")),
        "shear": (_("Shear"), _("Slants the photo a little, as if seen from the side.")),
        "zoom": (
            _("Zoom"),
            _("Zooms in or out a little. Helps if animals are close in some photos and far away in others."),
        ),
        "shift": (_("Shift"), _("Moves the photo a little, so that the animal need not be in the center.")),
        "brightness": (_("Brightness"), _("Makes the photo lighter or darker. Helps with changing weather.")),
        "contrast": (_("Contrast"), _("Increases or decreases the contrast. Helps with mist and harsh sunlight.")),
        "color": (_("Color"), _("Changes the colors a little. Leave it off if the classes differ in color.")),
        "mirror": (
            _("Upside down"),
            _("Turns the photo upside down at random. Rarely useful: animals stand on their feet."),
        ),
    }
