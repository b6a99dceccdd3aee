"""The settings of a training run: everything the user can choose, validated, as plain data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from alpacasorter.core.photos.exclusion import Exclusion, PatternError, check
from alpacasorter.i18n import _, decimal, number

AUGMENTATIONS: Final = (
    "flip",
    "rotation",
    "shear",
    "zoom",
    "shift",
    "brightness",
    "contrast",
    "color",
    "mirror",
)
"""Names of the switches: `flip` is left to right, `mirror` top to bottom; `flip` and `rotation` are the article's."""

_OLD_AUGMENTATIONS: Final = {"colour": "color"}
"""Names of earlier versions, in saved settings and in scripts."""

BACKBONES: Final[Mapping[str, int]] = {
    "mobilenet_v2": 224,
    "resnet50": 224,
    "inception_v3": 299,
    "mobilenet_v3_large": 224,
    "efficientnet_v2_b0": 224,
}
"""Networks of `keras.applications` that can be the backbone, with the input size each was designed for."""

BACKBONE_TITLES: Final[Mapping[str, str]] = {
    "mobilenet_v2": "MobileNetV2",
    "resnet50": "ResNet-50",
    "inception_v3": "Inception v3",
    "mobilenet_v3_large": "MobileNetV3-Large",
    "efficientnet_v2_b0": "EfficientNetV2-B0",
}
"""Their names as people write them."""

SHIPPED: Final = "shipped"
"""The weights that come with the app; only for MobileNetV2."""
KERAS: Final = "keras"
"""The ImageNet weights, downloaded by Keras."""
RANDOM: Final = "random"
"""No pretrained weights: for tests, and to see what the pretrained ones are worth."""

_MAX_DENSE: Final = 4


