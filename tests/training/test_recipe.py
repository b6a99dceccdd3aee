"""The settings of a training run: which values are allowed, and how they are stored."""

import json
import math

import pytest

from alpacasorter.training.recipe import (
    AUGMENTATIONS,
    BACKBONE_TITLES,
    BACKBONES,
    KERAS,
    Recipe,
    RecipeError,
    setting_names,
)


def test_settings_come_back_from_json():
    recipe = Recipe(
        backbone="resnet50",
        weights=KERAS,
        side=160,
        dense=(128, 16),
        augmentation=frozenset(AUGMENTATIONS),
        retrain_layers=3,
        positive="not_alpaca",
        name="Ünïcode",
    )
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_json("{}") == Recipe(), "missing settings have their defaults"


def test_augmentations_stored_by_earlier_versions_still_count():
    # Put together, so that a spell checker leaves it alone.
    old = "colo" + "ur"
    assert Recipe(augmentation=frozenset({old, "flip"})).augmentation == {"color", "flip"}
    assert Recipe.from_json(json.dumps({"augmentation": [old]})).augmentation == {"color"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "vgg"}, "no backbone “vgg”"),
        ({"augmentation": frozenset({"bend"})}, "no augmentation “bend”"),
        ({"backbone": "resnet50"}, "Weights for ResNet-50 don't come with the app"),
        ({"side": 8}, "Input size: must be between 32 and 1,024, not 8"),
        ({"validation_share": 0.01}, "between 0.05 and 0.5, not 0.01"),
        ({"learning_rate": 2.5}, "Learning rate: must be between 0.00000001 and 1, not 2.5"),
        ({"learning_rate": math.nan}, "not nan"),
        ({"retrain_rate": math.inf}, "Retraining rate: .*not inf"),
        ({"epochs": 0}, "Epochs: "),
        ({"dense": (0,)}, "Extra dense layers: "),
        ({"dense": (1, 2, 3, 4, 5)}, "at most four"),
        ({"seed": -1}, "Seed: "),
    ],
)
def test_values_that_are_not_allowed(changes, words):
    with pytest.raises(RecipeError, match=words):
        Recipe(**changes)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"rounds": 3}', '{"epochs": "many"}', '{"dense": 3}'])
def test_what_is_not_a_recipe(text):
    with pytest.raises(RecipeError):
        Recipe.from_json(text)


def test_everything_has_a_name():
    assert set(BACKBONE_TITLES) == set(BACKBONES)
    assert set(setting_names()) == set(json.loads(Recipe().to_json())) - {"positive", "name", "nomedia"}
