"""What lies behind "More settings" of a training: backbone, input, head, augmentation, retraining.

The words of the further settings of a training: what each is called, what it does, and when to touch it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

from alpacasorter.training.recipe import AUGMENTATIONS, BACKBONES, KERAS, RANDOM, SHIPPED, Recipe, RecipeError
from alpacasorter.ui.widgets.fields import Field, add_row, number, rate, rate_text, read_rate, read_units
from alpacasorter.ui.widgets.layouts import FlowLayout

_FILE: Final = "file"


class TrainOptions(QWidget):
    """The further settings of a training. Each says by itself what is wrong with it.

    Signals:
        changed: a value has changed.
        preview_wanted: the user wants to see examples as the augmentation makes them.
    """

    changed = Signal()
    preview_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Show the usual values."""
        super().__init__(parent)
        # Made in the order in which they stand, which is that of the Tab key.
        self.backbone = QComboBox(self)
        for name, side in BACKBONES.items():
            self.backbone.addItem(f"{BACKBONE_WORDS.get(name, name)} ({side} × {side})", name)
        self.weights = QComboBox(self)
        for value, shown in (*WEIGHTS.items(), (_FILE, "From a file")):
            self.weights.addItem(shown, value)
        self.file = QLineEdit(self)
        self.file.setPlaceholderText(".h5 or .npz file with weights")
        self.file.setAccessibleName("File with weights")
        self._browse = QPushButton("Choose…", self)
        self._browse.setAutoDefault(False)
        self._browse.setAccessibleName("Choose a file with weights")
        self._browse.clicked.connect(self._choose_file)
        self.side = number(self, 0, 1024, step=32, zero="As the backbone was made for", suffix=" pixels")
        self.dropout = number(self, 0, 90, step=5, suffix="%")
        self.dense = QLineEdit(self)
        self.dense.setPlaceholderText("None")
        self.share = number(self, 5, 50, suffix="% of the photos")
        self.seed = number(self, 0, 2**31 - 1)
        self.batch = number(self, 1, 1024)
        self.epochs = number(self, 1, 1000)
        self.patience = number(self, 0, 1000, zero="Never", suffix=" epochs without progress")
        self.rate = rate(self)
        self.switches = {name: self._switch(name) for name in AUGMENTATIONS}
        self.preview = QPushButton("Preview", self)
        self.preview.setToolTip("Show some of your photos as the model will see them")
        self.preview.setAutoDefault(False)
        self.preview.clicked.connect(self.preview_wanted)
        self.retrain = QCheckBox("Retrain the last layers of the backbone too", self)
        self.layers = number(self, 1, 10_000)
        self.retrain_epochs = number(self, 1, 1000)
        self.retrain_rate = rate(self)
        self._fields = self._make_fields()
        self._lay_out()
        self.show_recipe(Recipe())
        self._connect()

    def _switch(self, name: str) -> QCheckBox:
        shown, tip = AUGMENTATION_WORDS.get(name, (name.capitalize(), ""))
        box = QCheckBox(shown, self)
        box.setToolTip(f"<p>{tip}</p>")
        box.setAccessibleDescription(tip)
        box.toggled.connect(self._on_change)
        return box

    def _make_fields(self) -> dict[str, Field]:
        inside: dict[str, QWidget] = {
            "backbone": self.backbone,
            "weights": self.weights,
            "side": self.side,
            "share": self.share,
            "seed": self.seed,
            "batch": self.batch,
            "epochs": self.epochs,
            "patience": self.patience,
            "rate": self.rate,
            "dropout": self.dropout,
            "dense": self.dense,
            "layers": self.layers,
            "retrain_epochs": self.retrain_epochs,
            "retrain_rate": self.retrain_rate,
        }
        return {key: Field(widget, *FIELDS[key], self) for key, widget in inside.items()}

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
        column.addWidget(self._heading("The network"))
        column.addLayout(self._form("backbone", "weights", "side", "dropout", "dense"))
        column.addWidget(self._heading("Training"))
        column.addLayout(self._form("share", "seed", "batch", "epochs", "patience", "rate"))
        column.addWidget(self._heading("Photos are changed at random while they are learned from"))
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
        column.addWidget(self._heading("Retraining"))
        self.retrain.setToolTip(f"<p>{RETRAIN}</p>")
        column.addWidget(self.retrain)
        column.addLayout(self._form("layers", "retrain_epochs", "retrain_rate"))

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
        """Return a field by its name, such as "weights"."""
        return self._fields[key]

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong with any field."""
        return not any(field.problem for field in self._fields.values())

    def values(self) -> dict[str, Any]:
        """Return the settings by their names in Recipe.

        Raises:
            ValueError: a text says nothing that is a value; the message is a sentence for the user.
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
        chosen, _ = QFileDialog.getOpenFileName(self, "Choose a file with weights", self.file.text(), "*.h5 *.npz")
        if chosen:
            self.file.setText(chosen)

    def _on_change(self) -> None:
        self._file_row.setVisible(self.weights.currentData() == _FILE)
        retrain = self.retrain.isChecked()
        for key in ("layers", "retrain_epochs", "retrain_rate"):
            self._fields[key].setEnabled(retrain)
        self._check()
        self.changed.emit()

    def _check(self) -> None:
        """Say at each field what is wrong with it, if anything."""
        backbone = self.backbone.currentData()
        for key, made in {
            "weights": lambda: self._checked_weights(backbone),
            "side": lambda: Recipe(backbone=backbone, weights=RANDOM, side=self.side.value()),
            "rate": lambda: Recipe(learning_rate=read_rate(self.rate.currentText())),
            "dense": lambda: Recipe(dense=read_units(self.dense.text())),
            "retrain_rate": self._checked_retraining,
        }.items():
            self._fields[key].say(_problem(made))

    def _checked_weights(self, backbone: str) -> Recipe:
        weights = self._chosen_weights()
        if self.weights.currentData() == _FILE:
            if not weights:
                raise RecipeError("Choose the file with the weights.")
            if not weights.lower().endswith((".h5", ".npz")):
                raise RecipeError("The file must be an .h5 or .npz file.")
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


