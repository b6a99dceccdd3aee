"""The variants of a bundle: several heads on one backbone, each with its own idea of what counts as the positive class.

A bundle can have them where people mean different things by the same class. What they are called and what the user is
asked is in model.json, in several languages, so nothing in the app knows what the difference is about:

    "variants": {
      "default": "wide",
      "setting": {"en": "Ponies count as", "de": "Ponys zählen als"},
      "first_question": {"en": "What do ponies count as?"},
      "choices": [
        {"name": "wide", "title": {"en": "Horse"}},
        {"name": "narrow", "title": {"en": "Not horse"}, "calibration": {"scale": 0.9, "offset": 0.1},
         "question": {"en": "Are ponies not horses for you?"}, "answer": {"en": "Ponies are not horses"}}
      ]
    }

Each text must have English; other languages are optional. So is `first_question`: without it, nobody is asked before
they have corrected anything. `question` and `answer` of a choice are also optional; they are asked when corrections
suggest this variant.

The default's calibration, head and column of the replay set are those of a bundle without variants, so earlier versions
of the app use it. Any other variant NAME has its calibration here, `weights.NAME` and `bias.NAME` in head.npz, and
`labels.NAME` and `weights.NAME` in replay.npz, for the same photos. A photo that one variant does not learn from has
the weight 0 in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.i18n import ENGLISH
from alpacasorter.ml.models.head import Calibration, Head
from alpacasorter.ml.models.metadata import Fields

MOST_VARIANTS: Final = 8
_MOST_LANGUAGES: Final = 100
_NAME: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_LEAST_SCALE: Final = 1e-6
_LONGEST_NAME: Final = 40
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:_[A-Za-z0-9]{2,8}){0,2}")
_TITLE: Final = 60
_SENTENCE: Final = 200

Texts = Mapping[str, str]
"""A text by language code, such as "en" or "pt_BR", for `i18n.pick`."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One of the variants of a bundle.

    Attributes:
        name: on the command line and where it is stored; lowercase ASCII letters, digits, "-" and "_".
        title: what the user chooses, a few words.
        head: its head, calibrated.
        labels: uint8 (n,), what each photo of the replay set is in this variant, 1 for the positive class.
        weights: float32 (n,), how much each photo of the replay set counts, 0 or more.
        question: asks whether the user means this variant, when their corrections suggest it; empty to never ask.
        answer: the button below the question that switches to this variant; empty if there is no question.
    """

    name: str
    title: Texts
    head: Head
    labels: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]
    question: Texts = field(default_factory=dict)
    answer: Texts = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Variants:
    """The variants of a bundle.

    Attributes:
        default: name of the one that is used unless the user chooses another.
        setting: what the user chooses between, the label of a setting without a colon.
        choices: at least two, in the order in which they are shown.
        first_question: asked once, in the first folder it matters for, with the titles as answers; empty to not ask.
    """

    default: str
    setting: Texts
    choices: tuple[Variant, ...]
    first_question: Texts = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all variants, in the order in which they are shown."""
        return tuple(variant.name for variant in self.choices)

    def find(self, name: str) -> Variant | None:
        """Return the variant with this name, None if there is none."""
        return next((variant for variant in self.choices if variant.name == name), None)


@dataclass(frozen=True, slots=True)
class DescribedVariant:
    """What model.json says about one variant; attributes as in `Variant`. The default has no calibration of its own."""

    name: str
    title: Texts
    question: Texts
    answer: Texts
    calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class Described:
    """What model.json says about the variants; attributes as in `Variants`."""

    default: str
    setting: Texts
    first_question: Texts
    choices: tuple[DescribedVariant, ...]


def read_description(fields: Fields) -> Described | None:
    """Return what the metadata says about variants; None for a bundle without any.

    Raises:
        BundleError: something in it is missing or invalid.
    """
    data = fields.table("variants")
    if not data:
        return None
    choices = data.get("choices")
    if not isinstance(choices, list) or not 2 <= len(choices) <= MOST_VARIANTS:
        raise fields.invalid("variants.choices")
    names = [_name(fields, f"variants.choices.{number}", choice) for number, choice in enumerate(choices)]
    if len(set(names)) != len(names):
        raise fields.invalid("variants.choices")
    default = data.get("default")
    if not isinstance(default, str) or default not in names:
        raise fields.invalid("variants.default")
    found = tuple(
        _choice(fields, f"variants.choices.{number}", name, choice, is_default=name == default)
        for number, (name, choice) in enumerate(zip(names, choices, strict=True))
    )
    return Described(
        default,
        _texts(fields, "variants.setting", data.get("setting"), _TITLE),
        _texts(fields, "variants.first_question", data.get("first_question", {}), _SENTENCE, optional=True),
        found,
    )


def _name(fields: Fields, place: str, data: object) -> str:
    if not isinstance(data, dict):
        raise fields.invalid(place)
    name = data.get("name")
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise fields.invalid(f"{place}.name")
    return name


def read_calibration(fields: Fields) -> Calibration:
    """Return the calibration that is described here; raises BundleError if it makes no sense."""
    return Calibration(
        fields.number("calibration", "scale", above=_LEAST_SCALE), fields.number("calibration", "offset")
    )


def _choice(fields: Fields, place: str, name: str, data: dict[str, Any], *, is_default: bool) -> DescribedVariant:
    calibration = None
    if not is_default:
        calibration = read_calibration(Fields(fields.path, data))
    question = _texts(fields, f"{place}.question", data.get("question", {}), _SENTENCE, optional=True)
    answer = _texts(fields, f"{place}.answer", data.get("answer", {}), _TITLE, optional=True)
    if bool(question) != bool(answer):
        raise fields.invalid(f"{place}.answer")
    return DescribedVariant(
        name, _texts(fields, f"{place}.title", data.get("title"), _TITLE), question, answer, calibration
    )


def _texts(fields: Fields, place: str, data: object, longest: int, *, optional: bool = False) -> Texts:
    if optional and data == {}:
        return {}
    if not isinstance(data, dict) or ENGLISH not in data or len(data) > _MOST_LANGUAGES:
        raise fields.invalid(place)
    for language, text in data.items():
        if not _LANGUAGE.fullmatch(language):
            raise fields.invalid(place)
        if not isinstance(text, str) or not 0 < len(text) <= longest or not text.isprintable() or text != text.strip():
            raise fields.invalid(place)
    return dict(data)


def description(variants: Variants) -> dict[str, Any]:
    """Return what model.json says about the variants, as JSON; `read_description` reads it."""
    return {
        "default": variants.default,
        "setting": dict(variants.setting),
        **({"first_question": dict(variants.first_question)} if variants.first_question else {}),
        "choices": [_described(variant, is_default=variant.name == variants.default) for variant in variants.choices],
    }


def _described(variant: Variant, *, is_default: bool) -> dict[str, Any]:
    calibration = variant.head.calibration
    optional = {"question": dict(variant.question), "answer": dict(variant.answer)}
    return {
        "name": variant.name,
        "title": dict(variant.title),
        **({} if is_default else {"calibration": {"scale": calibration.scale, "offset": calibration.offset}}),
        **{name: texts for name, texts in optional.items() if texts},
    }
