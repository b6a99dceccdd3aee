"""What the window shows of the engine: the model, the device, and errors as sentences."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alpacasorter.core import reasons
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VariantFacts:
    """What the window shows of one variant of the model, in the language in use.

    Attributes:
        name: what `VariantKeeper.use` takes.
        title: what the user chooses.
        question, answer: what to ask when corrections suggest this variant, and the button that switches to it; both
            empty if there is nothing to ask.
    """

    name: str
    title: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class VariantsFacts:
    """What the window shows of the variants of the model, in the language in use.

    Attributes:
        setting: what the user chooses between, the label of a setting without a colon.
        choices: at least two.
        current: name of the variant in use.
        is_chosen: whether the user has chosen it, here or with `--variant`, rather than that it is the default.
        first_question: what to ask once if they have not, with the titles as answers; empty to not ask.
    """

    setting: str
    choices: tuple[VariantFacts, ...]
    current: str
    is_chosen: bool
    first_question: str

    @property
    def title(self) -> str:
        """What the variant in use is called."""
        return next(one.title for one in self.choices if one.name == self.current)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the window shows of the model.

    Attributes:
        name, version: of the bundle.
        labels: its classes.
        corrections: how many it has learned from.
        card: the file that describes it; it may be missing.
        variants: what it can mean by its classes; None if there is no choice.
    """

    name: str
    version: str
    labels: LabelSet
    corrections: int
    card: Path
    variants: VariantsFacts | None = None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the window shows of the device that runs the model.

    Attributes:
        kind: "cpu" or "gpu".
        threads: photos processed at once.
        milliseconds: per photo; 0.0 if unknown.
        note: why this device was chosen; a sentence, or a code of `core.reasons`.
    """

    kind: Literal["cpu", "gpu"]
    threads: int
    milliseconds: float
    note: str


def error_sentence(error: Exception) -> str:
    """Return what to tell the user about an error. Our own errors are sentences; others are logged."""
    if type(error).__module__.startswith("alpacasorter."):
        return reasons.sentence(str(getattr(error, "reason", error)))
    _log.error("Unexpected error", exc_info=error)
    return unexpected()


def unexpected() -> str:
    """Return what to tell the user about an unexpected error."""
    return _("Unexpected error. Your photos and corrections are safe. Please restart AlpacaSorter.")