class RecipeError(ValueError):
    """A setting is invalid. The message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained. The defaults are the article's, except for the input size and how far photos are turned.

    Attributes:
        backbone: one of BACKBONES.
        weights: SHIPPED, KERAS, RANDOM, or the path of an .h5 or .npz file.
        side: width and height of the model's input, pixels; 0 for what the backbone was designed for.
        batch_size: photos per step.
        validation_share: share of the photos held out, 0.05 to 0.5.
        seed: determines which photos are held out and everything else that is random.
        epochs: passes over the photos while the backbone is frozen, at most.
        patience: epochs without a better validation loss after which training stops early; 0 for never.
        learning_rate: of Adam.
        dropout: share of the embedding that is dropped at random, 0 to 0.9.
        dense: units of extra ReLU layers between embedding and output, in order.
        augmentation: which of AUGMENTATIONS are on.
        retrain_layers: how many of the backbone's last layers are retrained after the head; 0 for none.
        retrain_epochs: passes over the photos during retraining, at most.
        retrain_rate: learning rate of retraining.
        positive: the positive class; empty for X of the pair X and not_X, else the last in alphabetical order.
        name: shown in the app; empty for one derived from the positive class.
        exclude: patterns of the files and folders in the data folder that are left out.
        nomedia: whether folders with a file ".nomedia" are left out.
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
    retrain_rate: float = 1e-4
    positive: str = ""
    name: str = ""
    exclude: tuple[str, ...] = ()
    nomedia: bool = True

    def __post_init__(self) -> None:
        """Validate the settings.

        Raises:
            RecipeError: one of them is invalid.
        """
        renamed = frozenset(_OLD_AUGMENTATIONS.get(name, name) for name in self.augmentation)
        object.__setattr__(self, "augmentation", renamed)
        try:
            object.__setattr__(self, "exclude", check(self.exclude))
        except PatternError as error:
            raise RecipeError(str(error)) from error
        if self.backbone not in BACKBONES:
            raise RecipeError(
                _("There is no backbone “{name}”. Choose one of: {names}.").format(
                    name=self.backbone, names=", ".join(BACKBONES)
                )
            )
        unknown = sorted(self.augmentation - set(AUGMENTATIONS))
        if unknown:
            raise RecipeError(
                _("There is no augmentation “{name}”. Choose from: {names}.").format(
                    name=unknown[0], names=", ".join(AUGMENTATIONS)
                )
            )
        if self.weights == SHIPPED and self.backbone != "mobilenet_v2":
            raise RecipeError(
                _("Weights for {backbone} don't come with the app. Have Keras download them, or choose a file.").format(
                    backbone=BACKBONE_TITLES[self.backbone]
                )
            )
        for name, value, least, most in self._ranges():
            if not least <= value <= most:
                raise RecipeError(
                    # Translators: {setting} is the name of a setting, such as "Batch size".
                    _("{setting}: must be between {least} and {most}, not {value}.").format(
                        setting=setting_names()[name], least=_written(least), most=_written(most), value=_written(value)
                    )
                )
        if len(self.dense) > _MAX_DENSE:
            raise RecipeError(_("There can be at most four extra dense layers."))

    def _ranges(self) -> Iterator[tuple[str, float, float, float]]:
        """Yield name, value, and lowest and highest allowed value of each numeric setting."""
        if self.side:
            yield "side", self.side, 32, 1024
        yield "batch_size", self.batch_size, 1, 1024
        yield "validation_share", self.validation_share, 0.05, 0.5
        yield "seed", self.seed, 0, 2**31 - 1
        yield "epochs", self.epochs, 1, 1000
        yield "patience", self.patience, 0, 1000
        yield "learning_rate", self.learning_rate, 1e-8, 1.0
        yield "dropout", self.dropout, 0.0, 0.9
        for units in self.dense:
            yield "dense", units, 1, 4096
        yield "retrain_layers", self.retrain_layers, 0, 10_000
        yield "retrain_epochs", self.retrain_epochs, 1, 1000
        yield "retrain_rate", self.retrain_rate, 1e-8, 1.0

    @property
    def exclusion(self) -> Exclusion:
        """What is left out of the data folder."""
        return Exclusion(self.exclude, self.nomedia)

    @property
    def input_side(self) -> int:
        """Width and height of the model's input, pixels."""
        return self.side or BACKBONES[self.backbone]

    def to_json(self) -> str:
        """Return the settings as one line of JSON."""
        return json.dumps(
            {
                **asdict(self),
                "dense": list(self.dense),
                "augmentation": sorted(self.augmentation),
                "exclude": list(self.exclude),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what `to_json` wrote; missing settings get their defaults.

        Raises:
            RecipeError: the text is not a recipe.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            unknown = data.keys() - {field.name for field in fields(cls)}
            if unknown:
                raise RecipeError(_("There is no setting “{name}”.").format(name=min(unknown)))
            kinds = {"dense": tuple, "augmentation": frozenset, "exclude": tuple}
            return cls(**{name: kinds[name](value) if name in kinds else value for name, value in data.items()})
        except (ValueError, TypeError, AttributeError) as error:
            if isinstance(error, RecipeError):
                raise
            raise RecipeError(_("The settings can't be read ({error}).").format(error=error)) from error


def setting_names() -> dict[str, str]:
    """Return what the settings are called in the window and in reports, by their names in Recipe."""
    return {
        "backbone": _("Backbone"),
        "weights": _("Weights"),
        "side": _("Input size"),
        "batch_size": _("Batch size"),
        "validation_share": _("Held out"),
        "seed": _("Seed"),
        "epochs": _("Epochs"),
        "patience": _("Stop early after"),
        "learning_rate": _("Learning rate"),
        "dropout": _("Dropout"),
        "dense": _("Extra dense layers"),
        "augmentation": _("Augmentation"),
        "exclude": _("Left out"),
        "retrain_layers": _("Layers to retrain"),
        "retrain_epochs": _("Retraining epochs"),
        "retrain_rate": _("Retraining rate"),
    }


def _written(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if value == int(value):
        return number(int(value))
    # As many digits as it has: 0.05 and 0.00000001.
    digits = f"{value:.10f}".rstrip("0")
    return decimal(value, max(1, len(digits.partition(".")[2])))
