"""What to train and how: everything the user can choose, checked, as plain data that travels between processes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

AUGMENTATIONS: Final = (
    "flip",
    "rotation",
    "shear",
    "zoom",
    "shift",
    "brightness",
    "contrast",
    "colour",
    "mirror",
)
"""Names of the switches: `flip` is left to right, `mirror` top to bottom; `flip` and `rotation` are the article's."""

BACKBONES: Final[Mapping[str, int]] = {
    "mobilenet_v2": 224,
    "resnet50": 224,
    "inception_v3": 299,
    "mobilenet_v3_large": 224,
    "efficientnet_v2_b0": 224,
}
"""Networks of `keras.applications` that can be the backbone, with the input size each was made for."""

SHIPPED: Final = "shipped"
"""The weights that come with the app; only for MobileNetV2."""
KERAS: Final = "keras"
"""The ImageNet weights, downloaded by Keras."""
RANDOM: Final = "random"
"""No weights at all: for tests, and to see what the pre-trained ones are worth."""


class RecipeError(ValueError):
    """A setting makes no sense. The message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained. The defaults are the article's, but for the input size.

    Attributes:
        backbone: one of BACKBONES.
        weights: SHIPPED, KERAS, RANDOM, or the path of an .h5 or .npz file.
        side: pixels a side of the model's input; 0 for what the backbone was made for.
        batch_size: photos a step.
        validation_share: share of the photos held out.
        seed: decides which photos are held out, and all else that is random.
        epochs: rounds over the photos while the backbone is frozen.
        patience: rounds without a better validation loss after which training ends early; 0 for never.
        learning_rate: of Adam.
        dropout: share of the embedding that is hidden at random.
        dense: units of further ReLU layers between embedding and output, in order.
        augmentation: which of AUGMENTATIONS are on.
        retrain_layers: how many of the backbone's last layers are trained too, after the head; 0 for none.
        retrain_epochs: rounds of that.
        retrain_rate: learning rate of that.
        positive: class to find; empty for X of the pair X and not_X, else the last in the alphabet.
        name: shown in the app; empty for one made from the positive class.
    """

    backbone: str = "mobilenet_v2"
    weights: str = SHIPPED
    side: int = 0
    batch_size: int = 32
    validation_share: float = 0.2
    seed: int = 42
    epochs: int = 20
    patience: int = 5
    learning_rate: float = 1e-3
    dropout: float = 0.2
    dense: tuple[int, ...] = ()
    augmentation: frozenset[str] = frozenset({"flip", "rotation"})
    retrain_layers: int = 0
    retrain_epochs: int = 10
    retrain_rate: float = 1e-5
    positive: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        """Raise RecipeError for a setting that makes no sense."""
        if self.backbone not in BACKBONES:
            raise RecipeError(f"There is no backbone “{self.backbone}”. There are: {', '.join(BACKBONES)}.")
        unknown = sorted(self.augmentation - set(AUGMENTATIONS))
        if unknown:
            raise RecipeError(f"There is no augmentation “{unknown[0]}”. There are: {', '.join(AUGMENTATIONS)}.")
        if self.weights == SHIPPED and self.backbone != "mobilenet_v2":
            raise RecipeError(
                f"Weights for {self.backbone} don't come with the app. Have Keras download them, or give a file."
            )
        self._within("The input size", self.side, 32, 1024, zero=True)
        self._within("The batch size", self.batch_size, 1, 1024)
        self._within("The share held out", self.validation_share, 0.05, 0.5)
        self._within("The seed", self.seed, 0, 2**31 - 1)
        self._within("The number of epochs", self.epochs, 1, 1000)
        self._within("The patience", self.patience, 0, 1000)
        self._within("The learning rate", self.learning_rate, 1e-8, 1.0)
        self._within("Dropout", self.dropout, 0.0, 0.9)
        for units in self.dense:
            self._within("The size of a dense layer", units, 1, 4096)
        if len(self.dense) > 4:
            raise RecipeError("There can be four further dense layers at most.")
        self._within("The number of layers to retrain", self.retrain_layers, 0, 10_000)
        self._within("The number of epochs of retraining", self.retrain_epochs, 1, 1000)
        self._within("The learning rate of retraining", self.retrain_rate, 1e-8, 1.0)

    @property
    def input_side(self) -> int:
        """Pixels a side of the model's input."""
        return self.side or BACKBONES[self.backbone]

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({**asdict(self), "dense": list(self.dense), "augmentation": sorted(self.augmentation)})

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what `to_json` wrote.

        Raises:
            RecipeError: it is not a recipe.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            unknown = data.keys() - {field.name for field in fields(cls)}
            if unknown:
                raise RecipeError(f"There is no setting “{min(unknown)}”.")
            # What is missing keeps its default.
            kinds = {"dense": tuple, "augmentation": frozenset}
            return cls(**{name: kinds[name](value) if name in kinds else value for name, value in data.items()})
        except (ValueError, TypeError, AttributeError) as error:
            if isinstance(error, RecipeError):
                raise
            raise RecipeError(f"The settings can't be read ({error}).") from error

    @staticmethod
    def _within(what: str, value: float, least: float, most: float, *, zero: bool = False) -> None:
        if not (zero and value == 0) and not least <= value <= most:
            raise RecipeError(f"{what} must be from {least:g} to {most:g}, not {value:g}.")