BACKBONE_WORDS: Final[Mapping[str, str]] = {
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_large": "MobileNetV3 large",
    "resnet50": "ResNet-50",
    "inception_v3": "Inception v3",
    "efficientnet_v2_b0": "EfficientNetV2 B0",
}
WEIGHTS: Final[Mapping[str, str]] = {
    SHIPPED: "Those that come with AlpacaSorter",
    KERAS: "Download them, once (needs the internet)",
    RANDOM: "None, learn from nothing",
}
RETRAIN: Final = (
    "After the head, the backbone learns too, in small steps. The model may get better with several hundred photos, "
    "and training takes much longer."
)
FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "backbone": (
        "Backbone",
        "The network that sees. MobileNetV2 is quick and good; the others are slower, some of them sharper.",
    ),
    "weights": (
        "Its weights",
        "What the backbone knows beforehand. Without any it needs very many photos.",
    ),
    "side": (
        "Input size",
        "How large the model sees a photo. A larger one finds smaller animals and takes longer.",
    ),
    "dropout": (
        "Dropout",
        "Share of what the backbone saw that is hidden at random. More where the two curves are far apart.",
    ),
    "dense": (
        "Further dense layers",
        "Units of each layer between backbone and answer, such as 128 or 256, 64. Of use only with many photos.",
    ),
    "share": (
        "Held out",
        "Photos the model never learns from. They show how good it is on photos it does not know.",
    ),
    "seed": (
        "Seed",
        "Decides which photos are held out, and all that is random. The same seed gives the same split.",
    ),
    "batch": (
        "Batch size",
        "Photos that are learned from at once. Fewer where memory runs out.",
    ),
    "epochs": (
        "Epochs",
        "How often all photos are gone through, at most.",
    ),
    "patience": (
        "Stop early after",
        "Ends when the photos held out have not come out better for so many epochs.",
    ),
    "rate": (
        "Learning rate",
        "How large the steps are. Smaller where the curves jump, larger where they hardly fall.",
    ),
    "layers": (
        "Layers",
        "How many of the last layers learn. More of them need more photos and more time.",
    ),
    "retrain_epochs": (
        "Epochs of that",
        "How often all photos are gone through then, at most.",
    ),
    "retrain_rate": (
        "Learning rate of that",
        "Must be small, or the backbone forgets what it knew.",
    ),
}
AUGMENTATION_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "flip": ("Flip", "Left and right are swapped at random. Right for nearly everything but writing."),
    "rotation": ("Rotation", "Turns the photo by up to a fifth of a full turn, either way."),
    "shear": ("Shear", "Slants the photo a little, as when seen from the side."),
    "zoom": ("Zoom", "Goes a little nearer or farther. Helps where animals are near in some photos and far in others."),
    "shift": ("Shift", "Moves the photo a little, so that the animal need not be in the middle."),
    "brightness": ("Brightness", "Makes the photo lighter or darker. Helps where the weather changes."),
    "contrast": ("Contrast", "Makes the photo harder or softer. Helps with mist and harsh sun."),
    "colour": ("Colour", "Changes the colours a little. Leave it off where the colour tells the kinds apart."),
    "mirror": ("Upside down", "Turns the photo on its head at random. Seldom of use: animals stand on their feet."),
}
