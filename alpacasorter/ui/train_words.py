"""The words of the further settings of a training: what each is called, what it does, and when to touch it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alpacasorter.training.recipe import KERAS, RANDOM, SHIPPED

BACKBONES: Final[Mapping[str, str]] = {
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
AUGMENTATIONS: Final[Mapping[str, tuple[str, str]]] = {
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
